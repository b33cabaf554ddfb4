// SPDX-License-Identifier: GPL-2.0-only

//! A driver that does with its device what no driver should. It is bound if all was as it should be; the
//! log says what was not.

use kernel::{
    device::Core,
    dma::DmaMask,
    io::Io,
    pci::{
        Device,
        Driver,
        IdTable, //
    },
};
use lkm::{
    irq::IrqReturn,
    pci::{
        enable,
        handle_interrupt,
        set_dma_mask,
        Bar,
        Buffer, //
    },
    prelude::*, //
};

kernel::module_pci_driver! {
    type: Odd,
    name: "pci_odd",
    authors: ["lkmpg-rs developers"],
    description: "Uses a PCI device as nobody should",
    license: "GPL",
}

// QEMU's edu.
kernel::pci_device_table!(TABLE, (), [(lkm::pci::device_id(0x1234, 0x11e8), ())]);

type Case = fn(&Device<Core<'_>>) -> Result<bool>;

const CASES: &[(&str, Case)] = &[
    ("used before it is enabled", early_use),
    ("registers that are not there", odd_registers),
    ("interrupts with odd names", odd_names),
    ("a second handler", second_handler),
    ("odd names beside a handler", odd_names_later),
    ("enabled twice, when there is a handler", late_enable),
    ("a mask of no bits", no_mask),
    ("a second buffer", second_buffer),
    ("buffers of odd sizes", odd_sizes),
    ("copies beyond the end", odd_copies),
    (
        "a buffer that goes while the device may write there",
        early_end,
    ),
];

struct Odd;

impl Driver for Odd {
    type IdInfo = ();
    type Data<'bound> = Self;
    const ID_TABLE: IdTable<()> = &TABLE;

    fn probe<'bound>(
        device: &'bound Device<Core<'_>>,
        _kind: Option<&'bound ()>,
    ) -> impl PinInit<Self, Error> + 'bound {
        for (name, case) in CASES {
            match case(device) {
                Ok(true) => {}
                // A test may have it fail.
                Err(ENOMEM) => return Err(ENOMEM),
                _ => {
                    dev_err!(device, "{name}: not as it should be\n");
                    return Err(EINVAL);
                }
            }
        }
        Ok(Odd)
    }
}

const MASTER: u16 = 1 << 2;
const NO_LINE: u16 = 1 << 10;

/// The device's command register.
fn command(device: &Device<Core<'_>>) -> Result<u16> {
    device.config_space().try_read16(4)
}

struct Nothing;

impl irq::Handler for Nothing {
    fn handle(&self) -> IrqReturn {
        IrqReturn::None
    }
}

fn early_use(device: &Device<Core<'_>>) -> Result<bool> {
    let refused = Bar::<'_, 0>::new(device, 0, c"odd").err() == Some(EINVAL)
        && Buffer::new(device, 100).err() == Some(EINVAL)
        && handle_interrupt(device, c"odd", Nothing) == Err(EINVAL);
    enable(device)?;
    // Nobody handles its line yet.
    Ok(refused && command(device)? & NO_LINE != 0)
}

fn odd_registers(device: &Device<Core<'_>>) -> Result<bool> {
    let refuses = |number, error| Bar::<'_, 0>::new(device, number, c"odd").err() == Some(error);
    let too_large = Bar::<'_, { (1 << 20) + 4 }>::new(device, 0, c"odd").err();
    let all: Bar<'_, { 1 << 20 }> = Bar::new(device, 0, c"odd")?;
    let beyond = [(1 << 20) - 3, 1 << 20, usize::MAX, usize::MAX - 3];
    Ok(
        [1, 5, 6, 13, u32::MAX].map(|it| refuses(it, EINVAL)) == [true; 5]
            && too_large == Some(EINVAL)
            && refuses(0, EBUSY)
            && beyond.map(|at| all.try_read32(at)) == [Err(EINVAL); 4]
            && all.try_write8(1, 1 << 20) == Err(EINVAL)
            && all.try_read16(1) == Err(EINVAL)
            && all.try_read32(0)? == all.read32(0),
    )
}

fn odd_names(device: &Device<Core<'_>>) -> Result<bool> {
    names_are_refused(device, &[EINVAL])
}

/// Who sends messages to a handler has none for another, whatever that is called.
fn odd_names_later(device: &Device<Core<'_>>) -> Result<bool> {
    names_are_refused(device, &[EINVAL, EBUSY])
}

fn names_are_refused(device: &Device<Core<'_>>, errors: &[Error]) -> Result<bool> {
    let refuses =
        |name| handle_interrupt(device, name, Nothing).is_err_and(|it| errors.contains(&it));
    let line = command(device)? & NO_LINE;
    let names = [c"", c".", c"..", c"a/b", c"smp_affinity"];
    // Its line is as it was, with a handler or without.
    Ok(names.into_iter().all(refuses) && command(device)? & NO_LINE == line)
}

fn second_handler(device: &Device<Core<'_>>) -> Result<bool> {
    handle_interrupt(device, c"first", Nothing)?;
    let line = command(device)? & NO_LINE;
    let second = handle_interrupt(device, c"second", Nothing);
    // Any number of handlers share a line, where there are no messages. One that fails leaves it to them.
    if command(device)? & NO_LINE != line {
        return Ok(false);
    }
    match second {
        Err(EBUSY) => Ok(line != 0),
        other => other.map(|()| line == 0),
    }
}

/// It is disabled before its interrupt is freed.
fn late_enable(device: &Device<Core<'_>>) -> Result<bool> {
    let line = command(device)? & NO_LINE;
    enable(device)?;
    enable(device)?;
    Ok(command(device)? & NO_LINE == line)
}

fn no_mask(device: &Device<Core<'_>>) -> Result<bool> {
    Ok(set_dma_mask(device, DmaMask::new::<0>()) == Err(EINVAL))
}

fn second_buffer(device: &Device<Core<'_>>) -> Result<bool> {
    let _first = Buffer::new(device, 100)?;
    device.set_master();
    let second = Buffer::new(device, 100);
    // One that fails leaves the device to the other.
    let is_master = command(device)? & MASTER != 0;
    second.map(|_| is_master).or_else(|error| match is_master {
        true => Err(error),
        false => Ok(false),
    })
}

fn odd_sizes(device: &Device<Core<'_>>) -> Result<bool> {
    let refuses = |size, error| Buffer::new(device, size).err() == Some(error);
    Ok(refuses(0, EINVAL)
        && refuses((4 << 20) + 1, ENOMEM)
        && refuses(1 << 40, ENOMEM)
        && refuses(usize::MAX, ENOMEM)
        && Buffer::new(device, 1).is_ok())
}

fn odd_copies(device: &Device<Core<'_>>) -> Result<bool> {
    let buffer = Buffer::new(device, 100)?;
    let mut bytes = [1; 10];
    let mut refuses = |offset| {
        buffer.write(offset, &bytes) == Err(EINVAL)
            && buffer.read(offset, &mut bytes) == Err(EINVAL)
    };
    Ok(refuses(91)
        && refuses(100)
        && refuses(usize::MAX)
        && refuses(usize::MAX - 9)
        && buffer.write(90, &[2; 10]).is_ok()
        && buffer.write(100, &[]).is_ok()
        && buffer.read(89, &mut bytes).is_ok()
        && bytes == [0, 2, 2, 2, 2, 2, 2, 2, 2, 2])
}

fn early_end(device: &Device<Core<'_>>) -> Result<bool> {
    let is_master = || Ok::<_, Error>(command(device)? & MASTER != 0);
    let buffer = Buffer::new(device, 100)?;
    device.set_master();
    let before = is_master()?;
    drop(buffer);
    Ok(before && !is_master()?)
}
