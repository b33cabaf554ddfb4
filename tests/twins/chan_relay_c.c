// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of samples/18-channels/chan_relay.rs: relay's rings, and a file to
 * control them. As there, a lock keeps writers, readers and flushes of one ring
 * apart: relay's own read() can skip a sub-buffer that a writer just finishes.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/kstrtox.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/relay.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>

static unsigned long subbuffer_size = 16384;
module_param(subbuffer_size, ulong, 0444);
MODULE_PARM_DESC(subbuffer_size, "Bytes in a sub-buffer");

static unsigned long subbuffers = 8;
module_param(subbuffers, ulong, 0444);
MODULE_PARM_DESC(subbuffers, "Sub-buffers for each CPU");

static bool overwrite;
module_param(overwrite, bool, 0444);
MODULE_PARM_DESC(overwrite, "Keep the newest events rather than the oldest when a buffer is full");

struct event {
	u64 number;
	u32 source;
	u32 check;
};

struct ring {
	raw_spinlock_t lock;
	struct rchan_buf *buf;
	u64 lost;
	u64 overwritten;
};

static DEFINE_PER_CPU(struct ring, rings);
static struct rchan *channel;
static struct dentry *directory;

static int ring_write(const void *data, size_t length)
{
	struct ring *ring = raw_cpu_ptr(&rings);
	struct rchan_buf *buf = ring->buf;
	unsigned long flags;
	int err = 0;

	if (length > subbuffer_size)
		return -EMSGSIZE;

	raw_spin_lock_irqsave(&ring->lock, flags);
	if (buf->offset + length > subbuffer_size &&
	    relay_switch_subbuf(buf, length) != length) {
		ring->lost++;
		err = -ENOSPC;
	} else {
		memcpy(buf->data + buf->offset, data, length);
		buf->offset += length;
	}
	raw_spin_unlock_irqrestore(&ring->lock, flags);
	return err;
}

static void flush(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		struct ring *ring = per_cpu_ptr(&rings, cpu);
		struct rchan_buf *buf = ring->buf;

		if (!buf)
			continue;
		guard(raw_spinlock_irqsave)(&ring->lock);
		/* An offset beyond the end says that the ring is full. */
		if (buf->offset && buf->offset <= subbuffer_size)
			relay_switch_subbuf(buf, 0);
	}
}

/* poll() looks at the count without the lock. */
static void advance(struct rchan_buf *buf, size_t subbuf, size_t bytes)
{
	WRITE_ONCE(buf->subbufs_consumed, subbuf);
	buf->bytes_consumed = bytes;
}

static int consume(u64 cpu, u64 count)
{
	struct ring *ring;

	if (cpu >= nr_cpu_ids || !cpu_possible(cpu))
		return -ENODEV;
	ring = per_cpu_ptr(&rings, cpu);
	if (!ring->buf)
		return -ENODEV;

	guard(raw_spinlock_irqsave)(&ring->lock);
	if (count > ring->buf->subbufs_produced - ring->buf->subbufs_consumed)
		return -EINVAL;
	advance(ring->buf, ring->buf->subbufs_consumed + count, 0);
	return 0;
}

/* A part of a sub-buffer that no reader has seen. */
struct piece {
	size_t subbuf;
	size_t start;
	size_t length;
	void *address;
};

static bool next_piece(struct ring *ring, struct piece *piece)
{
	struct rchan_buf *buf = ring->buf;

	guard(raw_spinlock_irqsave)(&ring->lock);
	for (;;) {
		size_t produced = buf->subbufs_produced;
		size_t subbuf = buf->subbufs_consumed;
		size_t start = buf->bytes_consumed;
		size_t index, end;

		if (overwrite && produced - subbuf >= subbuffers) {
			/* The oldest that is not being overwritten. */
			subbuf = produced - subbuffers + 1;
			start = 0;
		}
		index = subbuf % subbuffers;
		if (subbuf != produced)
			end = subbuffer_size - buf->padding[index];
		else if (buf->offset <= subbuffer_size)
			end = buf->offset;
		else
			end = 0;

		if (start < end) {
			piece->subbuf = subbuf;
			piece->start = start;
			piece->length = end - start;
			piece->address = buf->start + index * subbuffer_size + start;
			return true;
		}
		if (subbuf == produced)
			return false;
		advance(buf, subbuf + 1, 0);
	}
}

/* Unless it was overwritten or given back meanwhile. */
static bool take_piece(struct ring *ring, const struct piece *piece, size_t length)
{
	struct rchan_buf *buf = ring->buf;
	size_t end = piece->start + length;

	guard(raw_spinlock_irqsave)(&ring->lock);
	if (overwrite && buf->subbufs_produced - piece->subbuf >= subbuffers)
		return false;
	if (buf->subbufs_consumed > piece->subbuf)
		return false;
	if (piece->subbuf != buf->subbufs_produced &&
	    end + buf->padding[piece->subbuf % subbuffers] == subbuffer_size)
		advance(buf, piece->subbuf + 1, 0);
	else
		advance(buf, piece->subbuf, end);
	return true;
}

static ssize_t ring_read(struct file *file, char __user *to, size_t count, loff_t *pos)
{
	struct rchan_buf *buf = file->private_data;
	struct ring *ring = per_cpu_ptr(&rings, buf->cpu);
	struct piece piece;
	size_t done = 0;
	bool fault = false;

	/* One reads at a time. */
	if (inode_lock_killable(file_inode(file)))
		return -EINTR;
	while (done < count && !fault && next_piece(ring, &piece)) {
		size_t length = min(piece.length, count - done);
		size_t left = copy_to_user(to + done, piece.address, length);

		if (take_piece(ring, &piece, length - left))
			done += length - left;
		fault = left;
	}
	inode_unlock(file_inode(file));
	return !done && fault ? -EFAULT : done;
}

static int ring_open(struct inode *inode, struct file *file)
{
	/* Those who share the file do not wait for each other. */
	file->f_mode &= ~FMODE_ATOMIC_POS;
	return relay_file_operations.open(inode, file);
}

static int ring_release(struct inode *inode, struct file *file)
{
	return relay_file_operations.release(inode, file);
}

static __poll_t ring_poll(struct file *file, struct poll_table_struct *wait)
{
	return relay_file_operations.poll(file, wait);
}

static int ring_mmap_prepare(struct vm_area_desc *desc)
{
	return relay_file_operations.mmap_prepare(desc);
}

static const struct file_operations ring_fops = {
	.owner		= THIS_MODULE,
	.open		= ring_open,
	.release	= ring_release,
	.read		= ring_read,
	.poll		= ring_poll,
	.mmap_prepare	= ring_mmap_prepare,
};

/* Called with the ring's lock held, unless the ring is new. */
static int subbuf_start(struct rchan_buf *buf, void *subbuf, void *previous)
{
	struct ring *ring = per_cpu_ptr(&rings, buf->cpu);

	if (!previous) {
		ring->buf = buf;
		return 1;
	}
	if (buf->subbufs_produced - buf->subbufs_consumed < subbuffers)
		return 1;
	if (!overwrite)
		return 0;
	ring->overwritten++;
	return 1;
}

static struct dentry *create_buf_file(const char *name, struct dentry *parent, umode_t mode,
				      struct rchan_buf *buf, int *is_global)
{
	/* The operations keep the module, so no proxy is needed. */
	return debugfs_create_file_unsafe(name, mode, parent, buf, &ring_fops);
}

static int remove_buf_file(struct dentry *file)
{
	debugfs_remove(file);
	return 0;
}

static const struct rchan_callbacks callbacks = {
	.subbuf_start		= subbuf_start,
	.create_buf_file	= create_buf_file,
	.remove_buf_file	= remove_buf_file,
};

static void show_ring(struct seq_file *m, unsigned int cpu)
{
	struct ring *ring = per_cpu_ptr(&rings, cpu);
	struct rchan_buf *buf = ring->buf;
	size_t produced, consumed, subbuf;

	if (!buf)
		return;
	scoped_guard(raw_spinlock_irqsave, &ring->lock) {
		produced = buf->subbufs_produced;
		consumed = buf->subbufs_consumed;
		seq_printf(m, "cpu %u %zu %zu %llu %llu", cpu, produced, consumed,
			   ring->lost, ring->overwritten);
		subbuf = max(consumed, produced > subbuffers ? produced - subbuffers : 0);
		/* Of those, the oldest is being overwritten if the ring is not full. */
		for (; subbuf < produced; subbuf++)
			if (produced - subbuf == subbuffers && buf->offset <= subbuffer_size)
				seq_puts(m, " -");
			else
				seq_printf(m, " %zu", buf->padding[subbuf % subbuffers]);
	}
	seq_putc(m, '\n');
}

static int control_show(struct seq_file *m, void *unused)
{
	unsigned int cpu;

	seq_printf(m, "rings %lu %lu %s\n", subbuffer_size, subbuffers,
		   overwrite ? "overwrite" : "keep");
	for_each_possible_cpu(cpu)
		show_ring(m, cpu);
	return 0;
}

static int control_open(struct inode *inode, struct file *file)
{
	file->f_mode &= ~FMODE_ATOMIC_POS;
	return single_open(file, control_show, NULL);
}

static int generate(u64 source, u64 count, u64 rate)
{
	ktime_t start = ktime_get();

	if (source > U32_MAX)
		return -EINVAL;
	for (u64 number = 0; number < count; number++) {
		struct event event = {
			.number	= number,
			.source	= source,
			.check	= ((number ^ source << 40) * 0x9e3779b97f4a7c15ull) >> 32 | 1,
		};

		/* That there is no room is counted. */
		ring_write(&event, sizeof(event));
		if (number % 256 != 255 && !rate)
			continue;
		if (signal_pending(current))
			return -EINTR;
		if (rate) {
			s64 due = div64_u64((number + 1) * USEC_PER_SEC, rate);
			s64 ahead;

			while ((ahead = due - ktime_us_delta(ktime_get(), start)) > USEC_PER_MSEC) {
				fsleep(min(ahead, 100 * USEC_PER_MSEC));
				if (signal_pending(current))
					return -EINTR;
			}
		}
	}
	return 0;
}

static ssize_t control_write(struct file *file, const char __user *from, size_t count,
			     loff_t *pos)
{
	char line[81], *rest = line, *command = NULL, *word;
	int given = 0, err;
	u64 n[3] = {};

	if (count >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, from, count))
		return -EFAULT;
	line[count] = '\0';

	while ((word = strsep(&rest, " \t\n"))) {
		if (!*word)
			continue;
		if (!command)
			command = word;
		else if (given == ARRAY_SIZE(n) || kstrtou64(word, 10, &n[given++]))
			return -EINVAL;
	}
	if (!command)
		return -EINVAL;

	err = -EINVAL;
	if (!strcmp(command, "flush") && !given) {
		flush();
		err = 0;
	} else if (!strcmp(command, "consume") && given == 2) {
		err = consume(n[0], n[1]);
	} else if (!strcmp(command, "generate") && given >= 2) {
		err = generate(n[0], n[1], n[2]);
	}
	return err ?: count;
}

static const struct file_operations control_fops = {
	.owner		= THIS_MODULE,
	.open		= control_open,
	.read		= seq_read,
	.write		= control_write,
	.llseek		= seq_lseek,
	.release	= single_release,
};

static int __init chan_relay_init(void)
{
	unsigned int cpu;
	size_t size;

	if (subbuffer_size < sizeof(struct event) || subbuffers < 2 || subbuffers > 1 << 19 ||
	    check_mul_overflow(subbuffer_size, subbuffers, &size) || size > INT_MAX)
		return -EINVAL;
	for_each_possible_cpu(cpu)
		raw_spin_lock_init(per_cpu_ptr(&rings.lock, cpu));

	directory = debugfs_create_dir(KBUILD_MODNAME, NULL);
	channel = relay_open("cpu", directory, subbuffer_size, subbuffers, &callbacks, NULL);
	if (!channel) {
		debugfs_remove(directory);
		return -ENOMEM;
	}
	debugfs_create_file_unsafe("control", 0600, directory, NULL, &control_fops);
	pr_info("Talk to /sys/kernel/debug/" KBUILD_MODNAME "\n");
	return 0;
}

static void __exit chan_relay_exit(void)
{
	relay_close(channel);
	debugfs_remove(directory);
}

module_init(chan_relay_init);
module_exit(chan_relay_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("Talks to user space by relay buffers");
MODULE_LICENSE("GPL");
