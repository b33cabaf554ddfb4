// SPDX-License-Identifier: GPL-2.0-only

//! Kernel threads and files, in the ways that the samples have no use for. Loading it tries them,
//! and fails if something is not as it should be; the log says what.

use kernel::{
    error::code::ERESTARTSYS,
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex, //
    },
};
use lkm::{
    completion::Completion,
    file,
    kthread,
    new_wait_queue,
    wait::WaitQueue, //
};

#[path = "../adversary/cases.rs"]
mod cases;
use cases::Case;

module! {
    type: Threads,
    name: "threads",
    authors: ["lkmpg-rs developers"],
    description: "Tries kernel threads and files",
    license: "GPL",
}

lkm::module_params! {
    folder: str {
        default: c"/tmp",
        description: "Where to make files",
        permissions: 0,
    },
}

struct Threads;

impl kernel::Module for Threads {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let cases: [(&str, Case); 13] = [
            ("a result", result),
            ("an end by itself", end_by_itself),
            ("a stop before the start", stop_before_start),
            ("a stop while it sleeps", stop_asleep),
            ("a stop while it is parked", stop_parked),
            ("a stop while it waits", stop_waiting),
            ("a stop while it waits for what is done", stop_completing),
            ("a stop while it joins another", stop_joining),
            ("unparking", unparking),
            ("unparking twice", unparking_twice),
            ("dropping a thread", dropping),
            ("a file's position", file_position),
            ("a file's access", file_access),
        ];
        cases::run(&cases)?;
        Ok(Threads)
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

fn result() -> Result<bool> {
    let thread = kthread::spawn(c"threads", |me| {
        let mut turns = 0;
        while me.sleep(1) && turns < 3 {
            turns += 1;
        }
        turns
    })?;
    thread.wait()?;
    // It has ended, and stays so.
    thread.wait()?;
    Ok(thread.has_ended() && thread.stop() == Some(3))
}

fn end_by_itself() -> Result<bool> {
    let dropped = counter()?;
    for _ in 0..100 {
        let result = Dropped(dropped.clone());
        let thread = kthread::spawn(c"threads", move |_| result)?;
        thread.wait()?;
        // The result that nobody wants goes with the thread.
    }
    Ok(dropped.load(Relaxed) == 100)
}

/// A thread that is stopped at once may not have run. Its closure is dropped in either case.
fn stop_before_start() -> Result<bool> {
    let (dropped, ran) = (counter()?, counter()?);
    let mut never = 0;
    for _ in 0..500 {
        let (captured, ran) = (Dropped(dropped.clone()), ran.clone());
        let thread = kthread::spawn(c"threads", move |_| {
            ran.fetch_add(1, Relaxed);
            drop(captured);
        })?;
        if thread.stop().is_none() {
            never += 1;
        }
    }
    pr_info!("{never} of 500 threads never ran\n");
    Ok(dropped.load(Relaxed) == 500 && ran.load(Relaxed) + never == 500)
}

fn stop_asleep() -> Result<bool> {
    let begun = counter()?;
    let flag = begun.clone();
    let thread = kthread::spawn(c"threads", move |me| {
        flag.store(1, Relaxed);
        // For ever, and not at all.
        (me.sleep(u32::MAX), me.sleep(0), me.should_stop())
    })?;
    wait_for(&begun)?;
    Ok(thread.stop() == Some((false, false, true)))
}

fn stop_parked() -> Result<bool> {
    let begun = counter()?;
    let flag = begun.clone();
    let thread = kthread::spawn(c"threads", move |me| {
        flag.store(1, Relaxed);
        me.park()
    })?;
    wait_for(&begun)?;
    Ok(thread.stop() == Some(false))
}

#[pin_data]
struct Never {
    #[pin]
    lock: Mutex<()>,
    #[pin]
    queue: WaitQueue,
}

/// Any wait that a signal would end is ended.
fn stop_waiting() -> Result<bool> {
    let never = Arc::pin_init(
        pin_init!(Never {
            lock <- new_mutex!(()),
            queue <- new_wait_queue!("never"),
        }),
        GFP_KERNEL,
    )?;
    let begun = counter()?;
    let flag = begun.clone();
    let thread = kthread::spawn(c"threads", move |_| {
        flag.store(1, Relaxed);
        never.queue.wait(&never.lock, |()| None::<()>)
    })?;
    wait_for(&begun)?;
    Ok(thread.stop() == Some(Err(ERESTARTSYS)))
}

/// One that only the end of a process would end, too: a thread has none.
fn stop_completing() -> Result<bool> {
    let begun = counter()?;
    let flag = begun.clone();
    let never = KBox::pin_init(Completion::new(), GFP_KERNEL)?;
    let thread = kthread::spawn(c"threads", move |_| {
        flag.store(1, Relaxed);
        never.wait()
    })?;
    wait_for(&begun)?;
    Ok(thread.stop() == Some(Err(ERESTARTSYS)))
}

/// And so is the one that it waits for.
fn stop_joining() -> Result<bool> {
    let begun = counter()?;
    let flag = begun.clone();
    let thread = kthread::spawn(c"threads", move |_| {
        let other = kthread::spawn(c"other", move |other| {
            flag.store(1, Relaxed);
            other.park()
        });
        other.map(|other| other.join())
    })?;
    wait_for(&begun)?;
    Ok(thread.stop() == Some(Ok(Some(false))))
}

fn unparking() -> Result<bool> {
    let turns = counter()?;
    let count = turns.clone();
    let thread = kthread::spawn(c"threads", move |me| {
        while me.park() {
            count.fetch_add(1, Relaxed);
        }
    })?;
    for turn in 1..=3 {
        thread.unpark();
        while turns.load(Relaxed) < turn {
            pause()?;
        }
    }
    thread.stop();
    Ok(turns.load(Relaxed) == 3)
}

/// Twice is once, also if it comes before the thread parks.
fn unparking_twice() -> Result<bool> {
    let (begun, turns) = (counter()?, counter()?);
    let (flag, count) = (begun.clone(), turns.clone());
    let thread = kthread::spawn(c"threads", move |me| {
        while flag.load(Relaxed) == 0 {
            let _ = me.sleep(1);
        }
        while me.park() {
            count.fetch_add(1, Relaxed);
        }
    })?;
    thread.unpark();
    thread.unpark();
    begun.store(1, Relaxed);
    wait_for(&turns)?;
    // Time for another turn.
    for _ in 0..10 {
        pause()?;
    }
    thread.stop();
    Ok(turns.load(Relaxed) == 1)
}

fn dropping() -> Result<bool> {
    let (begun, dropped) = (counter()?, counter()?);
    let (flag, captured) = (begun.clone(), Dropped(dropped.clone()));
    let thread = kthread::spawn(c"threads", move |me| {
        flag.store(1, Relaxed);
        let _captured = captured;
        while me.sleep(1000) {}
    })?;
    wait_for(&begun)?;
    drop(thread);
    Ok(dropped.load(Relaxed) == 1)
}

fn wait_for(flag: &Atomic<u32>) -> Result {
    let ticker = kthread::spawn(c"threads", |me| while me.sleep(1) {})?;
    while flag.load(Relaxed) == 0 {
        pause()?;
    }
    drop(ticker);
    Ok(())
}

/// Waits for a moment, by a thread: one that was spawned always lets others run.
fn pause() -> Result {
    kthread::spawn(c"threads", |me| me.sleep(1))?.wait()
}

fn file_path() -> Result<kernel::str::CString> {
    kernel::str::CString::try_from_fmt(fmt!("{}/threads", folder.value()))
}

fn file_position() -> Result<bool> {
    let path = file_path()?;
    let new = file::Options::new().read().write().create_new().mode(0o640);
    let mut file = new.open(&path)?;
    file.write_all(b"Hello, world")?;
    let mut buffer = [0; 5];
    let end = (file.position(), file.size()?, file.read(&mut buffer)?);
    file.set_position(7);
    let read = (file.read(&mut buffer)?, buffer, file.position());
    let elsewhere = (file.read_at(&mut buffer, 0)?, buffer, file.position());
    file.write_at(b"J", 0)?;
    file.set_size(5)?;
    file.sync()?;
    file.close()?;

    let content = file::read(&path, 5)?;
    Ok(end == (12, 12, 0)
        && read == (5, *b"world", 12)
        && elsewhere == (5, *b"Hello", 12)
        && *content == *b"Jello"
        && matches!(file::read(&path, 4), Err(EFBIG))
        && matches!(new.open(&path), Err(EEXIST)))
}

/// `EDEADLK`.
const DEADLOCK: c_int = -35;

/// How a read fails there: the file might be a parameter's.
fn under_the_parameters_lock(path: &CStr) -> c_int {
    let _lock = lkm::params::lock();
    file::read(path, 4096).err().map_or(0, Error::to_errno)
}

fn file_access() -> Result<bool> {
    let path = file_path()?;
    let reading = file::Options::new().read();
    let writing = file::Options::new().write();
    let (reader, mut writer) = (reading.open(&path)?, writing.open(&path)?);
    let mut root = reading.open(c"/")?;
    let mut buffer = [0; 5];
    let outcomes = [
        reader.write_at(b"x", 0) == Err(EBADF),
        reader.set_size(0) == Err(EBADF),
        writer.read_at(&mut buffer, 0) == Err(EBADF),
        writer.set_size(-1) == Err(EINVAL),
        root.read(&mut buffer) == Err(EISDIR),
        writing.open(c"/").err() == Some(EISDIR),
        file::Options::new().open(&path).err() == Some(EINVAL),
        reading.truncate().open(&path).err() == Some(EINVAL),
        reading.open(c"").err() == Some(ENOENT),
        reader.is_regular() && !reader.is_tty() && !reader.is_directory(),
        root.is_directory() && !root.is_regular(),
        writer.write_all(b"") == Ok(()) && writer.position() == 0,
        under_the_parameters_lock(c"/proc/version") == DEADLOCK,
        under_the_parameters_lock(&path) == 0,
        file::read(c"/proc/version", 4096).is_ok(),
    ];
    Ok(outcomes.iter().all(|as_it_should_be| *as_it_should_be))
}
