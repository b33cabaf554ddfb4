// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that a device can still write to when its driver is gone (chapter 14), on a kernel with
 * CONFIG_DMA_API_DEBUG. With QEMU's device edu (--qemu -device --qemu edu,dma_mask=0xffffffff):
 *
 *	insmod edu_dma.ko; rmmod edu_dma
 */
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/pci.h>

/* ANCHOR: left */
static int left_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	dma_addr_t address;
	void *buffer;
	int ret = pcim_enable_device(pdev);

	if (ret)
		return ret;
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(32));
	if (ret)
		return ret;
	buffer = dma_alloc_coherent(&pdev->dev, 4096, &address, GFP_KERNEL);
	if (!buffer)
		return -ENOMEM;
	pci_set_drvdata(pdev, buffer);
	return 0;
}

static void left_remove(struct pci_dev *pdev)
{
}
/* ANCHOR_END: left */

static const struct pci_device_id left_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{ }
};

static struct pci_driver left_driver = {
	.name		= "edu_dma",
	.id_table	= left_ids,
	.probe		= left_probe,
	.remove		= left_remove,
};
module_pci_driver(left_driver);

MODULE_DESCRIPTION("Leaves memory to a device");
MODULE_LICENSE("GPL");
