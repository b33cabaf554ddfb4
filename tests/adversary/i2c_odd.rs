// SPDX-License-Identifier: GPL-2.0-only

//! A driver that keeps the way to its chip when the chip has gone: whoever has its file open still uses it.

use kernel::{
    device::Core,
    i2c::{
        DeviceId,
        Driver,
        I2cClient,
        IdTable, //
    },
};
use lkm::{
    i2c::Link,
    new_i2c_link,
    prelude::*, //
};

kernel::module_i2c_driver! {
    type: Odd,
    name: "i2c_odd",
    authors: ["lkmpg-rs developers"],
    description: "Uses an I2C chip as nobody should",
    license: "GPL",
}

kernel::i2c_device_table! {
    CHIPS,
    (),
    [(DeviceId::new(c"i2c_odd"), ())]
}

struct Odd;

impl Driver for Odd {
    type IdInfo = ();
    type Data<'bound> = misc::Registration<Opener>;
    const I2C_ID_TABLE: Option<IdTable<()>> = Some(&CHIPS);

    fn probe<'bound>(
        chip: &'bound I2cClient<Core<'_>>,
        _info: Option<&'bound ()>,
    ) -> impl PinInit<misc::Registration<Opener>, Error> + 'bound {
        // Is cut when the chip goes, though nobody has it any more.
        drop(new_i2c_link!(chip)?);
        misc::Registration::new(c"i2c_odd", 0o600, new_i2c_link!(chip)?)
    }
}

/// An open file. Where it is read is the number of a register.
struct Opener(Arc<Link>);

#[vtable]
impl FileOperations for Opener {
    type Data = Link;

    fn open(link: ArcBorrow<'_, Link>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok(Opener(link.into()))
    }

    /// A position is the number of a register.
    fn size(&self) -> Offset {
        256
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let register = *pos as u8;
        let byte = self.0.read_byte(register)?;
        if u16::from(byte) != self.0.read_word(register)? & 0xff {
            return Err(EIO);
        }
        read_from_buffer(out, &mut 0, &[byte])
    }

    fn write(
        &self,
        _file: &OpenFile,
        pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let register = *pos as u8;
        self.0.write_byte(register, register)?;
        self.0.write_word(register, register.into())?;
        Ok(data.len())
    }
}
