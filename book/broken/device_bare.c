// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that nobody frees (chapter 13):
 *
 *	insmod device_bare.ko; rmmod device_bare
 */
#include <linux/device.h>
#include <linux/module.h>

/* ANCHOR: bare */
static struct device bare = {
	.init_name	= "bare",
};

static int __init bare_init(void)
{
	int ret = device_register(&bare);

	if (ret)
		put_device(&bare);
	return ret;
}

static void __exit bare_exit(void)
{
	device_unregister(&bare);
}
/* ANCHOR_END: bare */

module_init(bare_init);
module_exit(bare_exit);

MODULE_DESCRIPTION("A device that is part of its module");
MODULE_LICENSE("GPL");
