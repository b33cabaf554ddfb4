// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes away what is at the top of debugfs by the name of `name=`, whosever it is,
 * as hv_balloon and vmw_balloon do when they go.
 */

#include <linux/debugfs.h>
#include <linux/module.h>

static char *name;
module_param(name, charp, 0);
MODULE_PARM_DESC(name, "What to take away");

static int __init taker_init(void)
{
	debugfs_lookup_and_remove(name, NULL);
	return 0;
}

static void __exit taker_exit(void)
{
}

module_init(taker_init);
module_exit(taker_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("Takes away what has a name");
MODULE_LICENSE("GPL");
