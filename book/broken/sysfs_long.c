// SPDX-License-Identifier: GPL-2.0-only
/*
 * An attribute that shows more than a page (chapter 7):
 *
 *	insmod sysfs_long.ko; cat /sys/kernel/sysfs_long/list
 */
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/sysfs.h>

static struct kobject *directory;

/* ANCHOR: show */
static ssize_t list_show(struct kobject *kobj, struct kobj_attribute *attr,
			 char *buf)
{
	ssize_t length = 0;

	for (int n = 0; n < 1000; n++)
		length += sprintf(buf + length, "%d\n", n * n);
	return length;
}
/* ANCHOR_END: show */
static struct kobj_attribute list_attr = __ATTR_RO(list);

static int __init long_init(void)
{
	int err;

	directory = kobject_create_and_add(KBUILD_MODNAME, kernel_kobj);
	if (!directory)
		return -ENOMEM;
	err = sysfs_create_file(directory, &list_attr.attr);
	if (err)
		kobject_put(directory);
	return err;
}

static void __exit long_exit(void)
{
	kobject_put(directory);
}

module_init(long_init);
module_exit(long_exit);

MODULE_DESCRIPTION("An attribute that shows more than a page");
MODULE_LICENSE("GPL");
