// SPDX-License-Identifier: GPL-2.0-only

//! Code and data that the kernel frees once a module is loaded.
//!
//! C header: [`include/linux/init.h`](srctree/include/linux/init.h)

use core::cell::UnsafeCell;

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
    #[inline(always)]
    pub fn get(&self) -> T {
        // SAFETY: `self` is a valid value that nobody writes. The read is volatile so that the
        // compiler cannot fold the section's content into the code.
        unsafe { self.0.get().read_volatile() }
    }
}

/// Puts a module's `init`, and the data that it alone uses, where the kernel frees them when the
/// module is loaded.
///
/// The macro wraps the module's `impl kernel::Module`. The function goes to `.init.text`, as C's
/// `__init` does; each `static` in front of it goes to `.init.data`, as `__initdata` does. Inside
/// the function a static's name stands for a copy of its value, so that no reference to it can
/// outlive `init`. Should other code of the module call `init` again, modpost refuses to link the
/// module (a section mismatch).
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// struct Hello;
///
/// lkm::init_only! {
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
#[macro_export]
macro_rules! init_only {
    (
        impl kernel::Module for $module:ty {
            $(static $name:ident: $type:ty = $value:expr;)*

            fn init($this:ident: &'static ThisModule) -> $result:ty $body:block
        }
    ) => {
        impl ::kernel::Module for $module {
            #[link_section = ".init.text"]
            #[inline(never)]
            fn init($this: &'static ::kernel::ThisModule) -> $result {
                $(
                    #[allow(non_snake_case)]
                    let $name: $type = {
                        #[link_section = ".init.data"]
                        static DATA: $crate::init::Data<$type> = $crate::init::Data::new($value);
                        DATA.get()
                    };
                )*
                $body
            }
        }
    };
}
