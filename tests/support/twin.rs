// SPDX-License-Identifier: GPL-2.0-only

//! Which of two modules is under test: the sample, or its twin in C.

/// Whether a test binary is that of the twins.
#[doc(hidden)]
pub const fn is_twins(crate_name: &str) -> bool {
    matches!(crate_name.as_bytes(), b"twins")
}

/// Whether the modules under test are the twins in C.
#[macro_export]
macro_rules! is_twin {
    () => {
        $crate::is_twins(::core::env!("CARGO_CRATE_NAME"))
    };
}

/// How much of something to do: for the twins, which nobody loads, a tenth of it.
#[macro_export]
macro_rules! scaled {
    ($usual:expr) => {
        if $crate::is_twin!() {
            $usual / 10
        } else {
            $usual
        }
    };
}

/// The name of a module under test, or of one of its nodes.
///
/// The binary `twins` has the other tests in it, and puts them to the twins. What is in a folder
/// of the module's has the same path in both.
#[macro_export]
macro_rules! name {
    ($name:literal $(, $path:literal)?) => {
        if $crate::is_twin!() {
            ::core::concat!($name, "_c" $(, $path)?)
        } else {
            ::core::concat!($name $(, $path)?)
        }
    };
}
