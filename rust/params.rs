// SPDX-License-Identifier: GPL-2.0-only

//! Module parameters that `module!` lacks: strings, arrays, and files in sysfs.
//!
//! [`module_params!`] stands beside `module!` and reads like its `params`. The values are parsed,
//! range-checked, shown and freed by the kernel's own `param_ops_*`, so that most parameters cost a
//! module no code. A value is refused with errno `ERANGE` when it does not fit the type, `EINVAL` when it is
//! malformed, `ENOSPC` when it is a string that is too long, and `EBUSY` when it is given for a [`Str`] that
//! somebody has. One that was given at load is named in the kernel log.
//!
//! C header: [`include/linux/moduleparam.h`](srctree/include/linux/moduleparam.h)
//!
//! Reference: chapter 2.6 of the guide.
//!
//! [`module_params!`]: crate::module_params

use crate::{
    bindings,
    callback::Caller,
    context,
    lifetime::this_module, //
};
use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    mem::size_of, //
};
use kernel::{
    module_param::KernelParam,
    page::PAGE_SIZE,
    prelude::*,
    types::NotThreadSafe, //
};

mod string;

pub use string::Str;

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

/// Whether C has files of this mode (`VERIFY_OCTAL_PERMISSIONS`).
const fn valid(mode: u16) -> bool {
    let (user, group, other) = (mode >> 6, mode >> 3, mode);
    mode <= 0o777
        && other & 0o2 == 0
        && user & 0o4 >= group & 0o4
        && group & 0o4 >= other & 0o4
        && user & 0o2 >= group & 0o2
}

/// Evidence that no parameter of the module changes.
///
/// # Invariants
///
/// The module's parameter lock is held. `forbidden` is what the current task must not do meanwhile, and might before.
pub struct Guard {
    forbidden: u32,
    _here: NotThreadSafe,
}

/// Keeps root from changing the module's parameters until the result is dropped.
///
/// All parameters of a module have one lock, and that is a mutex: a second call waits for the first
/// guard to go. So does reading a parameter's file, so that the thread cannot use files of pseudo file systems
/// meanwhile (`EDEADLK`). Nor should it call a function of another module that takes that one's lock: to lockdep they
/// are one; nor register what has an `open` that calls this, if C holds a lock there ([`misc`](crate::misc),
/// [`net`](crate::net)), nor drop anything that has a callback that does: the drop waits for the callback, and nobody tells.
/// Nor is it for what answers a [disk's](crate::block::Operations) requests. May sleep (`kernel_param_lock`).
pub fn lock() -> Guard {
    // SAFETY: The module is loaded, since its code runs.
    unsafe { bindings::kernel_param_lock(this_module().as_ptr()) };
    // INVARIANT: The lock was just taken.
    Guard {
        forbidden: context::forbid_pseudo_files(),
        _here: NotThreadSafe,
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        context::clear_flags(self.forbidden);
        // SAFETY: By the type invariants.
        unsafe { bindings::kernel_param_unlock(this_module().as_ptr()) };
    }
}

/// Builds the descriptor that the module loader finds in `__param`.
const fn kernel_param<const MODE: u16>(
    name: &'static CStr,
    ops: *const bindings::kernel_param_ops,
    arg: *mut c_void,
) -> KernelParam {
    const { assert!(valid(MODE), "no file in sysfs may have these permissions") };
    KernelParam::new(bindings::kernel_param {
        name: kernel::str::as_char_ptr_in_const_context(name),
        mod_: this_module().as_ptr(),
        ops,
        perm: MODE,
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
    pub const fn new(default: T) -> Self {
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
    ) -> KernelParam {
        kernel_param::<MODE>(name, T::OPS, self.value.get().cast())
    }

    #[doc(hidden)]
    pub const fn describe_checked<H: OnSet<T>>(&'static self, name: &'static CStr) -> KernelParam {
        kernel_param::<MODE>(name, &Checked::<T, H>::OPS, self.value.get().cast())
    }

    /// Returns the current value. Callable from any context.
    #[inline]
    pub fn value(&self) -> T {
        // SAFETY: `self` holds a valid value. The kernel replaces it with one store, which a volatile read
        // sees whole, as `READ_ONCE` does; on a 32-bit kernel with two for 64 bits, whose halves make a
        // valid number, too.
        unsafe { self.value.get().read_volatile() }
    }
}

/// What [`module_params!`](crate::module_params) makes of an `on_set`.
#[doc(hidden)]
pub trait OnSet<T> {
    /// Looks at a value before it is there.
    fn on_set(value: T) -> Result;
}

/// The operations of a parameter with an `on_set`.
struct Checked<T, H>(PhantomData<(T, H)>);

impl<T: Scalar, H: OnSet<T>> Checked<T, H> {
    const OPS: bindings::kernel_param_ops = bindings::kernel_param_ops {
        flags: 0,
        set: Some(Self::set),
        get: Some(Self::get),
        free: None,
    };

    /// `kernel_param_ops::set`.
    ///
    /// # Safety
    ///
    /// To be called by C as that operation, on the parameter of a [`Value<T, _>`].
    unsafe extern "C" fn set(text: *const c_char, param: *const bindings::kernel_param) -> c_int {
        // SAFETY: The operations and the parameter are static.
        let (Some(set), mut param) = (unsafe { (*T::OPS).set }, unsafe { param.read() }) else {
            return EINVAL.to_errno();
        };
        // SAFETY: This is the pointer of a `Value`, which the kernel does not change meanwhile.
        let value = unsafe { param.__bindgen_anon_1.arg }.cast::<T>();
        // SAFETY: As above.
        let mut new = unsafe { value.read() };
        param.__bindgen_anon_1.arg = (&raw mut new).cast();
        // SAFETY: These are the operations of a `T`, and this is one.
        let ret = unsafe { set(text, &param) };
        if ret != 0 {
            return ret;
        }
        Caller::Vfs.status(context::without_registering(|| H::on_set(new)).map(|()| {
            // SAFETY: As above. Who reads it sees the old or the new one.
            unsafe { value.write_volatile(new) }
        }))
    }

    /// `kernel_param_ops::get`.
    ///
    /// # Safety
    ///
    /// As for [`Self::set`].
    unsafe extern "C" fn get(text: *mut c_char, param: *const bindings::kernel_param) -> c_int {
        // SAFETY: The operations are static.
        match unsafe { (*T::OPS).get } {
            // SAFETY: These are the operations of a `T`, as the parameter is.
            Some(get) => unsafe { get(text, param) },
            None => EINVAL.to_errno(),
        }
    }
}

/// A parameter that is one to `N` values, separated by commas.
pub struct Array<T, const N: usize, const MODE: u16> {
    count: UnsafeCell<c_uint>,
    values: UnsafeCell<[T; N]>,
}

// SAFETY: A reader holds the parameter lock if the values can change.
unsafe impl<T: Scalar, const N: usize, const MODE: u16> Sync for Array<T, N, MODE> {}

impl<T: Scalar, const N: usize, const MODE: u16> Array<T, N, MODE> {
    #[doc(hidden)]
    pub const NAME: &'static str = T::NAME;

    #[doc(hidden)]
    pub const fn new(default: [T; N]) -> Self {
        Self {
            count: UnsafeCell::new(N as c_uint),
            values: UnsafeCell::new(default),
        }
    }

    #[doc(hidden)]
    pub const fn elements(&'static self) -> Elements {
        // C writes a line for each, of at most so many bytes, and does not look where the page ends.
        const {
            assert!(
                N * (3 * size_of::<T>() + 1) < PAGE_SIZE,
                "its file has one page"
            )
        };
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
    ) -> KernelParam {
        let ops = &raw const bindings::param_array_ops;
        let arg = core::ptr::from_ref(&elements.0).cast_mut().cast();
        kernel_param::<MODE>(name, ops, arg)
    }

    /// Returns all values, if their file cannot be written: else it does not build. Those that were
    /// not given have their defaults. Callable from any context.
    #[inline]
    pub fn value(&self) -> [T; N] {
        const { assert!(!writable(MODE), "use `get`, with `params::lock`") };
        // SAFETY: The values do not change once the module is loaded.
        unsafe { self.values.get().read() }
    }

    /// Returns all values; those that were never given have their defaults. Callable from any
    /// context in which there can be a guard.
    #[inline]
    pub fn get(&self, _guard: &Guard) -> [T; N] {
        // SAFETY: By the guard's invariants the values do not change now.
        unsafe { self.values.get().read() }
    }

    /// Returns how many values were given, `N` if the parameter was not. While a process writes others it counts from 0,
    /// unless the caller has a [`Guard`]; if these are refused, it stays at how many were taken.
    ///
    /// Callable from any context.
    #[inline]
    pub fn count(&self) -> usize {
        // SAFETY: As in `Value::value`.
        unsafe { self.count.get().read_volatile() as usize }
    }
}

/// What C needs to know of an array.
///
/// # Invariants
///
/// The pointers are those of a static [`Array`], which the numbers fit.
#[doc(hidden)]
pub struct Elements(bindings::kparam_array);

// SAFETY: Only the kernel uses it, and it serialises the access.
unsafe impl Sync for Elements {}

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
/// [`Array`]. A string or an array whose file can be written is read with a [`Guard`], from [`lock`].
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
///     let params = lkm::params::lock();
///     let [rx, tx] = pins.get(&params);
///     pr_info!("{} at {} on {rx} and {tx}\n", port.value(), baud.value());
/// }
/// ```
///
/// A number or a flag can have an `on_set`, a function that is called with each value that somebody
/// gives it, before it is there. If that fails, the old value stays, and the error is the writer's, or
/// `insmod`'s. It may sleep, and must not call [`lock`], which is held already. It is called by the
/// loader before `init`, and may be called until its files have gone, after the module was dropped, so all it knows is what
/// is static. It can neither use [files](mod@crate::file) nor register [misc](crate::misc) devices or
/// interfaces: `EDEADLK`. A flag with an `on_set` is given as `flag=1`, not
/// as `flag`.
///
/// ```
/// # use kernel::prelude::*;
/// lkm::module_params! {
///     parity: u8 {
///         default: 0,
///         description: "0 for none, 1 for odd, 2 for even",
///         permissions: 0o644,
///         on_set: |value| if value <= 2 { Ok(()) } else { Err(EINVAL) },
///     },
/// }
/// ```
///
/// What the caller calls as the compiler's macros are called does not matter:
///
/// ```
/// # #[allow(unused_macros)]
/// macro_rules! concat {
///     () => {};
/// }
///
/// # #[allow(unused_macros)]
/// macro_rules! stringify {
///     () => {};
/// }
///
/// lkm::module_params! {
///     depth: u32 { default: 1, description: "How deep", permissions: 0o444 },
/// }
/// ```
///
/// What C would not check when the module runs, the compiler does: a file that any user may write,
/// and an array whose file would not fit its page.
///
/// ```compile_fail,E0080
/// lkm::module_params! {
///     speed: u32 { default: 1, description: "Anybody's", permissions: 0o666 },
/// }
/// ```
///
/// ```compile_fail,E0080
/// lkm::module_params! {
///     table: [u64; 200] { default: [0; 200], description: "Long", permissions: 0o444 },
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
    (@describe $name:ident, $type:tt, $elements:expr, $c_name:expr) => {
        $name.describe($elements, $c_name)
    };
    (@describe $name:ident, $type:tt, $elements:expr, $c_name:expr, $on_set:expr) => {{
        struct OnSet;

        impl $crate::params::OnSet<$type> for OnSet {
            fn on_set(value: $type) -> ::kernel::error::Result {
                let on_set: fn($type) -> ::kernel::error::Result = $on_set;
                on_set(value)
            }
        }

        $name.describe_checked::<OnSet>($c_name)
    }};
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
            permissions: $mode:literal
            $(, on_set: $on_set:expr)? $(,)?
        }
    ),* $(,)?) => {$(
        #[allow(non_upper_case_globals)]
        static $name: $crate::module_params!(@type $type, $mode) =
            <$crate::module_params!(@type $type, $mode)>::new($default);

        const _: () = {
            static ELEMENTS: $crate::module_params!(@elements $type) = $name.elements();

            // The name keeps a module from having two that are called the same.
            #[link_section = "__param"]
            #[used(compiler)]
            #[export_name = ::core::concat!("lkm_param_", ::core::stringify!($name))]
            static PARAM: ::kernel::module_param::KernelParam = $crate::module_params!(
                @describe $name, $type, &ELEMENTS,
                match ::core::ffi::CStr::from_bytes_with_nul(
                    ::core::concat!(::core::stringify!($name), "\0").as_bytes(),
                ) {
                    Ok(name) => name,
                    Err(_) => ::core::unreachable!(),
                }
                $(, $on_set)?
            );
        };
    )*
        $crate::module_params!(@modinfo &[$(
            "parmtype=", ::core::stringify!($name), ":", $crate::module_params!(@prefix $type),
            <$crate::module_params!(@type $type, $mode)>::NAME, "\0",
            "parm=", ::core::stringify!($name), ":", $description, "\0",
        )*]);
    };
}
