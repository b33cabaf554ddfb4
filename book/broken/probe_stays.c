// SPDX-License-Identifier: GPL-2.0-only
/*
 * A probe that nobody takes back: the kernel calls its handler when the module has gone.
 *
 *	insmod probe_stays.ko; rmmod probe_stays; cat /etc/group
 */
#include <linux/kprobes.h>
#include <linux/module.h>

static int stays_entered(struct kprobe *probe, struct pt_regs *regs)
{
	return 0;
}

static struct kprobe stays_probe = {
	.symbol_name = "do_file_open",
	.pre_handler = stays_entered,
};

static int __init stays_init(void)
{
	return register_kprobe(&stays_probe);
}

// ANCHOR: exit
static void __exit stays_exit(void)
{
	/* unregister_kprobe(&stays_probe) is missing. */
}
// ANCHOR_END: exit

module_init(stays_init);
module_exit(stays_exit);

MODULE_DESCRIPTION("A probe that nobody takes back");
MODULE_LICENSE("GPL");
