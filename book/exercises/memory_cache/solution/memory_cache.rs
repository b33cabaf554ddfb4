// SPDX-License-Identifier: GPL-2.0-only

//! Keeps jobs, in `/proc/memory_cache`.

use lkm::{
    prelude::*,
    slab::{
        Cache,
        Object, //
    },
};

module! {
    type: MemoryCache,
    name: "memory_cache",
    authors: ["lkmpg-rs developers"],
    description: "Keeps jobs",
    license: "GPL",
}

#[pin_data]
struct MemoryCache {
    #[pin]
    _file: proc_fs::File<Queue>,
}

impl kernel::InPlaceModule for MemoryCache {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _file <- proc_fs::File::new(proc_fs::Options::new(c"memory_cache", 0o600), Queue::new()),
        })
    }
}

/// What is to be done: 48 bytes.
struct Job {
    _what: [u64; 6],
}

/// How many there may be.
const ROOM: usize = 10_000;

#[pin_data]
struct Queue {
    // Dropped first: the cache goes with its last job.
    #[pin]
    jobs: Mutex<KVVec<Object<Job>>>,
    cache: Cache<Job>,
}

impl Queue {
    fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            jobs <- new_mutex!(KVVec::new()),
            cache: Cache::new(c"lkmpg_job")?,
        })
    }

    fn add(&self, count: usize) -> Result {
        let mut jobs = self.jobs.lock();
        let before = jobs.len();
        if count > ROOM - before {
            return Err(ENOSPC);
        }
        for _ in 0..count {
            let added = self.cache.alloc(Job { _what: [0; 6] });
            let added = added.and_then(|job| Ok(jobs.push(job, GFP_KERNEL)?));
            added.inspect_err(|_| jobs.truncate(before))?;
        }
        Ok(())
    }

    fn end(&self, count: usize) -> Result {
        let mut left = count;
        // One pass: what stays is moved once.
        self.jobs.lock().retain(|_| {
            let ends = left > 0;
            left = left.saturating_sub(1);
            !ends
        });
        Ok(())
    }
}

#[vtable]
impl proc_fs::Show for Queue {
    fn show(&self, out: &mut SeqFile) -> Result {
        let count = self.jobs.lock().len();
        seq_print!(out, "{count}\n");
        Ok(())
    }

    /// Takes `add COUNT` or `done COUNT`.
    fn write(&self, data: &mut IovIterSource<'_>) -> Result<usize> {
        let length = data.len();
        let line = Message::<32>::copy_from(data)?;
        let line = core::str::from_utf8(line.as_bytes()).map_err(|_| EINVAL)?;
        let (word, count) = line.trim().split_once(' ').ok_or(EINVAL)?;
        let count = count.parse().map_err(|_| EINVAL)?;
        match word {
            "add" => self.add(count)?,
            "done" => self.end(count)?,
            _ => return Err(EINVAL),
        }
        Ok(length)
    }
}
