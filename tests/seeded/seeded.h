/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/seeded_FAULT keeps what was written to it. FAULT says what is wrong.
 */

#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

enum fault { none, leak, uaf, owner, sleep, unchecked, off_by_one };

#define SIZE 64

struct state {
	struct mutex lock;
	spinlock_t length_lock;
	size_t length;
	char *text;
};

static struct state *state;

static ssize_t seeded_read(struct file *file, char __user *to, size_t count, loff_t *pos)
{
	guard(mutex)(&state->lock);
	return simple_read_from_buffer(to, count, pos, state->text, state->length);
}

static ssize_t seeded_write(struct file *file, const char __user *from, size_t count, loff_t *pos)
{
	char *text;

	count = min_t(size_t, count, FAULT == off_by_one ? SIZE : SIZE - 1);
	text = kzalloc(SIZE, GFP_KERNEL);
	if (!text)
		return -ENOMEM;
	if (copy_from_user(text, from, count) && FAULT != unchecked) {
		kfree(text);
		return -EFAULT;
	}
	/* Of the last byte that there is, or of the one behind it. */
	text[count] = '\0';
	guard(mutex)(&state->lock);
	if (FAULT == sleep) {
		/* ANCHOR: sleep */
		spin_lock(&state->length_lock);
		kfree(state->text);
		state->text = kmemdup(text, SIZE, GFP_KERNEL);
		state->length = state->text ? count : 0;
		spin_unlock(&state->length_lock);
		/* ANCHOR_END: sleep */
		kfree(text);
		return count;
	}
	kfree(state->text);
	state->text = text;
	state->length = count;
	return count;
}

static const struct file_operations seeded_fops = {
	.owner	= FAULT == owner ? NULL : THIS_MODULE,
	.read	= seeded_read,
	.write	= seeded_write,
};

static struct miscdevice seeded_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= KBUILD_MODNAME,
	.fops	= &seeded_fops,
};

static int __init seeded_init(void)
{
	int ret = -ENOMEM;

	state = kzalloc(sizeof(*state), GFP_KERNEL);
	if (!state)
		return ret;
	mutex_init(&state->lock);
	spin_lock_init(&state->length_lock);
	state->text = kzalloc(SIZE, GFP_KERNEL);
	if (!state->text)
		goto free_state;
	ret = misc_register(&seeded_device);
	if (ret)
		goto free_text;
	return 0;

free_text:
	if (FAULT != leak)
		kfree(state->text);
free_state:
	kfree(state);
	return ret;
}
module_init(seeded_init);

static void __exit seeded_exit(void)
{
	if (FAULT == uaf)
		kfree(state->text);
	misc_deregister(&seeded_device);
	if (FAULT == uaf && state->text[0])
		pr_info("it was not empty\n");
	if (FAULT != uaf)
		kfree(state->text);
	kfree(state);
}
module_exit(seeded_exit);

MODULE_DESCRIPTION("A character device with a fault that is known");
MODULE_LICENSE("GPL");
