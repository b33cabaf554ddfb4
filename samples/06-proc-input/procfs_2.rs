// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 6: a file in `/proc` that takes input.
//!
//! ```console
//! # insmod procfs_2.ko
//! # echo hello > /proc/rw_test
//! # cat /proc/rw_test
//! Last input:hello
//! $ cat /proc/rw_test
//! Last input:hello
//! $ echo me too > /proc/rw_test
//! bash: /proc/rw_test: Permission denied
//! # rmmod procfs_2
//! ```
//!
//! What a process writes is in the memory of that process. The kernel must not use its pointer as its
//! own: the page may be on disk, the address may be wrong, or belong to the kernel. So the bytes are
//! copied, by a function that can fail and that may sleep: `Input::copy_from`. In the other direction
//! `read_from_buffer` does the same.
//!
//! A message has 79 bytes. Of a longer one the rest is dropped, and `write` says that it took all. If
//! it said less, `echo` would write the rest in a second call, and that would be the message. A write
//! of 0 bytes empties it. `writev` to a file in `/proc` is one write for each piece. `truncate` changes
//! nothing, as with any file in `/proc`.
//!
//! Changed from the guide: a bad pointer leaves the message as it was, writers take turns, and a
//! reader with a small buffer gets the rest on its next read, even when the message changes in
//! between. In the guide a function, `module_permission`, says what a user may do. Here the file's
//! mode, 0644, says so, and the kernel checks it. `ls` shows the size 0 and not the guide's 80, as for
//! any file in `/proc`.
//!
//! Where to look: `fs/proc/inode.c`, and `include/linux/uaccess.h` for the functions that copy.

use lkm::prelude::*;

module! {
    type: Procfs2,
    name: "procfs_2",
    authors: ["lkmpg-rs developers"],
    description: "A file in /proc that takes input",
    license: "GPL",
}

struct Procfs2 {
    _file: proc_fs::Node<Session>,
}

impl kernel::Module for Procfs2 {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let last = Arc::pin_init(new_mutex!(Input::default()), GFP_KERNEL)?;
        Ok(Procfs2 {
            _file: proc_fs::Node::new(proc_fs::Options::new(c"rw_test", 0o644), last)?,
        })
    }
}

const MESSAGE_LENGTH: usize = 79;

/// What was written.
struct Input {
    bytes: [u8; MESSAGE_LENGTH],
    length: usize,
}

impl Input {
    // ANCHOR: copy
    /// Copies what a process writes, as far as it fits.
    fn copy_from(data: &mut IovIterSource<'_>) -> Result<Self> {
        let wanted = data.len().min(MESSAGE_LENGTH);
        let mut input = Self::default();
        input.length = data.copy_from_iter(&mut input.bytes);
        if input.length < wanted {
            return Err(EFAULT);
        }
        Ok(input)
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
    // ANCHOR_END: copy
}

impl Default for Input {
    fn default() -> Self {
        Self {
            bytes: [0; MESSAGE_LENGTH],
            length: 0,
        }
    }
}

// ANCHOR: session
/// An open file.
#[pin_data]
struct Session {
    last: Arc<Mutex<Input>>,
    /// What its reader is being shown: the same until it has read it all.
    #[pin]
    shown: Mutex<Message<{ LABEL.len() + MESSAGE_LENGTH }>>,
}
// ANCHOR_END: session

const LABEL: &[u8] = b"Last input:";

#[vtable]
impl FileOperations for Session {
    type Data = Mutex<Input>;

    fn open(last: ArcBorrow<'_, Mutex<Input>>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            last: last.into(),
            shown <- new_mutex!(Message::new()),
        })
    }

    // ANCHOR: write
    fn write(
        &self,
        _file: &OpenFile,
        pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let length = data.len();
        // This may sleep, so nobody waits for a lock meanwhile.
        let input = Input::copy_from(data)?;
        *self.last.lock() = input;
        // What is read next is the new message, from its start.
        *pos = 0;
        Ok(length)
    }
    // ANCHOR_END: write

    // ANCHOR: read
    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let shown = {
            let mut shown = self.shown.lock();
            if *pos == 0 || shown.is_empty() {
                shown.set(&[LABEL, self.last.lock().as_bytes()]);
            }
            *shown
        };
        // This may sleep, too.
        read_from_buffer(out, pos, shown.as_bytes())
    }
    // ANCHOR_END: read

    fn size(&self) -> Offset {
        (LABEL.len() + self.last.lock().length) as Offset
    }
}
