// SPDX-License-Identifier: GPL-2.0-only

//! Attributes as C knows them, wherever they are.

use super::{
    binary::BinaryFile,
    Attribute,
    Attributes,
    Group, //
};
use crate::{
    bindings,
    callback::Caller,
    context, //
};
use kernel::{
    error::to_result,
    page::PAGE_SIZE,
    prelude::*,
    sync::Arc,
    types::Opaque, //
};

/// # Safety
///
/// `kobject` must have a directory, with the group in it if there is one, and the attribute in that: C
/// does not look what it has found.
pub(super) unsafe fn notify(
    kobject: *mut bindings::kobject,
    group: Option<&CStr>,
    attribute: &CStr,
) {
    let group = group.map_or(core::ptr::null(), |name| name.as_char_ptr());
    // SAFETY: By the safety requirements, and since the names are C strings.
    unsafe { bindings::sysfs_notify(kobject, group, attribute.as_char_ptr()) };
}

/// The attributes of a type, as C knows them.
pub(super) struct Files<T: 'static> {
    // Never more than they have room for from the beginning: C knows where they are.
    files: KVec<File<T>>,
    binaries: KVec<BinaryFile<T>>,
    pub(super) data: Arc<T>,
}

impl<T: Attributes> Files<T> {
    pub(super) fn new(data: Arc<T>) -> Result<Self> {
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
    pub(super) unsafe fn add<O: Object>(
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
pub(super) unsafe trait Object {
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
        context::without_pseudo_files(|| file.definition.show_in(data, room, Caller::SeqFile))
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
        let stored = context::without_pseudo_files(|| file.definition.store_from(data, bytes));
        if stored >= 0 && file.definition.notify {
            // SAFETY: The object begins with its kobject, and has the file that this is called for.
            unsafe { notify(object.cast(), file.group, file.definition.name) };
        }
        stored
    }
}

/// Fills in what all kinds of attributes have. `_definition` is where one is defined.
pub(super) fn describe<D>(
    name: &'static CStr,
    mode: u16,
    _definition: &'static D,
) -> bindings::attribute {
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
