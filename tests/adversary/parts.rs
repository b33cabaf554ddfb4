// SPDX-License-Identifier: GPL-2.0-only

//! Registrations, guards and numbers, used as nobody should. Loading it does so, and fails if
//! something is not as it should be; the log says what. `liar.ko` must be there.

use kernel::{
    cpu::CpuId,
    new_mutex,
    new_spinlock,
    str::CString,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        rcu,
        Arc,
        Mutex,
        SpinLock, //
    },
    time::Jiffies,
    workqueue, //
};
use lkm::{
    file,
    irq::{
        self,
        Flags,
        IrqReturn,
        ThreadedIrqReturn, //
    },
    kthread,
    message::Message,
    new_timer, new_turn_queue, new_wait_queue, new_work,
    percpu::{
        self,
        PerCpu, //
    },
    prelude::*,
    rcu::Rcu,
    timer::{
        self,
        Timer,
        TimerRestart, //
    },
    wait::{
        TurnQueue,
        WaitQueue, //
    },
    work::{
        self,
        Work, //
    },
};
use pin_init::stack_pin_init;

mod cases;
#[cfg(all(CONFIG_SERIO_I8042, target_arch = "x86_64"))]
mod keyboard;
mod later;
#[cfg(CONFIG_KPROBES)]
mod probes;

use cases::Case;

module! {
    type: Parts,
    name: "parts",
    authors: ["lkmpg-rs developers"],
    description: "Uses lkm as nobody should",
    license: "GPL",
}

struct Parts;

const CASES: &[(&str, Case)] = &[
    ("an Rcu of what sleeps when it goes", rcu_of_what_sleeps),
    ("updates that race", racing_updates),
    ("threads from thread to thread", threads_move),
    ("a thread on each CPU", a_thread_on_each_cpu),
    ("names larger than C has memory for", huge_names),
    ("timers that go at any moment", timers),
    ("timers and work on the stack", on_the_stack),
    ("timers and work at the end of time", later::the_end_of_time),
    (
        "what is read and replaced",
        later::readers_keep_what_they_see,
    ),
    ("queues without anybody", empty_queues),
    ("copies for each CPU", copies),
    ("lines that are not there", odd_lines),
    #[cfg(all(CONFIG_SERIO_I8042, target_arch = "x86_64"))]
    ("lines with long names", keyboard::long_names),
    #[cfg(all(CONFIG_SERIO_I8042, target_arch = "x86_64"))]
    ("lines a thousand times", keyboard::many_lines),
    #[cfg(all(CONFIG_SERIO_I8042, target_arch = "x86_64"))]
    ("lines of handlers at one address", keyboard::nested_lines),
    ("messages at their edges", messages),
    ("files of odd names", file_names),
    ("a driver that lies", a_lying_driver),
    #[cfg(all(CONFIG_SERIO_I8042, target_arch = "x86_64"))]
    ("filters a thousand times", keyboard::filters),
    #[cfg(CONFIG_KPROBES)]
    ("probes of odd names", probes::odd_probes),
    #[cfg(CONFIG_KPROBES)]
    ("probes in any order", probes::probes_in_any_order),
    #[cfg(CONFIG_KPROBES)]
    ("what is behind a path", probes::behind_a_path),
    #[cfg(CONFIG_KPROBES)]
    (
        "the terminal of a task that ends",
        probes::terminals_at_the_end,
    ),
];

impl kernel::Module for Parts {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        cases::run(CASES)?;
        Ok(Parts)
    }
}

/// Counts how often it is dropped.
struct Dropped(Arc<Atomic<u32>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

fn counter() -> Result<Arc<Atomic<u32>>> {
    Ok(Arc::new(Atomic::new(0), GFP_KERNEL)?)
}

/// A thread, a value that counts, and an `Rcu` in an `Rcu`: none may be dropped where one must not
/// sleep.
struct Sleeper {
    _thread: kthread::Thread<()>,
    _inner: Rcu<Rcu<u32>>,
    _dropped: Dropped,
}

impl Sleeper {
    fn new(dropped: &Arc<Atomic<u32>>) -> Result<Self> {
        Ok(Self {
            _thread: kthread::spawn(c"parts", |me| while me.park() {})?,
            _inner: Rcu::new(Rcu::new(7)?)?,
            _dropped: Dropped(dropped.clone()),
        })
    }
}

fn rcu_of_what_sleeps() -> Result<bool> {
    let dropped = counter()?;
    let value = Rcu::new(Arc::new(Sleeper::new(&dropped)?, GFP_KERNEL)?)?;
    for n in 0..5 {
        let mut next = Some(Arc::new(Sleeper::new(&dropped)?, GFP_KERNEL)?);
        let seen = value.read(&rcu::read_lock()).clone();
        value.update(|old| next.take().unwrap_or_else(|| old.clone()))?;
        if dropped.load(Relaxed) != n {
            return Ok(false);
        }
        drop(seen);
        if dropped.load(Relaxed) != n + 1 {
            return Ok(false);
        }
    }
    drop(value);
    Ok(dropped.load(Relaxed) == 6)
}

fn racing_updates() -> Result<bool> {
    let value = Arc::new(Rcu::new(0u32)?, GFP_KERNEL)?;
    let mut threads = KVec::new();
    for _ in 0..4 {
        let value = value.clone();
        let thread = kthread::spawn(c"parts", move |_| {
            (0..10).try_for_each(|_| value.update(|n| n + 1))
        })?;
        threads.push(thread, GFP_KERNEL)?;
    }
    while let Some(thread) = threads.pop() {
        thread.join().ok_or(EIO)??;
    }
    let sum = *value.read(&rcu::read_lock());
    Ok(sum == 40)
}

/// A thread is stopped by another one, which is stopped by a third, and so on.
fn threads_move() -> Result<bool> {
    let dropped = counter()?;
    let result = Dropped(dropped.clone());
    let mut thread = kthread::spawn(c"parts", move |me| {
        while me.park() {}
        drop(result);
    })?;
    for _ in 0..20 {
        let inner = thread;
        thread = kthread::spawn(c"parts", move |me| {
            while me.park() {}
            drop(inner);
        })?;
    }
    thread.unpark();
    drop(thread);
    Ok(dropped.load(Relaxed) == 1)
}

fn a_thread_on_each_cpu() -> Result<bool> {
    for cpu in percpu::online_cpus() {
        let thread = kthread::Builder::new(c"a name that is longer than what ps shows of it")
            .on(cpu)
            .spawn(|me| {
                me.schedule();
                CpuId::current().as_u32()
            })?;
        if thread.join() != Some(cpu.as_u32()) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn huge_names() -> Result<bool> {
    let mut name = KVVec::from_elem(b'x', 5 << 20, GFP_KERNEL)?;
    name.push(0, GFP_KERNEL)?;
    let name = CStr::from_bytes_with_nul(&name).map_err(|_| EINVAL)?;
    let refused = kthread::spawn(name, |_| ()).err() == Some(EINVAL);
    #[cfg(CONFIG_VT)]
    let refused = refused && lkm::vt::Lights::new(name).err() == Some(ENAMETOOLONG);
    Ok(refused)
}

/// Goes off again and again.
struct Rings {
    again: Jiffies,
    _dropped: Dropped,
}

impl timer::Handler for Rings {
    fn expired(&self) -> TimerRestart {
        match self.again {
            0 => TimerRestart::NoRestart,
            jiffies => TimerRestart::After(jiffies),
        }
    }
}

fn timers() -> Result<bool> {
    let dropped = counter()?;
    let mut kept = KVec::new();
    for n in 0..1000 {
        let again = [0, 1, Jiffies::MAX][n % 3];
        let rings = Rings {
            again,
            _dropped: Dropped(dropped.clone()),
        };
        let timer = KBox::pin_init(new_timer!(rings, "parts"), GFP_KERNEL)?;
        for jiffies in [0, 1, Jiffies::MAX, Jiffies::MAX / 2] {
            timer.start(jiffies);
        }
        timer.start([0, Jiffies::MAX][n % 2]);
        if n % 10 == 0 {
            kept.push(timer, GFP_KERNEL)?;
        }
    }
    // Let those that are left go off, now and then.
    kthread::spawn(c"parts", |me| me.sleep(20))?.join();
    while let Some(timer) = kept.pop() {
        // On another CPU than it runs on, perhaps.
        kthread::spawn(c"parts", move |_| drop(timer))?.join();
    }
    Ok(dropped.load(Relaxed) == 1000)
}

impl work::Handler for Rings {
    fn run(&self) {}
}

/// Kernels that look after timers and work are told where they are.
fn on_the_stack() -> Result<bool> {
    let dropped = counter()?;
    for n in 0..20 {
        let rings = || Rings {
            again: n % 2,
            _dropped: Dropped(dropped.clone()),
        };
        stack_pin_init!(let timer: Timer<Rings> = new_timer!(rings(), "parts"));
        stack_pin_init!(let work: Work<Rings> = new_work!(rings(), workqueue::system_highpri(), "parts"));
        timer.start(1);
        // Most are taken back, and some have run.
        work.start_after(n % 4);
        if n % 5 == 0 {
            kthread::spawn(c"parts", |me| me.sleep(2))?.join();
        }
    }
    Ok(dropped.load(Relaxed) == 40)
}

#[pin_data]
struct Queues {
    #[pin]
    lock: Mutex<u32>,
    #[pin]
    spin: SpinLock<u32>,
    #[pin]
    queue: WaitQueue,
    #[pin]
    turns: TurnQueue,
}

fn empty_queues() -> Result<bool> {
    for _ in 0..1000 {
        let it = KBox::pin_init(
            pin_init!(Queues {
                lock <- new_mutex!(0),
                spin <- new_spinlock!(0),
                queue <- new_wait_queue!("parts"),
                turns <- new_turn_queue!("parts"),
            }),
            GFP_KERNEL,
        )?;
        it.queue.wake_all();
        it.queue.wake_one();
        let there = |n: &mut u32| (*n == 0).then_some(());
        it.queue.wait(&it.lock, there)?;
        it.queue.wait_exclusive(&it.spin, there)?;
        it.queue.wait_timeout(&it.lock, u32::MAX, there)?;
        let never = it.queue.wait_timeout(&it.spin, 0, |_| None::<()>);
        if it.turns.hand_over() || never.is_ok() {
            return Ok(false);
        }
    }
    Ok(true)
}

#[repr(align(4096))]
struct Large([u8; 1 << 10]);

fn copies() -> Result<bool> {
    let (dropped, made) = (counter()?, counter()?);
    for _ in 0..10 {
        let copies = PerCpu::new(|_| {
            made.fetch_add(1, Relaxed);
            Dropped(dropped.clone())
        })?;
        drop(copies);
    }
    drop(PerCpu::new(|_| ())?);
    let large = PerCpu::new(|cpu| Large([cpu.as_u32() as u8; 1 << 10]))?;
    let own = percpu::online_cpus().all(|cpu| {
        large
            .of(cpu)
            .is_some_and(|it| it.0.iter().all(|byte| *byte == cpu.as_u32() as u8))
    });
    Ok(own && made.load(Relaxed) > 0 && made.load(Relaxed) == dropped.load(Relaxed))
}

/// A handler in an interrupt that may come at any moment.
struct Interrupts {
    _dropped: Dropped,
}

impl Interrupts {
    fn new(dropped: &Arc<Atomic<u32>>) -> Self {
        Self {
            _dropped: Dropped(dropped.clone()),
        }
    }
}

impl irq::Handler for Interrupts {
    fn handle(&self) -> IrqReturn {
        IrqReturn::None
    }
}

impl irq::ThreadedHandler for Interrupts {
    fn handle(&self) -> ThreadedIrqReturn {
        ThreadedIrqReturn::None
    }

    fn handle_threaded(&self) -> IrqReturn {
        IrqReturn::Handled
    }
}

fn odd_lines() -> Result<bool> {
    let dropped = counter()?;
    let mut tried = 0;
    // Up to 23 they are PCI's, if the machine has it.
    for line in [16, 19, 21, 22, 0x0fff_ffff, i32::MAX as u32, u32::MAX] {
        for flags in [Flags::NONE, Flags::SHARED, Flags::ONESHOT, Flags::LOW] {
            tried += 2;
            let handler = Interrupts::new(&dropped);
            let one = irq::Registration::new(line, flags, c"parts", handler);
            let handler = Interrupts::new(&dropped);
            let two = irq::ThreadedRegistration::new(line, flags, c"parts", handler);
            let one = KBox::pin_init(one, GFP_KERNEL).err();
            let two = KBox::pin_init(two, GFP_KERNEL).err();
            // Not even asked for: a device may have it, or get it.
            if (one, two) != (Some(EINVAL), Some(EINVAL)) {
                return Ok(false);
            }
        }
    }
    Ok(dropped.load(Relaxed) == tried)
}

fn messages() -> Result<bool> {
    let mut none = Message::<0>::new();
    let mut four = Message::<4>::format(fmt!("{:>20}", 7));
    let (no_room, full) = (none.push(b"x"), four.push(b"x"));
    four.set(&[b"", b"abc", b"", b"defg"]);
    let some = Message::<1>::format(fmt!(""));
    Ok((no_room, full) == (0, 0)
        && none.as_bytes().is_empty()
        && Message::<0>::format(fmt!("text")).is_empty()
        && four.as_bytes() == b"abcd"
        && some.is_empty())
}

fn file_names() -> Result<bool> {
    let reading = file::Options::new().read();
    let long = CString::try_from_fmt(fmt!("/{:0>5000}", 0))?;
    let name = CString::try_from_fmt(fmt!("/{:0>300}", 0))?;
    let cases: [(&CStr, Error); 7] = [
        (c"", ENOENT),
        (&long, ENAMETOOLONG),
        (&name, ENAMETOOLONG),
        (c"/proc/version/", ENOTDIR),
        (c"/\xff\xfe", ENOENT),
        (c"/nowhere/./..", ENOENT),
        (c"nowhere", ENOENT),
    ];
    for (path, error) in cases {
        let outcomes = [
            reading.open(path).err(),
            reading.open_tty(path).err(),
            file::read(path, usize::MAX).err(),
        ];
        if outcomes != [Some(error); 3] {
            return Ok(false);
        }
    }
    Ok(reading.open(c".")?.is_directory() && reading.open(c"/..")?.is_directory())
}

fn a_lying_driver() -> Result<bool> {
    let mut file = file::Options::new().read().write().open(c"/dev/liar")?;
    for limit in [0, 1, 4096, 4999] {
        file.set_position(0);
        if file.read_to_end(limit).err() != Some(EFBIG) {
            return Ok(false);
        }
    }
    // What passes for data must not be what was in memory before.
    for length in [1, 4097, 8192] {
        drop(KVVec::from_elem(0xaau8, length, GFP_KERNEL)?);
    }
    file.set_position(0);
    let content = file.read_to_end(5000)?;
    let count = file.read_at(&mut [0; 16], 0)?;
    file.set_position(0);
    let taken = file.write(b"four")?;
    file.set_position(0);
    file.write_all(b"four")?;
    file.set_position(0);
    file.append_all(b"four")?;
    Ok(content.len() == 5000
        && content.iter().all(|byte| *byte == 0)
        && (count, taken) == (16, 4)
        && !file.is_tty())
}
