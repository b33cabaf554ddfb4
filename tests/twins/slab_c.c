// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of samples/20-memory/slab.rs: objects from a cache of their own.
 */
#include <linux/kstrtox.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#define ROOM		100000
#define WORD_LENGTH	32

struct ticket {
	u64 number;
	char text[32];
};

static struct kmem_cache *cache;
static struct proc_dir_entry *entry;

/* The tickets that are kept. */
static struct ticket **tickets;
static size_t kept, room;
static DEFINE_MUTEX(lock);

static struct ticket *ticket_new(u64 number)
{
	struct ticket *ticket = kmem_cache_alloc(cache, GFP_KERNEL);

	if (!ticket)
		return NULL;
	ticket->number = number;
	memcpy(ticket->text, "Admit one, on any day but Sunday", 32);
	return ticket;
}

/* Makes room for one more. */
static int reserve(void)
{
	size_t more = max_t(size_t, 4, 2 * room);
	struct ticket **moved;

	if (kept < room)
		return 0;
	moved = kvrealloc(tickets, more * sizeof(*tickets), GFP_KERNEL);
	if (!moved)
		return -ENOMEM;
	tickets = moved;
	room = more;
	return 0;
}

static int keep(size_t count)
{
	struct ticket *ticket;
	int err = 0;

	if (count > ROOM)
		return -ENOSPC;
	mutex_lock(&lock);
	while (kept > count)
		kmem_cache_free(cache, tickets[--kept]);
	while (kept < count) {
		ticket = ticket_new(kept);
		err = ticket ? reserve() : -ENOMEM;
		if (err) {
			if (ticket)
				kmem_cache_free(cache, ticket);
			break;
		}
		tickets[kept++] = ticket;
	}
	mutex_unlock(&lock);
	return err;
}

static int slab_show(struct seq_file *m, void *unused)
{
	size_t count;

	mutex_lock(&lock);
	count = kept;
	mutex_unlock(&lock);
	seq_printf(m, "%zu tickets of %zu bytes\n", count, sizeof(struct ticket));
	return 0;
}

static int slab_open(struct inode *inode, struct file *file)
{
	return single_open(file, slab_show, NULL);
}

static ssize_t slab_write(struct file *file, const char __user *buf,
			  size_t count, loff_t *ppos)
{
	char text[WORD_LENGTH + 1] = "";
	unsigned long number;
	char *word;
	int err;

	if (copy_from_user(text, buf, min_t(size_t, count, WORD_LENGTH)))
		return -EFAULT;
	if (count > WORD_LENGTH)
		return -EINVAL;
	word = strim(text);
	if (!strcmp(word, "forget"))
		return ticket_new(0) ? count : -ENOMEM;
	if (kstrtoul(word, 10, &number))
		return -EINVAL;
	err = keep(number);
	return err ?: count;
}

static const struct proc_ops slab_ops = {
	.proc_open	= slab_open,
	.proc_read_iter	= seq_read_iter,
	.proc_write	= slab_write,
	.proc_lseek	= seq_lseek,
	.proc_release	= single_release,
};

static int __init slab_init(void)
{
	cache = kmem_cache_create("lkmpg_ticket_c", sizeof(struct ticket), 0,
				  SLAB_NO_MERGE, NULL);
	if (!cache)
		return -ENOMEM;
	entry = proc_create("slab_c", 0600, NULL, &slab_ops);
	if (!entry) {
		kmem_cache_destroy(cache);
		return -ENOMEM;
	}
	return 0;
}

static void __exit slab_exit(void)
{
	proc_remove(entry);
	while (kept)
		kmem_cache_free(cache, tickets[--kept]);
	kvfree(tickets);
	kmem_cache_destroy(cache);
}

module_init(slab_init);
module_exit(slab_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("Objects from a cache of their own");
MODULE_LICENSE("GPL");
