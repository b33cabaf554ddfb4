// SPDX-License-Identifier: GPL-2.0-only

//! Branches that are patched in and out.
//!
//! Where code asks a key, there is no load and no comparison, but an instruction that does nothing.
//! To turn the key on is to have a jump written over it, everywhere, while all CPUs run. That takes
//! long; so it is for what is asked very often and changes very seldom.
//!
//! C header: [`include/linux/jump_label.h`](srctree/include/linux/jump_label.h)

use crate::{
    bindings,
    context, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Full,
        Relaxed, //
    },
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
#[repr(C)]
pub struct StaticKey {
    key: Opaque<bindings::static_key_false>,
    /// Bit 0 is a lock: somebody turns the key. A lock of another kind cannot be in a static without
    /// code that runs before it is used.
    turning: Atomic<usize>,
    /// The log says that it was not turned.
    told: Atomic<bool>,
}

/// Where the key is in a [`StaticKey`], for [`static_branch!`](crate::static_branch).
#[doc(hidden)]
#[repr(C)]
pub struct Start {
    pub key: [u8; 0],
}

// SAFETY: C changes the key under a lock, and reads it with single loads. The word is atomic.
unsafe impl Sync for StaticKey {}

impl StaticKey {
    /// A key that is off.
    #[expect(clippy::new_without_default, reason = "a key is a static")]
    pub const fn new() -> Self {
        Self {
            key: Opaque::new(pin_init::zeroed()),
            turning: Atomic::new(0),
            told: Atomic::new(false),
        }
    }

    /// Turns it on. Does nothing if it is. May sleep (`static_branch_enable`). Who calls this or
    /// [`disable`](Self::disable) while somebody else does waits, and no signal ends that.
    ///
    /// In what answers a [disk's](crate::block::Operations) requests neither does anything, and the log says so once: it
    /// would wait for a CPU that goes, which may wait for the request.
    pub fn enable(&'static self) {
        self.turn(true);
    }

    /// Turns it off. Does nothing if it is. May sleep (`static_branch_disable`).
    pub fn disable(&'static self) {
        self.turn(false);
    }

    /// Turns it on or off, and nobody else does so meanwhile: C warns of who turns a key off while it is
    /// being turned on.
    fn turn(&'static self, on: bool) {
        if context::works_for_others() {
            // Once: the log may be on that disk.
            if !self.told.xchg(true, Relaxed) {
                pr_warn!(
                    "A static key stays as it is: it is not to be turned for a disk's request.\n"
                );
            }
            return;
        }
        let word = self.turning.as_ptr();
        // SAFETY: The word is static, and is used as bits only. The answer is 0: this mode of waiting
        // ends for no signal.
        unsafe {
            bindings::out_of_line_wait_on_bit_lock(
                word,
                0,
                Some(bindings::bit_wait),
                bindings::TASK_UNINTERRUPTIBLE,
            )
        };
        let key = self.key.get().cast::<bindings::static_key>();
        // SAFETY: The key is static. It has no branches, or those that the loader gave it before any
        // code of the module ran.
        #[cfg(CONFIG_JUMP_LABEL)]
        unsafe {
            if on {
                bindings::static_key_enable(key);
            } else {
                bindings::static_key_disable(key);
            }
        }
        // C's functions are inline there, and do this (`atomic_set`).
        // SAFETY: The key is static, and begins with a number.
        #[cfg(not(CONFIG_JUMP_LABEL))]
        unsafe {
            key.cast::<c_int>().write_volatile(on.into())
        };
        // `Full`, since `wake_up_bit` looks for who waits without a lock.
        self.turning.xchg(0, Full);
        // SAFETY: As for the lock.
        unsafe { bindings::wake_up_bit(word, 0) };
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
/// What the caller calls as the compiler's macros are called does not matter:
///
/// ```
/// # use lkm::{static_branch, static_key::StaticKey};
/// # #[allow(unused_macros)]
/// macro_rules! include {
///     () => {};
/// }
///
/// static HOT: StaticKey = StaticKey::new();
///
/// fn is_hot() -> bool {
///     static_branch!(HOT)
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
        // `kernel::jump_label::arch_static_branch!` would take an `include!` of the caller's.
        'branch: {
            // SAFETY: The key is static, and begins with what C takes for one.
            unsafe {
                ::kernel::asm!(
                    ::core::include!(::core::concat!(
                        ::core::env!("OBJTREE"),
                        "/rust/kernel/generated_arch_static_branch_asm.rs"
                    ));
                    l_yes = label {
                        break 'branch true;
                    },
                    symb = sym $key,
                    off = const ::core::mem::offset_of!($crate::static_key::Start, key),
                    branch = const 0,
                );
            }
            false
        }
    }};
}

/// Whether a [`StaticKey`] is on. Without `CONFIG_JUMP_LABEL` it is a load and a comparison. Callable from
/// any context.
///
/// [`StaticKey`]: crate::static_key::StaticKey
#[macro_export]
#[cfg(not(CONFIG_JUMP_LABEL))]
macro_rules! static_branch {
    ($key:path) => {
        $crate::static_key::StaticKey::is_enabled(&$key)
    };
}
