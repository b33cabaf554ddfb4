// SPDX-License-Identifier: GPL-2.0-only

//! Functions that one module exports and others call.
//!
//! C header: [`include/linux/export.h`](srctree/include/linux/export.h)
//!
//! What is exported is an interface, in a file that both modules compile:
//!
//! ```
//! # mod both {
//! # use kernel::prelude::*;
//! # use kernel::sync::atomic::{Atomic, Relaxed};
//! lkm::interface! {
//!     /// A counter that all modules share.
//!     pub mod counter {
//!         /// Adds to it, and returns what it was.
//!         fn add(by: u32) -> u64;
//!     }
//! }
//!
//! // The module that exports it.
//! static COUNT: Atomic<u64> = Atomic::new(0);
//!
//! lkm::export! {
//!     counter:
//!     fn add(by: u32) -> u64 {
//!         COUNT.fetch_add(by.into(), Relaxed)
//!     }
//! }
//!
//! // A module that calls it.
//! fn example() -> Result<u64> {
//!     let counter = counter::Symbols::new()?;
//!     Ok(counter.add(1))
//! }
//! # }
//! ```
//!
//! Each function must be there, with its types:
//!
//! ```compile_fail,E0063
//! # mod both {
//! lkm::interface! {
//!     pub mod counter {
//!         fn add(by: u32) -> u64;
//!         fn reset();
//!     }
//! }
//!
//! lkm::export! {
//!     counter:
//!     fn add(by: u32) -> u64 {
//!         by.into()
//!     }
//! }
//! # }
//! ```
//!
//! To C, and in `/proc/kallsyms`, the function is `counter_add`, exported as by `EXPORT_SYMBOL_GPL`. That
//! the two modules depend on each other is found by modpost, which needs nothing if one Kbuild makes
//! both. If not, the second is built with `KBUILD_EXTRA_SYMBOLS=` and the `Module.symvers` of the first.
//! `modprobe` then loads the first one first, and the kernel keeps it for as long as the second is there.
//!
//! A function is called in whatever context its callers are in, from several CPUs at a time, and never
//! before the `init` of its own module has succeeded.

/// What can be given to another module: a number.
///
/// # Safety
///
/// The type is passed by C's calling convention, and means the same wherever its name is written.
#[doc(hidden)]
pub unsafe trait Number {}

macro_rules! numbers {
    ($($type:ty)*) => {
        // SAFETY: These are C's.
        $(unsafe impl Number for $type {})*
    };
}
numbers!(bool i8 i16 i32 i64 isize u8 u16 u32 u64 usize);

#[doc(hidden)]
pub const fn is_number<T: Number>() {}

/// Whether an interface may have that name. With `rust`, [`export!`](crate::export!) could define what the kernel crate
/// refers to and must not be there, so that nothing links with it (`rust_build_error`). With `lkm` and `_` begin
/// the names of what rustc and macros make in the module that calls, which it would find instead. With `file`, `do_file`
/// and `filename` begin functions of which [`kprobe::Filename`](crate::kprobe::Filename) is an argument, and which the compiler may have inlined.
///
/// ```
/// const _: () = assert!(lkm::export::may_be_called("rusty"));
/// ```
///
/// ```compile_fail,E0080
/// const _: () = assert!(lkm::export::may_be_called("rust_build"));
/// ```
///
/// ```compile_fail,E0080
/// const _: () = assert!(lkm::export::may_be_called("_RNv"));
/// ```
///
/// ```compile_fail,E0080
/// const _: () = assert!(lkm::export::may_be_called("lkm_param"));
/// ```
///
/// ```compile_fail,E0080
/// const _: () = assert!(lkm::export::may_be_called("filename"));
/// ```
#[doc(hidden)]
pub const fn may_be_called(interface: &str) -> bool {
    !(has_word(interface, b"rust")
        || has_word(interface, b"do_file")
        || has_word(interface, b"file_open")
        || has_word(interface, b"filename")
        || matches!(interface.as_bytes(), b"file")
        || has_word(interface, b"lkm")
        || begins_with(interface.as_bytes(), b"_"))
}

/// Whether a name is `word`, or begins with it and a `_`.
const fn has_word(name: &str, word: &[u8]) -> bool {
    let name = name.as_bytes();
    begins_with(name, word) && (name.len() == word.len() || name[word.len()] == b'_')
}

const fn begins_with(name: &[u8], start: &[u8]) -> bool {
    let mut n = 0;
    while n < start.len() {
        if n == name.len() || name[n] != start[n] {
            return false;
        }
        n += 1;
    }
    true
}

/// What an interface's functions are, as pointers.
///
/// # Safety
///
/// The text has the names and types of the fields, which have numbers for arguments and results.
#[doc(hidden)]
pub unsafe trait Interface {
    /// The text, without zeros.
    const SIGNATURE: &'static str;
}

/// A text as it is exported, with a zero at its end: `N` is one more than its length. (No number
/// could stand for it: whoever names the arguments finds another text with that number.)
#[doc(hidden)]
pub const fn exported<const N: usize>(text: &str) -> [u8; N] {
    let text = text.as_bytes();
    let mut exported = [0; N];
    let mut n = 0;
    while n < text.len() {
        exported[n] = text[n];
        n += 1;
    }
    exported
}

/// Whether an exported text is this one.
///
/// # Safety
///
/// As many bytes can be read as are the same, and one more.
#[doc(hidden)]
pub unsafe fn is_exported(exported: *const u8, text: &str) -> bool {
    let mut bytes = text.bytes().chain([0]).enumerate();
    // SAFETY: All before were the same.
    bytes.all(|(n, byte)| unsafe { *exported.wrapping_add(n) } == byte)
}

/// Says which functions a module exports, as a module of Rust with the name that they begin with.
///
/// Its `Symbols` has the functions. `Symbols::new` fails with `ENOEXEC` if the module that is loaded was
/// compiled with another interface of that name, and says so in the log.
///
/// Arguments and results are numbers, or `bool`. See [the example](mod@crate::export).
#[macro_export]
macro_rules! interface {
    (
        $(#[doc = $about:literal])*
        $vis:vis mod $interface:ident {
            $($(#[doc = $doc:literal])* fn $function:ident($($argument:ident: $type:ident),* $(,)?) $(-> $result:ident)?;)+
        }
    ) => {
        $(#[doc = $about])*
        $vis mod $interface {
            // No other types have these names here.
            const _: () = {
                $($($crate::export::is_number::<$type>();)* $($crate::export::is_number::<$result>();)?)+
            };

            #[doc(hidden)]
            #[allow(dead_code, reason = "who calls it need not export it")]
            pub struct Functions {
                $(pub $function: extern "C" fn($($type),*) $(-> $result)?,)+
            }

            // SAFETY: It is made of them.
            unsafe impl $crate::export::Interface for Functions {
                const SIGNATURE: &'static str =
                    ::core::stringify!($(fn $function($($argument: $type),*) $(-> $result)?;)+);
            }

            /// The functions, of the module that exports them.
            ///
            /// # Invariants
            ///
            /// That module was compiled with this interface.
            #[allow(dead_code, reason = "who exports it need not call it")]
            #[derive(Clone, Copy)]
            pub struct Symbols(());

            #[allow(dead_code, reason = "who exports it need not call it")]
            impl Symbols {
                /// Finds them.
                pub fn new() -> ::kernel::error::Result<Self> {
                    extern "C" {
                        #[link_name = ::core::concat!(::core::stringify!($interface), "_interface")]
                        static EXPORTED: u8;
                    }
                    let text = <Functions as $crate::export::Interface>::SIGNATURE;
                    // SAFETY: It names the beginning of a text with a zero at its end that nobody changes:
                    // `export!` makes it. The module that has it stays as long as this one. Of what
                    // else the kernel may have by that name no more is read than is such a text.
                    if !unsafe { $crate::export::is_exported(&raw const EXPORTED, text) } {
                        ::kernel::pr_err!(
                            "the loaded module exports another interface {}: build both anew\n",
                            ::core::stringify!($interface),
                        );
                        return Err(::kernel::error::code::ENOEXEC);
                    }
                    // INVARIANT: The texts are the same.
                    Ok(Self(()))
                }

                $(
                    $(#[doc = $doc])*
                    pub fn $function(self, $($argument: $type),*) $(-> $result)? {
                        extern "C" {
                            #[link_name = ::core::concat!(
                                ::core::stringify!($interface), "_", ::core::stringify!($function)
                            )]
                            fn function($($argument: $type),*) $(-> $result)?;
                        }
                        // SAFETY: By the type's invariant it is a safe function of that type. Its module
                        // stays as long as this one, and was loaded before.
                        unsafe { function($($argument),*) }
                    }
                )+
            }
        }
    };
}

/// Exports the functions of an [`interface!`]: all of them, with the types that it says.
///
/// A module can export an interface once, outside of functions. A symbol that the kernel has already is
/// refused by modpost. What looks like an interface is none:
///
/// ```compile_fail,E0277
/// mod odd {
///     mod counter {
///         pub struct Functions {
///             pub count: extern "C" fn(u64) -> u64,
///         }
///     }
///
///     lkm::export! {
///         counter:
///         fn count(at: u64) -> u64 {
///             at
///         }
///     }
/// }
/// ```
///
/// Nor is a function exported that is generic, of which another one could be meant:
///
/// ```compile_fail
/// lkm::interface! {
///     pub mod counter {
///         fn count(at: usize) -> usize;
///     }
/// }
///
/// lkm::export! {
///     counter:
///     fn count(at: impl Into<usize>) -> usize {
///         at.into()
///     }
/// }
/// ```
#[macro_export]
macro_rules! export {
    (
        $interface:ident:
        $($(#[doc = $doc:literal])* fn $function:ident($($argument:ident: $type:ident),* $(,)?) $(-> $result:ident)? $body:block)+
    ) => {
        $(
            $(#[doc = $doc])*
            #[export_name = ::core::concat!(
                ::core::stringify!($interface), "_", ::core::stringify!($function)
            )]
            extern "C" fn $function($($argument: $type),*) $(-> $result)? $body

            $crate::export!(@symbol $interface $function);
        )+

        const _: $interface::Functions = $interface::Functions { $($function),+ };

        const _: () = ::core::assert!(
            $crate::export::may_be_called(::core::stringify!($interface)),
            "the kernel crate has symbols of that name, which are not to be there"
        );

        const _: () = {
            const TEXT: &str = <$interface::Functions as $crate::export::Interface>::SIGNATURE;

            #[export_name = ::core::concat!(::core::stringify!($interface), "_interface")]
            static EXPORTED: [u8; TEXT.len() + 1] = $crate::export::exported(TEXT);
        };
        $crate::export!(@symbol $interface interface);
    };
    // As `___EXPORT_SYMBOL` does.
    (@symbol $interface:ident $name:ident) => {
        ::core::arch::global_asm!(
            ".section \".export_symbol\",\"a\"",
            ::core::concat!(
                "__export_symbol_", ::core::stringify!($interface), "_", ::core::stringify!($name), ":"
            ),
            ".asciz \"GPL\"",
            ".asciz \"\"",
            ".balign 8",
            ::core::concat!(".quad ", ::core::stringify!($interface), "_", ::core::stringify!($name)),
            ".previous",
        );
    };
}
