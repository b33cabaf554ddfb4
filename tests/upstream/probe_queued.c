// SPDX-License-Identifier: GPL-2.0-only
/*
 * A probe that fails with EIOCBQUEUED: docs/upstream.md. Root then has the driver take its device:
 *
 *	echo probe_queued >/sys/bus/platform/drivers/probe_queued/bind
 */

#include <linux/err.h>
#include <linux/module.h>
#include <linux/platform_device.h>

static int probe_queued(struct platform_device *device)
{
	return -EIOCBQUEUED;
}

static struct platform_driver driver = {
	.probe = probe_queued,
	.driver = { .name = "probe_queued" },
};
static struct platform_device *device;

static int __init probe_queued_init(void)
{
	int error;

	device = platform_device_register_simple("probe_queued", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	error = platform_driver_register(&driver);
	if (error)
		platform_device_unregister(device);
	return error;
}

static void __exit probe_queued_exit(void)
{
	platform_driver_unregister(&driver);
	platform_device_unregister(device);
}

module_init(probe_queued_init);
module_exit(probe_queued_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Fails a probe with what is not an answer");
