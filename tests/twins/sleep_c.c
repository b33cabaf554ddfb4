// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of samples/09-blocking/sleep.rs: a file that one process at a time
 * can open, while the others sleep in order of arrival.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "message.h"

#define LABEL		"Last input:"
#define LABEL_LENGTH	(sizeof(LABEL) - 1)

static DEFINE_MUTEX(lock);
static bool taken;
static DECLARE_WAIT_QUEUE_HEAD(queue);
static struct message last = {
	.lock = __MUTEX_INITIALIZER(last.lock),
};
static struct proc_dir_entry *entry;

/* Gives the turn to a waiter, who takes itself out of the queue. */
static int take_turn(struct wait_queue_entry *wait, unsigned int mode,
		     int flags, void *key)
{
	if (wait->flags & WQ_FLAG_DONE)
		return 0;
	smp_store_release(&wait->flags, wait->flags | WQ_FLAG_DONE);
	default_wake_function(wait, mode, flags, key);
	return 1;
}

/* Called with the lock held, so that the queue's order is that of the lock. */
static int wait_for_turn(void)
{
	struct wait_queue_entry wait;
	bool locked = true;
	int err;

	init_wait_entry(&wait, WQ_FLAG_EXCLUSIVE);
	wait.func = take_turn;
	for (;;) {
		err = prepare_to_wait_event(&queue, &wait, TASK_INTERRUPTIBLE);
		if (smp_load_acquire(&wait.flags) & WQ_FLAG_DONE) {
			err = 0;
			break;
		}
		if (err)
			break;
		if (locked)
			mutex_unlock(&lock);
		locked = false;
		schedule();
	}
	finish_wait(&queue, &wait);
	if (locked)
		mutex_unlock(&lock);
	return err;
}

static void next_turn(void)
{
	mutex_lock(&lock);
	taken = __wake_up(&queue, TASK_NORMAL, 1, NULL) > 0;
	mutex_unlock(&lock);
}

static int sleep_open(struct inode *inode, struct file *file)
{
	int err = 0;

	if (!try_module_get(THIS_MODULE))
		return -ENODEV;

	mutex_lock(&lock);
	if (!taken) {
		taken = true;
		mutex_unlock(&lock);
	} else if (file->f_flags & O_NONBLOCK) {
		mutex_unlock(&lock);
		err = -EAGAIN;
	} else {
		err = wait_for_turn();
	}
	if (err)
		module_put(THIS_MODULE);
	return err;
}

static int sleep_release(struct inode *inode, struct file *file)
{
	next_turn();
	module_put(THIS_MODULE);
	return 0;
}

static ssize_t sleep_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	char text[LABEL_LENGTH + MESSAGE_LENGTH + 1] = LABEL;
	size_t length;

	length = LABEL_LENGTH + message_get(&last, text + LABEL_LENGTH);
	text[length++] = '\n';
	return copy_text_to_iter(text, length, iocb, to);
}

static ssize_t sleep_write(struct file *file, const char __user *buf,
			   size_t count, loff_t *ppos)
{
	*ppos = 0;
	return message_take(&last, buf, count);
}

static loff_t sleep_lseek(struct file *file, loff_t offset, int whence)
{
	size_t length;

	mutex_lock(&last.lock);
	length = LABEL_LENGTH + last.length + 1;
	mutex_unlock(&last.lock);
	return generic_file_llseek_size(file, offset, whence, OFFSET_MAX, length);
}

static const struct proc_ops sleep_ops = {
	.proc_open	= sleep_open,
	.proc_release	= sleep_release,
	.proc_read_iter	= sleep_read_iter,
	.proc_write	= sleep_write,
	.proc_lseek	= sleep_lseek,
};

static int __init sleep_init(void)
{
	entry = proc_create("sleep_c", 0644, NULL, &sleep_ops);
	return entry ? 0 : -ENOMEM;
}

static void __exit sleep_exit(void)
{
	proc_remove(entry);
}

module_init(sleep_init);
module_exit(sleep_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("A file in /proc that puts all but one opener to sleep");
MODULE_LICENSE("GPL");
