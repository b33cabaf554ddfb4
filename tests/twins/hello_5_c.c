// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of samples/02-hello-world/hello_5.rs: parameters.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/moduleparam.h>

static u8 mybyte = 'A';
module_param(mybyte, byte, 0444);
MODULE_PARM_DESC(mybyte, "This byte really does nothing at all.");

static short myshort = 1;
module_param(myshort, short, 0444);
MODULE_PARM_DESC(myshort, "This short is *extremely* important.");

static int myint = 20;
module_param(myint, int, 0444);
MODULE_PARM_DESC(myint, "An integer");

static long mylong = 9999;
module_param(mylong, long, 0444);
MODULE_PARM_DESC(mylong, "A long integer");

// ANCHOR: parameters
static char *mystring = "blah";
module_param(mystring, charp, 0444);
MODULE_PARM_DESC(mystring, "A string of up to 1024 bytes");

static int myintArray[2] = { 0, 420 };
static unsigned int myintArray_count = ARRAY_SIZE(myintArray);
module_param_array(myintArray, int, &myintArray_count, 0444);
MODULE_PARM_DESC(myintArray, "One or two integers");
// ANCHOR_END: parameters

static int __init hello_5_init(void)
{
	pr_alert("mybyte is an 8 bit integer: %u\n", mybyte);
	pr_alert("myshort is a short integer: %d\n", myshort);
	pr_alert("myint is an integer: %d\n", myint);
	pr_alert("mylong is a long integer: %ld\n", mylong);
	pr_alert("mystring is a string: %s\n", mystring);
	pr_alert("myintArray is %d and %d\n", myintArray[0], myintArray[1]);
	return 0;
}

static void __exit hello_5_exit(void)
{
	pr_alert("Goodbye, world 5\n");
}

module_init(hello_5_init);
module_exit(hello_5_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("Parameters of all kinds");
MODULE_LICENSE("GPL");
