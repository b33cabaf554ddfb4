// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file in /proc that stays when its module goes (chapter 6):
 *
 *	insmod proc_stays.ko; rmmod proc_stays; cat /proc/stays
 */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

static int stays_show(struct seq_file *seq, void *unused)
{
	seq_puts(seq, "I am here.\n");
	return 0;
}

/* ANCHOR: exit */
static int __init stays_init(void)
{
	if (!proc_create_single("stays", 0444, NULL, stays_show))
		return -ENOMEM;
	return 0;
}

static void __exit stays_exit(void)
{
}
/* ANCHOR_END: exit */

module_init(stays_init);
module_exit(stays_exit);

MODULE_DESCRIPTION("A file in /proc that stays when its module goes");
MODULE_LICENSE("GPL");
