// SPDX-License-Identifier: GPL-2.0-only

//! Probes.

use super::{
    counter,
    Dropped, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
    time::{
        delay::fsleep,
        Delta, //
    },
};
use lkm::{
    file,
    kprobe::{
        self,
        Filename,
        Probe,
        UserString, //
    },
    kthread,
    tty::Tty, //
};

/// Reads what is no string, wherever that is.
struct Reads {
    _dropped: Dropped,
}

impl Reads {
    fn new(dropped: &Arc<Atomic<u32>>) -> Self {
        Self {
            _dropped: Dropped(dropped.clone()),
        }
    }
}

impl kprobe::Handler for Reads {
    type Arguments = (UserString, UserString, bool, i8, usize, u64);

    fn entered(&self, (one, other, ..): Self::Arguments) {
        let mut room = [0; 32];
        for offset in [0, 1, 4095, usize::MAX] {
            for user in [&one, &other] {
                let _ = user.read(offset, &mut room);
                let _ = user.read(offset, &mut []);
            }
        }
    }
}

/// Looks behind the end of paths.
struct Paths {
    seen: Atomic<u32>,
    behind: Atomic<u32>,
    far: Atomic<u32>,
}

impl Paths {
    fn new() -> Self {
        Self {
            seen: Atomic::new(0),
            behind: Atomic::new(0),
            far: Atomic::new(0),
        }
    }
}

impl kprobe::Handler for Paths {
    type Arguments = (usize, Filename);

    fn entered(&self, (_, path): Self::Arguments) {
        for offset in [0, 3, 4095, usize::MAX] {
            let mut room = [0xff; 240];
            let length = path.read(offset, &mut room).map_or(0, <[u8]>::len);
            self.seen.fetch_add(length as u32, Relaxed);
            if room.iter().skip(length).any(|byte| *byte != 0) {
                self.behind.fetch_add(1, Relaxed);
            }
        }
        let mut room = [0; 240];
        if path.read(4096, &mut room) == Ok(&[]) && path.read(4097, &mut room) == Err(EINVAL) {
            self.far.fetch_add(1, Relaxed);
        }
    }
}

/// Would follow what is no path.
struct Follows;

impl kprobe::Handler for Follows {
    type Arguments = (Filename, usize);

    fn entered(&self, _: Self::Arguments) {}
}

pub(super) fn behind_a_path() -> Result<bool> {
    let any = |symbol| KBox::pin_init(Probe::new(symbol, Paths::new()), GFP_KERNEL);
    let wrong = KBox::pin_init(Probe::new(c"do_file_open", Follows), GFP_KERNEL).err();
    let refused = any(c"kernel_write").err() == Some(EINVAL) && wrong == Some(EINVAL);
    let probe = any(c"do_file_open")?;
    // There is nothing, and nothing can be created there.
    let nowhere = file::Options::new().write().create();
    let is_nowhere = nowhere.open(c"/proc/nowhere").is_err();
    let (seen, behind) = (probe.seen.load(Relaxed), probe.behind.load(Relaxed));
    Ok(refused && is_nowhere && seen >= 13 && behind == 0 && probe.far.load(Relaxed) > 0)
}

fn probe(symbol: &'static CStr, dropped: &Arc<Atomic<u32>>) -> Result<Pin<KBox<Probe<Reads>>>> {
    KBox::pin_init(Probe::new(symbol, Reads::new(dropped)), GFP_KERNEL)
}

pub(super) fn odd_probes() -> Result<bool> {
    let dropped = counter()?;
    let long = c"a_name_that_is_as_long_as_no_function_of_the_kernel_is_and_a_bit_longer";
    for symbol in [c"", c".", c"..", c"a/b", c"\xff", c":", c"no:where", long] {
        if probe(symbol, &dropped).is_ok() {
            return Ok(false);
        }
    }
    // What is on the way to a handler must not be probed, nor what runs before there is a way.
    let refused = [c"get_kprobe", c"secondary_startup_64", c"its_return_thunk"];
    for symbol in refused {
        if probe(symbol, &dropped).err() != Some(EINVAL) {
            return Ok(false);
        }
    }
    Ok(dropped.load(Relaxed) == 11)
}

/// Asks for the terminal of who has hardly anything left.
struct Ends {
    seen: Atomic<u32>,
}

impl kprobe::Handler for Ends {
    type Arguments = (usize,);

    fn entered(&self, _: Self::Arguments) {
        if Tty::current().is_none() {
            self.seen.fetch_add(1, Relaxed);
        }
    }
}

pub(super) fn terminals_at_the_end() -> Result<bool> {
    let ends = Ends {
        seen: Atomic::new(0),
    };
    let probe = KBox::pin_init(Probe::new(c"exit_rcu", ends), GFP_KERNEL)?;
    let _ = kthread::spawn(c"ends", |_| ())?.join();
    // It has said that it is done, and not come to its end.
    for _ in 0..1000 {
        if probe.seen.load(Relaxed) > 0 {
            return Ok(true);
        }
        fsleep(Delta::from_millis(1));
    }
    Ok(false)
}

pub(super) fn probes_in_any_order() -> Result<bool> {
    let dropped = counter()?;
    let mut probes = KVec::new();
    for _ in 0..6 {
        probes.push(probe(c"do_file_open", &dropped)?, GFP_KERNEL)?;
    }
    while !probes.is_empty() {
        // They see what is opened, until they go.
        file::read(c"/proc/version", 4096).err();
        drop(probes.remove(probes.len() * 2 / 3).map_err(|_| EINVAL)?);
    }
    Ok(dropped.load(Relaxed) == 6)
}
