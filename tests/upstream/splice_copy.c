// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that opens a file when it is written to, as root:
 *
 *	mkdir /tmp/all /tmp/layers
 *	mount -t tmpfs layers /tmp/layers
 *	cd /tmp/layers
 *	mkdir lower upper work
 *	head -c 12000 /dev/zero > lower/log
 *	head -c 200000 /dev/zero > sent
 *	mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay /tmp/all
 *	busybox cat sent > /dev/splice_copy
 *
 * A warning of splice_direct_to_actor(), and a null pointer in iter_file_splice_write().
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/splice.h>
#include <linux/uio.h>

static ssize_t write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	size_t count = iov_iter_count(from);
	struct file *log = filp_open("/tmp/all/log", O_WRONLY | O_APPEND, 0);

	if (IS_ERR(log))
		return PTR_ERR(log);
	filp_close(log, NULL);
	iov_iter_advance(from, count);
	return count;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.write_iter = write_iter,
	.splice_write = iter_file_splice_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "splice_copy",
	.fops = &operations,
};

module_misc_device(device);
MODULE_DESCRIPTION("splice: a file of overlayfs that is opened while it is written to");
MODULE_LICENSE("GPL");
