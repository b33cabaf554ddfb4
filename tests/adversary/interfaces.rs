// SPDX-License-Identifier: GPL-2.0-only

//! Network interfaces, made and used as nobody should. Loading it tries what needs nobody else, and fails if
//! something is not as it should be; the log says what. Then `odd0` and `odd1` are there.
//!
//! They keep what they are given, and say that there is room or is none whatever there is. What they keep outlives
//! them. The first that opens drops `spare0`, and each tries to add an interface and to read a file.

use kernel::{
    error::to_result,
    static_lock_class, //
};
use lkm::{
    completion::Completion,
    file,
    kthread,
    net::{
        Interfaces,
        Operations,
        Packet,
        Port,
        Queue,
        Rtnl,
        Statistics, //
    },
    prelude::*, //
};

mod cases;
use cases::Case;

module! {
    type: Odds,
    name: "interfaces",
    authors: ["lkmpg-rs developers"],
    description: "Network interfaces as nobody should make them",
    license: "GPL",
}

module_params! {
    refuse: u32 {
        default: 0,
        description: "The error with which an interface does not open; 0 for none",
        permissions: 0o644,
    },
    give: bool {
        default: false,
        description: "Whether the interfaces give what they keep to who listens",
        permissions: 0o644,
    },
}

const CASES: &[(&str, Case)] = &[
    ("odd names", odd_names),
    ("a name twice", a_name_twice),
    ("no interfaces", no_interfaces),
    ("many interfaces", many_interfaces),
];

struct Odds {
    _interfaces: Interfaces<Odd>,
    // Goes after those from which it came.
    _kept: Arc<Queue>,
}

impl kernel::Module for Odds {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        cases::run(CASES)?;
        let odd = Odd::new()?;
        let kept = odd.kept.clone();
        *odd.spare.lock() = Some(make(&[c"spare0"])?);
        Ok(Self {
            _interfaces: Interfaces::new(&[c"odd0", c"odd1"], odd)?,
            _kept: kept,
        })
    }
}

fn make(names: &[&'static CStr]) -> Result<Interfaces<Odd>> {
    Interfaces::new(names, Odd::new()?)
}

fn odd_names() -> Result<bool> {
    let refuses = |name| make(&[c"fine", name]).err() == Some(EINVAL);
    let all = [
        c"",
        c".",
        c"..",
        c"a/b",
        c"a:b",
        c"a b",
        c"odd%d",
        c"all",
        c"default",
        c"a\xa0b",
        c"sixteen-byte-net",
    ]
    .into_iter()
    .all(refuses);
    Ok(all && make(&[c"fifteen-byte-ne"]).is_ok())
}

fn a_name_twice() -> Result<bool> {
    let refused = make(&[c"odd0", c"odd1", c"odd0"]).err();
    Ok(refused == Some(EEXIST) && make(&[c"odd0", c"odd1"]).is_ok())
}

fn no_interfaces() -> Result<bool> {
    Ok(make(&[]).is_ok())
}

fn many_interfaces() -> Result<bool> {
    for _ in 0..10 {
        drop(make(&[c"many0", c"many1", c"many2"])?);
    }
    Ok(true)
}

struct Odd {
    kept: Arc<Queue>,
    asked: Atomic<u32>,
    spare: Pin<KBox<Mutex<Option<Interfaces<Odd>>>>>,
}

impl Odd {
    fn new() -> Result<Self> {
        let kept = Arc::pin_init(Queue::new(static_lock_class!()), GFP_KERNEL)?;
        kept.open();
        Ok(Self {
            kept,
            asked: Atomic::new(0),
            spare: KBox::pin_init(new_mutex!(None), GFP_KERNEL)?,
        })
    }
}

/// What may be done with an interface at any time.
fn pester(port: Port<'_>) {
    port.schedule();
    port.wake();
}

/// And with its lock.
fn pester_all(port: Port<'_>, rtnl: &Rtnl) {
    for each in (0..).map_while(|number| port.other(number)) {
        for on in [each.is_up(rtnl), true, false, true] {
            each.set_carrier(rtnl, on);
            pester(each);
        }
    }
}

/// `ETIME`.
const TIME_OUT: c_int = -62;

/// Writes to what wants the lock that this is called with, from a thread, and says what that got, and what its next
/// wait. C would have a process do it again, by a mark that ends all waits.
fn write_to_another() -> Result<[c_int; 2]> {
    let errno = |outcome: Result| outcome.err().map_or(0, Error::to_errno);
    let never = KBox::pin_init(Completion::new(), GFP_KERNEL)?;
    let thread = kthread::spawn(c"odd", move |_| {
        let forward = file::Options::new()
            .write()
            .open(c"/proc/sys/net/ipv4/ip_forward");
        let written = forward.and_then(|it| it.write_at(b"1", 0).map(drop));
        [errno(written), errno(never.wait_timeout(10))]
    })?;
    thread.join().ok_or(EINTR)
}

impl Operations for Odd {
    const MTU: core::ops::RangeInclusive<u32> = 68..=65535;

    fn open(&self, port: Port<'_>, rtnl: &Rtnl) -> Result {
        const DEADLOCK: c_int = -35;

        pester_all(port, rtnl);
        let more = make(&[c"odd2"]).map(drop);
        let file = file::read(c"/proc/version", 4096).map(drop);
        for result in [more, file] {
            if result.map_err(Error::to_errno) != Err(DEADLOCK) {
                pr_err!("open: {result:?}\n");
                return Err(EIO);
            }
        }
        drop(self.spare.lock().take());
        let [written, waited] = write_to_another().map_err(|_| EIO)?;
        if [written, waited] != [EAGAIN.to_errno(), TIME_OUT] {
            pr_err!("open: a thread got {written}, and then waited to {waited}\n");
            return Err(EIO);
        }
        to_result(-(refuse.value() as i32))
    }

    fn stop(&self, port: Port<'_>, rtnl: &Rtnl) {
        pester_all(port, rtnl);
    }

    fn transmit(&self, port: Port<'_>, packet: Packet) {
        if self.kept.len() < 1000 {
            self.kept.push(packet);
        }
        pester(port);
    }

    fn has_room(&self, port: Port<'_>) -> bool {
        pester(port);
        self.asked.fetch_add(1, Relaxed) % 3 == 0
    }

    fn poll(&self, port: Port<'_>) -> Option<Packet> {
        if let Some(other) = port.other((port.number() + 1) % 2) {
            pester(other);
        }
        if give.value() {
            self.kept.pop()
        } else {
            None
        }
    }

    fn statistics(&self, port: Port<'_>) -> Statistics {
        pester(port);
        Statistics {
            rx_packets: u64::MAX,
            tx_packets: u64::from(self.kept.len()),
            ..Statistics::default()
        }
    }
}
