// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 6: a file in `/proc` that takes input.
//!
//! ```sh
//! insmod procfs_2.ko && echo hello > /proc/rw_test && cat /proc/rw_test; rmmod procfs_2
//! ```
//!
//! Everybody may read, only root may write. A message has 79 bytes; of a longer one the rest is
//! dropped. A write of nothing empties it; `truncate` changes nothing, as with any file in `/proc`.
//!
//! Changed from the guide: a writer is told that all was taken, even if some was dropped, since one
//! like `echo` would write the rest, and that would be the message; a reader with a small buffer
//! gets the rest on its next read, even when the message changes in between, since each open file
//! has its own copy; writers take turns; a bad pointer leaves the message as it was.

use lkm::prelude::*;

module! {
    type: Procfs2,
    name: "procfs_2",
    authors: ["lkmpg-rs developers"],
    description: "A file in /proc that takes input",
    license: "GPL",
}

const MESSAGE_LENGTH: usize = 79;
const LABEL: &[u8] = b"Last input:";

type LastInput = Mutex<Message<MESSAGE_LENGTH>>;
type Shown = Message<{ LABEL.len() + MESSAGE_LENGTH }>;

struct Procfs2 {
    _file: proc_fs::Node<Session>,
}

impl kernel::Module for Procfs2 {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let last = Arc::pin_init(new_mutex!(Message::new()), GFP_KERNEL)?;
        Ok(Procfs2 {
            _file: proc_fs::Node::new(proc_fs::Options::new(c"rw_test", 0o644), last)?,
        })
    }
}

/// An open file: what its reader is being shown.
#[pin_data]
struct Session {
    last: Arc<LastInput>,
    #[pin]
    shown: Mutex<Shown>,
}

#[vtable]
impl FileOperations for Session {
    type Data = LastInput;

    fn open(last: ArcBorrow<'_, LastInput>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            last: last.into(),
            shown <- new_mutex!(Message::new()),
        })
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let mut shown = self.shown.lock();
        if *pos == 0 || shown.is_empty() {
            self.take_snapshot(&mut shown);
        }
        read_from_buffer(out, pos, shown.as_bytes())
    }

    fn write(
        &self,
        _file: &OpenFile,
        pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        // What is read next is the new message, from its start.
        *pos = 0;
        let length = data.len();
        let message = Message::copy_from(data)?;
        *self.last.lock() = message;
        Ok(length)
    }

    fn size(&self) -> Offset {
        let mut shown = self.shown.lock();
        if shown.is_empty() {
            self.take_snapshot(&mut shown);
        }
        shown.len() as Offset
    }
}

impl Session {
    fn take_snapshot(&self, shown: &mut Shown) {
        shown.set(&[LABEL, self.last.lock().as_bytes()]);
    }
}
