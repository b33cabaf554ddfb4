// SPDX-License-Identifier: GPL-2.0-only
/*
 * A relay channel as in Documentation/filesystems/relay.rst. Map
 * /sys/kernel/debug/relay_mmap0 at an offset of its length, and read what is
 * behind it: the second buffer, which is another file's.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/relay.h>

static struct rchan *first, *second;

static struct dentry *create_buf_file(const char *name, struct dentry *parent, umode_t mode,
				      struct rchan_buf *buf, int *is_global)
{
	*is_global = 1;
	return debugfs_create_file(name, mode, parent, buf, &relay_file_operations);
}

static int remove_buf_file(struct dentry *dentry)
{
	debugfs_remove(dentry);
	return 0;
}

static const struct rchan_callbacks callbacks = {
	.create_buf_file = create_buf_file,
	.remove_buf_file = remove_buf_file,
};

static int __init relay_mmap_init(void)
{
	first = relay_open("relay_mmap", NULL, PAGE_SIZE, 4, &callbacks, NULL);
	second = relay_open("relay_other", NULL, PAGE_SIZE, 4, &callbacks, NULL);
	if (!first || !second) {
		relay_close(second);
		relay_close(first);
		return -ENOMEM;
	}
	relay_write(second, "not yours", 9);
	return 0;
}

static void __exit relay_mmap_exit(void)
{
	relay_close(second);
	relay_close(first);
}

module_init(relay_mmap_init);
module_exit(relay_mmap_exit);
MODULE_DESCRIPTION("relay: a mapping at an offset shows what is behind the buffer");
MODULE_LICENSE("GPL");
