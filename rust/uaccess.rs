// SPDX-License-Identifier: GPL-2.0-only

//! Copies from and to the memory of the calling process.
//!
//! They go straight to the functions that copy. Upstream's `UserSlice` has C check once more that
//! the kernel's side is as long as it seems (`CONFIG_HARDENED_USERCOPY`), which a slice always is.
//!
//! C header: [`include/linux/uaccess.h`](srctree/include/linux/uaccess.h)

use crate::bindings;
use core::mem::MaybeUninit;
use kernel::{
    prelude::*,
    uaccess::UserPtr, //
};

/// Fills `to` with what is at `from`. If this succeeds, all of `to` is initialised.
///
/// Fails with `EFAULT`. May sleep (`copy_from_user`).
#[inline]
pub(crate) fn copy_in(to: &mut [MaybeUninit<u8>], from: UserPtr) -> Result {
    // SAFETY: `to` is valid for writes. The function checks what it reads.
    let left =
        unsafe { bindings::_copy_from_user(to.as_mut_ptr().cast(), from.as_const_ptr(), to.len()) };
    if left == 0 {
        Ok(())
    } else {
        Err(EFAULT)
    }
}

/// Copies `from` to where `to` points.
///
/// Fails with `EFAULT`. May sleep (`copy_to_user`).
#[inline]
pub(crate) fn copy_out(to: UserPtr, from: &[u8]) -> Result {
    // SAFETY: `from` is valid for reads. The function checks what it writes to.
    let left =
        unsafe { bindings::_copy_to_user(to.as_mut_ptr(), from.as_ptr().cast(), from.len()) };
    if left == 0 {
        Ok(())
    } else {
        Err(EFAULT)
    }
}

/// Copies a C string without its terminating zero, as far as it fits. Returns its length.
///
/// Fails with `EFAULT`. May sleep (`strncpy_from_user`).
#[inline]
pub(crate) fn copy_string_in(to: &mut [MaybeUninit<u8>], from: UserPtr) -> Result<usize> {
    // SAFETY: `to` is valid for writes. The function checks what it reads.
    let length = unsafe {
        bindings::strncpy_from_user(
            to.as_mut_ptr().cast(),
            from.as_const_ptr().cast(),
            to.len() as c_long,
        )
    };
    usize::try_from(length).map_err(|_| EFAULT)
}
