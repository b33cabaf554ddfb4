// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two threads add 1 to a variable a million times each, without a lock. Both read
 * the same value now and then, and then both write the next one: one of them is lost.
 *
 *	insmod lost_count.ko		# in a VM with two processors
 */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/module.h>

#define TIMES	1000000

static unsigned long count;
static DECLARE_COMPLETION(ended);

// ANCHOR: add
static int lost_count_add(void *unused)
{
	for (unsigned int n = 0; n < TIMES; n++)
		WRITE_ONCE(count, READ_ONCE(count) + 1);
	/* When this is told, the module may go: the thread must not come back to it. */
	kthread_complete_and_exit(&ended, 0);
}
// ANCHOR_END: add

static int __init lost_count_init(void)
{
	struct task_struct *tasks[2];

	for (int n = 0; n < 2; n++) {
		tasks[n] = kthread_run(lost_count_add, NULL, "lost_count/%d", n);
		if (IS_ERR(tasks[n])) {
			while (n--)
				wait_for_completion(&ended);
			return -ENOMEM;
		}
	}
	wait_for_completion(&ended);
	wait_for_completion(&ended);
	pr_info("lost_count: %lu of %u\n", count, 2 * TIMES);
	return 0;
}

static void __exit lost_count_exit(void)
{
}

module_init(lost_count_init);
module_exit(lost_count_exit);

MODULE_DESCRIPTION("Two threads and a variable without a lock");
MODULE_LICENSE("GPL");
