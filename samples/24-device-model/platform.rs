// SPDX-License-Identifier: GPL-2.0-only

//! A device that the firmware tells of, with properties, and attributes in its folder.
//!
//! A thermometer that is wired to the processor cannot be found by asking. The firmware says that it is there, what it
//! is called and how hot it may get. The bench's guests have three of them: on a PC in a table of ACPI of their own
//! (`sensors.dsl`), on other machines in the device tree (`sensors.dtso`), where the first one's folder is called `door`.
//! They measure nothing: all that there is of them is what is said there.
//!
//! ```console /sys/firmware/acpi
//! # insmod platform.ko
//! platform LKMP0001:00: The limit of door is 42 degrees.
//! platform LKMP0001:01: limit-celsius is 300, and must be 0 to 125.
//! platform LKMP0001:01: probe with driver platform failed with error -22
//! platform PRP0001:00: The limit of window is 85 degrees.
//! # cd /sys/bus/platform/devices/LKMP0001:00
//! # echo 50 > limit; grep . label limit
//! label:door
//! limit:50
//! # echo LKMP0001:00 > driver/unbind
//! platform LKMP0001:00: Goodbye.
//! # ls limit
//! ls: limit: No such file or directory
//! # echo LKMP0001:00 > /sys/bus/platform/drivers/platform/bind
//! platform LKMP0001:00: The limit of door is 42 degrees.
//! # cat limit
//! 42
//! # cd /; rmmod platform
//! platform LKMP0001:00: Goodbye.
//! platform PRP0001:00: Goodbye.
//! ```
//!
//! - **One driver, two tables**: the names of ACPI, and those of device trees. `PRP0001` is ACPI's name for
//!   "see the property `compatible`". So a PC can have a device with a name from the second table.
//! - **What the firmware says is input.** A property that is not there may have a default. A property that makes
//!   no sense must not be replaced by the default (`or` does that): the driver refuses the device.
//! - **The module stays** when it refuses a device: it may like the next one.
//! - **The limit that a user sets** belongs to the binding, and goes with it.
//!
//! In 7.3 a platform driver in Rust is not called when the machine is suspended or resumed.
//!
//! Where to look: `Documentation/firmware-guide/acpi/enumeration.rst`, and chapter 13 of the book.

use kernel::{
    acpi,
    device::{
        Core,
        Device, //
    },
    devres::Devres,
    of,
    platform,
    str::CString, //
};
use lkm::{
    prelude::*,
    sysfs::{
        Attribute,
        Attributes,
        DeviceAttributes,
        Group, //
    },
};

kernel::module_platform_driver! {
    type: Driver,
    name: "platform",
    authors: ["lkmpg-rs developers"],
    description: "A driver for devices that the firmware tells of",
    license: "GPL",
}

/// The highest limit, and the one for a device without the property, in degrees Celsius.
const HIGHEST: u32 = 125;
const DEFAULT: u32 = 85;

kernel::acpi_device_table!(ACPI, (), [(acpi::DeviceId::new(c"LKMP0001"), ())]);
kernel::of_device_table!(OF, (), [(of::DeviceId::new(c"lkmpg,temperature"), ())]);

struct Driver;

impl platform::Driver for Driver {
    type IdInfo = ();
    type Data<'bound> = Bound<'bound>;
    const ACPI_ID_TABLE: Option<acpi::IdTable<()>> = Some(&ACPI);
    const OF_ID_TABLE: Option<of::IdTable<()>> = Some(&OF);

    fn probe<'bound>(
        device: &'bound platform::Device<Core<'_>>,
        _kind: Option<&'bound ()>,
    ) -> impl PinInit<Bound<'bound>, Error> + 'bound {
        let device: &Device<Core<'_>> = device.as_ref();
        let thermometer = Arc::new(Thermometer::described_by(device)?, GFP_KERNEL)?;
        let (label, limit) = (&*thermometer.label, thermometer.limit.load(Relaxed));
        dev_info!(device, "The limit of {label} is {limit} degrees.\n");
        Ok(Bound {
            _attributes: DeviceAttributes::new(device, thermometer.clone())?,
            device,
        })
    }
}

/// What there is as long as a device is bound.
struct Bound<'bound> {
    _attributes: Devres<DeviceAttributes<Thermometer>>,
    device: &'bound Device,
}

impl Drop for Bound<'_> {
    fn drop(&mut self) {
        dev_info!(self.device, "Goodbye.\n");
    }
}

struct Thermometer {
    label: CString,
    limit: Atomic<u32>,
}

// ANCHOR: properties
impl Thermometer {
    /// Reads the properties. With `driver_override` any device may come, also one that no firmware describes.
    fn described_by(device: &Device<Core<'_>>) -> Result<Self> {
        let node = device.fwnode().ok_or(ENODEV)?;
        let label = node.property_read(c"label").required_by(device)?;
        let name = c"limit-celsius";
        let limit = match node.property_present(name) {
            true => node.property_read(name).required_by(device)?,
            false => DEFAULT,
        };
        if limit > HIGHEST {
            dev_err!(device, "{name} is {limit}, and must be 0 to {HIGHEST}.\n");
            return Err(EINVAL);
        }
        Ok(Self {
            label,
            limit: Atomic::new(limit),
        })
    }
}
// ANCHOR_END: properties

impl Attributes for Thermometer {
    const GROUPS: &'static [Group<Self>] = &[Group::new(&[
        Attribute::read_only(c"label", |it, out| out.line(&*it.label)),
        Attribute::read_write(
            c"limit",
            |it, out| out.line(it.limit.load(Relaxed)),
            |it, input| {
                let limit = input.parse()?;
                if limit > HIGHEST {
                    return Err(ERANGE);
                }
                it.limit.store(limit, Relaxed);
                Ok(())
            },
        ),
    ])];
}
