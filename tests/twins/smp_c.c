// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of samples/13-smp/smp.rs: five ways for several CPUs to count
 * together.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/cpu.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/proc_fs.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

static unsigned int increments = 1000000;
module_param(increments, uint, 0444);
MODULE_PARM_DESC(increments, "How often each CPU adds 1 to each counter");

static DEFINE_MUTEX(mutex);
static u64 with_mutex;

static int mutex_add(unsigned int times)
{
	while (times--) {
		mutex_lock(&mutex);
		with_mutex++;
		mutex_unlock(&mutex);
	}
	return 0;
}

static u64 mutex_sum(void)
{
	u64 sum;

	mutex_lock(&mutex);
	sum = with_mutex;
	mutex_unlock(&mutex);
	return sum;
}

static DEFINE_SPINLOCK(spinlock);
static u64 with_spinlock;

static int spinlock_add(unsigned int times)
{
	while (times--) {
		spin_lock(&spinlock);
		with_spinlock++;
		spin_unlock(&spinlock);
	}
	return 0;
}

static u64 spinlock_sum(void)
{
	u64 sum;

	spin_lock(&spinlock);
	sum = with_spinlock;
	spin_unlock(&spinlock);
	return sum;
}

static atomic64_t atomic;

static int atomic_add_times(unsigned int times)
{
	while (times--)
		atomic64_inc(&atomic);
	return 0;
}

static u64 atomic_sum(void)
{
	return atomic64_read(&atomic);
}

static DEFINE_PER_CPU(u64, per_cpu_count);

static int per_cpu_add(unsigned int times)
{
	while (times--)
		this_cpu_inc(per_cpu_count);
	return 0;
}

static u64 per_cpu_sum(void)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(per_cpu_count, cpu));
	return sum;
}

struct counted {
	u64 value;
};

static struct counted __rcu *current_count;

static int rcu_add(unsigned int times)
{
	struct counted *old, *new;

	new = kmalloc(sizeof(*new), GFP_KERNEL);
	if (!new)
		return -ENOMEM;
	rcu_read_lock();
	do {
		old = rcu_dereference(current_count);
		new->value = old->value + times;
	} while (cmpxchg(&current_count, RCU_INITIALIZER(old),
			 RCU_INITIALIZER(new)) != RCU_INITIALIZER(old));
	rcu_read_unlock();
	synchronize_rcu();
	kfree(old);
	return 0;
}

static u64 rcu_sum(void)
{
	u64 sum;

	rcu_read_lock();
	sum = rcu_dereference(current_count)->value;
	rcu_read_unlock();
	return sum;
}

/* A way to count, and what the threads took together, in nanoseconds. */
static struct kind {
	const char *name;
	int (*add)(unsigned int times);
	u64 (*sum)(void);
	atomic64_t spent;
} kinds[] = {
	{ "Mutex", mutex_add, mutex_sum },
	{ "SpinLock", spinlock_add, spinlock_sum },
	{ "atomic", atomic_add_times, atomic_sum },
	{ "per-CPU", per_cpu_add, per_cpu_sum },
	{ "RCU", rcu_add, rcu_sum },
};

/* Where the threads wait for each other, so that all are at the same counter. */
static DEFINE_SPINLOCK(line);
static DECLARE_WAIT_QUEUE_HEAD(go);
static unsigned int threads;
static unsigned int arrived;

static struct task_struct *tasks[NR_CPUS];
static struct proc_dir_entry *entry;

static bool all_here(unsigned int through)
{
	bool ret;

	spin_lock(&line);
	ret = threads && arrived >= through * threads;
	spin_unlock(&line);
	return ret;
}

static int race(void)
{
	for (unsigned int n = 0; n < ARRAY_SIZE(kinds); n++) {
		unsigned int left = increments;
		ktime_t start;
		int err;

		wait_event_interruptible(go, all_here(n) || kthread_should_stop());
		start = ktime_get();
		while (left) {
			unsigned int times = min(left, 10000);

			if (kthread_should_stop())
				return 0;
			err = kinds[n].add(times);
			if (err)
				return err;
			left -= times;
			schedule();
		}
		atomic64_add(ktime_to_ns(ktime_sub(ktime_get(), start)),
			     &kinds[n].spent);
		spin_lock(&line);
		arrived++;
		spin_unlock(&line);
		wake_up_all(&go);
	}
	return 0;
}

static int smp_thread(void *cpu)
{
	int err = race();

	if (err)
		pr_alert("CPU %ld gave up: %pe\n", (long)cpu, ERR_PTR(err));
	return 0;
}

static int smp_show(struct seq_file *seq, void *unused)
{
	u64 expected;
	bool done;

	/* Asked first, so that what is done shows all of its counts. */
	spin_lock(&line);
	expected = (u64)threads * increments;
	done = threads && arrived == ARRAY_SIZE(kinds) * threads;
	spin_unlock(&line);

	seq_puts(seq, "counter       count   expected  ns each\n");
	for (unsigned int n = 0; n < ARRAY_SIZE(kinds); n++) {
		u64 each = div64_u64(atomic64_read(&kinds[n].spent),
				     max(expected, 1));

		seq_printf(seq, "%-8s %10llu %10llu %8llu\n", kinds[n].name,
			   kinds[n].sum(), expected, each);
	}
	seq_printf(seq, "%s\n", done ? "done" : "counting");
	return 0;
}

static void stop_threads(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		if (tasks[cpu])
			kthread_stop_put(tasks[cpu]);
	kfree(rcu_dereference_protected(current_count, true));
}

static int start_threads(void)
{
	unsigned int count = 0;
	struct counted *node;
	int cpu;

	node = kzalloc(sizeof(*node), GFP_KERNEL);
	if (!node)
		return -ENOMEM;
	RCU_INIT_POINTER(current_count, node);

	cpus_read_lock();
	for_each_online_cpu(cpu) {
		struct task_struct *task;

		task = kthread_create_on_cpu(smp_thread, (void *)(long)cpu, cpu,
					     KBUILD_MODNAME "/%u");
		if (IS_ERR(task)) {
			cpus_read_unlock();
			stop_threads();
			return PTR_ERR(task);
		}
		tasks[cpu] = get_task_struct(task);
		count++;
	}
	for_each_online_cpu(cpu)
		wake_up_process(tasks[cpu]);
	cpus_read_unlock();

	spin_lock(&line);
	threads = count;
	spin_unlock(&line);
	wake_up_all(&go);
	return 0;
}

static int __init smp_c_init(void)
{
	int err;

	err = start_threads();
	if (err)
		return err;
	entry = proc_create_single("smp_c", 0444, NULL, smp_show);
	if (!entry) {
		stop_threads();
		return -ENOMEM;
	}
	return 0;
}

static void __exit smp_c_exit(void)
{
	proc_remove(entry);
	stop_threads();
}

module_init(smp_c_init);
module_exit(smp_c_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("Five ways for several CPUs to count together");
MODULE_LICENSE("GPL");
