// SPDX-License-Identifier: GPL-2.0-only

//! Lists prime numbers in `/proc/proc_primes`.

use lkm::prelude::*;

module! {
    type: ProcPrimes,
    name: "proc_primes",
    authors: ["lkmpg-rs developers"],
    description: "Lists prime numbers",
    license: "GPL",
}

module_params! {
    last: u32 {
        default: 20,
        description: "The largest number that is looked at",
        permissions: 0o644,
    },
}

#[pin_data]
struct ProcPrimes {
    #[pin]
    _file: proc_fs::Listing<Primes>,
}

impl kernel::InPlaceModule for ProcPrimes {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _file <- proc_fs::Listing::new(proc_fs::Options::new(c"proc_primes", 0o444), Primes),
        })
    }
}

struct Primes;

#[vtable]
impl proc_fs::Sequence for Primes {
    /// There is nothing to lock: prime numbers do not change.
    type Locked<'a> = ();

    fn lock(&self) {}

    fn next(_: &(), from: u64) -> Option<u64> {
        (from..=last.value().into()).find(|n| is_prime(*n))
    }

    fn show(_: &(), n: u64, out: &mut SeqFile) -> Result {
        seq_print!(out, "{n}\n");
        Ok(())
    }
}

fn is_prime(n: u64) -> bool {
    n >= 2 && (2..).take_while(|it| it * it <= n).all(|it| n % it != 0)
}
