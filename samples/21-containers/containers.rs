// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's lists, trees and arrays, on the same words.
//!
//! ```console
//! # insmod containers.ko
//! # for word in pear apple fig; do echo $word > /proc/containers; done
//! # cat /proc/containers
//! list:  pear apple fig
//! tree:  apple fig pear
//! array: 0=pear 1=apple 2=fig
//! # echo -apple > /proc/containers
//! # cat /proc/containers
//! list:  pear fig
//! tree:  fig pear
//! array: 0=pear 2=fig
//! # rmmod containers
//! ```
//!
//! - **`List`**: one after the other, in the order in which they came. It is quick to add an item or to
//!   take the first one, and slow to find one: you have to look at all.
//! - **`RBTree`**, a red-black tree: sorted. To find, add or remove one among a million takes some twenty
//!   steps.
//! - **`XArray`**: by number, where most numbers have nothing. It has a lock of its own.
//!
//! A list of C is *intrusive*: the links are part of the item, so to add one needs no memory and cannot
//! fail. But nothing knows in which lists an item is, nor who frees it. Rust's list takes a `ListArc`: a
//! share of the item, of which there is only one for each pair of links. So an item cannot be in the
//! same list twice. The tree and the array have ordinary shares (`Arc`). The last share that goes frees
//! the item.
//!
//! Where to look: `rust/kernel/list.rs`, `rust/kernel/rbtree.rs`, `Documentation/core-api/xarray.rst`.

use kernel::{
    list::{
        impl_list_arc_safe,
        impl_list_item,
        List,
        ListArc,
        ListLinks, //
    },
    rbtree::{
        RBTree,
        RBTreeNode, //
    },
    str::BStr, //
};
use lkm::{
    prelude::*,
    xarray::{
        AllocKind,
        XArray, //
    },
};

module! {
    type: Containers,
    name: "containers",
    authors: ["lkmpg-rs developers"],
    description: "A list, a tree and an array of the same words",
    license: "GPL",
}

#[pin_data]
struct Containers {
    #[pin]
    _file: proc_fs::File<Words>,
}

impl kernel::InPlaceModule for Containers {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _file <- proc_fs::File::new(proc_fs::Options::new(c"containers", 0o644), Words::new()),
        })
    }
}

/// Up to 16 bytes, and zeros.
type Word = [u8; 16];

/// How many words there may be in all. Numbers are not used again.
const ROOM: usize = 1000;

#[pin_data]
struct Item {
    word: Word,
    number: usize,
    #[pin]
    links: ListLinks,
}

// Nothing in an item tells whether it has a `ListArc`.
impl_list_arc_safe! {
    impl ListArcSafe<0> for Item { untracked; }
}

// Where the links number 0 are. An item with two pairs of them could be in two lists.
impl_list_item! {
    impl ListItem<0> for Item { using ListLinks { self.links }; }
}

impl Item {
    fn text(&self) -> &BStr {
        let end = self.word.iter().position(|it| *it == 0);
        BStr::from_bytes(end.and_then(|it| self.word.get(..it)).unwrap_or(&self.word))
    }
}

#[pin_data]
struct Words {
    #[pin]
    ordered: Mutex<Ordered>,
    #[pin]
    array: XArray<Arc<Item>>,
}

/// What the lock protects.
struct Ordered {
    list: List<Item>,
    tree: RBTree<Word, Arc<Item>>,
    next: usize,
}

impl Words {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            ordered <- new_mutex!(Ordered {
                list: List::new(),
                tree: RBTree::new(),
                next: 0,
            }),
            array <- XArray::new(AllocKind::Alloc),
        })
    }

    fn add(&self, word: Word) -> Result {
        let mut ordered = self.ordered.lock();
        let number = ordered.next;
        if ordered.tree.get(&word).is_some() {
            return Err(EEXIST);
        }
        if number == ROOM {
            return Err(ENOSPC);
        }
        let item = try_pin_init!(Item {
            word,
            number,
            links <- ListLinks::new(),
        });
        let item = ListArc::pin_init(item, GFP_KERNEL)?;
        // What may fail comes first: a word is in all of them, or in none.
        let node = RBTreeNode::new(word, item.clone_arc(), GFP_KERNEL)?;
        self.array
            .lock()
            .store(number, item.clone_arc(), GFP_KERNEL)?;
        ordered.tree.insert(node);
        ordered.list.push_back(item);
        ordered.next += 1;
        Ok(())
    }

    fn remove(&self, word: Word) -> Result {
        let mut ordered = self.ordered.lock();
        let item = ordered.tree.remove(&word).ok_or(ENOENT)?;
        self.array.lock().remove(item.number);
        let mut cursor = ordered.list.cursor_front();
        while let Some(next) = cursor.peek_next() {
            if next.number == item.number {
                next.remove();
                break;
            }
            cursor.move_next();
        }
        Ok(())
    }
}

#[vtable]
impl proc_fs::Show for Words {
    fn show(&self, out: &mut SeqFile) -> Result {
        let ordered = self.ordered.lock();
        seq_print!(out, "list: ");
        for item in ordered.list.iter() {
            seq_print!(out, " {}", item.text());
        }
        seq_print!(out, "\ntree: ");
        for item in ordered.tree.values() {
            seq_print!(out, " {}", item.text());
        }
        seq_print!(out, "\narray:");
        let array = self.array.lock();
        for number in 0..ordered.next {
            if let Some(item) = array.get(number) {
                seq_print!(out, " {number}={}", item.text());
            }
        }
        seq_print!(out, "\n");
        Ok(())
    }

    fn write(&self, data: &mut IovIterSource<'_>) -> Result<usize> {
        let length = data.len();
        let input = Message::<32>::copy_from(data)?;
        if input.len() < length {
            return Err(ENAMETOOLONG);
        }
        let input = input.as_bytes().trim_ascii();
        let (removed, text) = match input {
            [b'-', word @ ..] => (true, word),
            word => (false, word),
        };
        if text.is_empty() || !text.iter().all(u8::is_ascii_graphic) {
            return Err(EINVAL);
        }
        let mut word = Word::default();
        word.get_mut(..text.len())
            .ok_or(ENAMETOOLONG)?
            .copy_from_slice(text);
        if removed {
            self.remove(word)?;
        } else {
            self.add(word)?;
        }
        Ok(length)
    }
}
