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
    lifetime,
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
/// dropped, they show again what the three keys have set, as they did before. If the one who drops it can use no files, as a
/// process that has ended, or may not change the terminal, that is a little later, and perhaps over what another one shows by
/// then; or not at all while the module is loaded or unloaded.
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
pub struct Lights(Option<Pin<KBox<Taken>>>);

/// Lights that were taken.
struct Taken {
    path: CString,
    terminal: File,
    /// They show what the keys have set.
    are_back: bool,
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
        let mut taken = Taken {
            path: path.try_into()?,
            terminal,
            are_back: true,
        };
        taken.turn(0)?;
        taken.are_back = false;
        Ok(Self(Some(KBox::into_pin(KBox::new(taken, GFP_KERNEL)?))))
    }

    /// Turns on some lights, and off all others.
    ///
    /// Fails with `EINVAL` if there is no such light, and as [`new`](Self::new) does. May sleep
    /// (`KDSETLED`).
    pub fn show(&mut self, lights: u8) -> Result {
        if lights & !(SCROLL | NUM | CAPS) != 0 {
            return Err(EINVAL);
        }
        match &mut self.0 {
            Some(taken) => taken.turn(lights),
            None => Ok(()),
        }
    }
}

impl Taken {
    fn turn(&mut self, lights: u8) -> Result {
        match self.terminal.ioctl(bindings::KDSETLED, lights) {
            // After a hang-up, which is for those who had it open.
            Err(EIO) => {
                self.terminal = open(&self.path)?;
                self.terminal.ioctl(bindings::KDSETLED, lights)
            }
            other => other,
        }
    }

    /// Has them show what the keys have set, if the caller may.
    fn give_back(&mut self) {
        // More than there are lights stands for that.
        self.are_back = self.are_back || self.turn(0xff).is_ok();
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Drop for Lights {
    fn drop(&mut self) {
        if let Some(mut taken) = self.0.take() {
            taken.give_back();
            if !taken.are_back {
                lifetime::drop_later(taken);
            }
        }
    }
}

fn open(terminal: &CStr) -> Result<File> {
    // What is none may be a line that waits for its other end.
    file::Options::new()
        .write()
        .nonblocking(true)
        .open_tty(terminal)
}
