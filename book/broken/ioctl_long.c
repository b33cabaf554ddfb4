// SPDX-License-Identifier: GPL-2.0-only
/*
 * An ioctl that believes the length that it is told (chapter 8):
 *
 *	insmod ioctl_long.ko
 *	ioctl --device /dev/ioctl_long set 'more than sixteen bytes'
 */
#include <linux/fs.h>
#include <linux/ioctl.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>

struct ioctl_buffer {
	__u64 address;
	__u64 length;
};

#define IOCTL_SET_MSG_BUF	_IOW(100, 4, struct ioctl_buffer)

/* ANCHOR: set */
static char message[16];

static long set_buffer(const struct ioctl_buffer __user *argument)
{
	struct ioctl_buffer buffer;

	if (copy_from_user(&buffer, argument, sizeof(buffer)))
		return -EFAULT;
	if (copy_from_user(message, u64_to_user_ptr(buffer.address), buffer.length))
		return -EFAULT;
	return 0;
}
/* ANCHOR_END: set */

static long long_ioctl(struct file *file, unsigned int number, unsigned long argument)
{
	if (number != IOCTL_SET_MSG_BUF)
		return -ENOTTY;
	return set_buffer((const struct ioctl_buffer __user *)argument);
}

static const struct file_operations long_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= long_ioctl,
};

static struct miscdevice long_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= KBUILD_MODNAME,
	.fops	= &long_fops,
};
module_misc_device(long_device);

MODULE_DESCRIPTION("An ioctl that believes the length that it is told");
MODULE_LICENSE("GPL");
