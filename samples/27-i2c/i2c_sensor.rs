// SPDX-License-Identifier: GPL-2.0-only

//! A thermometer on an I²C bus, in the files of hwmon.
//!
//! You need no chip. The kernel's `i2c-stub` is a bus without wires, on which a chip with registers
//! answers at an address of your choice. An I²C bus cannot tell which chips it has. So an administrator
//! does: a write to `new_device` makes a device, and the kernel looks for its driver.
//!
//! ```console /sys/class/i2c-dev
//! # modprobe i2c-stub chip_addr=0x48
//! i2c-stub: Virtual chip at 0x48
//! # cd /sys/bus/i2c/devices
//! # bus=$(basename $(dirname $(grep -l stub i2c-*/name)))
//! # insmod /modules/i2c_sensor.ko
//! # echo i2c_sensor 0x48 > $bus/new_device
//! i2c_sensor [..]-0048: a thermometer
//! i2c i2c-[..]: new_device: Instantiated device i2c_sensor at 0x48
//! # i2cset -f -y ${bus#i2c-} 0x48 0 0x8015 w    # it has 21.5 degrees
//! # cat /sys/class/hwmon/hwmon*/temp1_input
//! 21500
//! # echo 80000 > $bus/${bus#i2c-}-0048/hwmon/hwmon*/temp1_max
//! # i2cget -f -y ${bus#i2c-} 0x48 3 w
//! 0x0050
//! # rmmod i2c_sensor
//! # echo 0x48 > $bus/delete_device
//! i2c i2c-[..]: delete_device: Deleting device i2c_sensor at 0x48
//! # cd /modules; modprobe -r i2c-stub
//! ```
//!
//! - **A driver has a chip as long as it is bound.** `Devres` removes the files of hwmon when the driver is
//!   unbound, and waits for those who read them. A file that is still open then answers `ENODEV`. A
//!   transfer is a method of a `Link`, which is cut at that time.
//! - **An error is no temperature.** In C, `i2c_smbus_read_word_data()` returns an `int` that is one or the
//!   other. A driver that puts it into 16 bits shows -0.02 degrees for a chip that does not answer.
//! - **The order of the bytes.** SMBus sends the lower byte of a word first, this chip the upper one.
//! - `insmod` succeeds without a chip: it only registers the driver. If `probe` fails, the log says so.
//!
//! Where to look: `drivers/hwmon/lm75.c`, `Documentation/hwmon/hwmon-kernel-api.rst`.

use kernel::{
    device::{
        Core,
        Device, //
    },
    devres::Devres,
    i2c::{
        self,
        I2cClient, //
    },
};
use lkm::{
    hwmon::{
        self,
        Chip,
        Temperature, //
    },
    i2c::Link,
    new_i2c_link,
    prelude::*, //
};

kernel::module_i2c_driver! {
    type: Driver,
    name: "i2c_sensor",
    authors: ["lkmpg-rs developers"],
    description: "A thermometer on an I2C bus",
    license: "GPL",
}

kernel::i2c_device_table! {
    CHIPS,
    (),
    [(i2c::DeviceId::new(c"i2c_sensor"), ())]
}

// ANCHOR: driver
struct Driver {
    _files: Devres<hwmon::Registration<Thermometer>>,
}

impl i2c::Driver for Driver {
    type IdInfo = ();
    type Data<'bound> = Self;
    const I2C_ID_TABLE: Option<i2c::IdTable<()>> = Some(&CHIPS);

    fn probe<'bound>(
        chip: &'bound I2cClient<Core<'_>>,
        _info: Option<&'bound ()>,
    ) -> impl PinInit<Self, Error> + 'bound {
        let device: &Device<Core<'_>> = chip.as_ref();
        let link = new_i2c_link!(chip)?;
        // Is anybody there?
        link.read_word(register(Temperature::Input))
            .inspect_err(|e| dev_err!(device, "no answer: {e:?}\n"))?;
        let thermometer = Arc::new(Thermometer(link), GFP_KERNEL)?;
        let files = hwmon::Registration::new(device, c"i2c_sensor", thermometer)?;
        dev_info!(device, "a thermometer\n");
        Ok(Driver { _files: files })
    }
}
// ANCHOR_END: driver

// ANCHOR: chip
struct Thermometer(Arc<Link>);

/// Where a temperature is: 16 bits, in 1/256 of a degree.
fn register(what: Temperature) -> u8 {
    match what {
        Temperature::Input => 0,
        Temperature::MaxHyst => 2,
        Temperature::Max => 3,
    }
}

impl Chip for Thermometer {
    const READ: &'static [Temperature] =
        &[Temperature::Input, Temperature::Max, Temperature::MaxHyst];
    const WRITE: &'static [Temperature] = &[Temperature::Max, Temperature::MaxHyst];

    fn read(&self, what: Temperature) -> Result<c_long> {
        let raw = self.0.read_word(register(what))?.swap_bytes() as i16;
        Ok(c_long::from(raw) * 1000 / 256)
    }

    /// The chip's limits are from -55 to 125 degrees, in steps of a half.
    fn write(&self, what: Temperature, value: c_long) -> Result {
        let halves = (value.clamp(-55_000, 125_000) + 250).div_euclid(500);
        let raw = (halves as i16) << 7;
        self.0.write_word(register(what), (raw as u16).swap_bytes())
    }
}
// ANCHOR_END: chip
