// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of samples/18-channels/chan_firmware.rs: images from a file, or from
 * a process that the kernel asks. As there, a question can be taken back, for
 * which the kernel has no function: the module answers it itself.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cleanup.h>
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/device/faux.h>
#include <linux/firmware.h>
#include <linux/fs.h>
#include <linux/kobject.h>
#include <linux/kthread.h>
#include <linux/limits.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/mutex.h>
#include <linux/namei.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

enum state {
	NONE,
	PENDING,
	LOADED,
	FAILED,
	/* By user space, which does not say why. */
	REFUSED,
};

static struct faux_device *device;
static struct kobject *directory;

static DEFINE_MUTEX(lock);
static enum state state;
static char *last;
static int error;
static const struct firmware *image;
/* A process waits for the image. */
static bool loading;
/* The kernel asks, or asked, user space, and nobody took that back. */
static bool asking;
static bool closed;
static DECLARE_COMPLETION(answered);

static void settle(const struct firmware *fw, enum state then, int err)
{
	mutex_lock(&lock);
	image = fw;
	state = then;
	error = err;
	loading = false;
	mutex_unlock(&lock);
}

/*
 * Whether somebody would find the folder that sysfs gets for a name: not if a part
 * of it is empty, "." or "..".
 */
static bool is_name(const char *buf, size_t len)
{
	size_t start = 0, end, part;

	for (end = 0; end <= len; end++) {
		if (end < len && buf[end] != '/')
			continue;
		part = end - start;
		if (!part || (part <= 2 && !strncmp(buf + start, "..", part)))
			return false;
		start = end + 1;
	}
	return true;
}

/* Takes the name of an image; what begins has the lock. */
static int begin(const char *buf, size_t len)
{
	char *name;

	lockdep_assert_held(&lock);
	if (closed)
		return -ENODEV;
	if (state == PENDING)
		return -EBUSY;
	if (strnlen(buf, len) != len)
		return -EINVAL;
	if (len && buf[len - 1] == '\n')
		len--;
	if (len > NAME_MAX || !is_name(buf, len))
		return -EINVAL;
	name = kmemdup_nul(buf, len, GFP_KERNEL);
	if (!name)
		return -ENOMEM;

	kfree(last);
	last = name;
	release_firmware(image);
	image = NULL;
	state = PENDING;
	return 0;
}

/* The file that a process writes to when it has no answer. */
static char *question(void)
{
	char *folder, *file, *name, *path = NULL;

	folder = kobject_get_path(&device->dev.kobj, GFP_KERNEL);
	mutex_lock(&lock);
	name = kstrdup(last, GFP_KERNEL);
	mutex_unlock(&lock);
	if (folder && name) {
		file = strreplace(name, '/', '!');
		path = kasprintf(GFP_KERNEL, "%s/firmware/%s/loading", folder, file);
	}
	kfree(name);
	kfree(folder);
	return path;
}

/* By a mount of our own, since not all processes have sysfs in /sys. */
static void answer_none(void)
{
	char *file_name = question();
	struct vfsmount *mount;
	struct path path;
	struct file *file;
	loff_t pos = 0;

	if (!file_name)
		return;
	mount = kern_mount(get_fs_type("sysfs"));
	if (IS_ERR(mount))
		goto free;
	if (vfs_path_lookup(mount->mnt_root, mount, file_name, 0, &path))
		goto unmount;
	file = dentry_open(&path, O_WRONLY, current_cred());
	if (!IS_ERR(file)) {
		kernel_write(file, "-1", 2, &pos);
		filp_close(file, NULL);
	}
	path_put(&path);
unmount:
	kern_unmount(mount);
free:
	kfree(file_name);
}

static int answer_thread(void *done)
{
	answer_none();
	kthread_complete_and_exit(done, 0);
}

/*
 * Who writes to an attribute holds a lock of the same class as that of the file
 * that is written here, so a thread does it, which holds none.
 */
static void give_up(void)
{
	DECLARE_COMPLETION_ONSTACK(done);

	/* Whoever is being killed gets no thread. */
	if (IS_ERR(kthread_run(answer_thread, &done, "firmware abort")))
		answer_none();
	else
		wait_for_completion(&done);
}

static void receive(const struct firmware *fw, void *unused)
{
	complete_all(&answered);
	settle(fw, fw ? LOADED : REFUSED, 0);
}

static bool take_back(void)
{
	bool asked, pending;

	mutex_lock(&lock);
	asked = asking;
	asking = false;
	pending = !completion_done(&answered);
	mutex_unlock(&lock);
	if (!asked)
		return false;

	/* The kernel may not have come to asking yet, or may be past it. */
	while (!completion_done(&answered)) {
		give_up();
		if (!completion_done(&answered))
			fsleep(USEC_PER_MSEC);
	}
	/* Waits until the worker has left receive(). */
	request_firmware_nowait_cancel(&device->dev, NULL, receive);
	return pending;
}

static ssize_t load_store(struct kobject *kobj, struct kobj_attribute *attr,
			  const char *buf, size_t len)
{
	const struct firmware *fw = NULL;
	int err;

	scoped_guard(mutex, &lock) {
		err = begin(buf, len);
		if (err)
			return err;
		loading = true;
	}
	/* The name stays: nothing else begins. */
	err = request_firmware(&fw, last, &device->dev);
	settle(fw, err ? FAILED : LOADED, err);
	return err ?: len;
}
static struct kobj_attribute load_attr = __ATTR_WO(load);

/* ANCHOR: ask */
static ssize_t ask_store(struct kobject *kobj, struct kobj_attribute *attr,
			 const char *buf, size_t len)
{
	int err;

	guard(mutex)(&lock);
	err = begin(buf, len);
	if (err)
		return err;
	/* The one before may still be leaving receive(). */
	if (asking)
		request_firmware_nowait_cancel(&device->dev, NULL, receive);
	reinit_completion(&answered);
	/* The module waits for receive(), so nobody need keep it. */
	err = -EINVAL;
	if (*last)
		err = request_firmware_nowait(NULL, FW_ACTION_NOUEVENT, last,
					      &device->dev, GFP_KERNEL, NULL, receive);
	asking = !err;
	if (err) {
		state = FAILED;
		error = err;
		return err;
	}
	return len;
}
/* ANCHOR_END: ask */
static struct kobj_attribute ask_attr = __ATTR_WO(ask);

static ssize_t cancel_store(struct kobject *kobj, struct kobj_attribute *attr,
			    const char *buf, size_t len)
{
	return take_back() ? len : -ENOENT;
}
static struct kobj_attribute cancel_attr = __ATTR_WO(cancel);

static ssize_t status_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	guard(mutex)(&lock);
	switch (state) {
	case NONE:
		return sysfs_emit(buf, "none\n");
	case PENDING:
		return sysfs_emit(buf, "pending %s\n", last);
	case LOADED:
		return sysfs_emit(buf, "loaded %s %zu\n", last, image->size);
	case FAILED:
		return sysfs_emit(buf, "failed %s %d\n", last, -error);
	default:
		return sysfs_emit(buf, "failed %s\n", last);
	}
}
static struct kobj_attribute status_attr = __ATTR_RO(status);

static ssize_t image_read(struct file *file, struct kobject *kobj,
			  const struct bin_attribute *attr, char *buf,
			  loff_t offset, size_t len)
{
	guard(mutex)(&lock);
	if (!image)
		return 0;
	return memory_read_from_buffer(buf, len, &offset, image->data, image->size);
}
static const struct bin_attribute image_attr = __BIN_ATTR_ADMIN_RO(image, 0);

static struct attribute *attrs[] = {
	&load_attr.attr,
	&ask_attr.attr,
	&cancel_attr.attr,
	&status_attr.attr,
	NULL
};

static const struct bin_attribute *const bin_attrs[] = {
	&image_attr,
	NULL
};

static const struct attribute_group group = {
	.attrs		= attrs,
	.bin_attrs	= bin_attrs,
};

static int __init chan_firmware_init(void)
{
	int err;

	device = faux_device_create(KBUILD_MODNAME, NULL, NULL);
	if (!device)
		return -ENODEV;
	directory = kobject_create_and_add(KBUILD_MODNAME, kernel_kobj);
	if (!directory) {
		err = -ENOMEM;
		goto destroy;
	}
	err = sysfs_create_group(directory, &group);
	if (err)
		goto put;

	pr_info("Talk to /sys/kernel/" KBUILD_MODNAME "\n");
	return 0;

put:
	kobject_put(directory);
destroy:
	faux_device_destroy(device);
	return err;
}

static void __exit chan_firmware_exit(void)
{
	mutex_lock(&lock);
	closed = true;
	mutex_unlock(&lock);

	take_back();
	while (READ_ONCE(loading)) {
		give_up();
		fsleep(USEC_PER_MSEC);
	}
	/* Waits for those who are in an attribute. */
	kobject_del(directory);
	kobject_put(directory);
	faux_device_destroy(device);
	release_firmware(image);
	kfree(last);
}

module_init(chan_firmware_init);
module_exit(chan_firmware_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("Loads firmware images, and shows them");
MODULE_LICENSE("GPL");
