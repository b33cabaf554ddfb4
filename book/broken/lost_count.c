// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two threads add 1 to a variable ten million times each, without a lock. Both read
 * the same value now and then, and then both write the next one: one of them is lost.
 *
 *	insmod lost_count.ko		# in a VM with two processors
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

#define TIMES	10000000

static unsigned long count;
static atomic_t started;
static DECLARE_COMPLETION(ended);

// ANCHOR: add
static noinline unsigned long plus_one(unsigned long number)
{
	return number + 1;
}

static int lost_count_add(void *unused)
{
	/* Both at the same time. */
	atomic_inc(&started);
	while (atomic_read(&started) < 2)
		schedule();

	for (unsigned int n = 0; n < TIMES; n++)
		WRITE_ONCE(count, plus_one(READ_ONCE(count)));
	/* When this is told, the module may go: the thread must not come back to it. */
	kthread_complete_and_exit(&ended, 0);
}
// ANCHOR_END: add

static int __init lost_count_init(void)
{
	struct task_struct *task;

	if (!cpu_online(1)) {
		pr_err("lost_count: this takes two processors\n");
		return -ENODEV;
	}
	for (int cpu = 0; cpu < 2; cpu++) {
		task = kthread_run_on_cpu(lost_count_add, NULL, cpu, "lost_count/%u");
		if (IS_ERR(task)) {
			/* The first one need not wait for the second. */
			atomic_set(&started, 2);
			if (cpu)
				wait_for_completion(&ended);
			return PTR_ERR(task);
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
