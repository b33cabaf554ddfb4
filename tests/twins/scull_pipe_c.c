// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of samples/19-scull/scull_pipe.rs: a pipe with two wait queues.
 */
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/wait.h>

static int set_size(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 1, 1 << 20);
}

static const struct kernel_param_ops size_ops = {
	.set	= set_size,
	.get	= param_get_uint,
};

static unsigned int size = 4000;
module_param_cb(size, &size_ops, &size, 0444);
MODULE_PARM_DESC(size, "How many bytes the pipe holds, up to 1048576");

/* Bytes in a ring: used of them from start on. */
static char *bytes;
static size_t start, used;
static DEFINE_MUTEX(lock);

static DECLARE_WAIT_QUEUE_HEAD(readable);
static DECLARE_WAIT_QUEUE_HEAD(writable);
static struct fasync_struct *subscribers;

/* Takes the lock when there is something to read. */
static int lock_readable(struct file *file)
{
	for (;;) {
		mutex_lock(&lock);
		if (used)
			return 0;
		mutex_unlock(&lock);
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(readable, READ_ONCE(used)))
			return -ERESTARTSYS;
	}
}

/* Takes the lock when there is room. */
static int lock_writable(struct file *file)
{
	for (;;) {
		mutex_lock(&lock);
		if (used < size)
			return 0;
		mutex_unlock(&lock);
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(writable, READ_ONCE(used) < size))
			return -ERESTARTSYS;
	}
}

static ssize_t scull_pipe_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	size_t copied;
	int err;

	if (!iov_iter_count(to))
		return 0;
	err = lock_readable(iocb->ki_filp);
	if (err)
		return err;
	copied = copy_to_iter(bytes + start, min(used, size - start), to);
	start = (start + copied) % size;
	used -= copied;
	mutex_unlock(&lock);
	if (!copied)
		return -EFAULT;
	wake_up_interruptible_all(&writable);
	kill_fasync(&subscribers, SIGIO, POLL_OUT);
	return copied;
}

static ssize_t scull_pipe_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	size_t copied, end;
	int err;

	if (!iov_iter_count(from))
		return 0;
	err = lock_writable(iocb->ki_filp);
	if (err)
		return err;
	end = (start + used) % size;
	copied = copy_from_iter(bytes + end, min(size - used, size - end), from);
	used += copied;
	mutex_unlock(&lock);
	if (!copied)
		return -EFAULT;
	wake_up_interruptible_all(&readable);
	kill_fasync(&subscribers, SIGIO, POLL_IN);
	return copied;
}

static __poll_t scull_pipe_poll(struct file *file, poll_table *table)
{
	__poll_t events = 0;

	poll_wait(file, &readable, table);
	poll_wait(file, &writable, table);
	mutex_lock(&lock);
	if (used)
		events |= EPOLLIN | EPOLLRDNORM;
	if (used < size)
		events |= EPOLLOUT | EPOLLWRNORM;
	mutex_unlock(&lock);
	return events;
}

static int scull_pipe_fasync(int fd, struct file *file, int on)
{
	return fasync_helper(fd, file, on, &subscribers);
}

static int scull_pipe_open(struct inode *inode, struct file *file)
{
	return stream_open(inode, file);
}

static int scull_pipe_release(struct inode *inode, struct file *file)
{
	scull_pipe_fasync(-1, file, 0);
	return 0;
}

static const struct file_operations scull_pipe_fops = {
	.owner		= THIS_MODULE,
	.open		= scull_pipe_open,
	.release	= scull_pipe_release,
	.read_iter	= scull_pipe_read_iter,
	.write_iter	= scull_pipe_write_iter,
	.poll		= scull_pipe_poll,
	.fasync		= scull_pipe_fasync,
};

static struct miscdevice device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "scull_pipe_c",
	.mode	= 0666,
	.fops	= &scull_pipe_fops,
};

static int __init scull_pipe_init(void)
{
	int err;

	bytes = kvzalloc(size, GFP_KERNEL);
	if (!bytes)
		return -ENOMEM;
	err = misc_register(&device);
	if (err)
		kvfree(bytes);
	return err;
}

static void __exit scull_pipe_exit(void)
{
	misc_deregister(&device);
	kvfree(bytes);
}

module_init(scull_pipe_init);
module_exit(scull_pipe_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("A pipe with two wait queues");
MODULE_LICENSE("GPL");
