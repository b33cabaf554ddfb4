// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of samples/02-hello-world/hello_2.rs: an init that fails half way.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/moduleparam.h>

static u8 fail;
module_param(fail, byte, 0);
MODULE_PARM_DESC(fail, "Errno to fail with, 0 for none");

// ANCHOR: undo
static void greet(void)
{
	pr_alert("Hello, world 2\n");
}

static void ungreet(void)
{
	pr_alert("Goodbye, world 2\n");
}

static int second_step(void)
{
	return -fail;
}

static int __init hello_2_init(void)
{
	int err;

	greet();
	err = second_step();
	if (err)
		goto undo;
	return 0;

undo:
	ungreet();
	return err;
}

static void __exit hello_2_exit(void)
{
	ungreet();
}
// ANCHOR_END: undo

module_init(hello_2_init);
module_exit(hello_2_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("A module whose init can fail half way");
MODULE_LICENSE("GPL");
