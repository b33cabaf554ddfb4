// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver of QEMU's tablet whose state goes with the device, while a file is open (KERNEL=debug).
 *
 *	scripts/vm --kernel debug --qemu -device --qemu qemu-xhci --qemu -device --qemu usb-tablet -- sh
 *	insmod usb_gone.ko; exec 3< /dev/gone
 *	echo 1-1:1.0 > /sys/bus/usb/drivers/usb_gone/unbind; cat <&3
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/usb.h>

// ANCHOR: gone
struct gone {
	struct usb_device *device;
	struct miscdevice misc;
};

static ssize_t gone_read(struct file *file, char __user *out, size_t length, loff_t *pos)
{
	struct gone *gone = container_of(file->private_data, struct gone, misc);

	return simple_read_from_buffer(out, length, pos, gone->device->product,
				       strlen(gone->device->product));
}

static void gone_disconnect(struct usb_interface *interface)
{
	struct gone *gone = usb_get_intfdata(interface);

	misc_deregister(&gone->misc);
	kfree(gone);	/* and somebody may have it open */
}
// ANCHOR_END: gone

static const struct file_operations gone_fops = {
	.owner = THIS_MODULE,
	.read = gone_read,
};

static int gone_probe(struct usb_interface *interface, const struct usb_device_id *id)
{
	struct gone *gone = kzalloc_obj(struct gone, GFP_KERNEL);
	int err;

	if (!gone)
		return -ENOMEM;
	gone->device = interface_to_usbdev(interface);
	gone->misc = (struct miscdevice) {
		.minor = MISC_DYNAMIC_MINOR,
		.name = "gone",
		.fops = &gone_fops,
	};
	err = misc_register(&gone->misc);
	if (err) {
		kfree(gone);
		return err;
	}
	usb_set_intfdata(interface, gone);
	return 0;
}

static const struct usb_device_id gone_ids[] = {
	{ USB_DEVICE(0x0627, 0x0001) },
	{ }
};
MODULE_DEVICE_TABLE(usb, gone_ids);

static struct usb_driver gone_driver = {
	.name = "usb_gone",
	.probe = gone_probe,
	.disconnect = gone_disconnect,
	.id_table = gone_ids,
};
module_usb_driver(gone_driver);

MODULE_DESCRIPTION("A driver whose state goes while a file is open");
MODULE_LICENSE("GPL");
