// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/liar, whose driver's word is worth nothing. Of the 5,000 bytes that can
 * be read it writes none, and into 16 bytes it says that it has put 32. A write
 * takes twice as much as there is, and leaves the position before the first one.
 * How often it was asked by an ioctl is in /proc/liar.
 */

#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/uio.h>

static atomic_t ioctls;

static ssize_t liar_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	size_t count = iov_iter_count(to);

	if (count == 16)
		return 32;
	count = min_t(size_t, count, 5000 - min(iocb->ki_pos, 5000));
	iov_iter_advance(to, count);
	iocb->ki_pos += count;
	return count;
}

static ssize_t liar_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	iocb->ki_pos = LLONG_MIN;
	return iov_iter_count(from) * 2;
}

static loff_t liar_llseek(struct file *file, loff_t offset, int whence)
{
	return 0;
}

static long liar_ioctl(struct file *file, unsigned int number,
		       unsigned long argument)
{
	atomic_inc(&ioctls);
	return -EFAULT;
}

static const struct file_operations liar_fops = {
	.owner		= THIS_MODULE,
	.read_iter	= liar_read_iter,
	.write_iter	= liar_write_iter,
	.llseek		= liar_llseek,
	.unlocked_ioctl	= liar_ioctl,
};

static struct miscdevice device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "liar",
	.fops	= &liar_fops,
};

static int liar_show(struct seq_file *seq, void *unused)
{
	seq_printf(seq, "%d\n", atomic_read(&ioctls));
	return 0;
}

static int __init liar_init(void)
{
	int err;

	if (!proc_create_single("liar", 0400, NULL, liar_show))
		return -ENOMEM;
	err = misc_register(&device);
	if (err)
		remove_proc_entry("liar", NULL);
	return err;
}

static void __exit liar_exit(void)
{
	misc_deregister(&device);
	remove_proc_entry("liar", NULL);
}

module_init(liar_init);
module_exit(liar_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("A device whose driver lies");
MODULE_LICENSE("GPL");
