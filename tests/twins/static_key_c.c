// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of samples/23-static-keys/static_key.rs: a branch that is patched in
 * and out.
 */
#include <linux/compiler.h>
#include <linux/jump_label.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#define PASSES		1000000
#define WORD_LENGTH	8

/* Whether passes are counted. */
static DEFINE_STATIC_KEY_FALSE(counting);

/* Held by who turns the key. */
static DEFINE_MUTEX(turning);

/* An ordinary flag, which is always off, to compare. */
static bool flag;

static struct proc_dir_entry *entry;

/* Counts over and over, if asked. Returns tenths of nanoseconds for each pass. */
#define run(counted, asked) ({						\
	u64 __start = ktime_get_ns();					\
									\
	for (u64 __n = 0; __n < PASSES; __n++) {			\
		barrier_data(&(counted));				\
		if (asked)						\
			(counted)++;					\
	}								\
	div_u64((ktime_get_ns() - __start) * 10, PASSES);		\
})

static int static_key_show(struct seq_file *m, void *unused)
{
	u64 counted = 0, other = 0;
	u64 nothing, with_key, with_flag;

	nothing = run(other, false);
	with_key = run(counted, static_branch_unlikely(&counting));
	with_flag = run(other, READ_ONCE(flag));

	seq_printf(m, "%s: counted %llu of %u passes\n",
		   static_key_enabled(&counting) ? "on" : "off", counted, PASSES);
	seq_printf(m, "a pass takes %llu.%llu ns, with the key %llu.%llu, with an ordinary flag %llu.%llu\n",
		   nothing / 10, nothing % 10, with_key / 10, with_key % 10,
		   with_flag / 10, with_flag % 10);
	return 0;
}

static int static_key_open(struct inode *inode, struct file *file)
{
	return single_open(file, static_key_show, NULL);
}

static ssize_t static_key_write(struct file *file, const char __user *buf,
				size_t count, loff_t *ppos)
{
	char text[WORD_LENGTH + 1] = "";
	char *word;

	if (copy_from_user(text, buf, min_t(size_t, count, WORD_LENGTH)))
		return -EFAULT;
	if (count > WORD_LENGTH)
		return -EINVAL;
	word = strim(text);
	guard(mutex)(&turning);
	if (!strcmp(word, "on"))
		static_branch_enable(&counting);
	else if (!strcmp(word, "off"))
		static_branch_disable(&counting);
	else
		return -EINVAL;
	return count;
}

static const struct proc_ops static_key_ops = {
	.proc_open	= static_key_open,
	.proc_read_iter	= seq_read_iter,
	.proc_write	= static_key_write,
	.proc_lseek	= seq_lseek,
	.proc_release	= single_release,
};

static int __init static_key_init(void)
{
	entry = proc_create("static_key_c", 0644, NULL, &static_key_ops);
	return entry ? 0 : -ENOMEM;
}

static void __exit static_key_exit(void)
{
	proc_remove(entry);
}

module_init(static_key_init);
module_exit(static_key_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("A branch that is patched in and out");
MODULE_LICENSE("GPL");
