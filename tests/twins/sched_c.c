// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of samples/11-scheduling/sched.rs: a function that is called at
 * every tick.
 */
#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/timer.h>

static atomic64_t calls;
static struct timer_list timer;
static struct proc_dir_entry *entry;

// ANCHOR: timer
static void sched_expired(struct timer_list *unused)
{
	atomic64_inc(&calls);
	mod_timer(&timer, jiffies + 1);
}
// ANCHOR_END: timer

static int sched_show(struct seq_file *seq, void *unused)
{
	seq_printf(seq, "Timer called %llu times so far\n",
		   (u64)atomic64_read(&calls));
	return 0;
}

// ANCHOR: init
static int __init sched_init(void)
{
	entry = proc_create_single("sched_c", 0444, NULL, sched_show);
	if (!entry)
		return -ENOMEM;
	timer_setup(&timer, sched_expired, 0);
	mod_timer(&timer, jiffies + 1);
	return 0;
}

static void __exit sched_exit(void)
{
	proc_remove(entry);
	timer_shutdown_sync(&timer);
}
// ANCHOR_END: init

module_init(sched_init);
module_exit(sched_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("A function that the clock calls again and again");
MODULE_LICENSE("GPL");
