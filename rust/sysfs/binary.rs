// SPDX-License-Identifier: GPL-2.0-only

//! Attributes that are raw bytes.

use super::{
    files::describe,
    Attributes, //
};
use crate::{
    bindings,
    callback::Caller,
    context, //
};
use core::mem::MaybeUninit;
use kernel::{
    prelude::*,
    types::Opaque, //
};

/// Room for bytes that a process reads: up to a page.
pub struct ReadBuf<'a> {
    bytes: &'a mut [MaybeUninit<u8>],
    length: usize,
}

impl ReadBuf<'_> {
    /// Appends as much of `bytes` as fits. Returns how much that was.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let rest = self.bytes.get_mut(self.length..).unwrap_or_default();
        let taken = rest.len().min(bytes.len());
        // SAFETY: Both are valid for `taken` bytes. What is borrowed for reading cannot be part of
        // what is borrowed for writing.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), rest.as_mut_ptr().cast(), taken) };
        self.length = self.length.wrapping_add(taken);
        taken
    }
}

type Read<T> = fn(&T, u64, &mut ReadBuf<'_>) -> Result;
type Write<T> = fn(&T, u64, &[u8]) -> Result<usize>;

/// A file with bytes.
///
/// The functions get an offset, and room for bytes or up to a page of bytes; that for writing
/// returns how many it took. Of a longer read or write of the caller's sysfs does a page, and says so.
/// They run in the context of the calling process, may sleep, and may run at the same time as themselves
/// and each other.
pub struct Binary<T> {
    pub(super) name: &'static CStr,
    mode: u16,
    size: usize,
    read: Option<Read<T>>,
    write: Option<Write<T>>,
}

impl<T> Binary<T> {
    /// Everybody may read it. `size` is that of the file, in bytes; 0 if it is not known.
    pub const fn read_only(name: &'static CStr, size: usize, read: Read<T>) -> Self {
        Self {
            name,
            mode: 0o444,
            size,
            read: Some(read),
            write: None,
        }
    }

    /// Everybody may read it, and root may write it.
    ///
    /// If `size` is not 0, no access goes beyond it: reads end there, and writes that begin there
    /// fail with `EFBIG`.
    pub const fn read_write(
        name: &'static CStr,
        size: usize,
        read: Read<T>,
        write: Write<T>,
    ) -> Self {
        Self {
            name,
            mode: 0o644,
            size,
            read: Some(read),
            write: Some(write),
        }
    }

    /// Sets the permissions. There are none for what the file does not do, and sysfs lets
    /// nobody but the owner and the group write.
    pub const fn mode(mut self, mode: u16) -> Self {
        self.mode = mode & super::able(self.read.is_some(), self.write.is_some());
        self
    }
}

/// A binary attribute, as C knows it.
///
/// # Invariants
///
/// `data` is that of the [`Files`](super::files::Files) that this is part of: there as long as C knows the
/// attribute.
pub(super) struct BinaryFile<T> {
    pub(super) attribute: Opaque<bindings::bin_attribute>,
    data: *const T,
    read: Option<Read<T>>,
    write: Option<Write<T>>,
}

impl<T: Attributes> BinaryFile<T> {
    pub(super) fn new(binary: &'static Binary<T>, data: *const T) -> Self {
        let mut raw: bindings::bin_attribute = pin_init::zeroed();
        raw.attr = describe(binary.name, binary.mode, binary);
        raw.size = binary.size.min(isize::MAX as usize);
        if binary.read.is_some() {
            raw.read = Some(Self::read);
        }
        if binary.write.is_some() {
            raw.write = Some(Self::write);
        }
        Self {
            attribute: Opaque::new(raw),
            data,
            read: binary.read,
            write: binary.write,
        }
    }

    /// `bin_attribute::read`.
    ///
    /// # Safety
    ///
    /// To be called by sysfs, on an attribute of a [`Files<T>`](super::files::Files) that is not gone yet.
    unsafe extern "C" fn read(
        _file: *mut bindings::file,
        _kobject: *mut bindings::kobject,
        attribute: *const bindings::bin_attribute,
        buffer: *mut c_char,
        offset: bindings::loff_t,
        count: usize,
    ) -> isize {
        let file = kernel::container_of!(Opaque::cast_from(attribute.cast_mut()), Self, attribute);
        // SAFETY: The attribute is part of a `BinaryFile`, which goes after C's file, which
        // goes after this call; and so does the data.
        let (file, data) = unsafe { (&*file, &*(*file).data) };
        // SAFETY: The buffer has room for `count` bytes, and is the call's own.
        let bytes = unsafe { core::slice::from_raw_parts_mut(buffer.cast(), count) };
        let mut room = ReadBuf { bytes, length: 0 };
        let result = match (u64::try_from(offset), file.read) {
            (Ok(offset), Some(read)) => {
                context::without_pseudo_files(|| read(data, offset, &mut room))
            }
            _ => Err(EINVAL),
        };
        Caller::Vfs.count(result.map(|()| room.length), count)
    }

    /// `bin_attribute::write`.
    ///
    /// # Safety
    ///
    /// As for [`Self::read`].
    unsafe extern "C" fn write(
        _file: *mut bindings::file,
        _kobject: *mut bindings::kobject,
        attribute: *const bindings::bin_attribute,
        buffer: *mut c_char,
        offset: bindings::loff_t,
        count: usize,
    ) -> isize {
        let file = kernel::container_of!(Opaque::cast_from(attribute.cast_mut()), Self, attribute);
        // SAFETY: As in `read`.
        let (file, data) = unsafe { (&*file, &*(*file).data) };
        // SAFETY: The buffer holds `count` bytes, and nobody else knows it.
        let bytes = unsafe { core::slice::from_raw_parts(buffer.cast::<u8>(), count) };
        let result = match (u64::try_from(offset), file.write) {
            (Ok(offset), Some(write)) => {
                context::without_pseudo_files(|| write(data, offset, bytes))
            }
            _ => Err(EINVAL),
        };
        Caller::Vfs.count(result, count)
    }
}
