// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of samples/04-character-devices/chardev.rs: a character device that
 * says how often it was opened.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/cdev.h>
#include <linux/device/class.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uio.h>

#define NAME	"chardev_c"
#define MINORS	256

/* The one process that has the device open. */
struct reader {
	size_t length;
	char message[80];
};

static dev_t first;
static struct cdev cdev;
static unsigned long taken;
static atomic_t visits;

// ANCHOR: open
static int chardev_open(struct inode *inode, struct file *file)
{
	struct reader *reader;

	if (test_and_set_bit_lock(0, &taken))
		return -EBUSY;

	reader = kmalloc(sizeof(*reader), GFP_KERNEL);
	if (!reader) {
		clear_bit_unlock(0, &taken);
		return -ENOMEM;
	}
	reader->length = scnprintf(reader->message, sizeof(reader->message),
				   "I already told you %u times Hello world!\n",
				   (u32)atomic_inc_return(&visits) - 1);
	file->private_data = reader;
	return 0;
}

static int chardev_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	clear_bit_unlock(0, &taken);
	return 0;
}
// ANCHOR_END: open

// ANCHOR: read
static ssize_t chardev_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct reader *reader = iocb->ki_filp->private_data;
	loff_t pos = iocb->ki_pos;
	size_t copied;

	if (pos < 0)
		return -EINVAL;
	if (pos >= reader->length || !iov_iter_count(to))
		return 0;

	copied = copy_to_iter(reader->message + pos, reader->length - pos, to);
	if (!copied)
		return -EFAULT;
	iocb->ki_pos += copied;
	return copied;
}
// ANCHOR_END: read

static ssize_t chardev_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	pr_alert("Sorry, this operation isn't supported.\n");
	return -EINVAL;
}

static loff_t chardev_llseek(struct file *file, loff_t offset, int whence)
{
	struct reader *reader = file->private_data;

	return generic_file_llseek_size(file, offset, whence, OFFSET_MAX,
					reader->length);
}

static const struct file_operations chardev_fops = {
	.owner		= THIS_MODULE,
	.open		= chardev_open,
	.release	= chardev_release,
	.read_iter	= chardev_read_iter,
	.write_iter	= chardev_write_iter,
	.llseek		= chardev_llseek,
	.splice_read	= copy_splice_read,
	.splice_write	= iter_file_splice_write,
};

static char *chardev_devnode(const struct device *dev, umode_t *mode)
{
	if (mode)
		*mode = 0444;
	return NULL;
}

static const struct class chardev_class = {
	.name		= NAME,
	.devnode	= chardev_devnode,
};

// ANCHOR: init
static int __init chardev_init(void)
{
	struct device *device;
	int err;

	err = alloc_chrdev_region(&first, 0, MINORS, NAME);
	if (err)
		goto failed;

	err = class_register(&chardev_class);
	if (err)
		goto unregister_region;

	cdev_init(&cdev, &chardev_fops);
	cdev.owner = THIS_MODULE;
	err = cdev_add(&cdev, first, MINORS);
	if (err)
		goto unregister_class;

	device = device_create(&chardev_class, NULL, first, NULL, NAME);
	if (IS_ERR(device)) {
		err = PTR_ERR(device);
		goto delete_cdev;
	}

	pr_alert("I was assigned major number %d. To talk to the driver, use /dev/" NAME "\n",
		 MAJOR(first));
	pr_alert("or create a dev file with 'mknod /dev/hello c %d 0'.\n",
		 MAJOR(first));
	return 0;

delete_cdev:
	cdev_del(&cdev);
unregister_class:
	class_unregister(&chardev_class);
unregister_region:
	unregister_chrdev_region(first, MINORS);
failed:
	pr_alert("Registering the character device failed: %pe\n", ERR_PTR(err));
	return err;
}
// ANCHOR_END: init

static void __exit chardev_exit(void)
{
	device_destroy(&chardev_class, first);
	cdev_del(&cdev);
	class_unregister(&chardev_class);
	unregister_chrdev_region(first, MINORS);
}

module_init(chardev_init);
module_exit(chardev_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("A character device that says how often it was opened");
MODULE_LICENSE("GPL");
