// SPDX-License-Identifier: GPL-2.0-only

//! Branches that are patched in and out.
//!
//! Where code asks a key, there is no load and no comparison, but an instruction that does nothing.
//! To turn the key on is to have a jump written over it, everywhere, while all CPUs run. That takes
//! long; so it is for what is asked very often and changes very seldom.
//!
//! C header: [`include/linux/jump_label.h`](srctree/include/linux/jump_label.h)

use crate::bindings;
use kernel::{
    prelude::*,
    types::Opaque, //
};

/// A key that is off at first: a `static`, which [`static_branch!`](crate::static_branch) asks.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// # use lkm::{static_branch, static_key::StaticKey};
/// static VERBOSE: StaticKey = StaticKey::new();
///
/// fn step() {
///     if static_branch!(VERBOSE) {
///         pr_info!("A step.\n");
///     }
/// }
///
/// fn be_verbose() {
///     VERBOSE.enable();
/// }
/// ```
///
/// # Invariants
///
/// `key` is off, or was turned on by C, which knows its branches. That a static begins with this is what
/// [`static_branch!`](crate::static_branch) has the compiler see to.
#[repr(transparent)]
pub struct StaticKey {
    key: Opaque<bindings::static_key_false>,
}

/// Where the key is in a [`StaticKey`], for [`static_branch!`](crate::static_branch).
#[doc(hidden)]
#[repr(C)]
pub struct Start {
    pub key: [u8; 0],
}

// SAFETY: C changes the key under a lock, and reads it with single loads.
unsafe impl Sync for StaticKey {}

impl StaticKey {
    /// A key that is off.
    #[expect(clippy::new_without_default, reason = "a key is a static")]
    pub const fn new() -> Self {
        Self {
            key: Opaque::new(pin_init::zeroed()),
        }
    }

    /// Turns it on. Does nothing if it is. May sleep (`static_branch_enable`).
    pub fn enable(&'static self) {
        // SAFETY: The key is static. It has no branches, or those that the loader gave it before any
        // code of the module ran.
        unsafe { bindings::static_key_enable(self.key.get().cast()) };
    }

    /// Turns it off. Does nothing if it is. May sleep (`static_branch_disable`).
    pub fn disable(&'static self) {
        // SAFETY: As in `enable`.
        unsafe { bindings::static_key_disable(self.key.get().cast()) };
    }

    /// Whether it is on: by a look at a number, so that this is no branch that is patched. Callable
    /// from any context.
    pub fn is_enabled(&'static self) -> bool {
        // SAFETY: The key is static, and C changes it with single stores.
        unsafe { self.key.get().cast::<c_int>().read_volatile() > 0 }
    }
}

/// Whether a [`StaticKey`] is on, which is taken to be unlikely. Callable from any context.
///
/// It takes the name of a `static` of the module. Without `CONFIG_JUMP_LABEL` it is a load and a
/// comparison.
///
/// C finds the branches by the address of the static, so what contains a key is none:
///
/// ```compile_fail,E0308
/// # use lkm::{static_branch, static_key::StaticKey};
/// struct Level(u64, StaticKey);
///
/// impl core::ops::Deref for Level {
///     type Target = StaticKey;
///
///     fn deref(&self) -> &StaticKey {
///         &self.1
///     }
/// }
///
/// static LEVEL: Level = Level(7, StaticKey::new());
///
/// fn is_high() -> bool {
///     static_branch!(LEVEL)
/// }
/// ```
///
/// [`StaticKey`]: crate::static_key::StaticKey
#[macro_export]
#[cfg(CONFIG_JUMP_LABEL)]
macro_rules! static_branch {
    ($key:path) => {{
        // The branch is on what is a key for the compiler, too. A reference would do for what
        // only dereferences to one.
        let _: *const $crate::static_key::StaticKey = &raw const $key;
        // SAFETY: The key is static, and begins with what C takes for one.
        unsafe {
            ::kernel::jump_label::arch_static_branch! {
                $key, $crate::static_key::Start, key, false
            }
        }
    }};
}

#[macro_export]
#[cfg(not(CONFIG_JUMP_LABEL))]
macro_rules! static_branch {
    ($key:path) => {
        $crate::static_key::StaticKey::is_enabled(&$key)
    };
}
