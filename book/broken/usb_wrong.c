// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver of QEMU's tablet that asks the device for its status, into a variable on the stack.
 *
 *	scripts/vm --qemu -device --qemu qemu-xhci --qemu -device --qemu usb-tablet -- insmod /modules/usb_wrong.ko
 */
#include <linux/module.h>
#include <linux/usb.h>

// ANCHOR: probe
static int wrong_probe(struct usb_interface *interface, const struct usb_device_id *id)
{
	struct usb_device *device = interface_to_usbdev(interface);
	__le16 status;
	int got;

	got = usb_control_msg(device, usb_rcvctrlpipe(device, 0), USB_REQ_GET_STATUS,
			      USB_DIR_IN | USB_RECIP_DEVICE, 0, 0, &status,
			      sizeof(status), 1000);
	if (got < 0)
		return got;
	dev_info(&interface->dev, "status %04x\n", le16_to_cpu(status));
	return 0;
}
// ANCHOR_END: probe

static void wrong_disconnect(struct usb_interface *interface)
{
}

static const struct usb_device_id wrong_ids[] = {
	{ USB_DEVICE(0x0627, 0x0001) },
	{ }
};
MODULE_DEVICE_TABLE(usb, wrong_ids);

static struct usb_driver wrong_driver = {
	.name = "usb_wrong",
	.probe = wrong_probe,
	.disconnect = wrong_disconnect,
	.id_table = wrong_ids,
};
module_usb_driver(wrong_driver);

MODULE_DESCRIPTION("A driver that has the device write to its stack");
MODULE_LICENSE("GPL");
