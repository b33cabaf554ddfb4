// SPDX-License-Identifier: GPL-2.0-only

//! The PC's keyboard, whose interrupt and bytes others have, too.

use super::{
    counter,
    Dropped,
    Interrupts, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
};
use lkm::{
    file,
    i8042::{
        self,
        Byte,
        Verdict, //
    },
    irq::{
        self,
        Flags,
        IrqReturn, //
    },
};

/// Its line, which can be shared.
const LINE: u32 = 1;

/// Their folders would have the same name.
pub(super) fn long_names() -> Result<bool> {
    const LONG: [u8; 130] = {
        let mut bytes = [b'n'; 130];
        bytes[129] = 0;
        bytes
    };
    let dropped = counter()?;
    let long = CStr::from_bytes_with_nul(&LONG).map_err(|_| EINVAL)?;
    for (without, expected) in [(1, Some(EINVAL)), (2, None)] {
        let name = long.to_bytes_with_nul().get(without..).unwrap_or_default();
        let name = CStr::from_bytes_with_nul(name).map_err(|_| EINVAL)?;
        let handler = Interrupts::new(&dropped);
        let line = irq::Registration::new(LINE, Flags::SHARED, name, handler);
        if KBox::pin_init(line, GFP_KERNEL).err() != expected {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn many_lines() -> Result<bool> {
    let dropped = counter()?;
    let mut kept = KVec::new();
    for n in 0..200 {
        let handler = Interrupts::new(&dropped);
        let line = irq::Registration::new(LINE, Flags::SHARED, c"parts", handler);
        let line = KBox::pin_init(line, GFP_KERNEL)?;
        if n % 8 == 0 {
            kept.push(line, GFP_KERNEL)?;
        }
    }
    for n in 0..50 {
        let handler = Interrupts::new(&dropped);
        let line = irq::ThreadedRegistration::new(LINE, Flags::SHARED, c"parts", handler);
        let line = KBox::pin_init(line, GFP_KERNEL)?;
        if n % 2 == 0 {
            line.wake_thread();
        }
    }
    // From the middle on, to both ends.
    while !kept.is_empty() {
        let at = kept.len() / 2;
        drop(kept.remove(at).map_err(|_| EINVAL)?);
    }
    Ok(dropped.load(Relaxed) == 250)
}

/// Whether only the right one of two handlers at the same address was gone when one was freed.
static TOLD_APART: Atomic<bool> = Atomic::new(false);

/// Dropped when the line of the outer handler is freed, and that of the inner one is not.
struct Between;

impl Drop for Between {
    fn drop(&mut self) {
        let lines = file::read(c"/proc/interrupts", 1 << 16).unwrap_or_default();
        let has = |name: &[u8]| lines.windows(name.len()).any(|it| it == name);
        TOLD_APART.store(has(b"parts inner") && !has(b"parts outer"), Relaxed);
    }
}

/// Begins where it begins in whatever it is part of.
#[repr(align(64))]
struct Aligned;

impl irq::Handler for Aligned {
    fn handle(&self) -> IrqReturn {
        IrqReturn::None
    }
}

#[pin_data]
#[repr(C)]
struct Nested {
    _between: Between,
    #[pin]
    _inner: irq::Registration<Aligned>,
}

impl irq::Handler for Nested {
    fn handle(&self) -> IrqReturn {
        IrqReturn::None
    }
}

/// A handler that is a registration, of a handler without a size, all at one address.
pub(super) fn nested_lines() -> Result<bool> {
    let nested = try_pin_init!(Nested {
        _between: Between,
        _inner <- irq::Registration::new(LINE, Flags::SHARED, c"parts inner", Aligned),
    });
    let outer = irq::Registration::new(LINE, Flags::SHARED, c"parts outer", nested);
    drop(KBox::pin_init(outer, GFP_KERNEL)?);
    Ok(TOLD_APART.load(Relaxed))
}

struct Passes {
    _dropped: Dropped,
}

impl Passes {
    fn new(dropped: &Arc<Atomic<u32>>) -> Self {
        Self {
            _dropped: Dropped(dropped.clone()),
        }
    }
}

impl i8042::Filter for Passes {
    fn byte(&self, _byte: Byte) -> Verdict {
        Verdict::Pass
    }
}

pub(super) fn filters() -> Result<bool> {
    let dropped = counter()?;
    for _ in 0..1000 {
        let passes = Passes::new(&dropped);
        let one = KBox::pin_init(i8042::Registration::new(passes), GFP_KERNEL)?;
        let passes = Passes::new(&dropped);
        let two = KBox::pin_init(i8042::Registration::new(passes), GFP_KERNEL);
        if two.err() != Some(EBUSY) {
            return Ok(false);
        }
        // The one that failed has taken nothing off.
        drop(one);
    }
    Ok(dropped.load(Relaxed) == 2000)
}
