// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that says hello and goodbye.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>

static int __init skeleton_init(void)
{
	pr_info("Hello\n");
	return 0;
}
module_init(skeleton_init);

static void __exit skeleton_exit(void)
{
	pr_info("Goodbye\n");
}
module_exit(skeleton_exit);

MODULE_AUTHOR("@AUTHOR@");
MODULE_DESCRIPTION("A module that says hello and goodbye");
MODULE_LICENSE("GPL");
