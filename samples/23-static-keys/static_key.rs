// SPDX-License-Identifier: GPL-2.0-only

//! A branch that is patched in and out.
//!
//! The kernel is full of code that is hardly ever wanted: tracing, statistics, checks. To ask each time
//! whether it is wanted costs a load and a comparison, in the busiest places. With a static key the
//! question costs one instruction that does nothing. To turn the key on, the kernel writes a jump over
//! that instruction, while it runs.
//!
//! ```console
//! # insmod static_key.ko
//! # cat /proc/static_key
//! off: counted 0 of 1000000 passes
//! a pass takes [..] ns, with the key [..], with an ordinary flag [..]
//! # echo on > /proc/static_key
//! # cat /proc/static_key
//! on: counted 1000000 of 1000000 passes
//! a pass takes [..] ns, with the key [..], with an ordinary flag [..]
//! # rmmod static_key
//! ```
//!
//! (Emulated processors show little of this: measure with KVM, or on a machine of your own.)
//!
//! To turn a key takes milliseconds, since every CPU must be told. So keys are for what hardly ever
//! changes.
//!
//! Two processes may write at once, and C's functions are not made for that: who turns a key off while
//! somebody else turns it on gets a warning with a stack trace. `enable` and `disable` take turns.
//!
//! C declares a key with `DEFINE_STATIC_KEY_FALSE(name)`, and asks it with
//! `static_branch_unlikely(&name)`. In both languages the linker must know the variable: that is why a
//! key is a `static`, and why a macro asks it.
//!
//! Where to look: `Documentation/staging/static-keys.rst`, and `kernel/jump_label.c`.

use core::hint::black_box;
use kernel::time::{
    Instant,
    Monotonic, //
};
use lkm::{
    prelude::*,
    static_branch,
    static_key::StaticKey, //
};

module! {
    type: StaticKeyModule,
    name: "static_key",
    authors: ["lkmpg-rs developers"],
    description: "A branch that is patched in and out",
    license: "GPL",
}

// ANCHOR: key
/// Whether passes are counted.
static COUNTING: StaticKey = StaticKey::new();
// ANCHOR_END: key

#[pin_data]
struct StaticKeyModule {
    #[pin]
    _file: proc_fs::File<Passes>,
}

impl kernel::InPlaceModule for StaticKeyModule {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let passes = Passes {
            flag: Atomic::new(false),
        };
        try_pin_init!(Self {
            _file <- proc_fs::File::new(proc_fs::Options::new(c"static_key", 0o644), passes),
        })
    }
}

struct Passes {
    /// An ordinary flag, which is always off, to compare.
    flag: Atomic<bool>,
}

/// How often the code is passed.
const PASSES: u64 = 1_000_000;

/// Calls a function over and over. Returns what it counted, and tenths of nanoseconds for each.
fn run(mut pass: impl FnMut(&mut u64)) -> (u64, u64) {
    let mut counted = 0;
    let start = Instant::<Monotonic>::now();
    for _ in 0..PASSES {
        pass(black_box(&mut counted));
    }
    let spent = start.elapsed().as_nanos() as u64;
    (counted, spent * 10 / PASSES)
}

#[vtable]
impl proc_fs::Show for Passes {
    fn show(&self, out: &mut SeqFile) -> Result {
        let (_, nothing) = run(|_| {});
        // ANCHOR: pass
        let (counted, key) = run(|counted| {
            if static_branch!(COUNTING) {
                *counted += 1;
            }
        });
        // ANCHOR_END: pass
        let (_, flag) = run(|counted| {
            if self.flag.load(Relaxed) {
                *counted += 1;
            }
        });
        let state = if COUNTING.is_enabled() { "on" } else { "off" };
        seq_print!(out, "{state}: counted {counted} of {PASSES} passes\n");
        let [nothing, key, flag] = [nothing, key, flag].map(|it| (it / 10, it % 10));
        seq_print!(
            out,
            "a pass takes {}.{} ns, with the key {}.{}, with an ordinary flag {}.{}\n",
            nothing.0,
            nothing.1,
            key.0,
            key.1,
            flag.0,
            flag.1
        );
        Ok(())
    }

    fn write(&self, data: &mut IovIterSource<'_>) -> Result<usize> {
        let length = data.len();
        let word = Message::<8>::copy_from(data)?;
        if word.len() < length {
            return Err(EINVAL);
        }
        match word.as_bytes().trim_ascii() {
            b"on" => COUNTING.enable(),
            b"off" => COUNTING.disable(),
            _ => return Err(EINVAL),
        }
        Ok(length)
    }
}
