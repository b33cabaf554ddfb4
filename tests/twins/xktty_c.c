// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of samples/16-xktty/xktty.rs: a device that passes on to a tty what
 * it is given.
 */
#include <linux/bitops.h>
#include <linux/cdev.h>
#include <linux/device/class.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/major.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/tty.h>
#include <linux/uio.h>

#define NAME	"xktty_c"
#define MINORS	256

static char *tty = "ttyS0";
module_param(tty, charp, 0444);
MODULE_PARM_DESC(tty, "Name of the tty, as in /dev");

static dev_t first;
static struct cdev cdev;
static unsigned long taken;

/* Opens nothing: that may wait, or have a driver do something. */
static bool is_tty(const char *path)
{
	struct file *file = filp_open(path, O_PATH, 0);
	struct tty_struct *found;
	struct inode *inode;
	bool ret = false;

	if (IS_ERR(file))
		return true;
	inode = file_inode(file);
	if (S_ISCHR(inode->i_mode)) {
		found = tty_kopen_shared(inode->i_rdev);
		if (!IS_ERR(found))
			tty_kref_put(found);
		/* /dev/tty and /dev/console stand for others. */
		ret = found != ERR_PTR(-ENODEV) ||
		      imajor(inode) == TTYAUX_MAJOR;
	}
	filp_close(file, NULL);
	return ret;
}

// ANCHOR: port
static struct file *open_port(unsigned int flags)
{
	struct file *port;
	loff_t pos = 0;
	ssize_t ret;
	char *path;

	path = kasprintf(GFP_KERNEL, "/dev/%s", tty);
	if (!path)
		return ERR_PTR(-ENOMEM);
	port = ERR_PTR(-ENODEV);
	if (is_tty(path))
		port = filp_open(path, O_WRONLY | O_NOCTTY | O_LARGEFILE | flags, 0);
	kfree(path);
	if (IS_ERR(port))
		return port;

	/* A port without hardware can be opened. Writing nothing tells. */
	ret = kernel_write(port, "", 0, &pos);
	if (ret < 0) {
		filp_close(port, NULL);
		return ERR_PTR(ret);
	}
	return port;
}
// ANCHOR_END: port

// ANCHOR: open
static int xktty_open(struct inode *inode, struct file *file)
{
	struct file *port;

	if (test_and_set_bit_lock(0, &taken))
		return -EBUSY;

	port = open_port(file->f_flags & O_NONBLOCK);
	if (IS_ERR(port)) {
		clear_bit_unlock(0, &taken);
		return PTR_ERR(port);
	}
	file->private_data = port;
	return 0;
}
// ANCHOR_END: open

static int xktty_release(struct inode *inode, struct file *file)
{
	filp_close(file->private_data, NULL);
	clear_bit_unlock(0, &taken);
	return 0;
}

// ANCHOR: write
static ssize_t xktty_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct file *port = iocb->ki_filp->private_data;

	/* What fcntl(2) has done since. */
	if ((port->f_flags ^ iocb->ki_filp->f_flags) & O_NONBLOCK) {
		spin_lock(&port->f_lock);
		port->f_flags &= ~O_NONBLOCK;
		port->f_flags |= iocb->ki_filp->f_flags & O_NONBLOCK;
		spin_unlock(&port->f_lock);
	}
	return vfs_iter_write(port, from, &iocb->ki_pos, 0);
}
// ANCHOR_END: write

static const struct file_operations xktty_fops = {
	.owner		= THIS_MODULE,
	.open		= xktty_open,
	.release	= xktty_release,
	.write_iter	= xktty_write_iter,
};

static char *xktty_devnode(const struct device *dev, umode_t *mode)
{
	if (mode)
		*mode = 0200;
	return NULL;
}

static const struct class xktty_class = {
	.name = NAME,
	.devnode = xktty_devnode,
};

static int __init xktty_init(void)
{
	struct device *device;
	int err;

	err = alloc_chrdev_region(&first, 0, MINORS, NAME);
	if (err)
		return err;

	err = class_register(&xktty_class);
	if (err)
		goto unregister_region;

	cdev_init(&cdev, &xktty_fops);
	cdev.owner = THIS_MODULE;
	err = cdev_add(&cdev, first, MINORS);
	if (err)
		goto unregister_class;

	device = device_create(&xktty_class, NULL, first, NULL, NAME);
	if (IS_ERR(device)) {
		err = PTR_ERR(device);
		goto delete_cdev;
	}
	return 0;

delete_cdev:
	cdev_del(&cdev);
unregister_class:
	class_unregister(&xktty_class);
unregister_region:
	unregister_chrdev_region(first, MINORS);
	return err;
}

static void __exit xktty_exit(void)
{
	device_destroy(&xktty_class, first);
	cdev_del(&cdev);
	class_unregister(&xktty_class);
	unregister_chrdev_region(first, MINORS);
}

module_init(xktty_init);
module_exit(xktty_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("A device that passes on to a tty what it is given");
MODULE_LICENSE("GPL");
