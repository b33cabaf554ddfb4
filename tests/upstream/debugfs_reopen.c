// SPDX-License-Identifier: GPL-2.0-only
/*
 * A debugfs file with an owner, as all have it, that nobody opens before it is
 * removed:
 *
 *	insmod debugfs_reopen.ko
 *	touch /tmp/file
 *	mount --bind /sys/kernel/debug/debugfs_reopen /tmp/file
 *	rmmod debugfs_reopen
 *	cat /tmp/file
 *
 * "BUG: unable to handle page fault", in __debugfs_file_get.
 */
#include <linux/debugfs.h>
#include <linux/module.h>

static struct dentry *file;

static ssize_t show(struct file *filp, char __user *to, size_t count, loff_t *pos)
{
	return 0;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.read = show,
};

static int __init debugfs_reopen_init(void)
{
	file = debugfs_create_file("debugfs_reopen", 0444, NULL, NULL, &operations);
	return 0;
}

static void __exit debugfs_reopen_exit(void)
{
	debugfs_remove(file);
}

module_init(debugfs_reopen_init);
module_exit(debugfs_reopen_exit);
MODULE_DESCRIPTION("debugfs: a file that is opened for the first time when its module has gone");
MODULE_LICENSE("GPL");
