// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of what samples/25-pci/edu.rs does with registers: a PCI device whose
 * file may be open when it goes. There is no DMA, and no interrupt.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/io.h>
#include <linux/ioctl.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

#define EDU_IDENTIFICATION	0x00
#define EDU_LIVENESS		0x04
#define EDU_SIZE		0x100

#define EDU_IDENTIFY		_IOR('e', 0, __u32)
#define EDU_INVERT		_IOWR('e', 1, __u32)

/* There is one device at a time. NULL if it is gone. */
static void __iomem __rcu *registers;
/* Of the register that inverts. */
static DEFINE_SPINLOCK(liveness);

/* What was read is only believed of a device that still says what it is. */
static bool is_edu(void __iomem *regs)
{
	return (ioread32(regs + EDU_IDENTIFICATION) & 0xff) == 0xed;
}

static int edu_access(unsigned int cmd, u32 *value)
{
	void __iomem *regs;
	int ret = -ENODEV;

	rcu_read_lock();
	regs = rcu_dereference(registers);
	if (regs) {
		if (cmd == EDU_INVERT) {
			spin_lock(&liveness);
			iowrite32(*value, regs + EDU_LIVENESS);
			*value = ioread32(regs + EDU_LIVENESS);
			spin_unlock(&liveness);
		} else {
			*value = ioread32(regs + EDU_IDENTIFICATION);
		}
		if (is_edu(regs))
			ret = 0;
	}
	rcu_read_unlock();
	return ret;
}

static long edu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	u32 __user *user = (u32 __user *)arg;
	u32 value = 0;
	int ret;

	if (cmd != EDU_IDENTIFY && cmd != EDU_INVERT)
		return -ENOTTY;
	if (cmd == EDU_INVERT && get_user(value, user))
		return -EFAULT;
	ret = edu_access(cmd, &value);
	if (ret)
		return ret;
	return put_user(value, user) ? -EFAULT : 0;
}

static const struct file_operations edu_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = edu_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice edu_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "edu_c",
	.mode = 0600,
	.fops = &edu_fops,
};

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	void __iomem *regs;
	int ret;

	if (rcu_access_pointer(registers))
		return -EBUSY;
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	regs = pcim_iomap_region(pdev, 0, KBUILD_MODNAME);
	if (IS_ERR(regs))
		return PTR_ERR(regs);
	if (!is_edu(regs))
		return -ENODEV;
	rcu_assign_pointer(registers, regs);
	ret = misc_register(&edu_misc);
	if (ret)
		RCU_INIT_POINTER(registers, NULL);
	return ret;
}

static void edu_remove(struct pci_dev *pdev)
{
	misc_deregister(&edu_misc);
	RCU_INIT_POINTER(registers, NULL);
	/* Whoever is in the middle of an access ends it before they are unmapped. */
	synchronize_rcu();
}

static const struct pci_device_id edu_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{ }
};
MODULE_DEVICE_TABLE(pci, edu_ids);

static struct pci_driver edu_driver = {
	.name = KBUILD_MODNAME,
	.id_table = edu_ids,
	.probe = edu_probe,
	.remove = edu_remove,
};
module_pci_driver(edu_driver);

MODULE_DESCRIPTION("A driver for QEMU's edu device, in C");
MODULE_AUTHOR("lkmpg-rs developers");
MODULE_LICENSE("GPL");
