// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does what no module may do and safe Rust cannot, to see that the tests would
 * notice if the support crate did. crash.rs does the rest.
 *
 *	insmod crash_c.ko how=1
 */

#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/wait.h>

static int how;
module_param(how, int, 0);
MODULE_PARM_DESC(how, "1: uses freed memory, 2: unregisters twice, 3: loses a wake-up");

static int use_after_free(void)
{
	int *memory = kzalloc(sizeof(*memory), GFP_KERNEL);

	if (!memory)
		return -ENOMEM;
	kfree(memory);
	pr_info("%d\n", READ_ONCE(*memory));
	return 0;
}

static const struct file_operations nothing = { .owner = THIS_MODULE };

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "crash_c",
	.fops = &nothing,
};

static int unregister_twice(void)
{
	int ret = misc_register(&device);

	if (ret)
		return ret;
	misc_deregister(&device);
	misc_deregister(&device);
	return 0;
}

static DECLARE_WAIT_QUEUE_HEAD(queue);
static DECLARE_COMPLETION(looked);
static DECLARE_COMPLETION(woken);
static bool ready;

static int wake(void *unused)
{
	wait_for_completion(&looked);
	WRITE_ONCE(ready, true);
	wake_up(&queue);
	complete(&woken);
	return 0;
}

/* Looks first, and joins the queue when the one who wakes it is through. */
static int lose_wake_up(void)
{
	struct task_struct *waker;
	DEFINE_WAIT(entry);

	waker = kthread_run(wake, NULL, "crash_c");
	if (IS_ERR(waker))
		return PTR_ERR(waker);
	if (!READ_ONCE(ready)) {
		complete(&looked);
		wait_for_completion(&woken);
		prepare_to_wait(&queue, &entry, TASK_UNINTERRUPTIBLE);
		schedule();
		finish_wait(&queue, &entry);
	}
	return 0;
}

static int __init crash_init(void)
{
	switch (how) {
	case 1:
		return use_after_free();
	case 2:
		return unregister_twice();
	case 3:
		return lose_wake_up();
	default:
		return -EINVAL;
	}
}
module_init(crash_init);

static void __exit crash_exit(void)
{
}
module_exit(crash_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("Does what no module may do and safe Rust cannot");
MODULE_LICENSE("GPL");
