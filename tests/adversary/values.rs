// SPDX-License-Identifier: GPL-2.0-only

//! Values that are shared, at their edges and by several at a time. Loading it tries them, and fails if
//! something is not as it should be; the log says what.

use kernel::page::PAGE_SIZE;
use lkm::{
    mmap::SharedPage,
    new_seqlock,
    prelude::*,
    ring::{
        Next,
        Ring, //
    }, //
};

mod cases;
use cases::Case;

module! {
    type: Values,
    name: "values",
    authors: ["lkmpg-rs developers"],
    description: "Uses the values of lkm as nobody should",
    license: "GPL",
}

struct Values;

const CASES: &[(&str, Case)] = &[
    (
        "numbers that change while they are read",
        numbers_that_change,
    ),
    ("no numbers, and many", odd_numbers),
    ("pages at their edges", pages),
    ("a page with something in it", used_pages),
    ("rings of odd sizes", odd_rings),
    ("positions of another ring", foreign_positions),
];

impl kernel::Module for Values {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        cases::run(CASES)?;
        Ok(Values)
    }
}

/// So many that a reader is often interrupted between two of them.
const MANY: usize = 64;

fn numbers_that_change() -> Result<bool> {
    let numbers = Arc::pin_init(new_seqlock!([0; MANY], "values"), GFP_KERNEL)?;
    let mut writers = KVec::new();
    for _ in 0..2 {
        let numbers = numbers.clone();
        let writer = kthread::spawn(c"values", move |me| {
            while !me.should_stop() {
                numbers.write(|all| *all = [all[0] + 1; MANY]);
                me.schedule();
            }
        })?;
        writers.push(writer, GFP_KERNEL)?;
    }
    let mut last = 0;
    while last < 20_000 {
        let all = numbers.read();
        if all.iter().any(|number| *number != all[0]) || all[0] < last {
            return Ok(false);
        }
        if all[0] == last {
            fsleep(Delta::from_micros(10));
        }
        last = all[0];
    }
    // Every one that was written is counted.
    drop(writers);
    let before = numbers.read()[0];
    numbers.write(|all| all[0] += 1);
    Ok(numbers.read()[0] == before + 1)
}

fn odd_numbers() -> Result<bool> {
    let none = KBox::pin_init(new_seqlock!([], "values"), GFP_KERNEL)?;
    let one = KBox::pin_init(new_seqlock!([usize::MAX], "values"), GFP_KERNEL)?;
    none.write(|_| {});
    for _ in 0..3 {
        one.write(|number| *number = [!number[0]]);
    }
    Ok(none.read().is_empty() && one.read() == [0])
}

fn pages() -> Result<bool> {
    let page = SharedPage::new()?;
    let (mut four, mut all) = ([1; 4], KVec::from_elem(1, PAGE_SIZE + 1, GFP_KERNEL)?);
    for (offset, length, fits) in [
        (0, 0, true),
        (0, 4, true),
        (PAGE_SIZE - 4, 4, true),
        (PAGE_SIZE, 0, true),
        (PAGE_SIZE - 3, 4, false),
        (PAGE_SIZE, 1, false),
        (PAGE_SIZE + 1, 0, false),
        (usize::MAX, 0, false),
        (usize::MAX, 1, false),
        (usize::MAX - 3, 4, false),
    ] {
        let bytes = &mut four[..length];
        let expected = if fits { Ok(()) } else { Err(EINVAL) };
        if (page.write(offset, bytes), page.read(offset, bytes)) != (expected, expected) {
            return Ok(false);
        }
    }
    let too_much = (page.write(0, &all), page.read(0, &mut all));
    let clone = page.clone();
    drop(page);
    clone.read(PAGE_SIZE - 4, &mut four)?;
    Ok(too_much == (Err(EINVAL), Err(EINVAL)) && four == [1; 4])
}

fn used_pages() -> Result<bool> {
    for _ in 0..100 {
        let page = SharedPage::new()?;
        let mut bytes = KVec::from_elem(1, PAGE_SIZE, GFP_KERNEL)?;
        page.read(0, &mut bytes)?;
        if bytes.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        // The next one is most likely in the same place.
        bytes.fill(0xaa);
        page.write(0, &bytes)?;
    }
    Ok(true)
}

fn odd_rings() -> Result<bool> {
    for size in [0, (1 << 16) + 1, usize::MAX] {
        if Ring::new(size).err() != Some(EINVAL) {
            return Ok(false);
        }
    }
    let one = Ring::new(1)?;
    let mut position = one.end();
    one.push(1);
    one.push(2);
    let seen = [(); 3].map(|()| one.next(&mut position));
    Ok(seen == [Some(Next::Lost(1)), Some(Next::Byte(2)), None])
}

/// A position that is ahead, and one that is far behind.
fn foreign_positions() -> Result<bool> {
    let (small, large) = (Ring::new(1)?, Ring::new(1 << 16)?);
    let mut start = large.end();
    for byte in 0..=u8::MAX {
        large.push(byte);
    }
    let mut ahead = large.end();
    let nothing = small.next(&mut ahead);
    small.push(7);
    let first = small.next(&mut start);
    Ok((nothing, first) == (None, Some(Next::Byte(7))))
}
