// SPDX-License-Identifier: GPL-2.0-only

//! Directories in `/sys/kernel`, and the attributes in them.
//!
//! An attribute is a file with one value. [`Attributes`] lists those of a type, and a
//! [`Directory`] shows a value of that type. What is shown is a [`ShowBuf`], which holds no more than
//! sysfs can take; what is stored arrives as a [`StoreBuf`], which checks and parses it. Raw bytes,
//! such as tables and images, are [`Binary`] attributes.
//!
//! C headers: [`include/linux/kobject.h`](srctree/include/linux/kobject.h),
//! [`include/linux/sysfs.h`](srctree/include/linux/sysfs.h)

mod binary;
mod device;
mod files;
mod names;

pub(crate) use names::is_same;

pub use binary::{
    Binary,
    ReadBuf, //
};
pub use device::DeviceAttributes;

use crate::{
    bindings,
    callback::Caller,
    name::is_name, //
};
use core::{
    num::{
        IntErrorKind,
        ParseIntError, //
    },
    ptr::NonNull,
    str::FromStr, //
};
use files::{
    notify,
    Files, //
};
use kernel::{
    fmt,
    prelude::*,
    sync::Arc, //
};

/// What an attribute shows.
///
/// It holds up to one byte less than a page. If more is written, reading the attribute fails with
/// `EFBIG`; nothing is cut.
pub struct ShowBuf<'a> {
    room: &'a mut [u8],
    length: usize,
    overflow: bool,
}

impl ShowBuf<'_> {
    /// Appends bytes, or fails with `EFBIG`.
    pub fn push(&mut self, bytes: &[u8]) -> Result {
        let rest = self.room.get_mut(self.length..).unwrap_or_default();
        let Some(room) = rest.get_mut(..bytes.len()) else {
            self.overflow = true;
            return Err(EFBIG);
        };
        room.copy_from_slice(bytes);
        self.length = self.length.wrapping_add(bytes.len());
        Ok(())
    }

    /// Writes a value and a line end, as most attributes show it.
    pub fn line(&mut self, value: impl fmt::Display) -> Result {
        // `Arguments` is not `Display` for the kernel's own formatting.
        core::fmt::Write::write_fmt(self, fmt!("{}\n", value)).map_err(|_| EFBIG)
    }
}

impl core::fmt::Write for ShowBuf<'_> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.push(text.as_bytes()).map_err(|_| core::fmt::Error)
    }
}

/// What was written to an attribute: at least 1 byte and at most a page.
///
/// Of a longer write sysfs takes a page, and says so: most programs write the rest then.
#[derive(Clone, Copy, Default)]
pub struct StoreBuf<'a>(&'a [u8]);

impl<'a> StoreBuf<'a> {
    /// All bytes.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The text, without the line end that `echo` adds.
    ///
    /// Fails with `EINVAL` if it is not UTF-8, or has a NUL in it.
    pub fn text(self) -> Result<&'a str> {
        let text = self.0.strip_suffix(b"\n").unwrap_or(self.0);
        if text.contains(&0) {
            return Err(EINVAL);
        }
        core::str::from_utf8(text).map_err(|_| EINVAL)
    }

    /// Parses the text as a decimal number.
    ///
    /// Fails with `EINVAL` if it is none, and with `ERANGE` if it does not fit the type.
    ///
    /// # Examples
    ///
    /// ```
    /// # use kernel::prelude::*;
    /// fn percent(input: lkm::sysfs::StoreBuf<'_>) -> Result<u8> {
    ///     let value = input.parse()?;
    ///     if value > 100 { Err(ERANGE) } else { Ok(value) }
    /// }
    /// ```
    pub fn parse<T: FromStr<Err = ParseIntError>>(self) -> Result<T> {
        self.text()?
            .parse()
            .map_err(|e: ParseIntError| match e.kind() {
                IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => ERANGE,
                _ => EINVAL,
            })
    }
}

type Show<T> = fn(&T, &mut ShowBuf<'_>) -> Result;
type Store<T> = fn(&T, StoreBuf<'_>) -> Result;

/// The permissions that a file can have which is read or written.
const fn able(read: bool, written: bool) -> u16 {
    let read = if read { 0o444 } else { 0 };
    read | if written { 0o220 } else { 0 }
}

/// A file with a value.
///
/// All functions run in the context of the calling process and may sleep. They may run at the same
/// time as themselves and each other. An error is that process', `EAGAIN` of who shows as `EBUSY`.
pub struct Attribute<T> {
    pub(crate) name: &'static CStr,
    pub(crate) mode: u16,
    pub(crate) show: Option<Show<T>>,
    pub(crate) store: Option<Store<T>>,
    notify: bool,
}

impl<T> Attribute<T> {
    /// Everybody may read it.
    pub const fn read_only(name: &'static CStr, show: Show<T>) -> Self {
        Self {
            name,
            mode: 0o444,
            show: Some(show),
            store: None,
            notify: false,
        }
    }

    /// Everybody may read it, and root may write it.
    pub const fn read_write(name: &'static CStr, show: Show<T>, store: Store<T>) -> Self {
        Self {
            name,
            mode: 0o644,
            show: Some(show),
            store: Some(store),
            notify: false,
        }
    }

    /// Root may write it.
    pub const fn write_only(name: &'static CStr, store: Store<T>) -> Self {
        Self {
            name,
            mode: 0o200,
            show: None,
            store: Some(store),
            notify: false,
        }
    }

    /// Wakes processes that poll the attribute when something was stored (see
    /// [`Directory::notify`]).
    pub const fn notify(mut self) -> Self {
        self.notify = true;
        self
    }

    /// Sets the permissions. There are none for what the attribute does not do, and sysfs lets
    /// nobody but the owner and the group write.
    pub const fn mode(mut self, mode: u16) -> Self {
        self.mode = mode & able(self.show.is_some(), self.store.is_some());
        self
    }

    /// Answers a `show` in C, which takes what is in `room`.
    pub(crate) fn show_in(&self, data: &T, room: &mut [u8], caller: Caller) -> isize {
        let limit = room.len();
        let mut text = ShowBuf {
            room,
            length: 0,
            overflow: false,
        };
        let mut result = self.show.map_or(Err(EIO), |show| show(data, &mut text));
        if text.overflow {
            result = Err(EFBIG);
        }
        caller.count(result.map(|()| text.length), limit)
    }

    /// Answers a `store` in C.
    pub(crate) fn store_from(&self, data: &T, bytes: &[u8]) -> isize {
        let store = self
            .store
            .map_or(Err(EIO), |store| store(data, StoreBuf(bytes)));
        Caller::Vfs.count(store.map(|()| bytes.len()), bytes.len())
    }
}

/// Attributes that belong together: in the directory itself, or in one below it.
pub struct Group<T: 'static> {
    name: Option<&'static CStr>,
    attributes: &'static [Attribute<T>],
    binaries: &'static [Binary<T>],
}

impl<T> Group<T> {
    /// Attributes in the directory itself.
    pub const fn new(attributes: &'static [Attribute<T>]) -> Self {
        Self {
            name: None,
            attributes,
            binaries: &[],
        }
    }

    /// Puts the attributes into a directory of their own.
    pub const fn named(mut self, name: &'static CStr) -> Self {
        self.name = Some(name);
        self
    }

    /// Adds binary attributes.
    pub const fn binaries(mut self, binaries: &'static [Binary<T>]) -> Self {
        self.binaries = binaries;
        self
    }
}

/// A type that has attributes.
pub trait Attributes: Sized + Send + Sync + 'static {
    /// Lists them.
    const GROUPS: &'static [Group<Self>];
}

/// A directory in `/sys/kernel`.
///
/// Dropping it removes it and waits for callers that are inside an attribute's function, so that none
/// of these may be the one that drops it: lockdep tells. A file that is left open fails with `ENODEV`.
///
/// # Examples
///
/// ```
/// # use kernel::{prelude::*, sync::{atomic::{Atomic, Relaxed}, Arc}};
/// use lkm::sysfs::{Attribute, Attributes, Directory, Group};
///
/// struct Lamp {
///     level: Atomic<u32>,
/// }
///
/// impl Attributes for Lamp {
///     const GROUPS: &'static [Group<Self>] = &[Group::new(&[Attribute::read_write(
///         c"level",
///         |lamp, out| out.line(lamp.level.load(Relaxed)),
///         |lamp, input| Ok(lamp.level.store(input.parse()?, Relaxed)),
///     )])];
/// }
///
/// fn lamp() -> Result<Directory<Lamp>> {
///     let lamp = Lamp { level: Atomic::new(7) };
///     Directory::new(c"lamp", Arc::new(lamp, GFP_KERNEL)?)
/// }
/// ```
pub struct Directory<T: Attributes> {
    // Goes first: when it is gone, so are all callers.
    kobject: Kobject,
    files: Files<T>,
}

// SAFETY: The pointers are to what the value itself owns, and C locks the rest.
unsafe impl<T: Attributes> Send for Directory<T> {}
// SAFETY: As above; `T` is `Sync`.
unsafe impl<T: Attributes> Sync for Directory<T> {}

impl<T: Attributes> Directory<T> {
    /// Creates `/sys/kernel/<name>` with all attributes.
    ///
    /// Does not build if the name of an attribute, or of a group, is none that a file can have, or
    /// is there twice. Fails with `EEXIST` if `name` is taken, `EINVAL` if it is none that a
    /// directory can have, or `ENOMEM`. May sleep (`kobject_create_and_add`,
    /// `sysfs_create_group`).
    pub fn new(name: &CStr, data: Arc<T>) -> Result<Self> {
        const { names::check_names::<T>() };
        let mut directory = Self {
            kobject: Kobject::new(name)?,
            files: Files::new(data)?,
        };
        for group in T::GROUPS {
            let kobject = directory.kobject.as_raw();
            // SAFETY: The directory exists, and goes before the files.
            unsafe { directory.files.add::<bindings::kobject>(kobject, group)? };
        }
        Ok(directory)
    }

    /// The value that the attributes belong to.
    pub fn data(&self) -> &Arc<T> {
        &self.files.data
    }

    /// Tells processes that poll an attribute that it changed, by `EPOLLPRI | EPOLLERR`.
    ///
    /// `group` is the name of the attribute's group, if it has one. Does nothing if there is no such
    /// attribute. May sleep (`sysfs_notify`).
    pub fn notify(&self, group: Option<&CStr>, attribute: &CStr) {
        // C looks into what has the group's name as if it were a directory.
        let is_there = T::GROUPS
            .iter()
            .any(|it| it.name == group && it.attributes.iter().any(|it| it.name == attribute));
        if !is_there {
            return;
        }
        // SAFETY: The directory exists.
        unsafe { notify(self.kobject.as_raw(), group, attribute) };
    }
}

/// Whether there is what these names lead to from `/sys/kernel`, wherever that is mounted. May sleep.
pub(crate) fn exists(names: &[&CStr]) -> bool {
    // SAFETY: The kernel created this when it booted, and keeps it.
    unsafe { exists_below((*bindings::kernel_kobj).sd, names) }
}

/// # Safety
///
/// `folder` must be a directory, and stay during the call.
unsafe fn exists_below(folder: *mut bindings::kernfs_node, names: &[&CStr]) -> bool {
    let mut found = folder;
    // SAFETY: By the safety requirements.
    unsafe { bindings::kernfs_get(found) };
    for name in names {
        let folder = found;
        // SAFETY: What was found is there until the reference to it is given back, here.
        unsafe {
            found = bindings::kernfs_find_and_get_ns(folder, name.as_char_ptr(), core::ptr::null());
            bindings::kernfs_put(folder);
        }
        if found.is_null() {
            return false;
        }
    }
    // SAFETY: As above.
    unsafe { bindings::kernfs_put(found) };
    true
}

/// A directory in `/sys/kernel`.
///
/// # Invariants
///
/// The `kobject` was added, and this value owns the first reference to it.
struct Kobject(NonNull<bindings::kobject>);

impl Kobject {
    fn new(name: &CStr) -> Result<Self> {
        if !is_name(name) {
            return Err(EINVAL);
        }
        if exists(&[name]) {
            return Err(EEXIST);
        }
        // SAFETY: The kernel created the parent when it booted, and keeps it. The `kobject` is one that C
        // frees, when nobody refers to it any more.
        let kobject =
            unsafe { bindings::kobject_create_and_add(name.as_char_ptr(), bindings::kernel_kobj) };
        // INVARIANT: The `kobject` was just added.
        Ok(Self(NonNull::new(kobject).ok_or(ENOMEM)?))
    }

    fn as_raw(&self) -> *mut bindings::kobject {
        self.0.as_ptr()
    }
}

impl Drop for Kobject {
    fn drop(&mut self) {
        // SAFETY: By the type invariants. `kobject_del` removes the directory with all that is in
        // it, and waits for callers. Nothing of the module's is used after that, so it does not
        // matter when C frees the `kobject`.
        unsafe {
            bindings::kobject_del(self.0.as_ptr());
            bindings::kobject_put(self.0.as_ptr());
        }
    }
}
