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
    _file: proc_fs::File<Primes>,
}

impl kernel::InPlaceModule for ProcPrimes {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _file <- proc_fs::File::new(proc_fs::Options::new(c"proc_primes", 0o444), Primes),
        })
    }
}

struct Primes;

#[vtable]
impl proc_fs::Show for Primes {
    fn show(&self, out: &mut SeqFile) -> Result {
        let mut text = Message::<100>::new();
        for n in 2..=u64::from(last.value()) {
            if is_prime(n) {
                text.append(fmt!("{n}\n"));
            }
        }
        let text = core::str::from_utf8(text.as_bytes()).map_err(|_| EINVAL)?;
        seq_print!(out, "{text}");
        Ok(())
    }
}

fn is_prime(n: u64) -> bool {
    n >= 2 && (2..).take_while(|it| it * it <= n).all(|it| n % it != 0)
}
