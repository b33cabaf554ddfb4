// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 10, one step further: the keyboard's lights blink.
//!
//! ```console
//! # insmod kbleds.ko pattern=7010 period_ms=100
//! kbleds: The lights of tty1 blink: 7010.
//! # rmmod kbleds
//! # insmod kbleds.ko pattern=on
//! kbleds: pattern=on: each step is a digit from 0 to 7.
//! insmod: ERROR: could not insert module kbleds.ko: Invalid parameters
//! ```
//!
//! Each digit of the pattern is one step: the sum of 1 (Scroll Lock), 2 (Num Lock) and 4 (Caps Lock).
//!
//! A screen and a keyboard make several *virtual terminals*: `tty1`, `tty2`, and so on, between which
//! Alt-F1, Alt-F2 change. The driver behind them also keeps the lights of all keyboards. Usually these show
//! what the three keys have set. A program can have them show something else, by the ioctl `KDSETLED`,
//! and the module does what such a program does: it opens the terminal and calls its ioctl. The lights
//! blink while that terminal is the one on the screen. A keyboard that is plugged in meanwhile blinks,
//! too, and one may be pulled out at any time.
//!
//! The thread owns the lights. Unloading asks the thread to stop, and waits for it. Then its `Lights`
//! are dropped, and show the keys again.
//!
//! Other modules of this kind look for the terminal in the tables of the driver (`vc_cons`,
//! `fg_console`) and call its functions from a timer. The terminal may just be going away then.
//!
//! Where to look: `setledstate` and `kbd_bh` in `drivers/tty/vt/keyboard.c`.

use kernel::time::Msecs;
use lkm::{
    prelude::*,
    vt, //
};

module! {
    type: KbLeds,
    name: "kbleds",
    authors: ["lkmpg-rs developers"],
    description: "The keyboard's lights blink",
    license: "GPL",
}

module_params! {
    pattern: str {
        default: c"1242",
        description: "The steps, each the sum of 1 (Scroll Lock), 2 (Num Lock) and 4 (Caps Lock)",
        permissions: 0o444,
    },
    period_ms: u32 {
        default: 200,
        description: "Milliseconds from one step to the next, at least 1",
        permissions: 0o444,
    },
    terminal: str {
        default: c"tty1",
        description: "Name of the virtual terminal, as in /dev",
        permissions: 0o444,
    },
}

struct KbLeds {
    _thread: kthread::Thread<()>,
}

impl kernel::Module for KbLeds {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let (steps, period) = (pattern.value().to_bytes(), period_ms.value());
        if steps.is_empty() || steps.iter().any(|it| !matches!(it, b'0'..=b'7')) {
            pr_err!(
                "pattern={}: each step is a digit from 0 to 7.\n",
                pattern.value()
            );
            return Err(EINVAL);
        }
        if period == 0 {
            pr_err!("period_ms must be at least 1.\n");
            return Err(EINVAL);
        }
        let path = Message::<256>::concat(&[b"/dev/", terminal.value().to_bytes(), b"\0"]);
        let mut lights = CStr::from_bytes_with_nul(path.as_bytes())
            .map_err(|_| EINVAL)
            .and_then(vt::Lights::new)
            .inspect_err(|e| pr_err!("{} has no lights: {e:?}\n", terminal.value()))?;
        let thread = kthread::spawn(c"kbleds", move |me| blink(me, &mut lights, steps, period))?;
        pr_info!(
            "The lights of {} blink: {}.\n",
            terminal.value(),
            pattern.value()
        );
        Ok(KbLeds { _thread: thread })
    }
}

/// The thread. It ends when it is asked to, or when its terminal has gone.
fn blink(me: &kthread::Current<'_>, lights: &mut vt::Lights, steps: &[u8], period: Msecs) {
    for digit in steps.iter().cycle() {
        // The lowest bits of a digit's character are its value.
        if let Err(e) = lights.show(digit & 7) {
            pr_err!("The lights cannot be changed any more: {e:?}\n");
            return;
        }
        if !me.sleep(period) {
            return;
        }
    }
}
