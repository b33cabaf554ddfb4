// SPDX-License-Identifier: GPL-2.0-only

//! The names of attributes and groups, which are known when a module is built.

use super::{
    Attributes,
    Group, //
};
use crate::name::is_name;
use kernel::prelude::*;

/// Refuses to build what C would only warn about, with a stack trace in the log.
pub(super) const fn check_names<T: Attributes>() {
    let mut index = 0;
    while index < T::GROUPS.len() {
        let group = &T::GROUPS[index];
        if let Some(name) = group.name {
            assert!(
                is_name(name),
                "a group has a name that no directory can have"
            );
            assert!(
                !is_attribute::<T>(name),
                "a group has the name of an attribute"
            );
            let mut before = 0;
            while before < index {
                let same = group.is_with(&T::GROUPS[before]);
                assert!(!same, "two groups have the same name");
                before += 1;
            }
        }
        let mut file = 0;
        while let Some(name) = group.file_name(file) {
            assert!(
                is_name(name),
                "an attribute has a name that no file can have"
            );
            assert!(
                !is_before::<T>(name, index, file),
                "two attributes have the same name"
            );
            file += 1;
        }
        index += 1;
    }
}

/// Refuses to build what C is to put into a device's folder, and would only warn about.
pub(super) const fn check_device<T: Attributes>() {
    let mut index = 0;
    while index < T::GROUPS.len() {
        let group = &T::GROUPS[index];
        if let Some(name) = group.name {
            assert!(
                !is_of_devices(name),
                "the name is for what belongs to the device"
            );
        }
        let mut n = 0;
        while let (None, Some(name)) = (group.name, group.file_name(n)) {
            assert!(
                !is_of_devices(name),
                "the name is for what belongs to the device"
            );
            n += 1;
        }
        index += 1;
    }
}

/// Folders of devices that belong to another one, by their class; of its messages; and of its waking up. The link to
/// those with which it shares an IOMMU. A file that C takes away when a driver was bound.
const OF_DEVICES: &[&CStr] = &[
    c"block",
    c"firmware",
    c"hwmon",
    c"input",
    c"iommu_group",
    c"msi_irqs",
    c"net",
    c"tty",
    c"waiting_for_supplier",
    c"wakeup",
];

/// How the names of others begin: links to devices that must be there first, or need this one.
const BEGIN_OF_DEVICES: &[&CStr] = &[c"consumer:", c"supplier:"];

const fn is_of_devices(name: &CStr) -> bool {
    let mut n = 0;
    while n < OF_DEVICES.len() {
        if is_same(name, OF_DEVICES[n]) {
            return true;
        }
        n += 1;
    }
    let mut n = 0;
    while n < BEGIN_OF_DEVICES.len() {
        let begin = BEGIN_OF_DEVICES[n].to_bytes();
        if same_bytes(name.to_bytes(), begin) == begin.len() {
            return true;
        }
        n += 1;
    }
    is_endpoint(name.to_bytes())
}

/// Folders of USB endpoints, by their number in hexadecimal, which come after the driver of their interface.
const fn is_endpoint(name: &[u8]) -> bool {
    matches!(
        name,
        [b'e', b'p', b'_', b'0'..=b'9' | b'a'..=b'f', b'0'..=b'9' | b'a'..=b'f']
    )
}

impl<T> Group<T> {
    /// The name of file `n`, binary attributes last.
    const fn file_name(&self, n: usize) -> Option<&'static CStr> {
        if n < self.attributes.len() {
            return Some(self.attributes[n].name);
        }
        let n = n - self.attributes.len();
        if n < self.binaries.len() {
            Some(self.binaries[n].name)
        } else {
            None
        }
    }

    /// What the group puts into the directory itself: its folder, or its files.
    pub(super) fn top_names(&self) -> impl Iterator<Item = &'static CStr> + '_ {
        let files = if self.name.is_some() { 0 } else { usize::MAX };
        let files = (0..files).map_while(|n| self.file_name(n));
        Iterator::chain(self.name.into_iter(), files)
    }

    /// Whether the attributes are in the same place as those of another group.
    const fn is_with(&self, other: &Self) -> bool {
        match (self.name, other.name) {
            (None, None) => true,
            (Some(a), Some(b)) => is_same(a, b),
            _ => false,
        }
    }
}

/// Whether there is a file of that name before file `file` of group `group`, in the same place.
const fn is_before<T: Attributes>(name: &CStr, group: usize, file: usize) -> bool {
    let mut index = 0;
    while index <= group {
        let other = &T::GROUPS[index];
        let mut n = 0;
        while let Some(taken) = other.file_name(n) {
            if index == group && n == file {
                return false;
            }
            if other.is_with(&T::GROUPS[group]) && is_same(name, taken) {
                return true;
            }
            n += 1;
        }
        index += 1;
    }
    false
}

/// Whether an attribute that is in no directory of its own has this name.
const fn is_attribute<T: Attributes>(name: &CStr) -> bool {
    let mut index = 0;
    while index < T::GROUPS.len() {
        let group = &T::GROUPS[index];
        let mut n = 0;
        while let (None, Some(taken)) = (group.name, group.file_name(n)) {
            if is_same(name, taken) {
                return true;
            }
            n += 1;
        }
        index += 1;
    }
    false
}

pub(crate) const fn is_same(a: &CStr, b: &CStr) -> bool {
    let (a, b) = (a.to_bytes(), b.to_bytes());
    let same = same_bytes(a, b);
    same == a.len() && same == b.len()
}

const _: () = {
    assert!(is_of_devices(c"ep_81") && is_of_devices(c"net") && is_of_devices(c"supplier:x"));
    assert!(!is_of_devices(c"ep_count") && !is_of_devices(c"nets") && !is_of_devices(c"supplier"));
};

/// How many bytes are the same at their beginning.
const fn same_bytes(a: &[u8], b: &[u8]) -> usize {
    let mut n = 0;
    while n < a.len() && n < b.len() && a[n] == b[n] {
        n += 1;
    }
    n
}
