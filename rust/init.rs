// SPDX-License-Identifier: GPL-2.0-only

//! Code and data that the kernel frees once a module is loaded.
//!
//! C header: [`include/linux/init.h`](srctree/include/linux/init.h)

use crate::lifetime::is_coming;
use core::cell::UnsafeCell;
use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// A value in `.init.data`, read by the `init` that [`init_only!`] makes.
///
/// [`init_only!`]: crate::init_only
#[doc(hidden)]
#[repr(transparent)]
pub struct Data<T>(UnsafeCell<T>);

// SAFETY: The value is only ever read.
unsafe impl<T: Sync> Sync for Data<T> {}

impl<T: Copy> Data<T> {
    /// Places `value`.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Copies the value out of the section.
    ///
    /// # Safety
    ///
    /// The module must still be loading: what is in the macro's braces can name this, too.
    #[inline(always)]
    pub unsafe fn get(&self) -> T {
        // SAFETY: By the safety requirements this is a valid value, which nobody writes. The read is
        // volatile so that the compiler cannot fold the section's content into the code.
        unsafe { self.0.get().read_volatile() }
    }
}

/// Whether a module's `init` was called.
#[doc(hidden)]
pub struct Called(Atomic<bool>);

impl Called {
    /// Not yet.
    pub const fn not_yet() -> Self {
        Self(Atomic::new(false))
    }

    /// Returns true once, while the module is being loaded.
    pub fn is_first(&self) -> bool {
        is_coming() && !self.0.xchg(true, Relaxed)
    }
}

/// Calls `f` from `.init.text`. It is called nowhere else, and ends up there, too.
///
/// # Safety
///
/// The module must still be loading.
#[doc(hidden)]
#[link_section = ".init.text"]
#[inline(never)]
pub unsafe fn call<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// Puts a module's `init`, and the data that it alone uses, where the kernel frees them when the
/// module is loaded.
///
/// The macro wraps the module's `module!`, of which there is one, and its `impl kernel::Module`: the loader waits for no
/// other type's `init`. What the function does goes to `.init.text`,
/// as with C's `__init`; each `static` in front of it goes to `.init.data`, as with `__initdata`.
/// Inside the function a static's name stands for a copy of its value, so that no reference to it
/// can outlive `init`. The function itself stays, in case somebody kept a pointer to it: it fails with
/// `EBUSY` when it is called again.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// struct Hello;
///
/// lkm::init_only! {
///     module! {
///         type: Hello,
///         name: "hello",
///         authors: ["Somebody"],
///         description: "Greets",
///         license: "GPL",
///     }
///
///     impl kernel::Module for Hello {
///         static YEAR: u32 = 2026;
///
///         fn init(_module: &'static ThisModule) -> Result<Self> {
///             pr_info!("Hello, {YEAR}\n");
///             Ok(Hello)
///         }
///     }
/// }
/// ```
///
/// A function that stays cannot read what goes, though it can name it:
///
/// ```compile_fail,E0133
/// # use kernel::prelude::*;
/// # struct Hello;
/// #[derive(Clone, Copy)]
/// struct Later(fn() -> Later);
///
/// lkm::init_only! {
/// #   module! {
/// #       type: Hello,
/// #       name: "hello",
/// #       authors: ["Somebody"],
/// #       description: "Greets",
/// #       license: "GPL",
/// #   }
///     impl kernel::Module for Hello {
///         static LATER: Later = {
///             fn later() -> Later {
///                 DATA.get()
///             }
///             Later(later)
///         };
///
///         fn init(_module: &'static ThisModule) -> Result<Self> {
///             let _ = LATER.0();
///             Ok(Hello)
///         }
///     }
/// }
/// ```
#[macro_export]
macro_rules! init_only {
    (
        module! {
            type: $module:ident,
            $($about:tt)*
        }

        impl kernel::Module for $same:ident {
            $(static $name:ident: $type:ty = $value:expr;)*

            fn init($this:ident: &'static ThisModule) -> $result:ty $body:block
        }
    ) => {
        ::kernel::prelude::module! {
            type: $module,
            $($about)*
        }

        const _: fn($same) -> $module = |it| it;

        impl ::kernel::Module for $module {
            #[link_section = ".ref.text"]
            #[inline(never)]
            fn init($this: &'static ::kernel::ThisModule) -> $result {
                let is_first = {
                    static CALLED: $crate::init::Called = $crate::init::Called::not_yet();
                    CALLED.is_first()
                };
                if !is_first {
                    return Err(::kernel::error::code::EBUSY);
                }
                let init = move || -> $result {
                    $(
                        #[allow(non_snake_case)]
                        let $name: $type = {
                            #[link_section = ".init.data"]
                            static DATA: $crate::init::Data<$type> =
                                $crate::init::Data::new($value);
                            // SAFETY: Only `call` runs this closure, below.
                            unsafe { DATA.get() }
                        };
                    )*
                    $body
                };
                // SAFETY: The module is being loaded: the loader calls this, or waits for who
                // comes before it, as a parameter may.
                unsafe { $crate::init::call(init) }
            }
        }
    };
}
