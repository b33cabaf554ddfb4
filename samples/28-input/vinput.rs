// SPDX-License-Identifier: GPL-2.0-only

//! An input device: a keyboard whose keys are numbers in a file.
//!
//! A driver for a keyboard, a mouse or a button tells the kernel what happened, and no more: which
//! key, and whether it went down or up. It does not know who listens. The input layer hands each event to
//! the console, and to each program that has the device's node in `/dev/input` open (*evdev*).
//!
//! This driver has no keyboard. A program writes the events to `/dev/vinput`: `+` and the number of a key
//! that goes down, `-` and the number of one that goes up. Key 30 is A.
//!
//! ```console
//! # insmod vinput.ko
//! input: vinput as /devices/virtual/input/input[..]
//! # grep -A 4 'Name="vinput"' /proc/bus/input/devices
//! N: Name="vinput"
//! P: Phys=
//! S: Sysfs=/devices/virtual/input/input[..]
//! U: Uniq=
//! H: Handlers=[..]
//! # echo +30 -30 > /dev/vinput
//! # echo +300 > /dev/vinput
//! bash: echo: write error: Invalid argument
//! # rmmod vinput
//! ```
//!
//! - **A write is done wholly or not at all**, and the keys of two writers are not mixed: first the driver
//!   reads and checks all of it, then it sends the keys under a lock. Of more than 256 bytes it takes the
//!   first whole words, and returns how many bytes those were.
//! - **A key that is down comes up** when the module is unloaded. The input layer does that, in
//!   `input_unregister_device()`. Otherwise a program would see the key held for ever.
//! - **A slow reader loses keys.** evdev keeps 64 events for each open file. After that the reader gets
//!   `SYN_DROPPED`.
//! - These are keys like all others: with Control, Alt and Delete down, the machine starts again. So only
//!   root may write. There is no SysRq (99), with which the kernel can be crashed.
//!
//! In C one calls `input_allocate_device()`, sets a bit for each key (`input_set_capability()`), calls
//! `input_register_device()`, and then `input_report_key()` and `input_sync()` for each event. A key that
//! was not declared is dropped in silence; here it is an error.
//!
//! Where to look: `Documentation/input/input-programming.rst`, `drivers/input/input.c`.

use lkm::{
    input::{
        Keyboard,
        SYSRQ, //
    },
    prelude::*, //
};

module! {
    type: VirtualInput,
    name: "vinput",
    authors: ["lkmpg-rs developers"],
    description: "A keyboard whose keys are numbers in a file",
    license: "GPL",
}

/// A PC's keyboard has keys up to this one.
const LAST: u16 = 127;

struct VirtualInput {
    _node: misc::Registration<Session>,
}

impl kernel::Module for VirtualInput {
    // ANCHOR: init
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let keys = (1..=LAST).filter(|key| *key != SYSRQ);
        let keyboard = Keyboard::new(c"vinput", keys)?;
        let keyboard = Arc::pin_init(new_mutex!(keyboard), GFP_KERNEL)?;
        Ok(Self {
            _node: misc::Registration::new(c"vinput", 0o200, keyboard)?,
        })
    }
    // ANCHOR_END: init
}

/// An open file.
struct Session {
    keyboard: Arc<Mutex<Keyboard>>,
}

// ANCHOR: parse
/// Reads `+30`: which key, and whether it goes down.
fn parse(word: &[u8]) -> Result<(u16, bool)> {
    let (sign, number) = word.split_first().ok_or(EINVAL)?;
    let down = match sign {
        b'+' => true,
        b'-' => false,
        _ => return Err(EINVAL),
    };
    let number = core::str::from_utf8(number).map_err(|_| EINVAL)?;
    if !number.bytes().all(|it| it.is_ascii_digit()) {
        return Err(EINVAL);
    }
    match number.parse() {
        Ok(key @ 1..=LAST) if key != SYSRQ => Ok((key, down)),
        _ => Err(EINVAL),
    }
}
// ANCHOR_END: parse

/// Returns `text` without the word at its end, which may go on, unless this is all.
fn whole_words(text: &[u8], is_all: bool) -> Result<&[u8]> {
    if is_all {
        return Ok(text);
    }
    let end = text
        .iter()
        .rposition(u8::is_ascii_whitespace)
        .ok_or(EINVAL)?;
    text.get(..=end).ok_or(EINVAL)
}

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

    // ANCHOR: write
    fn write(
        &self,
        _file: &OpenFile,
        _pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let length = data.len();
        let text = Message::<256>::copy_from(data)?;
        let text = whole_words(text.as_bytes(), text.len() == length)?;
        let words = || {
            text.split(u8::is_ascii_whitespace)
                .filter(|it| !it.is_empty())
        };
        for word in words() {
            parse(word)?;
        }
        let keyboard = self.keyboard.lock();
        for word in words() {
            let (key, down) = parse(word)?;
            keyboard.key(key, down)?;
        }
        Ok(text.len())
    }
    // ANCHOR_END: write
}
