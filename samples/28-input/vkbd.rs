// SPDX-License-Identifier: GPL-2.0-only

//! A keyboard that types what is written to it.
//!
//! [`vinput`](../28-input/vinput.rs) takes the numbers of keys. A keyboard has nothing else: there is no
//! key for `H`, there is one for `h`, and Shift. The console, or a desktop, has a *layout* that makes
//! letters of the keys. So this driver can only type for one layout, the American one. With another
//! one, other letters appear.
//!
//! ```console
//! # insmod vkbd.ko
//! input: vkbd as /devices/virtual/input/input[..]
//! # grep -c 'Name="vkbd"' /proc/bus/input/devices
//! 1
//! # echo 'Hello, world' > /dev/vkbd
//! # printf 'é' > /dev/vkbd
//! bash: printf: write error: Invalid argument
//! # rmmod vkbd
//! ```
//!
//! The text arrives at the console, `/dev/tty1`, as if somebody had typed it there, and at each program
//! that has the device's node in `/dev/input` open.
//!
//! - A text with a character that has no key is refused, and nothing of it is typed.
//! - One write types 256 bytes at most, and returns how many: `cat` and `cp` go on with the rest. A program
//!   that reads too slowly loses keys: see `vinput`.
//!
//! Where to look: `include/uapi/linux/input-event-codes.h`, and `drivers/tty/vt/keyboard.c` for what the
//! console makes of the keys.

use lkm::{
    input::Keyboard,
    prelude::*, //
};

module! {
    type: TypingKeyboard,
    name: "vkbd",
    authors: ["lkmpg-rs developers"],
    description: "A keyboard that types what is written to it",
    license: "GPL",
}

// ANCHOR: layout
/// The rows of an American keyboard: the number of the first key, and what the keys are, without Shift
/// and with it.
const ROWS: [(u16, &[u8], &[u8]); 6] = [
    (2, b"1234567890-=", b"!@#$%^&*()_+"),
    (15, b"\tqwertyuiop[]\n", b"\0QWERTYUIOP{}\0"),
    (30, b"asdfghjkl;'`", b"ASDFGHJKL:\"~"),
    (43, b"\\", b"|"),
    (44, b"zxcvbnm,./", b"ZXCVBNM<>?"),
    (57, b" ", b"\0"),
];

const SHIFT: u16 = 42;
const LAST: u16 = 57;

/// Finds the key of a character, and whether Shift must be down.
fn key(character: u8) -> Result<(u16, bool)> {
    if character == 0 {
        return Err(EINVAL);
    }
    for (first, plain, shifted) in ROWS {
        for (row, shift) in [(plain, false), (shifted, true)] {
            if let Some(at) = row.iter().position(|it| *it == character) {
                return Ok((first + at as u16, shift));
            }
        }
    }
    Err(EINVAL)
}
// ANCHOR_END: layout

struct TypingKeyboard {
    _node: misc::Registration<Session>,
}

impl kernel::Module for TypingKeyboard {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let keyboard = Keyboard::new(c"vkbd", 1..=LAST)?;
        let keyboard = Arc::pin_init(new_mutex!(keyboard), GFP_KERNEL)?;
        Ok(Self {
            _node: misc::Registration::new(c"vkbd", 0o200, keyboard)?,
        })
    }
}

/// An open file.
struct Session {
    keyboard: Arc<Mutex<Keyboard>>,
}

// ANCHOR: write
#[vtable]
impl FileOperations for Session {
    type Data = Mutex<Keyboard>;

    fn open(
        keyboard: ArcBorrow<'_, Mutex<Keyboard>>,
        _file: &OpenFile,
    ) -> impl PinInit<Self, Error> {
        Ok(Session {
            keyboard: keyboard.into(),
        })
    }

    fn write(
        &self,
        _file: &OpenFile,
        _pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let text = Message::<256>::copy_from(data)?;
        for character in text.as_bytes() {
            key(*character)?;
        }
        // Nobody types between two keys of this text.
        let keyboard = self.keyboard.lock();
        for character in text.as_bytes() {
            let (key, shift) = key(*character)?;
            if shift {
                keyboard.key(SHIFT, true)?;
            }
            keyboard.key(key, true)?;
            keyboard.key(key, false)?;
            if shift {
                keyboard.key(SHIFT, false)?;
            }
        }
        Ok(text.len())
    }
}
// ANCHOR_END: write
