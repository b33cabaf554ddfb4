// SPDX-License-Identifier: GPL-2.0-only

//! A pipe: readers wait for something to read, writers wait for room.
//!
//! ```console
//! # insmod scull_pipe.ko
//! # cat /dev/scull_pipe &             # sleeps until there is something
//! [1] [..]
//! # echo hello > /dev/scull_pipe
//! hello
//! # kill %1; wait %1
//! ...
//! # rmmod scull_pipe
//! ```
//!
//! There are two conditions to wait for, so there are two wait queues. A reader frees some room, and
//! wakes the writers. A writer brings something, and wakes the readers. There may be many of both. Each
//! one that wakes looks again, since another one may have been faster.
//!
//! There are four ways to wait for a file, and a driver that knows the two conditions gets all of
//! them:
//!
//! - to call `read` or `write`, and sleep in there until a signal comes;
//! - with `O_NONBLOCK` to get `EAGAIN` at once, and try again later;
//! - `select`, `poll` or `epoll`: to sleep until one of many files is ready. The driver says which of
//!   its queues will tell, and how things are now;
//! - `O_ASYNC`: to go on with something else, and get a signal, `SIGIO`. A program in C that asks for it,
//!   and here has nothing else to do:
//!
//! ```c
//! #define _GNU_SOURCE
//! #include <fcntl.h>
//! #include <signal.h>
//! #include <stdio.h>
//! #include <unistd.h>
//!
//! int main(void)
//! {
//!         int fd = open("/dev/scull_pipe", O_RDONLY | O_NONBLOCK);
//!         char text[80];
//!         sigset_t sigio;
//!         int number;
//!
//!         sigemptyset(&sigio);
//!         sigaddset(&sigio, SIGIO);
//!         sigprocmask(SIG_BLOCK, &sigio, NULL);
//!         if (fcntl(fd, F_SETOWN, getpid()) || fcntl(fd, F_SETFL, O_NONBLOCK | O_ASYNC)) {
//!                 perror("/dev/scull_pipe");
//!                 return 1;
//!         }
//!         sigwait(&sigio, &number);
//!         printf("%.*s", (int)read(fd, text, sizeof(text)), text);
//!         return 0;
//! }
//! ```
//!
//! In C the sleep is a loop: unlock, prepare to wait, look, sleep, lock, look again. A driver that
//! forgets the second look loses a wake-up. `WaitQueue::wait` has the loop; it is given the lock and the
//! condition.
//!
//! Nobody copies to or from a program's memory with the lock held. That memory may have to be fetched
//! from a disk, or from another program, and all others would wait, without a way out. So a writer first copies
//! to a buffer of its own. A reader marks what it reads, and takes it out when it is copied. Other readers
//! do wait until then, for the bytes have an order; but they sleep as if there was nothing, and a signal ends that.
//!
//! A FIFO ends when its last writer closes it. This device does not: a reader waits for the next writer.
//! A FIFO keeps a write of up to 4,096 bytes (`PIPE_BUF`) together. This device takes what there is room
//! for, and another writer may come before the rest.
//!
//! Where to look: `fs/pipe.c`, and `fs/fcntl.c` for `SIGIO`.

use kernel::page::PAGE_SIZE;
use lkm::{
    fasync::{
        Band,
        Subscribers, //
    },
    prelude::*,
};

mod bytes;

use bytes::copy;

module! {
    type: ScullPipe,
    name: "scull_pipe",
    authors: ["lkmpg-rs developers"],
    description: "A pipe with two wait queues",
    license: "GPL",
}

module_params! {
    size: u32 {
        default: 4000,
        description: "How many bytes the pipe holds, up to 1048576",
        permissions: 0o444,
        on_set: |bytes| if (1..=1 << 20).contains(&bytes) { Ok(()) } else { Err(EINVAL) },
    },
}

struct ScullPipe {
    _device: chrdev::Registration<Session>,
}

impl kernel::Module for ScullPipe {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let options = chrdev::Options::new(c"scull_pipe").mode(0o666);
        let pipe = Arc::pin_init(Pipe::new(Buffer::new()?), GFP_KERNEL)?;
        Ok(ScullPipe {
            _device: chrdev::Registration::new(options, pipe)?,
        })
    }
}

// ANCHOR: pipe
#[pin_data]
struct Pipe {
    #[pin]
    buffer: Mutex<Buffer>,
    #[pin]
    readable: WaitQueue,
    #[pin]
    writable: WaitQueue,
    subscribers: Subscribers,
}
// ANCHOR_END: pipe

impl Pipe {
    fn new(buffer: Buffer) -> impl PinInit<Self> {
        pin_init!(Self {
            buffer <- new_mutex!(buffer),
            readable <- new_wait_queue!("scull_pipe/readable"),
            writable <- new_wait_queue!("scull_pipe/writable"),
            subscribers: Subscribers::new(),
        })
    }
}

/// An open file: one end of the pipe, or both.
struct Session {
    pipe: Arc<Pipe>,
}

#[vtable]
impl FileOperations for Session {
    type Data = Pipe;

    fn open(pipe: ArcBorrow<'_, Pipe>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok(Session { pipe: pipe.into() })
    }

    // ANCHOR: read
    fn read(&self, file: &OpenFile, _pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let pipe = &self.pipe;
        let mut piece = KVec::from_elem(0, out.len().min(PAGE_SIZE), GFP_KERNEL)?;
        if piece.is_empty() {
            return Ok(0);
        }
        let length = if file.nonblocking() {
            pipe.buffer.lock().begin(&mut piece).ok_or(EAGAIN)?
        } else {
            pipe.readable
                .wait(&pipe.buffer, |it| it.begin(&mut piece))?
        };
        let copied = out.copy_to_iter(piece.get(..length).unwrap_or_default());
        pipe.buffer.lock().finish(copied);
        // Another reader may have waited for this one.
        pipe.readable.wake_all();
        if copied == 0 {
            return Err(EFAULT);
        }
        pipe.writable.wake_all();
        pipe.subscribers.notify(Band::Writable);
        Ok(copied)
    }
    // ANCHOR_END: read

    fn write(
        &self,
        file: &OpenFile,
        _pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let pipe = &self.pipe;
        let mut piece = KVec::from_elem(0, data.len().min(PAGE_SIZE), GFP_KERNEL)?;
        if piece.is_empty() {
            return Ok(0);
        }
        let copied = data.copy_from_iter(&mut piece);
        let bytes = piece.get(..copied).unwrap_or_default();
        if bytes.is_empty() {
            return Err(EFAULT);
        }
        let written = if file.nonblocking() {
            pipe.buffer.lock().write(bytes).ok_or(EAGAIN)?
        } else {
            pipe.writable.wait(&pipe.buffer, |it| it.write(bytes))?
        };
        pipe.readable.wake_all();
        pipe.subscribers.notify(Band::Readable);
        Ok(written)
    }

    // ANCHOR: poll
    fn poll<'a>(&'a self, _file: &OpenFile, table: &PollTable<'a>) -> Events {
        // Watch first, then look: what happens in between is not missed.
        table.watch(&self.pipe.readable);
        table.watch(&self.pipe.writable);
        let buffer = self.pipe.buffer.lock();
        Events::READABLE.when(buffer.is_readable()) | Events::WRITABLE.when(buffer.room() > 0)
    }
    // ANCHOR_END: poll

    fn subscribers(&self) -> &Subscribers {
        &self.pipe.subscribers
    }
}

/// Bytes in a ring: `used` of them from `start` on, and behind the last place comes the first.
struct Buffer {
    bytes: KVVec<u8>,
    start: usize,
    used: usize,
    /// Whether somebody copies the first ones.
    is_being_read: bool,
}

impl Buffer {
    fn new() -> Result<Self> {
        Ok(Buffer {
            bytes: KVVec::from_elem(0, size.value() as usize, GFP_KERNEL)?,
            start: 0,
            used: 0,
            is_being_read: false,
        })
    }

    fn room(&self) -> usize {
        self.bytes.len() - self.used
    }

    fn is_readable(&self) -> bool {
        self.used > 0 && !self.is_being_read
    }

    /// Copies what there is up to the end of the ring, which stays until `finish`. `None` says that
    /// there is nothing, or that somebody else reads.
    fn begin(&mut self, piece: &mut [u8]) -> Option<usize> {
        if !self.is_readable() {
            return None;
        }
        let end = self.bytes.len().min(self.start + self.used);
        let length = copy(piece, self.bytes.get(self.start..end)?);
        self.is_being_read = true;
        Some(length)
    }

    /// Takes out what was copied.
    fn finish(&mut self, copied: usize) {
        self.start = (self.start + copied) % self.bytes.len();
        self.used -= copied;
        self.is_being_read = false;
    }

    /// Copies what there is room for up to the end of the ring. `None` says that there is none.
    fn write(&mut self, bytes: &[u8]) -> Option<usize> {
        let start = (self.start + self.used) % self.bytes.len();
        let end = self.bytes.len().min(start + self.room());
        let written = copy(self.bytes.get_mut(start..end)?, bytes);
        self.used += written;
        (written > 0).then_some(written)
    }
}
