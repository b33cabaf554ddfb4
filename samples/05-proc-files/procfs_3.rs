// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 5, one step further: a directory in `/proc`, and what `ls -l` shows of a file.
//!
//! ```console
//! # insmod procfs_3.ko
//! # ls -l /proc/procfs_3/note
//! -rw-r----- [..] 80 [..] /proc/procfs_3/note
//! # echo hello > /proc/procfs_3/note
//! procfs_3: The note was opened.
//! procfs_3: The note was closed.
//! # head -n 1 /proc/procfs_3/note
//! procfs_3: The note was opened.
//! procfs_3: The note was closed.
//! hello
//! # rmmod procfs_3
//! ```
//!
//! The module says who owns the file, with which mode and which size, when it makes the file. The
//! kernel itself checks the mode: it does not ask the module. The size is only shown, and is 0 if
//! nobody gives one. Here it is true: the note has 80 bytes, which are zeros at first. A process can
//! read and write at any place in them. Behind them nothing fits (`No space left on device`). A shell's `>`
//! does not empty the note, and `>>` writes to its start as well: what is to become of `O_TRUNC` and
//! `O_APPEND` is the module's business, and this one does nothing (`scull` does).
//!
//! The module learns when the file is opened and when it is closed: a `Session` is made, and dropped.
//! C has `proc_open` and `proc_release` in `struct proc_ops`, and `proc_set_user()` and
//! `proc_set_size()` for the rest. The log has both for you to see. A driver logs nothing that a user may
//! do as often as they like: here user 1000 can fill the log, and push out what others look for.
//!
//! Where to look: `fs/proc/generic.c`.

use lkm::prelude::*;

module! {
    type: Procfs3,
    name: "procfs_3",
    authors: ["lkmpg-rs developers"],
    description: "A directory in /proc, and a file with an owner and a size",
    license: "GPL",
}

const SIZE: usize = 80;

type Note = Mutex<[u8; SIZE]>;

struct Procfs3 {
    _file: proc_fs::Node<Session>,
}

impl kernel::Module for Procfs3 {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let directory = proc_fs::Directory::new(proc_fs::Options::new(c"procfs_3", 0o555))?;
        let options = proc_fs::Options::new(c"note", 0o640)
            .within(directory)
            .owner(1000, 1000)
            .size(SIZE as u32);
        let note = Arc::pin_init(new_mutex!([0; SIZE]), GFP_KERNEL)?;
        Ok(Procfs3 {
            _file: proc_fs::Node::new(options, note)?,
        })
    }
}

/// An open file.
struct Session {
    note: Arc<Note>,
}

#[vtable]
impl FileOperations for Session {
    type Data = Note;

    fn open(note: ArcBorrow<'_, Note>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        pr_info!("The note was opened.\n");
        Ok(Session { note: note.into() })
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        // A copy: a reader may be slow, and the others need not wait for it.
        let note = *self.note.lock();
        read_from_buffer(out, pos, &note)
    }

    fn write(
        &self,
        _file: &OpenFile,
        pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let input = Message::<SIZE>::copy_from(data)?;
        let start = usize::try_from(*pos)?;
        let mut note = self.note.lock();
        let mut taken = 0;
        for (old, new) in note.iter_mut().skip(start).zip(input.as_bytes()) {
            *old = *new;
            taken += 1;
        }
        if taken == 0 && !input.is_empty() {
            return Err(ENOSPC);
        }
        *pos += taken;
        Ok(taken as usize)
    }

    fn size(&self) -> Offset {
        SIZE as Offset
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        pr_info!("The note was closed.\n");
    }
}
