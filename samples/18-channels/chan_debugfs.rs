// SPDX-License-Identifier: GPL-2.0-only

//! Channels: debugfs, for those who debug.
//!
//! ```console
//! # insmod chan_debugfs.ko
//! chan_debugfs: Talk to /sys/kernel/debug/chan_debugfs
//! # cd /sys/kernel/debug/chan_debugfs
//! # cat level
//! 7
//! # echo 200 > level; cat level
//! 200
//! # head -c 16 blob | hexdump -C
//! 00000000  00 00 00 00 01 00 00 00  04 00 00 00 09 00 00 00  |................|
//! 00000010
//! # head -n 1 mailbox &
//! [1] [..]
//! # echo hello > mailbox; wait %1
//! hello
//! [1]+  Done                    head -n 1 mailbox
//! # cd /; rmmod chan_debugfs
//! ```
//!
//! debugfs is where a driver shows its insides to those who debug it. No program may rely on what is
//! there, so nothing has to be kept as it is.
//!
//! `level` is what the survey calls "that's it, one line of code": a `u8` that can be read and
//! written from user space (what does not fit is cut, so 257 is 1). `blob` is a piece of memory.
//! `mailbox` is a file with operations of its own: a reader sleeps until somebody writes. There is room for one
//! letter, and writing never waits: a letter that nobody has read is replaced by the next one. A write of 0
//! bytes is a letter, too. It reads as the end of the file.
//!
//! Where to look: `fs/debugfs/file.c`, and `Documentation/filesystems/debugfs.rst`.

use lkm::{
    debugfs::{
        Blob,
        Directory,
        Node,
        Number, //
    },
    prelude::*, //
};

module! {
    type: ChanDebugfs,
    name: "chan_debugfs",
    authors: ["lkmpg-rs developers"],
    description: "Talks to user space by files in debugfs",
    license: "GPL",
}

// ANCHOR: init
struct ChanDebugfs {
    _mailbox: Node<Session>,
    _blob: Blob,
    _level: Number<u8>,
}

impl kernel::Module for ChanDebugfs {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let directory = Directory::new(c"chan_debugfs")?;
        let mailbox = Arc::pin_init(Mailbox::new(), GFP_KERNEL)?;

        let module = ChanDebugfs {
            _level: Number::new(directory.clone(), c"level", 0o644, 7)?,
            _blob: Blob::new(directory.clone(), c"blob", 0o444, table()?)?,
            _mailbox: Node::new(directory, c"mailbox", 0o644, mailbox)?,
        };
        pr_info!("Talk to /sys/kernel/debug/chan_debugfs\n");
        Ok(module)
    }
}
// ANCHOR_END: init

/// All squares that fit 32 bits and are less than 5,000 from zero, little endian.
fn table() -> Result<KVec<u8>> {
    let mut bytes = KVec::from_elem(0, 4 * 5000, GFP_KERNEL)?;
    for (n, four) in (0_u32..).zip(bytes.chunks_exact_mut(4)) {
        four.copy_from_slice(&(n * n).to_le_bytes());
    }
    Ok(bytes)
}

type Letter = Message<128>;

#[pin_data]
struct Mailbox {
    #[pin]
    letter: Mutex<Option<Letter>>,
    #[pin]
    arrived: WaitQueue,
}

impl Mailbox {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            letter <- new_mutex!(None),
            arrived <- new_wait_queue!("chan_debugfs"),
        })
    }
}

/// An open mailbox.
struct Session(Arc<Mailbox>);

#[vtable]
impl FileOperations for Session {
    type Data = Mailbox;

    fn open(mailbox: ArcBorrow<'_, Mailbox>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok(Session(mailbox.into()))
    }

    fn read(&self, file: &OpenFile, _pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let letter = if file.nonblocking() {
            self.0.letter.lock().take().ok_or(EAGAIN)?
        } else {
            self.0
                .arrived
                .wait_exclusive(&self.0.letter, Option::take)?
        };
        // What does not fit the reader's buffer is lost, as with a datagram. A reader without a
        // buffer loses nothing: unless a newer letter has come, this one is there again.
        read_from_buffer(out, &mut 0, letter.as_bytes()).inspect_err(|_| {
            self.0.letter.lock().get_or_insert(letter);
            self.0.arrived.wake_one();
        })
    }

    fn write(
        &self,
        _file: &OpenFile,
        _pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        if data.len() > 128 {
            return Err(EMSGSIZE);
        }
        let letter = Letter::copy_from(data)?;
        let length = letter.len();
        *self.0.letter.lock() = Some(letter);
        self.0.arrived.wake_one();
        Ok(length)
    }

    fn poll<'a>(&'a self, _file: &OpenFile, table: &PollTable<'a>) -> Events {
        table.watch(&self.0.arrived);
        Events::READABLE.when(self.0.letter.lock().is_some()) | Events::WRITABLE
    }
}
