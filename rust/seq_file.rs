// SPDX-License-Identifier: GPL-2.0-only

//! What the content of a file in `/proc` is written to: `kernel::seq_print!(out, …)`.
//!
//! C headers: [`include/linux/seq_file.h`](srctree/include/linux/seq_file.h)

use kernel::{
    bindings,
    ffi::c_void,
    fmt,
    prelude::*,
    types::Opaque, //
};

/// The buffer of an open file, which begins with a page and grows.
///
/// Upstream's takes `&self`: what is formatted could write to it meanwhile, both would write to the
/// same place, and the length would be that of both. Its end would be old memory of the kernel's.
///
/// ```compile_fail,E0502
/// # use kernel::{fmt, prelude::*, seq_print};
/// # use lkm::seq_file::SeqFile;
/// struct Twice<'a>(&'a SeqFile);
///
/// impl fmt::Display for Twice<'_> {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         // This does not have to be looked at.
///         f.write_str("twice")
///     }
/// }
///
/// fn show(out: &mut SeqFile) {
///     seq_print!(out, "{}", Twice(out));
/// }
/// ```
///
/// # Invariants
///
/// It is valid, and nobody else writes to it.
#[repr(transparent)]
pub struct SeqFile(Opaque<bindings::seq_file>);

impl SeqFile {
    /// # Safety
    ///
    /// `seq` is valid as long as the reference is, and nobody else writes to it.
    pub(crate) unsafe fn from_raw<'a>(seq: *mut bindings::seq_file) -> &'a mut Self {
        // INVARIANT: By the safety requirements.
        // SAFETY: `Self` is transparent, and the caller's promise is that of this.
        unsafe { &mut *seq.cast() }
    }

    /// Used by [`kernel::seq_print!`]. What does not fit is written again, to a larger buffer.
    ///
    /// C: `seq_printf`.
    #[inline]
    pub fn call_printf(&mut self, args: fmt::Arguments<'_>) {
        // SAFETY: By the type invariants; `%pA` takes a pointer to `Arguments`.
        unsafe {
            bindings::seq_printf(
                self.0.get(),
                c"%pA".as_char_ptr(),
                (&raw const args).cast::<c_void>(),
            );
        }
    }
}
