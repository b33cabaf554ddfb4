// SPDX-License-Identifier: GPL-2.0-only

//! A box of tokens in `/proc/waiters`: a write puts in as many as it has bytes, a read of one byte
//! takes one and waits for it, a read of two waits for at most 50 ms. It can be polled.
//!
//! Writing to `/proc/waiters_remove` removes the box, whoever has it open.

use kernel::{
    fs::file::Offset,
    iov::{
        IovIterDest,
        IovIterSource, //
    },
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        ArcBorrow,
        Mutex, //
    },
};
use lkm::{
    fops::{
        Events,
        FileOperations,
        OpenFile,
        PollTable, //
    },
    new_wait_queue,
    proc_fs,
    seq_file::SeqFile,
    wait::WaitQueue, //
};

module! {
    type: Waiters,
    name: "waiters",
    authors: ["lkmpg-rs developers"],
    description: "Waits in all the ways that there are",
    license: "GPL",
}

#[pin_data]
struct Waiters {
    #[pin]
    _remove: proc_fs::File<Remover>,
}

impl kernel::InPlaceModule for Waiters {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _remove <- proc_fs::File::new(
                proc_fs::Options::new(c"waiters_remove", 0o200),
                Remover::new(),
            ),
        })
    }
}

#[pin_data]
struct Remover {
    #[pin]
    node: Mutex<Option<proc_fs::Node<Taker>>>,
}

impl Remover {
    fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            node <- new_mutex!(Some(proc_fs::Node::new(
                proc_fs::Options::new(c"waiters", 0o666),
                Arc::pin_init(Tokens::new(), GFP_KERNEL)?,
            )?)),
        })
    }
}

#[vtable]
impl proc_fs::Show for Remover {
    fn show(&self, _out: &mut SeqFile) -> Result {
        Ok(())
    }

    fn write(&self, data: &mut IovIterSource<'_>) -> Result<usize> {
        let node = self.node.lock().take();
        drop(node);
        Ok(data.len())
    }
}

#[pin_data]
struct Tokens {
    #[pin]
    count: Mutex<usize>,
    #[pin]
    more: WaitQueue,
}

impl Tokens {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            count <- new_mutex!(0),
            more <- new_wait_queue!("waiters"),
        })
    }
}

struct Taker(Arc<Tokens>);

#[vtable]
impl FileOperations for Taker {
    type Data = Tokens;

    fn open(tokens: ArcBorrow<'_, Tokens>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok(Taker(tokens.into()))
    }

    fn read(&self, file: &OpenFile, _pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let take = |count: &mut usize| {
            *count = count.checked_sub(1)?;
            Some(())
        };
        if file.nonblocking() {
            take(&mut self.0.count.lock()).ok_or(EAGAIN)?;
        } else if out.len() == 2 {
            self.0.more.wait_timeout(&self.0.count, 50, take)?;
        } else {
            self.0.more.wait_exclusive(&self.0.count, take)?;
        }
        Ok(out.copy_to_iter(b"t"))
    }

    fn write(
        &self,
        _file: &OpenFile,
        _pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        *self.0.count.lock() += data.len();
        if data.len() == 1 {
            self.0.more.wake_one();
        } else {
            self.0.more.wake_all();
        }
        Ok(data.len())
    }

    fn poll<'a>(&'a self, _file: &OpenFile, table: &PollTable<'a>) -> Events {
        table.watch(&self.0.more);
        Events::READABLE.when(*self.0.count.lock() > 0) | Events::WRITABLE
    }
}
