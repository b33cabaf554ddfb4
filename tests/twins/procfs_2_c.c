// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of samples/06-proc-input/procfs_2.rs: a file in /proc that takes
 * input.
 */
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "message.h"

#define LABEL	"Last input:"
#define LABEL_LENGTH	(sizeof(LABEL) - 1)

/* An open file: what its reader is being shown. */
struct session {
	struct mutex lock;
	size_t length;
	char shown[LABEL_LENGTH + MESSAGE_LENGTH];
};

static struct message last = {
	.lock = __MUTEX_INITIALIZER(last.lock),
};

static struct proc_dir_entry *entry;

static int procfs_2_open(struct inode *inode, struct file *file)
{
	struct session *session;

	session = kzalloc(sizeof(*session), GFP_KERNEL);
	if (!session)
		return -ENOMEM;
	if (!try_module_get(THIS_MODULE)) {
		kfree(session);
		return -ENODEV;
	}
	mutex_init(&session->lock);
	memcpy(session->shown, LABEL, LABEL_LENGTH);
	file->private_data = session;
	return 0;
}

static int procfs_2_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	module_put(THIS_MODULE);
	return 0;
}

static void take_snapshot(struct session *session)
{
	session->length = LABEL_LENGTH +
		message_get(&last, session->shown + LABEL_LENGTH);
}

static ssize_t procfs_2_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct session *session = iocb->ki_filp->private_data;
	ssize_t ret;

	mutex_lock(&session->lock);
	if (iocb->ki_pos == 0 || !session->length)
		take_snapshot(session);
	ret = copy_text_to_iter(session->shown, session->length, iocb, to);
	mutex_unlock(&session->lock);
	return ret;
}

static ssize_t procfs_2_write(struct file *file, const char __user *buf,
			      size_t count, loff_t *ppos)
{
	*ppos = 0;
	return message_take(&last, buf, count);
}

static loff_t procfs_2_lseek(struct file *file, loff_t offset, int whence)
{
	struct session *session = file->private_data;
	size_t length;

	mutex_lock(&session->lock);
	if (!session->length)
		take_snapshot(session);
	length = session->length;
	mutex_unlock(&session->lock);
	return generic_file_llseek_size(file, offset, whence, OFFSET_MAX, length);
}

static const struct proc_ops procfs_2_ops = {
	.proc_open	= procfs_2_open,
	.proc_release	= procfs_2_release,
	.proc_read_iter	= procfs_2_read_iter,
	.proc_write	= procfs_2_write,
	.proc_lseek	= procfs_2_lseek,
};

static int __init procfs_2_init(void)
{
	entry = proc_create("rw_test_c", 0644, NULL, &procfs_2_ops);
	return entry ? 0 : -ENOMEM;
}

static void __exit procfs_2_exit(void)
{
	proc_remove(entry);
}

module_init(procfs_2_init);
module_exit(procfs_2_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("A file in /proc that takes input");
MODULE_LICENSE("GPL");
