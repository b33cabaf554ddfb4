// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of samples/18-channels/chan_debugfs.rs: a number, a blob and a
 * mailbox in debugfs.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uio.h>
#include <linux/unaligned.h>
#include <linux/wait.h>

#define SQUARES	5000

struct letter {
	size_t length;
	char text[128];
};

static DEFINE_SPINLOCK(lock);
static DECLARE_WAIT_QUEUE_HEAD(arrived);
static struct letter letter;
static bool full;

static u8 level = 7;
static struct debugfs_blob_wrapper table;
static struct dentry *directory;

static bool take(struct letter *taken)
{
	bool ret;

	spin_lock(&lock);
	ret = full;
	if (full)
		*taken = letter;
	full = false;
	spin_unlock(&lock);
	return ret;
}

/* Unless a newer letter has come. */
static void give_back(const struct letter *taken)
{
	spin_lock(&lock);
	if (!full)
		letter = *taken;
	full = true;
	spin_unlock(&lock);
	wake_up(&arrived);
}

static ssize_t mailbox_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct letter taken;
	size_t copied;
	int err;

	if (!iov_iter_count(to))
		return 0;

	if (iocb->ki_filp->f_flags & O_NONBLOCK) {
		if (!take(&taken))
			return -EAGAIN;
	} else {
		err = wait_event_interruptible_exclusive(arrived, take(&taken));
		if (err)
			return err;
	}

	/* What does not fit is lost, as with a datagram. */
	copied = copy_to_iter(taken.text, taken.length, to);
	if (!copied && taken.length && iov_iter_count(to)) {
		give_back(&taken);
		return -EFAULT;
	}
	return copied;
}

static ssize_t mailbox_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	size_t length = iov_iter_count(from);
	struct letter new;

	if (length > sizeof(new.text))
		return -EMSGSIZE;
	new.length = copy_from_iter(new.text, length, from);
	if (new.length != length)
		return -EFAULT;

	spin_lock(&lock);
	letter = new;
	full = true;
	spin_unlock(&lock);
	wake_up(&arrived);
	return new.length;
}

static __poll_t mailbox_poll(struct file *file, struct poll_table_struct *wait)
{
	__poll_t events = EPOLLOUT | EPOLLWRNORM;

	poll_wait(file, &arrived, wait);
	spin_lock(&lock);
	if (full)
		events |= EPOLLIN | EPOLLRDNORM;
	spin_unlock(&lock);
	return events;
}

/* Those who share the file do not wait for each other. */
static int mailbox_open(struct inode *inode, struct file *file)
{
	file->f_mode &= ~FMODE_ATOMIC_POS;
	return 0;
}

static const struct file_operations mailbox_fops = {
	.owner		= THIS_MODULE,
	.open		= mailbox_open,
	.read_iter	= mailbox_read_iter,
	.write_iter	= mailbox_write_iter,
	.poll		= mailbox_poll,
};

static int __init chan_debugfs_init(void)
{
	u8 *bytes;

	bytes = kmalloc_array(SQUARES, sizeof(u32), GFP_KERNEL);
	if (!bytes)
		return -ENOMEM;
	for (u32 n = 0; n < SQUARES; n++)
		put_unaligned_le32(n * n, bytes + n * sizeof(u32));
	table.data = bytes;
	table.size = SQUARES * sizeof(u32);

	/* ANCHOR: create */
	directory = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_u8("level", 0644, directory, &level);
	debugfs_create_blob("blob", 0444, directory, &table);
	/* The operations keep the module, so no proxy is needed. */
	debugfs_create_file_unsafe("mailbox", 0644, directory, NULL,
				   &mailbox_fops);
	/* ANCHOR_END: create */
	pr_info("Talk to /sys/kernel/debug/" KBUILD_MODNAME "\n");
	return 0;
}

static void __exit chan_debugfs_exit(void)
{
	debugfs_remove(directory);
	kfree(table.data);
}

module_init(chan_debugfs_init);
module_exit(chan_debugfs_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("Talks to user space by files in debugfs");
MODULE_LICENSE("GPL");
