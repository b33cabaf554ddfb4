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
//! The owner, the mode and the size are told when the file is created. The kernel itself checks the
//! mode: the module is not asked. The size is only shown, and is 0 if nobody says more. Here it is
//! true: the note has 80 bytes, which are zeros at first. They can be read and written in any place,
//! and behind them nothing fits (`No space left on device`).
//!
//! The module hears when the file is opened, and when the last one who has it closes it: the state of
//! the open file is made, and dropped. C has `proc_open` and `proc_release` in `struct proc_ops`, and
//! `proc_set_user()` and `proc_set_size()` for the rest.

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
    _file: proc_fs::Node<Reader>,
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
struct Reader {
    note: Arc<Note>,
}

#[vtable]
impl FileOperations for Reader {
    type Data = Note;

    fn open(note: ArcBorrow<'_, Note>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        pr_info!("The note was opened.\n");
        Ok(Reader { note: note.into() })
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        // A copy: who reads may be slow, and the others need not wait.
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

impl Drop for Reader {
    fn drop(&mut self) {
        pr_info!("The note was closed.\n");
    }
}
