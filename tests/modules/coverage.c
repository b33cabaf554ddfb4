// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps what `make coverage` has the modules' code count, when they go. For each
 * counter that is not zero, /sys/kernel/debug/coverage has a line of the tests'
 * tally: the module, the counter's place among its others, and its value.
 */

#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

struct counters {
	struct list_head list;
	char module[MODULE_NAME_LEN];
	size_t count;
	u64 values[] __counted_by(count);
};

static LIST_HEAD(all);
static DEFINE_MUTEX(lock);

/* Where a section of a module is. Only files tell. */
static u64 *section(const struct module *module, const char *name)
{
	char path[MODULE_NAME_LEN + 64], text[24] = "";
	unsigned long address;
	struct file *file;
	loff_t pos = 0;
	ssize_t length;

	snprintf(path, sizeof(path), "/sys/module/%s/sections/%s", module->name, name);
	file = filp_open(path, O_RDONLY, 0);
	if (IS_ERR(file))
		return NULL;
	length = kernel_read(file, text, sizeof(text) - 1, &pos);
	filp_close(file, NULL);
	if (length <= 0 || kstrtoul(text, 16, &address))
		return NULL;
	return (u64 *)address;
}

static struct counters *counters_of(const char *module, size_t count)
{
	struct counters *it;

	list_for_each_entry(it, &all, list) {
		if (!strcmp(it->module, module))
			return it->count == count ? it : NULL;
	}
	it = kvzalloc(struct_size(it, values, count), GFP_KERNEL);
	if (!it)
		return NULL;
	it->count = count;
	strscpy(it->module, module);
	list_add_tail(&it->list, &all);
	return it;
}

static int module_changes(struct notifier_block *block, unsigned long state, void *data)
{
	const struct module *module = data;
	struct counters *counters;
	u64 *start, *end;
	size_t i;

	if (state != MODULE_STATE_GOING)
		return NOTIFY_DONE;
	/* The counters are followed by what describes them. */
	start = section(module, "__llvm_prf_cnts");
	end = section(module, "__llvm_prf_data");
	if (!start || end <= start)
		return NOTIFY_DONE;
	guard(mutex)(&lock);
	counters = counters_of(module->name, end - start);
	for (i = 0; counters && i < counters->count; i++)
		counters->values[i] += READ_ONCE(start[i]);
	return NOTIFY_OK;
}

static struct notifier_block notifier = { .notifier_call = module_changes };

static int coverage_show(struct seq_file *file, void *unused)
{
	struct counters *it;
	size_t i;

	guard(mutex)(&lock);
	list_for_each_entry(it, &all, list) {
		for (i = 0; i < it->count; i++)
			if (it->values[i])
				seq_printf(file, "%s\tcounter %zu\t%llu\n",
					   it->module, i, it->values[i]);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(coverage);

/* Without an exit it stays. */
static int __init coverage_init(void)
{
	debugfs_create_file("coverage", 0444, NULL, NULL, &coverage_fops);
	return register_module_notifier(&notifier);
}
module_init(coverage_init);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("Keeps what modules count of their code, for `make coverage`");
MODULE_LICENSE("GPL");
