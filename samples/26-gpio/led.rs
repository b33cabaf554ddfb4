// SPDX-License-Identifier: GPL-2.0-only

//! A lamp on a line of a GPIO chip.
//!
//! A *line* is a wire that software can set or read. A chip has some, and each board connects other
//! things to them. So a driver does not know its line. The board has a description of itself (ACPI, the
//! device tree). Here the description is two parameters: the chip's label, and the line's number.
//!
//! You need no chip: `gpio-sim` makes one, by the commands in configfs.
//!
//! ```console /sys/bus/platform/drivers/gpio-sim
//! # mount -t configfs none /sys/kernel/config
//! # cd /sys/kernel/config/gpio-sim
//! # mkdir -p board/bank
//! # echo 2 > board/bank/num_lines
//! # echo board > board/bank/label
//! # echo 1 > board/live
//! # cd /modules
//! # insmod led.ko chip=board line=0
//! faux_driver led: lit on line 0 of board
//! # echo 1 > /sys/bus/faux/devices/led/lit
//! # cat /sys/devices/platform/gpio-sim.*/gpiochip*/sim_gpio0/value
//! 1
//! # grep led /sys/kernel/debug/gpio
//!  gpio-0   (led) output-high,pull-down
//! # insmod gpio_button.ko chip=board line=0
//! faux_driver button: no line 0 of board: EBUSY (see /sys/kernel/debug/gpio)
//! insmod: ERROR: could not insert module gpio_button.ko: Device or resource busy
//! # echo 0 > /sys/kernel/config/gpio-sim/board/live
//! # cat /sys/bus/faux/devices/led/lit
//! cat: read error: No such device
//! # rmmod led
//! # cd /sys/kernel/config/gpio-sim
//! # rmdir board/bank board
//! # cd /modules; umount /sys/kernel/config
//! ```
//!
//! - **Lit is not high.** Many lamps shine when their line is low. With `active_low=1` the line is low for 1.
//!   The driver does not see that.
//! - **The line is the lamp's alone.** Nobody else gets it, neither another driver nor `gpioset`.
//! - **The chip can go**, as it does above: it may be on a bus that somebody unplugs. Then the lamp answers
//!   `ENODEV`.
//! - In C, `gpiod_get()` of a chip that is not there fails with `EPROBE_DEFER`: ask again later. Nobody
//!   calls a module's `init` again, so here the error is `ENODEV`.
//!
//! A real lamp belongs to the LED subsystem (`drivers/leds/leds-gpio.c`), which can have it blink.
//!
//! Where to look: `Documentation/driver-api/gpio/consumer.rst`, and
//! `Documentation/admin-guide/gpio/gpio-sim.rst`.

use kernel::devres::Devres;
use lkm::{
    faux, gpio,
    prelude::*,
    sysfs::{
        Attribute,
        Attributes,
        DeviceAttributes,
        Group, //
    },
};

module! {
    type: LedModule,
    name: "led",
    authors: ["lkmpg-rs developers"],
    description: "A lamp on a GPIO line",
    license: "GPL",
}

module_params! {
    chip: str {
        default: c"board",
        description: "The label of the chip",
        permissions: 0o444,
    },
    line: u16 {
        default: 0,
        description: "The number of the line",
        permissions: 0o444,
    },
    active_low: bool {
        default: false,
        description: "Whether the lamp shines when the line is low",
        permissions: 0o444,
    },
}

struct LedModule {
    _attributes: Devres<DeviceAttributes<Led>>,
    _device: faux::Registration,
}

impl kernel::Module for LedModule {
    // ANCHOR: init
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let (label, number) = (chip.value(), line.value());
        let device = faux::Registration::new(c"led")?;
        let output = gpio::Options::new(label, number)
            .active_low(active_low.value())
            .output(device.as_ref(), false)
            .inspect_err(|e| {
                let see = "(see /sys/kernel/debug/gpio)";
                dev_err!(
                    device.as_ref(),
                    "no line {number} of {label}: {e:?} {see}\n"
                );
            })?;
        let led = Arc::new(Led(output), GFP_KERNEL)?;
        let attributes = DeviceAttributes::new(device.as_ref(), led)?;
        dev_info!(device.as_ref(), "lit on line {number} of {label}\n");
        Ok(LedModule {
            _attributes: attributes,
            _device: device,
        })
    }
    // ANCHOR_END: init
}

struct Led(gpio::Output);

// ANCHOR: lit
impl Attributes for Led {
    const GROUPS: &'static [Group<Self>] = &[Group::new(&[Attribute::read_write(
        c"lit",
        |led, out| out.line(u8::from(led.0.value()?)),
        |led, input| match input.parse()? {
            0 => led.0.set(false),
            1 => led.0.set(true),
            _ => Err(ERANGE),
        },
    )])];
}
// ANCHOR_END: lit
