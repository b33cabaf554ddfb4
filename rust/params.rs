// SPDX-License-Identifier: GPL-2.0-only

//! Module parameters that `module!` lacks: strings, arrays, and files in sysfs.
//!
//! [`module_params!`] stands beside `module!` and reads like its `params`. The values are parsed,
//! range-checked, shown and freed by the kernel's own `param_ops_*`: a parameter costs a module no
//! code, and a refused value is named in the kernel log, with errno `ERANGE` when it does not fit
//! the type and `EINVAL` when it is malformed.
//!
//! C header: [`include/linux/moduleparam.h`](srctree/include/linux/moduleparam.h)
//!
//! Reference: chapter 2.6 of the guide.
//!
//! [`module_params!`]: crate::module_params

use crate::bindings;
use core::{
    cell::UnsafeCell,
    mem::size_of,
    ops::Deref, //
};
use kernel::{
    module_param::KernelParam,
    prelude::*,
    types::NotThreadSafe, //
};

/// A number or a flag that a parameter can hold.
///
/// # Safety
///
/// `OPS` must read and write a value of this type through `kernel_param::arg`, and leave a valid
/// one there whatever it is given.
pub unsafe trait Scalar: Copy + Send + Sync {
    /// The type's name in C, as `modinfo` shows it.
    const NAME: &'static str;
    /// The operations in C.
    #[doc(hidden)]
    const OPS: *const bindings::kernel_param_ops;
}

macro_rules! impl_scalar {
    ($($type:ty: $name:literal, $ops:ident;)*) => {$(
        // SAFETY: These are the operations that C uses for the same type.
        unsafe impl Scalar for $type {
            const NAME: &'static str = $name;
            const OPS: *const bindings::kernel_param_ops = &raw const bindings::$ops;
        }
    )*};
}

impl_scalar! {
    bool: "bool", param_ops_bool;
    u8: "byte", param_ops_byte;
    i16: "short", param_ops_short;
    u16: "ushort", param_ops_ushort;
    i32: "int", param_ops_int;
    u32: "uint", param_ops_uint;
    isize: "long", param_ops_long;
    usize: "ulong", param_ops_ulong;
    u64: "ullong", param_ops_ullong;
}

#[cfg(CONFIG_64BIT)]
impl_scalar! {
    i64: "long", param_ops_long;
}

/// Whether files of this mode let a value change while the module is loaded.
const fn writable(mode: u16) -> bool {
    mode & 0o222 != 0
}

/// Builds the descriptor that the module loader finds in `__param`.
const fn kernel_param(
    name: &'static CStr,
    module: &'static ThisModule,
    ops: *const bindings::kernel_param_ops,
    mode: u16,
    arg: *mut c_void,
) -> KernelParam {
    KernelParam::new(bindings::kernel_param {
        name: kernel::str::as_char_ptr_in_const_context(name),
        mod_: module.as_ptr(),
        ops,
        perm: mode,
        level: -1,
        flags: 0,
        __bindgen_anon_1: bindings::kernel_param__bindgen_ty_1 { arg },
    })
}

/// A parameter that is a number or a flag.
pub struct Value<T, const MODE: u16> {
    value: UnsafeCell<T>,
}

// SAFETY: Readers copy the value, and the kernel serialises writers.
unsafe impl<T: Scalar, const MODE: u16> Sync for Value<T, MODE> {}

impl<T: Scalar, const MODE: u16> Value<T, MODE> {
    #[doc(hidden)]
    pub const NAME: &'static str = T::NAME;

    #[doc(hidden)]
    pub const fn new(default: T, _module: &'static ThisModule) -> Self {
        Self {
            value: UnsafeCell::new(default),
        }
    }

    #[doc(hidden)]
    pub const fn elements(&'static self) {}

    #[doc(hidden)]
    pub const fn describe(
        &'static self,
        _elements: &'static (),
        name: &'static CStr,
        module: &'static ThisModule,
    ) -> KernelParam {
        kernel_param(name, module, T::OPS, MODE, self.value.get().cast())
    }

    /// Returns the current value. Callable from any context.
    #[inline]
    pub fn value(&self) -> T {
        // SAFETY: `self` holds a valid value. It is an aligned word that the kernel replaces with
        // one store, which a volatile read sees whole, as `READ_ONCE` does.
        unsafe { self.value.get().read_volatile() }
    }
}

/// A parameter that is a string, of at most 1,024 bytes.
pub struct Str<const MODE: u16> {
    value: UnsafeCell<*const c_char>,
    module: &'static ThisModule,
}

// SAFETY: A reader holds the parameter lock if the string can change.
unsafe impl<const MODE: u16> Sync for Str<MODE> {}

impl<const MODE: u16> Str<MODE> {
    #[doc(hidden)]
    pub const NAME: &'static str = "charp";

    #[doc(hidden)]
    pub const fn new(default: &'static CStr, module: &'static ThisModule) -> Self {
        Self {
            value: UnsafeCell::new(kernel::str::as_char_ptr_in_const_context(default)),
            module,
        }
    }

    #[doc(hidden)]
    pub const fn elements(&'static self) {}

    #[doc(hidden)]
    pub const fn describe(
        &'static self,
        _elements: &'static (),
        name: &'static CStr,
        module: &'static ThisModule,
    ) -> KernelParam {
        let ops = &raw const bindings::param_ops_charp;
        kernel_param(name, module, ops, MODE, self.value.get().cast())
    }

    /// Returns the string.
    ///
    /// If the file in sysfs is writable, the string stays locked until the result is dropped; the
    /// call may then sleep. Otherwise it is callable from any context.
    #[inline]
    pub fn read(&'static self) -> StrGuard<MODE> {
        let lock = Lock::new(self.module);
        // SAFETY: The pointer cannot change: either nobody can write it, or `lock` is held. It
        // is the default or a copy that `param_ops_charp` made; both are NUL-terminated.
        let value = unsafe { CStr::from_char_ptr(self.value.get().read()) };
        StrGuard { value, _lock: lock }
    }
}

/// A string parameter, held while it is read.
pub struct StrGuard<const MODE: u16> {
    value: &'static CStr,
    _lock: Lock<MODE>,
}

impl<const MODE: u16> Deref for StrGuard<MODE> {
    type Target = CStr;

    #[inline]
    fn deref(&self) -> &CStr {
        self.value
    }
}

/// A parameter that is one to `N` values, separated by commas.
pub struct Array<T, const N: usize, const MODE: u16> {
    count: UnsafeCell<c_uint>,
    values: UnsafeCell<[T; N]>,
    module: &'static ThisModule,
}

// SAFETY: A reader holds the parameter lock if the values can change.
unsafe impl<T: Scalar, const N: usize, const MODE: u16> Sync for Array<T, N, MODE> {}

impl<T: Scalar, const N: usize, const MODE: u16> Array<T, N, MODE> {
    #[doc(hidden)]
    pub const NAME: &'static str = T::NAME;

    #[doc(hidden)]
    pub const fn new(default: [T; N], module: &'static ThisModule) -> Self {
        Self {
            count: UnsafeCell::new(N as c_uint),
            values: UnsafeCell::new(default),
            module,
        }
    }

    #[doc(hidden)]
    pub const fn elements(&'static self) -> Elements {
        Elements(bindings::kparam_array {
            max: N as c_uint,
            elemsize: size_of::<T>() as c_uint,
            num: self.count.get(),
            ops: T::OPS,
            elem: self.values.get().cast(),
        })
    }

    #[doc(hidden)]
    pub const fn describe(
        &'static self,
        elements: &'static Elements,
        name: &'static CStr,
        module: &'static ThisModule,
    ) -> KernelParam {
        let ops = &raw const bindings::param_array_ops;
        let arg = core::ptr::from_ref(&elements.0).cast_mut().cast();
        kernel_param(name, module, ops, MODE, arg)
    }

    /// Returns all values; those that were not given have their defaults.
    ///
    /// May sleep if the file in sysfs is writable; otherwise callable from any context.
    #[inline]
    pub fn value(&self) -> [T; N] {
        let _lock = Lock::<MODE>::new(self.module);
        // SAFETY: The values cannot change: either nobody can write them, or the lock is held.
        unsafe { self.values.get().read() }
    }

    /// Returns how many values were given, `N` if the parameter was not.
    ///
    /// Callable from any context.
    #[inline]
    pub fn count(&self) -> usize {
        // SAFETY: As in `Value::value`.
        unsafe { self.count.get().read_volatile() as usize }
    }
}

/// What C needs to know of an array.
#[doc(hidden)]
pub struct Elements(bindings::kparam_array);

// SAFETY: Only the kernel uses it, and it serialises the access.
unsafe impl Sync for Elements {}

/// `kernel_param_lock`, held if files of this mode can be written.
struct Lock<const MODE: u16>(&'static ThisModule, NotThreadSafe);

impl<const MODE: u16> Lock<MODE> {
    #[inline]
    fn new(module: &'static ThisModule) -> Self {
        if writable(MODE) {
            // SAFETY: The module is loaded, since its code runs.
            unsafe { bindings::kernel_param_lock(module.as_ptr()) };
        }
        Self(module, NotThreadSafe)
    }
}

impl<const MODE: u16> Drop for Lock<MODE> {
    #[inline]
    fn drop(&mut self) {
        if writable(MODE) {
            // SAFETY: `new` took the lock.
            unsafe { bindings::kernel_param_unlock(self.0.as_ptr()) };
        }
    }
}

/// The length of `parts` put together.
#[doc(hidden)]
pub const fn len(parts: &[&str]) -> usize {
    let mut len = 0;
    let mut part = 0;
    while part < parts.len() {
        len += parts[part].len();
        part += 1;
    }
    len
}

/// Puts `parts` together, for a section that holds bytes.
#[doc(hidden)]
pub const fn concat<const N: usize>(parts: &[&str]) -> [u8; N] {
    let mut out = [0; N];
    let mut at = 0;
    let mut part = 0;
    while part < parts.len() {
        let bytes = parts[part].as_bytes();
        let mut byte = 0;
        while byte < bytes.len() {
            out[at] = bytes[byte];
            at += 1;
            byte += 1;
        }
        part += 1;
    }
    out
}

/// Declares module parameters with a file each in `/sys/module/<name>/parameters`.
///
/// The types are `bool`, `u8`, `i16`, `u16`, `i32`, `u32`, `i64`, `u64`, `isize`, `usize`, `str`
/// (the default is a C string), and arrays of all but `str`. The permissions are those of the file
/// in sysfs; 0 makes none. Each parameter becomes a `static` of its name: [`Value`], [`Str`] or
/// [`Array`].
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// lkm::module_params! {
///     baud: u32 {
///         default: 9600,
///         description: "Line speed in bits per second",
///         permissions: 0o444,
///     },
///     port: str {
///         default: c"ttyS0",
///         description: "Name of the port",
///         permissions: 0o444,
///     },
///     pins: [u8; 2] {
///         default: [2, 3],
///         description: "Receive and transmit pin",
///         permissions: 0o644,
///     },
/// }
///
/// fn show() {
///     let [rx, tx] = pins.value();
///     pr_info!("{} at {} on {rx} and {tx}\n", &*port.read(), baud.value());
/// }
/// ```
#[macro_export]
macro_rules! module_params {
    // The type of the static, and in what its name in `modinfo` is wrapped.
    (@type str, $mode:literal) => { $crate::params::Str<$mode> };
    (@type [$type:ty; $max:expr], $mode:literal) => { $crate::params::Array<$type, $max, $mode> };
    (@type $type:tt, $mode:literal) => { $crate::params::Value<$type, $mode> };
    (@prefix [$type:ty; $max:expr]) => { "array of " };
    (@prefix $type:tt) => { "" };
    (@elements [$type:ty; $max:expr]) => { $crate::params::Elements };
    (@elements $type:tt) => { () };
    (@modinfo $parts:expr) => {
        const _: () = {
            #[link_section = ".modinfo"]
            #[used(compiler)]
            static INFO: [u8; $crate::params::len($parts)] = $crate::params::concat($parts);
        };
    };
    ($(
        $name:ident: $type:tt {
            default: $default:expr,
            description: $description:literal,
            permissions: $mode:literal $(,)?
        }
    ),* $(,)?) => {$(
        #[allow(non_upper_case_globals)]
        static $name: $crate::module_params!(@type $type, $mode) =
            <$crate::module_params!(@type $type, $mode)>::new($default, $crate::this_module!());

        const _: () = {
            static ELEMENTS: $crate::module_params!(@elements $type) = $name.elements();

            #[link_section = "__param"]
            #[used(compiler)]
            static PARAM: ::kernel::module_param::KernelParam = $name.describe(
                &ELEMENTS,
                match ::core::ffi::CStr::from_bytes_with_nul(
                    ::core::concat!(::core::stringify!($name), "\0").as_bytes(),
                ) {
                    Ok(name) => name,
                    Err(_) => ::core::unreachable!(),
                },
                $crate::this_module!(),
            );
        };
    )*
        $crate::module_params!(@modinfo &[$(
            "parmtype=", stringify!($name), ":", $crate::module_params!(@prefix $type),
            <$crate::module_params!(@type $type, $mode)>::NAME, "\0",
            "parm=", stringify!($name), ":", $description, "\0",
        )*]);
    };
}
