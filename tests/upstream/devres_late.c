// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is registered for a device while all that it has is released, here by what is released, as any
 * thread may that still takes the device for a bound one:
 *
 *	insmod devres_late.ko
 *	cd /sys/bus/platform/drivers/devres_late
 *	echo devres_late > unbind; echo devres_late > bind
 *
 * "Resources present before probing". It is released with the device, by a function of a module that
 * may have gone: here the driver takes its device along.
 */
#include <linux/module.h>
#include <linux/platform_device.h>

static struct platform_device *device;

static void late(void *nothing)
{
	pr_info("devres_late: with the device\n");
}

static void in_time(void *dev)
{
	pr_info("devres_late: with the driver: %d\n", devm_add_action(dev, late, NULL));
}

static int probe(struct platform_device *pdev)
{
	return devm_add_action(&pdev->dev, in_time, &pdev->dev);
}

static struct platform_driver driver = {
	.probe = probe,
	.driver.name = "devres_late",
};

static int __init devres_late_init(void)
{
	device = platform_device_register_simple("devres_late", PLATFORM_DEVID_NONE, NULL, 0);
	return PTR_ERR_OR_ZERO(device) ?: platform_driver_register(&driver);
}

static void __exit devres_late_exit(void)
{
	platform_driver_unregister(&driver);
	platform_device_unregister(device);
}

module_init(devres_late_init);
module_exit(devres_late_exit);
MODULE_DESCRIPTION("devres: what is registered while the rest is released");
MODULE_LICENSE("GPL");
