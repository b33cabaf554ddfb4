// SPDX-License-Identifier: GPL-2.0-only

//! Virtual terminals: the lights of the keyboard.
//!
//! C header: [`include/uapi/linux/kd.h`](srctree/include/uapi/linux/kd.h)

use crate::{
    bindings,
    file::{
        self, //
        File,
    },
};
use kernel::{
    prelude::*,
    str::CString, //
};

/// The light of Scroll Lock.
pub const SCROLL: u8 = 1;
/// The light of Num Lock.
pub const NUM: u8 = 2;
/// The light of Caps Lock.
pub const CAPS: u8 = 4;

/// The lights of all keyboards, while one virtual terminal is the one on the screen. When this is
/// dropped, they show again what the three keys have set, as they did before.
///
/// A keyboard may come and go meanwhile, and the terminal may be hung up, as at each login. Others can
/// set the lights, too ([`KDSETLED`]): what was said last counts.
///
/// [`KDSETLED`]: https://man7.org/linux/man-pages/man2/ioctl_console.2.html
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// use lkm::vt;
///
/// fn light_up() -> Result<vt::Lights> {
///     let mut lights = vt::Lights::new(c"/dev/tty1")?;
///     lights.show(vt::NUM | vt::CAPS)?;
///     Ok(lights)
/// }
/// ```
pub struct Lights {
    path: CString,
    terminal: File,
}

impl Lights {
    /// Takes the lights of a terminal, and turns them off.
    ///
    /// Fails with `ENODEV` if the path is no tty's, with `ENOTTY` if it is not a virtual terminal, with
    /// `EPERM` if it is not the caller's own and the caller may not change it, and with what open(2) fails
    /// with. May sleep.
    pub fn new(path: &CStr) -> Result<Self> {
        // That comes before the path is copied: it looks how long it is.
        let terminal = open(path)?;
        let mut lights = Self {
            path: path.try_into()?,
            terminal,
        };
        lights.show(0)?;
        Ok(lights)
    }

    /// Turns on some lights, and off all others.
    ///
    /// Fails with `EINVAL` if there is no such light, and as [`new`](Self::new) does. May sleep
    /// (`KDSETLED`).
    pub fn show(&mut self, lights: u8) -> Result {
        if lights & !(SCROLL | NUM | CAPS) != 0 {
            return Err(EINVAL);
        }
        self.set(lights)
    }

    fn set(&mut self, lights: u8) -> Result {
        match self.terminal.ioctl(bindings::KDSETLED, lights) {
            // After a hang-up, which is for those who had it open.
            Err(EIO) => {
                self.terminal = open(&self.path)?;
                self.terminal.ioctl(bindings::KDSETLED, lights)
            }
            other => other,
        }
    }
}

impl Drop for Lights {
    fn drop(&mut self) {
        // More than there are lights stands for what the keys have set. Nobody is left to hear of an
        // error.
        let _ = self.set(0xff);
    }
}

fn open(terminal: &CStr) -> Result<File> {
    // What is none may be a line that waits for its other end.
    file::Options::new()
        .write()
        .nonblocking(true)
        .open_tty(terminal)
}
