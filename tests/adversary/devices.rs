// SPDX-License-Identifier: GPL-2.0-only

//! Keyboards and disks, made as nobody should. Loading it tries them, and fails if something is not as
//! it should be; the log says what.

use core::ops::Range;
use kernel::{
    error::to_result,
    static_lock_class, //
};
#[cfg(CONFIG_KPROBES)]
use lkm::kprobe::{
    self,
    Probe, //
};
use lkm::{
    block::{
        Disk,
        Operations,
        Options,
        Segment, //
    },
    completion::Completion,
    faux,
    file,
    firmware::Image,
    hwmon::{
        self,
        Temperature, //
    },
    input::{
        Keyboard,
        LAST_KEY,
        SYSRQ, //
    },
    new_turn_queue,
    prelude::*,
    static_key::StaticKey,
    wait::TurnQueue, //
};

mod cases;
use cases::Case;

module! {
    type: Devices,
    name: "devices",
    authors: ["lkmpg-rs developers"],
    description: "Makes devices as nobody should",
    license: "GPL",
}

module_params! {
    errno: i32 {
        default: 5,
        description: "What /dev/refusing answers",
        permissions: 0o644,
    },
}

/// `/dev/nothing`, `/dev/refusing`, `/dev/later`, and `/dev/slow`, which needs the thread.
struct Devices {
    _disk: Disk<Nothing>,
    _refusing: Disk<Refusing>,
    _later: Disk<Later>,
    _slow: Disk<Slow>,
    _ticks: kthread::Thread<()>,
}

const CASES: &[(&str, Case)] = &[
    ("keyboards with odd keys", odd_keyboards),
    ("keys that a keyboard does not have", foreign_keys),
    ("keyboards with long names", long_names),
    ("keyboards a hundred times", many_keyboards),
    ("devices of odd names", odd_names),
    ("sensors of odd names", odd_sensors),
    ("disks of odd shapes and names", odd_disks),
    ("disks twenty times", many_disks),
    ("a disk that returns any error", any_error),
    ("a disk that asks for what is on disks", kept_in_a_file),
    ("pieces of another length", odd_pieces),
];

impl kernel::Module for Devices {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        cases::run(CASES)?;
        let options = Options {
            sectors: 8,
            queues: 1,
        };
        let is_later = Arc::new(Atomic::new(false), GFP_KERNEL)?;
        let later = Later(is_later.clone());
        let waits = Arc::pin_init(Waits::new(), GFP_KERNEL)?;
        let slow = Slow(waits.clone());
        let devices = Devices {
            _disk: Disk::new(c"nothing", options, Nothing, static_lock_class!())?,
            _refusing: Disk::new(c"refusing", options, Refusing, static_lock_class!())?,
            _later: Disk::new(c"later", options, later, static_lock_class!())?,
            _slow: Disk::new(c"slow", options, slow, static_lock_class!())?,
            _ticks: kthread::spawn(c"slow", move |me| {
                while me.sleep(20) {
                    waits.end_one();
                }
            })?,
        };
        is_later.store(true, Relaxed);
        Ok(devices)
    }
}

const KEY_A: u16 = 30;

fn all_keys() -> impl Iterator<Item = u16> {
    (1..=LAST_KEY).filter(|key| *key != SYSRQ)
}

fn odd_keyboards() -> Result<bool> {
    let refuses = |keys: &[u16]| {
        let keys = keys.iter().copied();
        Keyboard::new(c"odd", keys).err() == Some(EINVAL)
    };
    let all = Keyboard::new(c"all", all_keys())?;
    Ok(refuses(&[])
        && refuses(&[0])
        && refuses(&[1, LAST_KEY + 1])
        && refuses(&[u16::MAX])
        && refuses(&[KEY_A, SYSRQ])
        && all.key(LAST_KEY, true).is_ok())
}

fn foreign_keys() -> Result<bool> {
    let keyboard = Keyboard::new(c"two keys", [30, 30, 48])?;
    let refuses = |key| keyboard.key(key, true) == Err(EINVAL);
    Ok([0, 29, 31, 94, LAST_KEY, LAST_KEY + 1, u16::MAX]
        .into_iter()
        .all(refuses)
        && keyboard.key(30, true).is_ok()
        && keyboard.key(48, false).is_ok())
}

/// A name of so many bytes. What is told of a device when it is registered has 2 KiB.
fn name_of(count: usize) -> Result<&'static CStr> {
    const LONG: [u8; 2001] = {
        let mut bytes = [b'n'; 2001];
        bytes[2000] = 0;
        bytes
    };
    let name = LONG.get(2000 - count..).unwrap_or_default();
    CStr::from_bytes_with_nul(name).map_err(|_| EINVAL)
}

fn long_names() -> Result<bool> {
    let refuses =
        |count| Ok::<_, Error>(Keyboard::new(name_of(count)?, [30]).err() == Some(EINVAL));
    let _longest = Keyboard::new(name_of(79)?, all_keys())?;
    let _none = Keyboard::new(c"", [30])?;
    Ok(refuses(80)? && refuses(2000)?)
}

fn many_keyboards() -> Result<bool> {
    let mut all = KVec::new();
    for _ in 0..100 {
        all.push(Keyboard::new(c"many", [30])?, GFP_KERNEL)?;
    }
    Ok(all.iter().all(|it| it.key(30, true).is_ok()))
}

fn odd_names() -> Result<bool> {
    let refuses = |name, error| faux::Registration::new(name).err() == Some(error);
    let odd = [c"", c".", c"..", c"a/b", name_of(256)?, name_of(2000)?];
    let _longest = faux::Registration::new(name_of(255)?)?;
    let again = faux::Registration::new(c"again")?;
    // The folder has these, too.
    let taken = [c"again", name_of(255)?, c"uevent", c"power"];
    let are_refused = odd.into_iter().all(|it| refuses(it, EINVAL))
        && taken.into_iter().all(|it| refuses(it, EEXIST));
    drop(again);
    drop(faux::Registration::new(c"again")?);
    Ok(are_refused)
}

/// A thermometer that has nothing to show, or does not know what it has.
struct Silent<const SHOWS: bool>;

impl<const SHOWS: bool> hwmon::Chip for Silent<SHOWS> {
    const READ: &'static [Temperature] = match SHOWS {
        true => &[Temperature::Max],
        false => &[],
    };

    fn read(&self, _what: Temperature) -> Result<c_long> {
        Ok(c_long::MIN)
    }
}

fn odd_sensors() -> Result<bool> {
    let device = faux::Registration::new(c"sensors")?;
    let new = |name| {
        let chip = Arc::new(Silent::<true>, GFP_KERNEL)?;
        hwmon::Registration::new(device.as_ref(), name, chip)
    };
    let refuses = |name| new(name).err() == Some(EINVAL);
    let nothing = Arc::new(Silent::<false>, GFP_KERNEL)?;
    let nothing = hwmon::Registration::new(device.as_ref(), c"nothing", nothing);
    let mut all = KVec::new();
    for name in [c"x", c"x", c"..", c"a/b", c"\xff"] {
        all.push(new(name)?, GFP_KERNEL)?;
    }
    let refused = [c"", c"a-b", c"a b", c"a\tb", c"a\nb", c"*"];
    // One that goes after its device was not there any more.
    let last = new(c"last")?;
    let odd = refused.into_iter().all(refuses) && nothing.err() == Some(EINVAL);
    drop(device);
    drop(last);
    Ok(odd)
}

/// A disk that answers each call with an error.
struct Failing(Error);

impl Operations for Failing {
    fn read(&self, _position: u64, _segment: &mut Segment<'_>) -> Result {
        Err(self.0)
    }

    fn write(&self, _position: u64, _segment: &Segment<'_>) -> Result {
        Err(self.0)
    }

    fn discard(&self, _range: Range<u64>) -> Result {
        Err(self.0)
    }
}

fn disk(name: &'static CStr, sectors: u64, queues: u32, error: Error) -> Result<Disk<Failing>> {
    let options = Options { sectors, queues };
    Disk::new(name, options, Failing(error), static_lock_class!())
}

fn odd_disks() -> Result<bool> {
    let refuses = |name, sectors, queues| disk(name, sectors, queues, EIO).err() == Some(EINVAL);
    let names = [
        c"",
        c".",
        c"..",
        c"a/b",
        c"a!b",
        c"a name that has thirty-two bytes",
    ];
    let name = c"a-name-that-has-thirty-one-byte";
    let _largest = disk(name, i64::MAX as u64 / 512, 64, EIO)?;
    let taken = disk(name, 1, 1, EIO).err();
    Ok(names.into_iter().all(|it| refuses(it, 1, 1))
        && [0, i64::MAX as u64 / 512 + 1, u64::MAX]
            .into_iter()
            .all(|it| refuses(c"odd", it, 1))
        && [0, 65, u32::MAX]
            .into_iter()
            .all(|it| refuses(c"odd", 1, it))
        && taken == Some(EEXIST))
}

fn many_disks() -> Result<bool> {
    for _ in 0..20 {
        drop(disk(c"many", 8, 4, EIO)?);
    }
    Ok(true)
}

/// The search for partitions reads, and is answered.
fn any_error() -> Result<bool> {
    for number in [1, 11, 12, 28, 84, 95, 512, 517, 529, 4095] {
        let error = to_result(-number).err().ok_or(EINVAL)?;
        drop(disk(c"errors", 8, 1, error)?);
    }
    Ok(true)
}

/// Answers requests with what is in a file, which may have to be read from a disk by who is already in a request;
/// with a disk of its own; with an image for a device; and with what a thread does, which somebody has to make. A probe, a
/// miscellaneous device and a key that is turned may wait for a CPU that goes, which waits for the request.
struct Kept(Arc<Atomic<u32>>, faux::Registration);

impl Operations for Kept {
    fn read(&self, _position: u64, _segment: &mut Segment<'_>) -> Result {
        let deadlock = to_result(-35);
        let file = file::read(c"/proc/version", 4096).map(drop);
        let inner = disk(c"inner", 8, 1, EIO).map(drop);
        let image = Image::request(self.1.as_ref(), c"kept.bin").map(drop);
        let thread = kthread::spawn(c"kept", |_| ()).map(drop);
        let node = misc::Registration::<Nobody>::new(c"kept", 0o400, Arc::new((), GFP_KERNEL)?);
        KEY.enable();
        let options = chrdev::Options::new(c"kept");
        let device = chrdev::Registration::<Nobody>::new(options, Arc::new((), GFP_KERNEL)?);
        let entry = proc_fs::Directory::new(proc_fs::Options::new(c"kept", 0o500)).map(drop);
        let keys = Keyboard::new(c"kept", [1]).map(drop);
        let line = irq::Registration::new(1, irq::Flags::SHARED, c"kept", Nobody);
        let line = KBox::pin_init(line, GFP_KERNEL).map(drop);
        let made = [node.map(drop), device.map(drop), entry, keys, line];
        let all = [file, inner, image, thread, probe()];
        if all == [deadlock; 5] && made == [deadlock; 5] && !KEY.is_enabled() {
            self.0.fetch_add(1, Relaxed);
        }
        deadlock
    }

    fn write(&self, _position: u64, _segment: &Segment<'_>) -> Result {
        Ok(())
    }

    fn discard(&self, _range: Range<u64>) -> Result {
        Ok(())
    }
}

static KEY: StaticKey = StaticKey::new();

struct Nobody;

#[cfg(CONFIG_KPROBES)]
fn probe() -> Result {
    KBox::pin_init(Probe::new(c"do_exit", Nobody), GFP_KERNEL).map(drop)
}

#[cfg(not(CONFIG_KPROBES))]
fn probe() -> Result {
    to_result(-35)
}

#[cfg(CONFIG_KPROBES)]
impl kprobe::Handler for Nobody {
    type Arguments = (isize,);

    fn entered(&self, _code: (isize,)) {}
}

impl irq::Handler for Nobody {
    fn handle(&self) -> irq::IrqReturn {
        irq::IrqReturn::None
    }
}

#[vtable]
impl FileOperations for Nobody {
    type Data = ();

    fn open(_data: ArcBorrow<'_, ()>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok(Nobody)
    }
}

fn kept_in_a_file() -> Result<bool> {
    let refused = Arc::new(Atomic::new(0), GFP_KERNEL)?;
    for queues in [1, 2] {
        let options = Options { sectors: 8, queues };
        drop(Disk::new(
            c"kept",
            options,
            Kept(refused.clone(), faux::Registration::new(c"kept")?),
            static_lock_class!(),
        )?);
    }
    Ok(refused.load(Relaxed) > 1)
}

/// A disk that reads and writes nothing, and says that it did.
struct Nothing;

impl Operations for Nothing {
    fn read(&self, _position: u64, _segment: &mut Segment<'_>) -> Result {
        Ok(())
    }

    fn write(&self, _position: u64, _segment: &Segment<'_>) -> Result {
        Ok(())
    }

    fn discard(&self, _range: Range<u64>) -> Result {
        Ok(())
    }
}

/// A disk that takes nothing, with an error that may be another one each time.
struct Refusing;

impl Operations for Refusing {
    fn read(&self, _position: u64, _segment: &mut Segment<'_>) -> Result {
        Ok(())
    }

    fn write(&self, _position: u64, _segment: &Segment<'_>) -> Result {
        to_result(-errno.value())
    }

    fn discard(&self, _range: Range<u64>) -> Result {
        to_result(-errno.value())
    }
}

/// A disk with other content once it is there.
struct Later(Arc<Atomic<bool>>);

impl Operations for Later {
    fn read(&self, _position: u64, segment: &mut Segment<'_>) -> Result {
        let byte = u8::from(self.0.load(Relaxed));
        segment.copy_from(&KVec::from_elem(byte, segment.len(), GFP_KERNEL)?)
    }

    fn write(&self, _position: u64, _segment: &Segment<'_>) -> Result {
        Ok(())
    }

    fn discard(&self, _range: Range<u64>) -> Result {
        Ok(())
    }
}

/// All that one can wait for.
#[pin_data]
struct Waits {
    #[pin]
    done: Completion,
    #[pin]
    ticks: Mutex<u32>,
    #[pin]
    ticked: WaitQueue,
    #[pin]
    turns: TurnQueue,
}

impl Waits {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            done <- Completion::new(),
            ticks <- new_mutex!(0),
            ticked <- new_wait_queue!("ticked"),
            turns <- new_turn_queue!("turns"),
        })
    }

    fn end_one(&self) {
        let mut ticks = self.ticks.lock();
        *ticks += 1;
        self.ticked.wake_all();
        self.turns.hand_over();
        if !self.done.is_done() {
            self.done.complete();
        }
    }

    fn wait_for_all(&self) -> Result {
        let before = *self.ticks.lock();
        let by = |ticks| move |now: &mut u32| (*now - before >= ticks).then_some(());
        self.ticked.wait(&self.ticks, by(1))?;
        self.ticked.wait_exclusive(&self.ticks, by(2))?;
        self.ticked.wait_timeout(&self.ticks, 60_000, by(3))?;
        self.turns.wait(self.ticks.lock())?;
        // The first may have been done before.
        self.done.wait()?;
        self.done.wait()?;
        self.done.wait_interruptible()?;
        self.done.wait_timeout(60_000)?;
        self.done.wait_killable_timeout(60_000)
    }
}

/// A disk that waits before it takes anything.
struct Slow(Arc<Waits>);

impl Operations for Slow {
    fn read(&self, _position: u64, _segment: &mut Segment<'_>) -> Result {
        Ok(())
    }

    fn write(&self, _position: u64, _segment: &Segment<'_>) -> Result {
        self.0.wait_for_all()
    }

    fn discard(&self, _range: Range<u64>) -> Result {
        Ok(())
    }
}

/// A disk that copies pieces of lengths that these do not have. Each counts as an error of its own.
struct Odd(Arc<Atomic<u32>>);

impl Operations for Odd {
    fn read(&self, _position: u64, segment: &mut Segment<'_>) -> Result {
        let bytes = KVec::from_elem(0, segment.len() + 1, GFP_KERNEL)?;
        let longer = segment.copy_from(&bytes);
        let shorter = segment.copy_from(bytes.get(2..).unwrap_or_default());
        let none = segment.copy_to(&mut []);
        if (longer, shorter, none) == (Err(EINVAL), Err(EINVAL), Err(EINVAL)) {
            self.0.fetch_add(1, Relaxed);
        }
        segment.clear();
        Ok(())
    }

    fn write(&self, _position: u64, _segment: &Segment<'_>) -> Result {
        Ok(())
    }

    fn discard(&self, _range: Range<u64>) -> Result {
        Ok(())
    }
}

fn odd_pieces() -> Result<bool> {
    let seen = Arc::new(Atomic::new(0), GFP_KERNEL)?;
    let options = Options {
        sectors: 8,
        queues: 1,
    };
    let operations = Odd(seen.clone());
    drop(Disk::new(
        c"pieces",
        options,
        operations,
        static_lock_class!(),
    )?);
    Ok(seen.load(Relaxed) > 0)
}
