// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of samples/19-scull/scull.rs: devices that keep what is written to
 * them.
 */
#include <linux/cdev.h>
#include <linux/cred.h>
#include <linux/device/class.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uidgid.h>
#include <linux/uio.h>
#include <linux/xarray.h>

static int set_quantum(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 1, 1 << 20);
}

static const struct kernel_param_ops quantum_ops = {
	.set	= set_quantum,
	.get	= param_get_uint,
};

static int set_qset(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 1, 1 << 16);
}

static const struct kernel_param_ops qset_ops = {
	.set	= set_qset,
	.get	= param_get_uint,
};

static unsigned int quantum = 4000;
module_param_cb(quantum, &quantum_ops, &quantum, 0444);
MODULE_PARM_DESC(quantum, "How many bytes are stored in a row, up to 1048576");

static unsigned int qset = 1000;
module_param_cb(qset, &qset_ops, &qset, 0444);
MODULE_PARM_DESC(qset, "How many of these are a set, up to 65536");

static unsigned int limit = 16 << 20;
module_param(limit, uint, 0644);
MODULE_PARM_DESC(limit, "How many bytes a device takes; a quantum of less than 64 counts as 64");

/* Where a device ends: the memory for a quantum is more than its bytes. */
static loff_t scull_end(void)
{
	return (u64)limit * quantum / max(quantum, 64U);
}

enum access {
	EVERYBODY,
	ONCE,
	ONE_USER,
};

struct scull {
	const char *name;
	enum access access;
	/* Of the next two. */
	struct mutex holders;
	unsigned int count;
	kuid_t user;
	/* Of the next two. */
	struct mutex content;
	struct xarray sets;
	loff_t size;
};

static struct scull devices[] = {
	{ .name = "scull_c0" },
	{ .name = "scull_c1" },
	{ .name = "scull_c2" },
	{ .name = "scull_c3" },
	{ .name = "scull_single_c", .access = ONCE },
	{ .name = "scull_user_c", .access = ONE_USER },
};

static dev_t first;
static struct cdev cdev;

/* Where a position's quantum is, if there is its set. */
static char **slot_of(struct scull *scull, loff_t pos)
{
	char **set = xa_load(&scull->sets, pos / quantum / qset);

	return set ? &set[pos / quantum % qset] : NULL;
}

/* The quantum of a position, which is made if it is not there. */
static char *make_quantum(struct scull *scull, loff_t pos)
{
	char **slot = slot_of(scull, pos);

	if (!slot) {
		char **set = kvcalloc(qset, sizeof(*set), GFP_KERNEL);

		if (!set)
			return NULL;
		if (xa_err(xa_store(&scull->sets, pos / quantum / qset, set,
				    GFP_KERNEL))) {
			kvfree(set);
			return NULL;
		}
		slot = &set[pos / quantum % qset];
	}
	if (!*slot)
		*slot = kvzalloc(quantum, GFP_KERNEL);
	return *slot;
}

static void empty(struct scull *scull)
{
	unsigned long index;
	unsigned int n;
	char **set;

	xa_for_each(&scull->sets, index, set) {
		for (n = 0; n < qset; n++)
			kvfree(set[n]);
		kvfree(set);
	}
	xa_destroy(&scull->sets);
	scull->size = 0;
}

static int enter(struct scull *scull)
{
	kuid_t user = current_euid();
	int err = 0;

	mutex_lock(&scull->holders);
	if (scull->count && scull->access != EVERYBODY &&
	    (scull->access == ONCE || !uid_eq(scull->user, user))) {
		err = -EBUSY;
	} else {
		scull->count++;
		scull->user = user;
	}
	mutex_unlock(&scull->holders);
	return err;
}

static int scull_open(struct inode *inode, struct file *file)
{
	struct scull *scull = &devices[iminor(inode) - MINOR(first)];
	int err = enter(scull);

	if (err)
		return err;
	if ((file->f_flags & O_TRUNC) ||
	    ((file->f_flags & O_ACCMODE) == O_WRONLY &&
	     !(file->f_flags & O_APPEND))) {
		mutex_lock(&scull->content);
		empty(scull);
		mutex_unlock(&scull->content);
	}
	file->private_data = scull;
	return 0;
}

static int scull_release(struct inode *inode, struct file *file)
{
	struct scull *scull = file->private_data;

	mutex_lock(&scull->holders);
	scull->count--;
	mutex_unlock(&scull->holders);
	return 0;
}

static ssize_t scull_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct scull *scull = iocb->ki_filp->private_data;
	ssize_t done = 0;

	mutex_lock(&scull->content);
	while (iocb->ki_pos < scull->size && iov_iter_count(to)) {
		char **slot = slot_of(scull, iocb->ki_pos);
		size_t offset = iocb->ki_pos % quantum;
		size_t length = min_t(loff_t, quantum - offset,
				      scull->size - iocb->ki_pos);
		size_t copied;

		if (slot && *slot)
			copied = copy_to_iter(*slot + offset, length, to);
		else
			copied = iov_iter_zero(length, to);
		if (!copied) {
			done = done ?: -EFAULT;
			break;
		}
		iocb->ki_pos += copied;
		done += copied;
	}
	mutex_unlock(&scull->content);
	return done;
}

static ssize_t scull_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct scull *scull = iocb->ki_filp->private_data;
	loff_t end = scull_end();
	ssize_t done = 0;
	int err = 0;

	mutex_lock(&scull->content);
	if (iocb->ki_flags & IOCB_APPEND)
		iocb->ki_pos = scull->size;
	while (iov_iter_count(from)) {
		size_t offset = iocb->ki_pos % quantum;
		size_t length, copied;
		char *bytes;

		if (iocb->ki_pos >= end) {
			err = -ENOSPC;
			break;
		}
		bytes = make_quantum(scull, iocb->ki_pos);
		if (!bytes) {
			err = -ENOMEM;
			break;
		}
		length = min_t(loff_t, quantum - offset, end - iocb->ki_pos);
		copied = copy_from_iter(bytes + offset, length, from);
		if (!copied) {
			err = -EFAULT;
			break;
		}
		iocb->ki_pos += copied;
		done += copied;
		scull->size = max(scull->size, iocb->ki_pos);
	}
	mutex_unlock(&scull->content);
	return done ?: err;
}

static loff_t scull_llseek(struct file *file, loff_t offset, int whence)
{
	struct scull *scull = file->private_data;
	loff_t size;

	mutex_lock(&scull->content);
	size = scull->size;
	mutex_unlock(&scull->content);
	return generic_file_llseek_size(file, offset, whence, OFFSET_MAX, size);
}

static const struct file_operations scull_fops = {
	.owner		= THIS_MODULE,
	.open		= scull_open,
	.release	= scull_release,
	.read_iter	= scull_read_iter,
	.write_iter	= scull_write_iter,
	.llseek		= scull_llseek,
	.splice_read	= copy_splice_read,
	.splice_write	= iter_file_splice_write,
};

static char *scull_devnode(const struct device *dev, umode_t *mode)
{
	if (mode)
		*mode = 0666;
	return NULL;
}

static const struct class scull_class = {
	.name		= "scull_c",
	.devnode	= scull_devnode,
};

static int __init scull_init(void)
{
	struct device *device;
	int n, err;

	for (n = 0; n < ARRAY_SIZE(devices); n++) {
		mutex_init(&devices[n].holders);
		mutex_init(&devices[n].content);
		xa_init(&devices[n].sets);
	}

	err = alloc_chrdev_region(&first, 0, ARRAY_SIZE(devices), "scull_c");
	if (err)
		return err;

	err = class_register(&scull_class);
	if (err)
		goto unregister_region;

	cdev_init(&cdev, &scull_fops);
	cdev.owner = THIS_MODULE;
	err = cdev_add(&cdev, first, ARRAY_SIZE(devices));
	if (err)
		goto unregister_class;

	for (n = 0; n < ARRAY_SIZE(devices); n++) {
		device = device_create(&scull_class, NULL, first + n, NULL,
				       "%s", devices[n].name);
		if (IS_ERR(device)) {
			err = PTR_ERR(device);
			goto destroy_devices;
		}
	}
	return 0;

destroy_devices:
	while (n--)
		device_destroy(&scull_class, first + n);
	cdev_del(&cdev);
unregister_class:
	class_unregister(&scull_class);
unregister_region:
	unregister_chrdev_region(first, ARRAY_SIZE(devices));
	return err;
}

static void __exit scull_exit(void)
{
	int n;

	for (n = 0; n < ARRAY_SIZE(devices); n++)
		device_destroy(&scull_class, first + n);
	cdev_del(&cdev);
	class_unregister(&scull_class);
	unregister_chrdev_region(first, ARRAY_SIZE(devices));
	for (n = 0; n < ARRAY_SIZE(devices); n++)
		empty(&devices[n]);
}

module_init(scull_init);
module_exit(scull_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("Devices that keep what is written to them");
MODULE_LICENSE("GPL");
