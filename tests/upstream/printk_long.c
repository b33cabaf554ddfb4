// SPDX-License-Identifier: GPL-2.0-only
/*
 * A line of 65,535 bytes, with its level: vprintk_store() counts them, and the
 * zero at their end, in 16 bits, reserves nothing, and reads through NULL.
 */

#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

static int __init printk_long_init(void)
{
	size_t length = 65535 - strlen(KERN_INFO);
	char *text = kmalloc(length + 1, GFP_KERNEL);

	if (!text)
		return -ENOMEM;
	memset(text, 'x', length);
	text[length] = 0;
	printk(KERN_INFO "%s", text);
	kfree(text);
	return 0;
}
module_init(printk_long_init);

static void __exit printk_long_exit(void)
{
}
module_exit(printk_long_exit);

MODULE_DESCRIPTION("Logs a line of 65,535 bytes");
MODULE_LICENSE("GPL");
