// SPDX-License-Identifier: GPL-2.0-only

//! A pipe: who reads waits for something to read, who writes waits for room.
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
//! There are two conditions to wait for, so there are two wait queues. Each reader frees some room, and
//! wakes the writers; each writer brings something, and wakes the readers. There may be many of
//! both. All who are woken look again, since one of the others may have been faster.
//!
//! There are four ways to wait for a file, and a driver that knows the two conditions gets all of
//! them:
//!
//! - to call `read` or `write`, and sleep in there until a signal comes;
//! - with `O_NONBLOCK` to get `EAGAIN` at once, and try again later;
//! - `select`, `poll` or `epoll`: to sleep until one of many files is ready. The driver says which of
//!   its queues will tell, and how things are now;
//! - `O_ASYNC`: to go on with something else, and get a signal (`SIGIO`). A program asks for it so:
//!
//! ```c
//! int fd = open("/dev/scull_pipe", O_RDONLY | O_NONBLOCK);
//! fcntl(fd, F_SETOWN, getpid());
//! fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC);
//! ```
//!
//! In C the sleep is a loop: unlock, prepare to wait, look, sleep, lock, look again. Whoever forgets
//! the second look loses a wake-up. `WaitQueue::wait` has the loop, and is given the lock and the
//! condition.
//!
//! Unlike a FIFO, the device has no end: a reader waits for the next writer.

use lkm::{
    fasync::{
        Band,
        Subscribers, //
    },
    prelude::*,
};

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
    _device: chrdev::Registration<End>,
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
struct End {
    pipe: Arc<Pipe>,
}

#[vtable]
impl FileOperations for End {
    type Data = Pipe;

    fn open(pipe: ArcBorrow<'_, Pipe>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok(End { pipe: pipe.into() })
    }

    // ANCHOR: read
    fn read(&self, file: &OpenFile, _pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        while !out.is_empty() {
            if let Some(copied) = self.pipe.buffer.lock().read(out)? {
                self.pipe.writable.wake_all();
                self.pipe.subscribers.notify(Band::Writable);
                return Ok(copied);
            }
            if file.nonblocking() {
                return Err(EAGAIN);
            }
            let pipe = &self.pipe;
            pipe.readable
                .wait(&pipe.buffer, |it| (it.used > 0).then_some(()))?;
        }
        Ok(0)
    }
    // ANCHOR_END: read

    fn write(
        &self,
        file: &OpenFile,
        _pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        while !data.is_empty() {
            if let Some(copied) = self.pipe.buffer.lock().write(data)? {
                self.pipe.readable.wake_all();
                self.pipe.subscribers.notify(Band::Readable);
                return Ok(copied);
            }
            if file.nonblocking() {
                return Err(EAGAIN);
            }
            let pipe = &self.pipe;
            pipe.writable
                .wait(&pipe.buffer, |it| (it.room() > 0).then_some(()))?;
        }
        Ok(0)
    }

    // ANCHOR: poll
    fn poll<'a>(&'a self, _file: &OpenFile, table: &PollTable<'a>) -> Events {
        // Watch first, then look: what happens in between is not missed.
        table.watch(&self.pipe.readable);
        table.watch(&self.pipe.writable);
        let buffer = self.pipe.buffer.lock();
        Events::READABLE.when(buffer.used > 0) | Events::WRITABLE.when(buffer.room() > 0)
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
}

impl Buffer {
    fn new() -> Result<Self> {
        Ok(Buffer {
            bytes: KVVec::from_elem(0, size.value() as usize, GFP_KERNEL)?,
            start: 0,
            used: 0,
        })
    }

    fn room(&self) -> usize {
        self.bytes.len() - self.used
    }

    /// Copies what there is up to the end of the ring. `None` says that there is nothing.
    fn read(&mut self, out: &mut IovIterDest<'_>) -> Result<Option<usize>> {
        if self.used == 0 {
            return Ok(None);
        }
        let bytes = self.bytes.get(self.start..).unwrap_or_default();
        let bytes = bytes.get(..self.used).unwrap_or(bytes);
        let copied = out.copy_to_iter(bytes);
        if copied == 0 {
            return Err(EFAULT);
        }
        self.start = (self.start + copied) % self.bytes.len();
        self.used -= copied;
        Ok(Some(copied))
    }

    /// Copies what there is room for up to the end of the ring. `None` says that there is none.
    fn write(&mut self, data: &mut IovIterSource<'_>) -> Result<Option<usize>> {
        let room = self.room();
        if room == 0 {
            return Ok(None);
        }
        let end = (self.start + self.used) % self.bytes.len();
        let bytes = self.bytes.get_mut(end..).unwrap_or_default();
        let length = bytes.len().min(room);
        let copied = data.copy_from_iter(bytes.get_mut(..length).unwrap_or_default());
        if copied == 0 {
            return Err(EFAULT);
        }
        self.used += copied;
        Ok(Some(copied))
    }
}
