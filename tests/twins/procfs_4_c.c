// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of samples/05-proc-files/procfs_4.rs: a file in /proc that shows a
 * list.
 */
#include <linux/kstrtox.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#define ROOM		500
#define NAME_LENGTH	32

/* The names, by number. A number is never used again. */
static DEFINE_XARRAY(guests);
static DEFINE_MUTEX(lock);
static unsigned int there;
static unsigned long last;

static struct proc_dir_entry *entry;

/* The first guest from *pos on, which becomes its number. */
static void *guest_from(loff_t *pos)
{
	unsigned long number = *pos;
	char *name = xa_find(&guests, &number, ULONG_MAX, XA_PRESENT);

	if (name)
		*pos = number;
	return name;
}

static void *procfs_4_start(struct seq_file *m, loff_t *pos)
{
	mutex_lock(&lock);
	m->private = pos;
	return guest_from(pos);
}

static void *procfs_4_next(struct seq_file *m, void *name, loff_t *pos)
{
	++*pos;
	return guest_from(pos);
}

static void procfs_4_stop(struct seq_file *m, void *name)
{
	mutex_unlock(&lock);
}

static int procfs_4_show(struct seq_file *m, void *name)
{
	int length = strlen(name);

	/* Escaped: a name may be any bytes. */
	seq_printf(m, "%lld %*pE\n", *(loff_t *)m->private, length, name);
	return 0;
}

static const struct seq_operations procfs_4_seq = {
	.start	= procfs_4_start,
	.next	= procfs_4_next,
	.stop	= procfs_4_stop,
	.show	= procfs_4_show,
};

static int procfs_4_open(struct inode *inode, struct file *file)
{
	return seq_open(file, &procfs_4_seq);
}

static int add(const char *name)
{
	char *copy;
	int err;

	if (there == ROOM)
		return -ENOSPC;
	copy = kstrdup(name, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	err = xa_err(xa_store(&guests, last + 1, copy, GFP_KERNEL));
	if (err) {
		kfree(copy);
		return err;
	}
	last++;
	there++;
	return 0;
}

static int remove(const char *text)
{
	unsigned long number;
	char *name;

	if (kstrtoul(text, 10, &number))
		return -EINVAL;
	name = xa_erase(&guests, number);
	if (!name)
		return -ENOENT;
	kfree(name);
	there--;
	return 0;
}

static ssize_t procfs_4_write(struct file *file, const char __user *buf,
			      size_t count, loff_t *ppos)
{
	char text[NAME_LENGTH + 1] = "";
	char *line;
	int err;

	if (copy_from_user(text, buf, min_t(size_t, count, NAME_LENGTH)))
		return -EFAULT;
	if (count > NAME_LENGTH)
		return -ENAMETOOLONG;
	line = strim(text);
	if (!*line)
		return -EINVAL;
	mutex_lock(&lock);
	err = *line == '-' ? remove(line + 1) : add(line);
	mutex_unlock(&lock);
	return err ?: count;
}

static const struct proc_ops procfs_4_ops = {
	.proc_open	= procfs_4_open,
	.proc_read_iter	= seq_read_iter,
	.proc_write	= procfs_4_write,
	.proc_lseek	= seq_lseek,
	.proc_release	= seq_release,
};

static int __init procfs_4_init(void)
{
	entry = proc_create("procfs_4_c", 0644, NULL, &procfs_4_ops);
	return entry ? 0 : -ENOMEM;
}

static void __exit procfs_4_exit(void)
{
	unsigned long number;
	char *name;

	proc_remove(entry);
	xa_for_each(&guests, number, name)
		kfree(name);
	xa_destroy(&guests);
}

module_init(procfs_4_init);
module_exit(procfs_4_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("A file in /proc that shows a list");
MODULE_LICENSE("GPL");
