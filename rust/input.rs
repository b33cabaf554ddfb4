// SPDX-License-Identifier: GPL-2.0-only

//! Input devices: keyboards that are made of software.
//!
//! A [`Keyboard`] is a device like any other: it has a node in `/dev/input`, the console's keyboard
//! driver listens to it, and a desktop would, too.
//!
//! C header: [`include/linux/input.h`](srctree/include/linux/input.h)

use crate::{
    bindings,
    compat::errno,
    context,
    name, //
};
use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

/// The largest number that a key can have.
pub const LAST_KEY: u16 = bindings::KEY_MAX as u16;

/// SysRq, which no [`Keyboard`] here has: the kernel listens to all for it, and with C it crashes.
pub const SYSRQ: u16 = 99;

const KEYS: usize = LAST_KEY as usize + 1;
const WORD: usize = u64::BITS as usize;

/// A registered keyboard. Dropping it releases the keys that are down, and takes the device away. Who
/// has its node open then gets `ENODEV`.
///
/// # Invariants
///
/// `device` is registered, and can do the keys in `keys`.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// use lkm::input;
///
/// const KEY_A: u16 = 30;
///
/// fn type_a() -> Result {
///     let keyboard = input::Keyboard::new(c"One key", [KEY_A])?;
///     keyboard.key(KEY_A, true)?;
///     keyboard.key(KEY_A, false)
/// }
/// ```
pub struct Keyboard {
    device: NonNull<bindings::input_dev>,
    keys: [u64; KEYS.div_ceil(WORD)],
}

// SAFETY: A device may be unregistered by any thread.
unsafe impl Send for Keyboard {}
// SAFETY: C has a lock for what happens to a device.
unsafe impl Sync for Keyboard {}

impl Keyboard {
    /// Registers a keyboard with a name and some keys, by the numbers of
    /// [`input-event-codes.h`](srctree/include/uapi/linux/input-event-codes.h).
    ///
    /// Fails with `EINVAL` if there is no key, or one that is 0, [`SYSRQ`] or beyond [`LAST_KEY`], or if the
    /// name has more than 79 bytes, with `EINTR` at a signal, `EDEADLK` in what answers a
    /// [disk's](crate::block::Operations) requests, or with `ENOMEM`. May sleep (`input_register_device`).
    pub fn new(name: &'static CStr, keys: impl IntoIterator<Item = u16>) -> Result<Self> {
        // There is a node, which is made by a thread that may wait for the disk.
        if context::works_for_others() {
            return Err(errno(bindings::EDEADLK));
        }
        // It is part of what udev is told, for which C has 2 KiB.
        if name.to_bytes().len() >= bindings::UINPUT_MAX_NAME_SIZE as usize {
            return Err(EINVAL);
        }
        // SAFETY: This can be called whenever one may sleep.
        let device = NonNull::new(unsafe { bindings::input_allocate_device() }).ok_or(ENOMEM)?;
        let device = Unregistered(device);
        let mut set = [0; KEYS.div_ceil(WORD)];
        for key in keys {
            // 0 stands for no key.
            let word = set
                .get_mut(usize::from(key) / WORD)
                .filter(|_| ![0, SYSRQ].contains(&key));
            *word.ok_or(EINVAL)? |= bit(key);
            // SAFETY: The device is not registered yet. The array has room for the keys that there
            // are, so this is one.
            unsafe {
                bindings::input_set_capability(device.0.as_ptr(), bindings::EV_KEY, key.into())
            };
        }
        if set.iter().all(|it| *it == 0) {
            return Err(EINVAL);
        }
        let raw = device.0.as_ptr();
        // SAFETY: These are members of the device, and nobody else knows it. C only reads the name, as
        // long as the device is registered.
        unsafe {
            raw.byte_add(bindings::LKM_INPUT_NAME)
                .cast::<*const c_char>()
                .write(name.as_char_ptr());
            raw.byte_add(bindings::LKM_INPUT_BUSTYPE)
                .cast::<u16>()
                .write(bindings::BUS_VIRTUAL as u16);
        }
        // SAFETY: The device is complete.
        name::registered(to_result(unsafe { bindings::input_register_device(raw) }))?;
        // Who unregisters it gives back the reference, too.
        let device = ManuallyDrop::new(device).0;
        // INVARIANT: It is registered, with the keys of the set.
        Ok(Self { device, keys: set })
    }

    /// Presses or releases a key. One that is down already, or up, stays so, and nobody hears of it.
    ///
    /// Fails with `EINVAL` if the keyboard has no such key. Callable from any context but an NMI,
    /// and with PREEMPT_RT only where one may sleep (`input_report_key`, `input_sync`).
    pub fn key(&self, key: u16, down: bool) -> Result {
        let word = self.keys.get(usize::from(key) / WORD).ok_or(EINVAL)?;
        if word & bit(key) == 0 {
            return Err(EINVAL);
        }
        let event = |kind, code, value| {
            // SAFETY: By the type invariants.
            unsafe { bindings::input_event(self.device.as_ptr(), kind, code, value) }
        };
        event(bindings::EV_KEY, key.into(), down.into());
        event(bindings::EV_SYN, bindings::SYN_REPORT, 0);
        Ok(())
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        // SAFETY: By the type invariants. Nobody uses it any more.
        unsafe { bindings::input_unregister_device(self.device.as_ptr()) };
    }
}

fn bit(key: u16) -> u64 {
    1 << (usize::from(key) % WORD)
}

/// # Invariants
///
/// The device is allocated, and not registered.
struct Unregistered(NonNull<bindings::input_dev>);

impl Drop for Unregistered {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::input_free_device(self.0.as_ptr()) };
    }
}
