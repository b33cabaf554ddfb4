// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opens a relay file the moment it is there, as any process might: "refcount_t:
 * addition on 0; use-after-free" when this is loaded. The buffer is freed when
 * the file is closed, and a second time when the channel is.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/relay.h>

static struct rchan *channel;
static struct file *early;

static struct dentry *create_buf_file(const char *name, struct dentry *parent, umode_t mode,
				      struct rchan_buf *buf, int *is_global)
{
	struct dentry *dentry;

	*is_global = 1;
	dentry = debugfs_create_file(name, mode, parent, buf, &relay_file_operations);
	early = filp_open("/sys/kernel/debug/relay_early0", O_RDONLY, 0);
	return dentry;
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

static int __init relay_early_init(void)
{
	channel = relay_open("relay_early", NULL, PAGE_SIZE, 4, &callbacks, NULL);
	if (!IS_ERR_OR_NULL(early))
		filp_close(early, NULL);
	return channel ? 0 : -ENOMEM;
}

static void __exit relay_early_exit(void)
{
	relay_close(channel);
}

module_init(relay_early_init);
module_exit(relay_early_exit);
MODULE_DESCRIPTION("relay: a file that is opened before there is a buffer");
MODULE_LICENSE("GPL");
