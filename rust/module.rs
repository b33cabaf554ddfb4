// SPDX-License-Identifier: GPL-2.0-only

//! The module that a macro is used in.

/// Evaluates to the `&'static ThisModule` of the calling module.
///
/// What C calls `THIS_MODULE`, usable in constants. It needs `module!` in the calling crate.
#[macro_export]
#[allow(
    clippy::crate_in_macro_def,
    reason = "it is the calling crate's module that is wanted"
)]
macro_rules! this_module {
    () => {
        ::kernel::module::this_module::<crate::LocalModule>()
    };
}
