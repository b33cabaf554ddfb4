/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What procfs_2_c, ioctl_c and sleep_c have in common: a message that is
 * replaced by what a process writes. MESSAGE_LENGTH is the includer's.
 */
#ifndef LKMPG_MESSAGE_H
#define LKMPG_MESSAGE_H

#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#ifndef MESSAGE_LENGTH
#define MESSAGE_LENGTH	79
#endif

struct message {
	struct mutex lock;
	size_t length;
	char text[MESSAGE_LENGTH];
};

/* Copies the message, and returns its length. */
static inline size_t message_get(struct message *message, char *text)
{
	size_t length;

	mutex_lock(&message->lock);
	length = message->length;
	memcpy(text, message->text, length);
	mutex_unlock(&message->lock);
	return length;
}

static inline void message_set(struct message *message, const char *text,
			       size_t length)
{
	mutex_lock(&message->lock);
	memcpy(message->text, text, length);
	message->length = length;
	mutex_unlock(&message->lock);
}

/*
 * Takes what a process writes, and drops what does not fit: a process that is
 * told of less would write the rest.
 */
/* ANCHOR: take */
static inline ssize_t message_take(struct message *message,
				   const char __user *buf, size_t count)
{
	size_t length = min_t(size_t, count, MESSAGE_LENGTH);
	char text[MESSAGE_LENGTH];

	if (copy_from_user(text, buf, length))
		return -EFAULT;
	message_set(message, text, length);
	return count;
}
/* ANCHOR_END: take */

/* The same for a file that is written with an iterator. */
static inline ssize_t message_take_iter(struct message *message,
					struct iov_iter *from)
{
	size_t count = iov_iter_count(from);
	size_t length = min_t(size_t, count, MESSAGE_LENGTH);
	char text[MESSAGE_LENGTH];

	if (copy_from_iter(text, length, from) != length)
		return -EFAULT;
	message_set(message, text, length);
	return count;
}

/* What simple_read_from_buffer() is for read(). */
static inline ssize_t copy_text_to_iter(const char *text, size_t length,
					struct kiocb *iocb, struct iov_iter *to)
{
	loff_t pos = iocb->ki_pos;
	size_t copied;

	if (pos < 0)
		return -EINVAL;
	if (pos >= length || !iov_iter_count(to))
		return 0;
	copied = copy_to_iter(text + pos, length - pos, to);
	if (!copied)
		return -EFAULT;
	iocb->ki_pos += copied;
	return copied;
}

#endif
