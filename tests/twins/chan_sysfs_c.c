// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of samples/18-channels/chan_sysfs.rs: attributes in sysfs.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/kobject.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#define BYTES	6000

static DEFINE_MUTEX(value_lock);
static int now;
static int minimum = -1000;
static int maximum = 1000;
static atomic64_t count;

static DEFINE_MUTEX(bytes_lock);
static u8 *content;

static struct kobject *directory;

/* Takes a number, and nothing behind a NUL for one. */
static int parse(const char *buf, size_t len, int *number)
{
	if (strnlen(buf, len) != len)
		return -EINVAL;
	return kstrtoint(buf, 10, number);
}

/* ANCHOR: value */
static ssize_t value_show(struct kobject *kobj, struct kobj_attribute *attr,
			  char *buf)
{
	int value;

	mutex_lock(&value_lock);
	value = now;
	mutex_unlock(&value_lock);
	return sysfs_emit(buf, "%d\n", value);
}

static ssize_t value_store(struct kobject *kobj, struct kobj_attribute *attr,
			   const char *buf, size_t len)
{
	int value;
	int err;

	err = parse(buf, len, &value);
	if (err)
		return err;

	mutex_lock(&value_lock);
	if (value < minimum || value > maximum) {
		mutex_unlock(&value_lock);
		return -ERANGE;
	}
	now = value;
	atomic64_inc(&count);
	mutex_unlock(&value_lock);

	sysfs_notify(kobj, NULL, attr->attr.name);
	return len;
}
static struct kobj_attribute value_attr = __ATTR_RW(value);
/* ANCHOR_END: value */

static ssize_t stores_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%llu\n", (u64)atomic64_read(&count));
}
static struct kobj_attribute stores_attr = __ATTR_RO(stores);

static ssize_t min_show(struct kobject *kobj, struct kobj_attribute *attr,
			char *buf)
{
	int value;

	mutex_lock(&value_lock);
	value = minimum;
	mutex_unlock(&value_lock);
	return sysfs_emit(buf, "%d\n", value);
}

static ssize_t min_store(struct kobject *kobj, struct kobj_attribute *attr,
			 const char *buf, size_t len)
{
	int value;
	int err;

	err = parse(buf, len, &value);
	if (err)
		return err;

	mutex_lock(&value_lock);
	if (now < value)
		err = -EINVAL;
	else
		minimum = value;
	mutex_unlock(&value_lock);
	return err ?: len;
}
static struct kobj_attribute min_attr = __ATTR_RW(min);

static ssize_t max_show(struct kobject *kobj, struct kobj_attribute *attr,
			char *buf)
{
	int value;

	mutex_lock(&value_lock);
	value = maximum;
	mutex_unlock(&value_lock);
	return sysfs_emit(buf, "%d\n", value);
}

static ssize_t max_store(struct kobject *kobj, struct kobj_attribute *attr,
			 const char *buf, size_t len)
{
	int value;
	int err;

	err = parse(buf, len, &value);
	if (err)
		return err;

	mutex_lock(&value_lock);
	if (now > value)
		err = -EINVAL;
	else
		maximum = value;
	mutex_unlock(&value_lock);
	return err ?: len;
}
static struct kobj_attribute max_attr = __ATTR_RW(max);

static ssize_t bytes_read(struct file *file, struct kobject *kobj,
			  const struct bin_attribute *attr, char *buf,
			  loff_t offset, size_t len)
{
	/* What is beyond the end, sysfs has cut off. */
	mutex_lock(&bytes_lock);
	memcpy(buf, content + offset, len);
	mutex_unlock(&bytes_lock);
	return len;
}

static ssize_t bytes_write(struct file *file, struct kobject *kobj,
			   const struct bin_attribute *attr, char *buf,
			   loff_t offset, size_t len)
{
	mutex_lock(&bytes_lock);
	memcpy(content + offset, buf, len);
	mutex_unlock(&bytes_lock);
	return len;
}
static const struct bin_attribute bytes_attr = __BIN_ATTR_RW(bytes, BYTES);

static struct attribute *value_attrs[] = {
	&value_attr.attr,
	&stores_attr.attr,
	NULL
};

static const struct attribute_group value_group = {
	.attrs		= value_attrs,
};

static struct attribute *limits_attrs[] = {
	&min_attr.attr,
	&max_attr.attr,
	NULL
};

static const struct attribute_group limits_group = {
	.name		= "limits",
	.attrs		= limits_attrs,
};

static const struct bin_attribute *const raw_attrs[] = {
	&bytes_attr,
	NULL
};

static const struct attribute_group raw_group = {
	.name		= "raw",
	.bin_attrs	= raw_attrs,
};

static const struct attribute_group *groups[] = {
	&value_group,
	&limits_group,
	&raw_group,
	NULL
};

static int __init chan_sysfs_init(void)
{
	int err;

	content = kzalloc(BYTES, GFP_KERNEL);
	if (!content)
		return -ENOMEM;

	directory = kobject_create_and_add(KBUILD_MODNAME, kernel_kobj);
	if (!directory) {
		err = -ENOMEM;
		goto free;
	}
	err = sysfs_create_groups(directory, groups);
	if (err)
		goto put;

	pr_info("Talk to /sys/kernel/" KBUILD_MODNAME "\n");
	return 0;

put:
	kobject_put(directory);
free:
	kfree(content);
	return err;
}

static void __exit chan_sysfs_exit(void)
{
	/* Waits for those who are in an attribute. */
	kobject_del(directory);
	kobject_put(directory);
	kfree(content);
}

module_init(chan_sysfs_init);
module_exit(chan_sysfs_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("Talks to user space by attributes in sysfs");
MODULE_LICENSE("GPL");
