// SPDX-License-Identifier: GPL-2.0-only

//! Device file access from kernel space: a device that passes on what it is given to a tty.
//!
//! ```console
//! # insmod xktty.ko tty=$(tty | cut -c 6-)    # this terminal: pts/0
//! ...
//! # echo 'Dunia, vipi?' > /dev/xktty
//! Dunia, vipi?
//! # rmmod xktty
//! ```
//!
//! The module opens a file of `/dev` as a process would, and keeps it open while somebody has its own
//! device open. It passes each write on to the tty, from the writer's own memory. So a write behaves as
//! one to the tty does: a newline may become CR LF, other writers wait until it is through, it waits
//! while the line is stopped, a signal ends it with a short count or `EINTR`, and after a hang-up it
//! fails (`EIO`).
//!
//! Opening fails with `EBUSY` while another process has the device. Other errors are those of the tty:
//! `ENOENT` if there is none of this name in `/dev`, `ENODEV` if it is not a tty (a FIFO, this device
//! itself), `EIO` if there is no hardware behind it, `EACCES` if the opener may not write to it. The
//! tty may be the console: kernel messages then come out between the writes, and stay whole.
//!
//! There is no `poll` here: poll(2) says that the device is ready, also while a write would wait for the tty's line.
//! With `O_NONBLOCK` a write then gets `EAGAIN`.
//!
//! Changed from the text: writes are not cut at 200 bytes, and not copied. `set_fs` is gone: an
//! `iov_iter` says whether memory is a program's or the kernel's, and the same function takes both. The
//! text keeps others out with a mutex, which one process takes and another may release.
//!
//! Where to look: `fs/read_write.c`, and `drivers/tty/tty_io.c`.

use lkm::{
    file::{
        self,
        File, //
    },
    prelude::*, //
};

module! {
    type: Xktty,
    name: "xktty",
    authors: ["lkmpg-rs developers"],
    description: "A device that passes on to a tty what it is given",
    license: "GPL",
}

module_params! {
    tty: str {
        default: c"ttyS0",
        description: "Name of the tty, as in /dev",
        permissions: 0o444,
    },
}

struct Xktty {
    _device: chrdev::Registration<Session>,
}

impl kernel::Module for Xktty {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let taken = Arc::new(Atomic::new(false), GFP_KERNEL)?;
        let options = chrdev::Options::new(c"xktty").mode(0o200);
        Ok(Xktty {
            _device: chrdev::Registration::new(options, taken)?,
        })
    }
}

// ANCHOR: turn
/// Keeps all but one process out. Dropping it lets the next one in.
struct Turn(Arc<Atomic<bool>>);

impl Turn {
    fn take(taken: ArcBorrow<'_, Atomic<bool>>) -> Result<Self> {
        if taken.xchg(true, Acquire) {
            return Err(EBUSY);
        }
        Ok(Turn(taken.into()))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.store(false, Release);
    }
}
// ANCHOR_END: turn

/// The one open file.
struct Session {
    // Closed first, which may wait until its last bytes are out.
    port: File,
    _turn: Turn,
}

#[vtable]
impl FileOperations for Session {
    type Data = Atomic<bool>;

    // ANCHOR: open
    fn open(taken: ArcBorrow<'_, Atomic<bool>>, file: &OpenFile) -> impl PinInit<Self, Error> {
        let turn = Turn::take(taken)?;
        let path = Message::<256>::concat(&[b"/dev/", tty.value().to_bytes(), b"\0"]);
        let options = file::Options::new().write().nonblocking(file.nonblocking());
        let path = CStr::from_bytes_with_nul(path.as_bytes()).map_err(|_| EINVAL)?;
        let port = options.open_tty(path)?;
        // A port without hardware can be opened: setserial(8) needs it. Writing nothing tells.
        port.write_at(&[], 0)?;
        Ok(Session { port, _turn: turn })
    }
    // ANCHOR_END: open

    // ANCHOR: write
    fn write(
        &self,
        file: &OpenFile,
        pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        // What fcntl(2) has done since.
        self.port.set_nonblocking(file.nonblocking());
        self.port.write_from(data, pos)
    }
    // ANCHOR_END: write
}
