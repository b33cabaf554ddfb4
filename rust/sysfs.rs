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
use binary::BinaryFile;
use core::{
    num::{
        IntErrorKind,
        ParseIntError, //
    },
    ptr::NonNull,
    str::FromStr, //
};
use kernel::{
    error::to_result,
    fmt,
    page::PAGE_SIZE,
    prelude::*,
    sync::Arc,
    types::Opaque, //
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
/// sysfs hands over a longer write in pieces, as if they were several writes.
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

/// A file with a value.
///
/// All functions run in the context of the calling process and may sleep. They may run at the same
/// time as themselves and each other.
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
        let mut able = 0;
        if self.show.is_some() {
            able |= 0o444;
        }
        if self.store.is_some() {
            able |= 0o220;
        }
        self.mode = mode & able;
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

/// # Safety
///
/// `kobject` must have a directory, with the group in it if there is one, and the attribute in that: C
/// does not look what it has found.
unsafe fn notify(kobject: *mut bindings::kobject, group: Option<&CStr>, attribute: &CStr) {
    let group = group.map_or(core::ptr::null(), |name| name.as_char_ptr());
    // SAFETY: By the safety requirements, and since the names are C strings.
    unsafe { bindings::sysfs_notify(kobject, group, attribute.as_char_ptr()) };
}

/// The attributes of a type, as C knows them.
struct Files<T: 'static> {
    // Never more than they have room for from the beginning: C knows where they are.
    files: KVec<File<T>>,
    binaries: KVec<BinaryFile<T>>,
    data: Arc<T>,
}

impl<T: Attributes> Files<T> {
    fn new(data: Arc<T>) -> Result<Self> {
        let (files, binaries) = const { count_files::<T>() };
        Ok(Self {
            files: KVec::with_capacity(files, GFP_KERNEL)?,
            binaries: KVec::with_capacity(binaries, GFP_KERNEL)?,
            data,
        })
    }

    /// Creates the files of a group.
    ///
    /// # Safety
    ///
    /// `kobject` must be that of an `O`, and have a directory. The files of this value must be taken
    /// away before it is dropped.
    unsafe fn add<O: Object>(
        &mut self,
        kobject: *mut bindings::kobject,
        group: &'static Group<T>,
    ) -> Result {
        let data: *const T = &*self.data;
        let (files, binaries) = (self.files.len(), self.binaries.len());
        for attribute in group.attributes {
            let file = File::new::<O>(group.name, attribute, data);
            self.files.push_within_capacity(file)?;
        }
        for binary in group.binaries {
            let file = BinaryFile::new(binary, data);
            self.binaries.push_within_capacity(file)?;
        }

        let files = self.files.get(files..).unwrap_or_default();
        let mut attributes = KVec::with_capacity(group.attributes.len() + 1, GFP_KERNEL)?;
        for file in files {
            attributes.push_within_capacity(file.attribute.get().cast())?;
        }
        attributes.push_within_capacity(core::ptr::null_mut())?;

        let files = self.binaries.get(binaries..).unwrap_or_default();
        let mut binaries = KVec::with_capacity(group.binaries.len() + 1, GFP_KERNEL)?;
        for file in files {
            binaries.push_within_capacity(file.attribute.get().cast_const())?;
        }
        binaries.push_within_capacity(core::ptr::null())?;

        let mut raw: bindings::attribute_group = pin_init::zeroed();
        raw.name = group
            .name
            .map_or(core::ptr::null(), |name| name.as_char_ptr());
        raw.bin_attrs = binaries.as_ptr();
        // SAFETY: This is where the member of this type is.
        unsafe {
            (&raw mut raw)
                .byte_add(bindings::LKM_ATTRIBUTE_GROUP_ATTRS)
                .cast::<*mut *mut bindings::attribute>()
                .write(attributes.as_mut_ptr());
        }
        // SAFETY: By the safety requirements. The lists end with NULL and are used during this call
        // only; the attributes are on the heap, and do not move.
        to_result(unsafe { bindings::sysfs_create_group(kobject, &raw) })
    }
}

/// What C hands to the functions of an attribute: the object, and the attribute.
///
/// # Safety
///
/// The type must begin with its `kobject`, and `Attribute` must be laid out as
/// `kobj_attribute` is.
unsafe trait Object {
    type Attribute;
}

// SAFETY: It is itself.
unsafe impl Object for bindings::kobject {
    type Attribute = bindings::kobj_attribute;
}

/// How many attributes there are, and how many binary ones.
const fn count_files<T: Attributes>() -> (usize, usize) {
    let (mut attributes, mut binaries, mut index) = (0, 0, 0);
    while index < T::GROUPS.len() {
        attributes += T::GROUPS[index].attributes.len();
        binaries += T::GROUPS[index].binaries.len();
        index += 1;
    }
    (attributes, binaries)
}

type ShowFn<O> = unsafe extern "C" fn(*mut O, *mut <O as Object>::Attribute, *mut c_char) -> isize;
type StoreFn<O> =
    unsafe extern "C" fn(*mut O, *mut <O as Object>::Attribute, *const c_char, usize) -> isize;

/// An attribute, as C knows it.
///
/// # Invariants
///
/// `data` is that of the [`Files`] that this is part of: there as long as C knows the attribute.
#[repr(C)]
struct File<T: 'static> {
    // Must be first.
    attribute: Opaque<bindings::kobj_attribute>,
    data: *const T,
    group: Option<&'static CStr>,
    definition: &'static Attribute<T>,
}

impl<T: Attributes> File<T> {
    fn new<O: Object>(
        group: Option<&'static CStr>,
        attribute: &'static Attribute<T>,
        data: *const T,
    ) -> Self {
        let mut raw: bindings::kobj_attribute = pin_init::zeroed();
        raw.attr = describe(attribute.name, attribute.mode, attribute);

        let show: Option<ShowFn<O>> = attribute.show.map(|_| Self::show::<O> as ShowFn<O>);
        let store: Option<StoreFn<O>> = attribute.store.map(|_| Self::store::<O> as StoreFn<O>);
        // SAFETY: This is where the members of these types are.
        unsafe {
            let raw = &raw mut raw;
            raw.byte_add(bindings::LKM_KOBJ_ATTRIBUTE_SHOW)
                .cast::<Option<ShowFn<O>>>()
                .write(show);
            raw.byte_add(bindings::LKM_KOBJ_ATTRIBUTE_STORE)
                .cast::<Option<StoreFn<O>>>()
                .write(store);
        }
        Self {
            attribute: Opaque::new(raw),
            data,
            group,
            definition: attribute,
        }
    }

    /// `kobj_attribute::show`, and that of other objects.
    ///
    /// # Safety
    ///
    /// To be called by sysfs, on an attribute of a [`Files<T>`] that is not gone yet.
    unsafe extern "C" fn show<O: Object>(
        _object: *mut O,
        attribute: *mut O::Attribute,
        buffer: *mut c_char,
    ) -> isize {
        // SAFETY: The attribute is the first member of a `File`, which goes after C's file,
        // which goes after this call; and so does the data.
        let (file, data) = unsafe {
            let file = &*attribute.cast::<Self>();
            (file, &*file.data)
        };
        // SAFETY: The buffer is a page, cleared, and the call's own.
        let room = unsafe { core::slice::from_raw_parts_mut(buffer.cast::<u8>(), PAGE_SIZE - 1) };
        // The file is a `seq_file` below.
        file.definition.show_in(data, room, Caller::SeqFile)
    }

    /// `kobj_attribute::store`, and that of other objects.
    ///
    /// # Safety
    ///
    /// As for [`Self::show`].
    unsafe extern "C" fn store<O: Object>(
        object: *mut O,
        attribute: *mut O::Attribute,
        buffer: *const c_char,
        count: usize,
    ) -> isize {
        // SAFETY: As in `show`.
        let (file, data) = unsafe {
            let file = &*attribute.cast::<Self>();
            (file, &*file.data)
        };
        // SAFETY: The buffer holds `count` bytes, and nobody else knows it.
        let bytes = unsafe { core::slice::from_raw_parts(buffer.cast::<u8>(), count) };
        let stored = file.definition.store_from(data, bytes);
        if stored >= 0 && file.definition.notify {
            // SAFETY: The object begins with its kobject, and has the file that this is called for.
            unsafe { notify(object.cast(), file.group, file.definition.name) };
        }
        stored
    }
}

/// Fills in what all kinds of attributes have. `_definition` is where one is defined.
fn describe<D>(name: &'static CStr, mode: u16, _definition: &'static D) -> bindings::attribute {
    let mut raw: bindings::attribute = pin_init::zeroed();
    raw.name = name.as_char_ptr();
    raw.mode = mode;
    // The attribute itself is on the heap, where lockdep accepts no keys. Its definition is part
    // of the module, and has an address of its own, which is all that lockdep needs.
    #[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
    {
        const { assert!(size_of::<D>() >= size_of::<bindings::lock_class_key>()) };
        raw.key = core::ptr::from_ref(_definition).cast_mut().cast();
    }
    raw
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
