// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of samples/02-hello-world/hello_1.rs: the simplest module.
 */
// ANCHOR: module
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>

static int __init hello_1_init(void)
{
	pr_alert("Hello world 1.\n");
	return 0;
}

static void __exit hello_1_exit(void)
{
	pr_alert("Goodbye world 1.\n");
}

module_init(hello_1_init);
module_exit(hello_1_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("The simplest module");
MODULE_LICENSE("GPL");
// ANCHOR_END: module
