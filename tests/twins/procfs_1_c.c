// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of samples/05-proc-files/procfs_1.rs: a file in /proc that counts
 * its readers.
 */
#include <linux/atomic.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

static atomic64_t visits;
static struct proc_dir_entry *entry;

/* What makes a number an English ordinal. */
static const char *suffix(u64 n)
{
	unsigned int tens = n % 100;

	if (tens >= 11 && tens <= 13)
		return "th";
	switch (tens % 10) {
	case 1:
		return "st";
	case 2:
		return "nd";
	case 3:
		return "rd";
	default:
		return "th";
	}
}

/* ANCHOR: show */
static int procfs_1_show(struct seq_file *seq, void *unused)
{
	u64 n = atomic64_inc_return(&visits);

	seq_printf(seq, "For the %llu%s time, go away!\n", n, suffix(n));
	return 0;
}
/* ANCHOR_END: show */

/* ANCHOR: init */
static int __init procfs_1_init(void)
{
	entry = proc_create_single("test_c", 0444, NULL, procfs_1_show);
	return entry ? 0 : -ENOMEM;
}

static void __exit procfs_1_exit(void)
{
	proc_remove(entry);
}
/* ANCHOR_END: init */

module_init(procfs_1_init);
module_exit(procfs_1_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("A file in /proc that counts its readers");
MODULE_LICENSE("GPL");
