// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver for a platform device.
 *
 * The device is one that each VM of QEMU has: in ACPI's tables on x86-64, and in
 * the device tree on arm64 and riscv64. Put your own into the one or the other.
 */

#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>

static int skeleton_probe(struct platform_device *device)
{
	dev_info(&device->dev, "Hello\n");
	return 0;
}

static void skeleton_remove(struct platform_device *device)
{
	dev_info(&device->dev, "Goodbye\n");
}

static const struct acpi_device_id skeleton_acpi_devices[] = {
	{ "QEMU0002" },
	{ }
};
MODULE_DEVICE_TABLE(acpi, skeleton_acpi_devices);

static const struct of_device_id skeleton_of_devices[] = {
	{ .compatible = "qemu,fw-cfg-mmio" },
	{ }
};
MODULE_DEVICE_TABLE(of, skeleton_of_devices);

static struct platform_driver skeleton_driver = {
	.probe	= skeleton_probe,
	.remove	= skeleton_remove,
	.driver	= {
		.name			= "skeleton",
		.acpi_match_table	= skeleton_acpi_devices,
		.of_match_table		= skeleton_of_devices,
	},
};
module_platform_driver(skeleton_driver);

MODULE_AUTHOR("@AUTHOR@");
MODULE_DESCRIPTION("A driver for a platform device");
MODULE_LICENSE("GPL");
