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

/// Reads what is no string and no path, wherever that is.
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
    type Arguments = (UserString, Filename, bool, i8, usize, u64);

    fn entered(&self, (user, name, ..): Self::Arguments) {
        let mut room = [0; 32];
        for offset in [0, 1, 4095, usize::MAX] {
            let _ = user.read(offset, &mut room);
            let _ = user.read(offset, &mut []);
        }
        // A wrong type gives a wrong value or an error.
        let _ = name.read(0, &mut room);
    }
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
    // What is on the way to a handler must not be probed.
    let refused = probe(c"get_kprobe", &dropped).err();
    Ok(refused == Some(EINVAL) && dropped.load(Relaxed) == 9)
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
