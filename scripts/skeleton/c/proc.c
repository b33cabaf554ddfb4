// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file in /proc that counts its readers.
 */

#include <linux/atomic.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

static atomic64_t readers;
static struct proc_dir_entry *entry;

static int skeleton_show(struct seq_file *out, void *unused)
{
	seq_printf(out, "You are reader %lld\n", atomic64_inc_return(&readers));
	return 0;
}

static int __init skeleton_init(void)
{
	entry = proc_create_single("skeleton", 0444, NULL, skeleton_show);
	return entry ? 0 : -ENOMEM;
}
module_init(skeleton_init);

static void __exit skeleton_exit(void)
{
	proc_remove(entry);
}
module_exit(skeleton_exit);

MODULE_AUTHOR("@AUTHOR@");
MODULE_DESCRIPTION("A file in /proc that counts its readers");
MODULE_LICENSE("GPL");
