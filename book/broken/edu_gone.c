// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers that are read when their mapping is gone (chapter 14). With QEMU's device edu
 * (--qemu -device --qemu edu):
 *
 *	insmod edu_gone.ko; exec 3</dev/edu_gone; head -c 4 <&3 | hexdump
 *	echo 0000:00:03.0 >/sys/bus/pci/drivers/edu_gone/unbind; head -c 4 <&3
 */
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/uaccess.h>

/* ANCHOR: gone */
static void __iomem *registers;

static ssize_t gone_read(struct file *file, char __user *buf, size_t count,
			 loff_t *pos)
{
	u32 id = ioread32(registers);

	count = min(count, sizeof(id));
	return copy_to_user(buf, &id, count) ? -EFAULT : count;
}

static const struct file_operations gone_fops = {
	.owner	= THIS_MODULE,
	.read	= gone_read,
};

static struct miscdevice gone_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "edu_gone",
	.fops	= &gone_fops,
};

static int gone_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret = pcim_enable_device(pdev);

	if (ret)
		return ret;
	registers = pcim_iomap_region(pdev, 0, "edu_gone");
	if (IS_ERR(registers))
		return PTR_ERR(registers);
	return misc_register(&gone_misc);
}

static void gone_remove(struct pci_dev *pdev)
{
	misc_deregister(&gone_misc);
}
/* ANCHOR_END: gone */

static const struct pci_device_id gone_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{ }
};

static struct pci_driver gone_driver = {
	.name		= "edu_gone",
	.id_table	= gone_ids,
	.probe		= gone_probe,
	.remove		= gone_remove,
};
module_pci_driver(gone_driver);

MODULE_DESCRIPTION("Reads the registers of a device that may be gone");
MODULE_LICENSE("GPL");
