// SPDX-License-Identifier: GPL-2.0-only
/*
 * A timer that nobody stops: it is still in the kernel's list when its memory is gone.
 *
 *	insmod late_timer.ko; rmmod late_timer; sleep 3
 */
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/timer.h>

static void late_timer_expired(struct timer_list *timer)
{
	mod_timer(timer, jiffies + HZ / 10);
}

static DEFINE_TIMER(late_timer, late_timer_expired);

static int __init late_timer_init(void)
{
	mod_timer(&late_timer, jiffies + HZ / 10);
	return 0;
}

// ANCHOR: exit
static void __exit late_timer_exit(void)
{
	/* timer_shutdown_sync(&late_timer) is missing. */
}
// ANCHOR_END: exit

module_init(late_timer_init);
module_exit(late_timer_exit);

MODULE_DESCRIPTION("A timer that nobody stops");
MODULE_LICENSE("GPL");
