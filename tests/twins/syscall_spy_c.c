// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of samples/08-system-calls/syscall_spy.rs: logs the files that a user
 * opens.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/cred.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/mm.h>
#include <linux/ptrace.h>
#include <linux/string.h>
#include <linux/string_helpers.h>
#include <linux/uaccess.h>
#include <linux/uidgid.h>

static unsigned int uid;
module_param(uid, uint, 0444);
MODULE_PARM_DESC(uid, "The user to spy on, in the initial user namespace");

static atomic64_t opens;
static struct dentry *directory;

/* Copies a part of the path, which may end just before memory that is not there. */
static int copy_part(char *to, size_t room, const char *from, size_t *length)
{
	size_t done = 0;

	while (done < room) {
		size_t n = min(room - done, PAGE_SIZE - offset_in_page(from + done));
		size_t part;

		if (copy_from_kernel_nofault(to + done, from + done, n))
			return -EFAULT;
		part = strnlen(to + done, n);
		done += part;
		if (part < n)
			break;
	}
	*length = done;
	return 0;
}

/* Logs a path, in as many lines as it takes. */
static void report(struct filename *filename)
{
	const char *dots = "";
	char escaped[4 * 240 + 1];
	char room[240];
	const char *name;
	size_t length;
	int err;

	err = PTR_ERR_OR_ZERO(filename);
	if (!err && get_kernel_nofault(name, &filename->name))
		err = -EFAULT;
	do {
		if (!err)
			err = copy_part(room, sizeof(room), name, &length);
		if (!err && !length && *dots)
			return;
		if (err) {
			pr_info("Opened file by %u: <%pe>\n", uid, ERR_PTR(err));
			return;
		}
		escaped[string_escape_mem(room, length, escaped, sizeof(escaped) - 1,
					  ESCAPE_SPACE | ESCAPE_HEX | ESCAPE_NAP,
					  NULL)] = '\0';
		pr_info("Opened file by %u: %s%s\n", uid, dots, escaped);
		dots = "...";
		name += length;
	} while (length == sizeof(room));
}

// ANCHOR: entered
static int entered(struct kprobe *probe, struct pt_regs *regs)
{
	if (__kuid_val(current_uid()) == uid) {
		atomic64_inc(&opens);
		report((struct filename *)regs_get_kernel_argument(regs, 1));
	}
	return 0;
}

static struct kprobe probe = {
	.symbol_name	= "do_file_open",
	.pre_handler	= entered,
};
// ANCHOR_END: entered

static int __init syscall_spy_c_init(void)
{
	int err;

	directory = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_u64("opens", 0444, directory, (u64 *)&opens.counter);
	err = register_kprobe(&probe);
	if (err) {
		pr_alert("Sorry, no probe on do_file_open: %pe\n", ERR_PTR(err));
		debugfs_remove(directory);
		return err;
	}
	pr_info("Spying on UID:%u\n", uid);
	return 0;
}

static void __exit syscall_spy_c_exit(void)
{
	unregister_kprobe(&probe);
	debugfs_remove(directory);
	pr_info("Saw %llu opens by UID:%u, missed %lu of all\n",
		(u64)atomic64_read(&opens), uid, probe.nmissed);
}

module_init(syscall_spy_c_init);
module_exit(syscall_spy_c_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("Logs the files that a user opens");
MODULE_LICENSE("GPL");
MODULE_ALIAS("syscall_c");
