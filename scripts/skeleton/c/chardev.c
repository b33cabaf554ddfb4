// SPDX-License-Identifier: GPL-2.0-only
/*
 * A character device that keeps the last line that was written to it.
 */

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>

/* The line that all openers share, and its length. */
static char line[80];
static size_t length;
static DEFINE_MUTEX(lock);

static ssize_t skeleton_read(struct file *file, char __user *to, size_t count, loff_t *pos)
{
	guard(mutex)(&lock);
	return simple_read_from_buffer(to, count, pos, line, length);
}

static ssize_t skeleton_write(struct file *file, const char __user *from, size_t count, loff_t *pos)
{
	char new[sizeof(line)];

	if (count > sizeof(new))
		return -EINVAL;
	if (copy_from_user(new, from, count))
		return -EFAULT;
	guard(mutex)(&lock);
	memcpy(line, new, count);
	length = count;
	return count;
}

static const struct file_operations skeleton_fops = {
	.owner	= THIS_MODULE,
	.read	= skeleton_read,
	.write	= skeleton_write,
};

static struct miscdevice skeleton_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "skeleton",
	.fops	= &skeleton_fops,
};
module_misc_device(skeleton_device);

MODULE_AUTHOR("@AUTHOR@");
MODULE_DESCRIPTION("A character device that keeps a line");
MODULE_LICENSE("GPL");
