// SPDX-License-Identifier: GPL-2.0-only
/*
 * A debugfs file with an owner, as all have it. With two processors:
 *
 *	while :; do cat /sys/kernel/debug/debugfs_going; done 2>/dev/null &
 *	while insmod debugfs_going.ko; do until rmmod debugfs_going; do :; done; done
 *
 * After some minutes: "debugfs file owner did not clean up at exit".
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

static int __init debugfs_going_init(void)
{
	file = debugfs_create_file("debugfs_going", 0444, NULL, NULL, &operations);
	return 0;
}

static void __exit debugfs_going_exit(void)
{
	debugfs_remove(file);
}

module_init(debugfs_going_init);
module_exit(debugfs_going_exit);
MODULE_DESCRIPTION("debugfs: a file that is opened while its module goes");
MODULE_LICENSE("GPL");
