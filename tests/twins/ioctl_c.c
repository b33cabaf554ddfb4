// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of samples/07-ioctl/ioctl.rs: a character device that talks by
 * ioctls. Its major number is the next one; the ioctls have the same numbers.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitops.h>
#include <linux/cdev.h>
#include <linux/compat.h>
#include <linux/device/class.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/ioctl.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#define BUF_LEN		80
#define MESSAGE_LENGTH	BUF_LEN
#include "message.h"

#define NAME		"char_dev_c"
#define IOCTL_MAJOR	101
#define MINORS		256

/* ANCHOR: numbers */
struct ioctl_buffer {
	__u64 address;
	__u64 length;
};

#define IOCTL_TYPE		100
#define IOCTL_SET_MSG		_IOR(IOCTL_TYPE, 0, char *)
#define IOCTL_GET_MSG		_IOR(IOCTL_TYPE, 1, char *)
#define IOCTL_GET_NTH_BYTE	_IOWR(IOCTL_TYPE, 2, int)
#define IOCTL_GET_MSG_BUF	_IOWR(IOCTL_TYPE, 3, struct ioctl_buffer)
#define IOCTL_SET_MSG_BUF	_IOW(IOCTL_TYPE, 4, struct ioctl_buffer)
/* ANCHOR_END: numbers */

static struct cdev cdev;
static unsigned long taken;
static struct message message = {
	.lock = __MUTEX_INITIALIZER(message.lock),
};

static int ioctl_open(struct inode *inode, struct file *file)
{
	return test_and_set_bit_lock(0, &taken) ? -EBUSY : 0;
}

static int ioctl_release(struct inode *inode, struct file *file)
{
	clear_bit_unlock(0, &taken);
	return 0;
}

static ssize_t ioctl_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	char text[BUF_LEN];
	size_t length;

	length = message_get(&message, text);
	return copy_text_to_iter(text, length, iocb, to);
}

static ssize_t ioctl_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	iocb->ki_pos = 0;
	return message_take_iter(&message, from);
}

static loff_t ioctl_llseek(struct file *file, loff_t offset, int whence)
{
	size_t length;

	mutex_lock(&message.lock);
	length = message.length;
	mutex_unlock(&message.lock);
	return generic_file_llseek_size(file, offset, whence, OFFSET_MAX, length);
}

static long set_string(const char __user *string)
{
	char text[BUF_LEN + 1];
	long length;

	length = strncpy_from_user(text, string, sizeof(text));
	if (length < 0)
		return length;
	message_set(&message, text, min(length, BUF_LEN));
	return 0;
}

static long get_string(char __user *room)
{
	char text[BUF_LEN + 1];
	size_t length;

	length = message_get(&message, text);
	text[length] = '\0';
	return copy_to_user(room, text, length + 1) ? -EFAULT : 0;
}

static long nth_byte(int n)
{
	long ret = -EINVAL;

	mutex_lock(&message.lock);
	if (n >= 0 && n < message.length)
		ret = (u8)message.text[n];
	else if (n == message.length)
		ret = 0;
	mutex_unlock(&message.lock);
	return ret;
}

static long get_buffer(struct ioctl_buffer __user *argument)
{
	struct ioctl_buffer buffer;
	char text[BUF_LEN];
	size_t length;

	if (copy_from_user(&buffer, argument, sizeof(buffer)))
		return -EFAULT;
	length = message_get(&message, text);
	if (!access_ok(u64_to_user_ptr(buffer.address), buffer.length))
		return -EFAULT;
	if (copy_to_user(u64_to_user_ptr(buffer.address), text,
			 min(buffer.length, length)))
		return -EFAULT;
	buffer.length = length;
	return copy_to_user(argument, &buffer, sizeof(buffer)) ? -EFAULT : 0;
}

/* ANCHOR: set */
static long set_buffer(const struct ioctl_buffer __user *argument)
{
	struct ioctl_buffer buffer;
	char text[BUF_LEN];

	if (copy_from_user(&buffer, argument, sizeof(buffer)))
		return -EFAULT;
	if (buffer.length > sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, u64_to_user_ptr(buffer.address), buffer.length))
		return -EFAULT;
	message_set(&message, text, buffer.length);
	return 0;
}
/* ANCHOR_END: set */

/* A new message is read from its start. */
static long rewind(struct file *file, long ret)
{
	if (!ret)
		vfs_llseek(file, 0, SEEK_SET);
	return ret;
}

/* ANCHOR: switch */
static long ioctl_unlocked_ioctl(struct file *file, unsigned int number,
				 unsigned long argument)
{
	switch (number) {
	case IOCTL_SET_MSG:
		return rewind(file, set_string((const char __user *)argument));
	case IOCTL_GET_MSG:
		return get_string((char __user *)argument);
	case IOCTL_GET_NTH_BYTE:
		return nth_byte(argument);
	case IOCTL_GET_MSG_BUF:
		return get_buffer((struct ioctl_buffer __user *)argument);
	case IOCTL_SET_MSG_BUF:
		return rewind(file, set_buffer((const struct ioctl_buffer __user *)argument));
	default:
		return -ENOTTY;
	}
}
/* ANCHOR_END: switch */

#ifdef CONFIG_COMPAT
/* ANCHOR: compat */
/* To a 32-bit process a pointer has 4 bytes, which is part of the number. */
static long ioctl_compat_ioctl(struct file *file, unsigned int number,
			       unsigned long argument)
{
	switch (number) {
	case _IOR(IOCTL_TYPE, 0, compat_uptr_t):
		return rewind(file, set_string(compat_ptr(argument)));
	case _IOR(IOCTL_TYPE, 1, compat_uptr_t):
		return get_string(compat_ptr(argument));
	case IOCTL_GET_NTH_BYTE:
		return nth_byte(argument);
	case IOCTL_GET_MSG_BUF:
		return get_buffer(compat_ptr(argument));
	case IOCTL_SET_MSG_BUF:
		return rewind(file, set_buffer(compat_ptr(argument)));
	default:
		return -ENOTTY;
	}
}
/* ANCHOR_END: compat */
#endif

static const struct file_operations ioctl_fops = {
	.owner		= THIS_MODULE,
	.open		= ioctl_open,
	.release	= ioctl_release,
	.read_iter	= ioctl_read_iter,
	.write_iter	= ioctl_write_iter,
	.llseek		= ioctl_llseek,
	.splice_read	= copy_splice_read,
	.splice_write	= iter_file_splice_write,
	.unlocked_ioctl	= ioctl_unlocked_ioctl,
#ifdef CONFIG_COMPAT
	.compat_ioctl	= ioctl_compat_ioctl,
#endif
};

static const struct class ioctl_class = {
	.name = NAME,
};

static int __init ioctl_init(void)
{
	dev_t first = MKDEV(IOCTL_MAJOR, 0);
	struct device *device;
	int err;

	err = register_chrdev_region(first, MINORS, NAME);
	if (err)
		goto failed;

	err = class_register(&ioctl_class);
	if (err)
		goto unregister_region;

	cdev_init(&cdev, &ioctl_fops);
	cdev.owner = THIS_MODULE;
	err = cdev_add(&cdev, first, MINORS);
	if (err)
		goto unregister_class;

	device = device_create(&ioctl_class, NULL, first, NULL, NAME);
	if (IS_ERR(device)) {
		err = PTR_ERR(device);
		goto delete_cdev;
	}

	pr_info("Registration is a success. The major device number is %d.\n",
		IOCTL_MAJOR);
	pr_info("Talk to /dev/" NAME ", or make a node: mknod " NAME " c %d 0\n",
		IOCTL_MAJOR);
	return 0;

delete_cdev:
	cdev_del(&cdev);
unregister_class:
	class_unregister(&ioctl_class);
unregister_region:
	unregister_chrdev_region(first, MINORS);
failed:
	pr_alert("Sorry, registering the character device failed: %pe\n",
		 ERR_PTR(err));
	if (err == -EBUSY)
		pr_alert("Major %d is taken: see /proc/devices, unload that driver.\n",
			 IOCTL_MAJOR);
	return err;
}

static void __exit ioctl_exit(void)
{
	device_destroy(&ioctl_class, MKDEV(IOCTL_MAJOR, 0));
	cdev_del(&cdev);
	class_unregister(&ioctl_class);
	unregister_chrdev_region(MKDEV(IOCTL_MAJOR, 0), MINORS);
}

module_init(ioctl_init);
module_exit(ioctl_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("A character device that talks by ioctls");
MODULE_LICENSE("GPL");
