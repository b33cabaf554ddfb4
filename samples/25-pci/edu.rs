// SPDX-License-Identifier: GPL-2.0-only

//! A PCI device: registers, an interrupt, DMA.
//!
//! QEMU has a device to learn with. It computes factorials, and it keeps some bytes, which it fetches
//! from memory and delivers there by itself (*DMA*). When it is done it interrupts. Its registers are
//! described in `docs/specs/edu.rst` of QEMU's source. The bench's guests have one, in a slot of its own.
//!
//! ```console
//! # insmod edu.ko
//! ...
//! edu 0000:01:00.0: This is edu 1.0.
//! # edu factorial 10
//! 3628800
//! # edu invert 0x1
//! 0xfffffffe
//! # echo "It remembers." > /dev/edu
//! # head -n 1 /dev/edu
//! It remembers.
//! # exec 3< /dev/edu
//! # echo 0000:01:00.0 > /sys/bus/pci/drivers/edu/unbind
//! # cat <&3
//! cat: read error: No such device
//! # rmmod edu
//! rmmod: ERROR: Module edu is in use
//! # exec 3<&-; rmmod edu
//! ```
//!
//! - **Registers are types** (`register!`). Each access has the right width and place.
//! - **The device may go at any time**, while a program still has its file open. So an open file does not
//!   own the registers, but a [`DevresBar`]. Each access asks it whether the registers are still there, and
//!   the device stays until the access is over. An access must not sleep. So a transfer asks, gives its
//!   order, lets go, waits, and asks again.
//! - **A wait has four ends**: the device is done, it is gone (`ENODEV`), it took too long (`ETIMEDOUT`,
//!   `timeout_ms`), or there is a signal. After the last two the device is still at work. So the next
//!   caller first waits until it is idle.
//! - **An interrupt is a hint.** The driver then looks at the registers. A late interrupt of the last order
//!   does not end the wait for this one.
//! - **What a device says is input.** A device that is gone, or asleep, reads as all ones, or zeroes. So
//!   the driver believes what it has read only if the device then still says that it is an edu.
//! - **One caller at a time** has the device and its buffer, until its order is done. The others wait, or
//!   get `EAGAIN` (`O_NONBLOCK`). Inverting a number is no order: the answer is there at once. So it is
//!   written and read with the lock held, which who waits for an order does not keep.
//! - **DMA**: the device can reach addresses of 28 bits. The driver tells the kernel, which gives it a
//!   buffer there. Before the buffer is freed, the kernel cuts the device off from memory.
//!
//! In C, `remove` undoes what `probe` did, in the right order, and must silence the device before its
//! memory goes. Here all of it belongs to the binding (`lkm::pci`, `Devres`), and goes with it.
//!
//! Where to look: `Documentation/PCI/pci.rst`, and chapter 14 of the book.

use kernel::{
    device::Core,
    dma::DmaMask,
    io::{
        poll::read_poll_timeout,
        register,
        Io, //
    },
    pci::Device,
    types::ScopeGuard,
};
use lkm::{
    irq::IrqReturn,
    pci::{
        Bar,
        Buffer,
        DevresBar, //
    },
    prelude::*, //
};

mod protocol;

use protocol::*;

kernel::module_pci_driver! {
    type: Driver,
    name: "edu",
    authors: ["lkmpg-rs developers"],
    description: "A driver for QEMU's edu device",
    license: "GPL",
}

module_params! {
    timeout_ms: u32 {
        default: 10_000,
        description: "How long the device may take, in milliseconds",
        permissions: 0o644,
    },
}

// ANCHOR: registers
register! {
    /// What the device is.
    IDENTIFICATION(u32) @ 0x00 {
        31:24 major;
        23:16 minor;
        7:0 edu;
    }

    /// Gives back the opposite of what was written.
    LIVENESS(u32) @ 0x04 {
        31:0 value;
    }

    /// Takes a number, and has its factorial when it is computed.
    FACTORIAL_OF(u32) @ 0x08 {
        31:0 value;
    }

    /// What the device does.
    STATUS(u32) @ 0x20 {
        /// It is to interrupt when a factorial is computed.
        7:7 interrupts => bool;
        /// It computes one.
        0:0 computing => bool;
    }

    /// Why it has interrupted.
    INTERRUPT(u32) @ 0x24 {
        31:0 why;
    }

    /// Takes why it has interrupted, when that was seen.
    ACKNOWLEDGE(u32) @ 0x64 {
        31:0 why;
    }

    /// Where bytes are fetched.
    SOURCE(u32) @ 0x80 {
        31:0 address;
    }

    /// Where they are delivered.
    DESTINATION(u32) @ 0x88 {
        31:0 address;
    }

    /// How many.
    COUNT(u32) @ 0x90 {
        31:0 bytes;
    }

    /// The order to move them.
    COMMAND(u32) @ 0x98 {
        /// It is to interrupt when they are moved.
        2:2 interrupts => bool;
        /// To memory, not from there.
        1:1 to_memory => bool;
        /// Go; until it is done.
        0:0 run => bool;
    }
}

/// As many bytes as are needed of the registers.
type Registers<'bound> = Bar<'bound, 0x100>;
// ANCHOR_END: registers

fn is_edu(registers: &Registers<'_>) -> bool {
    registers.read(IDENTIFICATION).edu().get() == 0xed
}

/// Where the device has the bytes that it keeps, and how many. There is one more, but many versions of
/// QEMU abort when a transfer reaches that one.
const KEPT: u32 = 0x40000;
const SIZE: usize = 4095;

/// How many bits of an address it has. Other machines than PCs have no memory so low, so their edu has
/// more (QEMU's `dma_mask`).
const ADDRESS_BITS: u32 = if cfg!(CONFIG_X86) { 28 } else { 32 };

kernel::pci_device_table!(TABLE, (), [(lkm::pci::device_id(0x1234, 0x11e8), ())]);

struct Driver;

// ANCHOR: driver
impl kernel::pci::Driver for Driver {
    type IdInfo = ();
    type Data<'bound> = Bound;
    const ID_TABLE: kernel::pci::IdTable<()> = &TABLE;

    fn probe<'bound>(
        device: &'bound Device<Core<'_>>,
        _kind: Option<&'bound ()>,
    ) -> impl PinInit<Bound, Error> + 'bound {
        lkm::pci::enable(device)?;
        let registers = Registers::new(device, 0, c"edu")?;
        let id = registers.read(IDENTIFICATION);
        if !is_edu(&registers) {
            dev_err!(device, "It does not say that it is an edu.\n");
            return Err(ENODEV);
        }
        lkm::pci::set_dma_mask(device, DmaMask::new::<ADDRESS_BITS>())
            .inspect_err(|_| dev_err!(device, "There is no memory that it can reach.\n"))?;
        let buffer = Buffer::new(device, SIZE)?;
        let edu = Arc::pin_init(Edu::new(registers.into_devres()?, buffer), GFP_KERNEL)?;
        // It may have an order from its last driver, to move bytes to memory that is somebody else's
        // by now. Until it is the bus' master, that leads nowhere.
        let (pause, limit) = (Delta::from_millis(1), Delta::from_millis(1000));
        read_poll_timeout(|| edu.is_idle(), |idle| *idle, pause, limit)
            .inspect_err(|_| dev_err!(device, "It is busy.\n"))?;
        // What it told nobody would keep its line busy, and so nobody would hear of the next.
        edu.access(acknowledge)?;
        device.set_master();

        lkm::pci::handle_interrupt(device, c"edu", Interrupt(edu.clone()))?;
        let file = misc::Registration::new(c"edu", 0o600, edu.clone())
            .inspect_err(|_| dev_err!(device, "There is a /dev/edu, of another device.\n"))?;
        let (major, minor) = (id.major().get(), id.minor().get());
        dev_info!(device, "This is edu {major}.{minor}.\n");
        Ok(Bound { edu, _file: file })
    }

    fn unbind<'bound>(_device: &'bound Device<Core<'_>>, this: Pin<&Bound>) {
        this.edu.state.lock().gone = true;
        this.edu.changed.wake_all();
    }
}

/// What there is while a device is bound.
struct Bound {
    edu: Arc<Edu>,
    _file: misc::Registration<Session>,
}
// ANCHOR_END: driver

/// The device, for as long as somebody has it open, or it is bound.
#[pin_data]
struct Edu {
    registers: DevresBar<0x100>,
    buffer: Buffer,
    #[pin]
    state: SpinLock<State>,
    /// Somebody let go of the device, it has interrupted, or it is gone.
    #[pin]
    changed: WaitQueue,
}

#[derive(Default)]
struct State {
    /// Somebody has given it an order.
    taken: bool,
    gone: bool,
}

// ANCHOR: interrupt
/// What the interrupt calls.
struct Interrupt(Arc<Edu>);

impl irq::Handler for Interrupt {
    fn handle(&self) -> IrqReturn {
        if self.0.registers.try_access_with(acknowledge) != Some(true) {
            return IrqReturn::None;
        }
        self.0.changed.wake_all();
        IrqReturn::Handled
    }
}

/// Tells the device that its interrupt was seen. Returns whether there was one.
fn acknowledge(registers: &Registers<'_>) -> bool {
    let why = registers.read(INTERRUPT).why();
    // Nothing, or nobody is there.
    if [0, u32::MAX].contains(&why.get()) {
        return false;
    }
    registers.write_reg(ACKNOWLEDGE::zeroed().with_why(why));
    true
}
// ANCHOR_END: interrupt

impl Edu {
    fn new(registers: DevresBar<0x100>, buffer: Buffer) -> impl PinInit<Self> {
        pin_init!(Self {
            registers,
            buffer,
            state <- new_spinlock!(State::default()),
            changed <- new_wait_queue!("edu"),
        })
    }

    /// Does something with the registers, as others may at the same time. It must not sleep.
    ///
    /// What was read is only believed of a device that still says what it is.
    fn access<R>(&self, f: impl FnOnce(&Registers<'_>) -> R) -> Result<R> {
        let result = self.registers.try_access_with(|registers| {
            let result = f(registers);
            is_edu(registers).then_some(result)
        });
        result.flatten().ok_or(ENODEV)
    }

    /// Whether the device does nothing.
    fn is_idle(&self) -> Result<bool> {
        let (status, command) = self.access(|it| (it.read(STATUS), it.read(COMMAND)))?;
        Ok(!status.computing() && !command.run())
    }

    // ANCHOR: take
    /// Takes the device, to give it orders, until the result is dropped.
    fn take(&self, file: &OpenFile) -> Result<impl Drop + use<'_>> {
        let take = |state: &mut State| match state {
            State { gone: true, .. } => Some(Err(ENODEV)),
            State { taken: true, .. } if file.nonblocking() => Some(Err(EAGAIN)),
            State { taken: true, .. } => None,
            State { taken, .. } => {
                *taken = true;
                Some(Ok(()))
            }
        };
        self.changed.wait(&self.state, take)??;
        let taken = ScopeGuard::new(|| {
            self.state.lock().taken = false;
            self.changed.wake_all();
        });
        // The caller before may have given up.
        if file.nonblocking() && !self.is_idle()? {
            return Err(EAGAIN);
        }
        self.wait()?;
        Ok(taken)
    }

    /// Waits until the device does nothing.
    fn wait(&self) -> Result {
        let is_over = |state: &mut State| match self.is_idle() {
            _ if state.gone => Some(Err(ENODEV)),
            Ok(false) => None,
            Ok(true) => Some(Ok(())),
            Err(e) => Some(Err(e)),
        };
        let ended = self
            .changed
            .wait_timeout(&self.state, timeout_ms.value(), is_over);
        ended.map_err(|e| if e == ERESTARTSYS { e } else { ETIMEDOUT })?
    }
    // ANCHOR_END: take

    fn invert(&self, number: u32) -> Result<u32> {
        // Else another caller's number may come in between: `access` keeps the registers, and nobody out.
        let _alone = self.state.lock();
        self.access(|registers| {
            registers.write_reg(LIVENESS::zeroed().with_value(number));
            registers.read(LIVENESS).value().get()
        })
    }

    fn factorial(&self, file: &OpenFile, number: u32) -> Result<u32> {
        if number > 12 {
            return Err(ERANGE);
        }
        let _taken = self.take(file)?;
        self.access(|registers| {
            registers.write_reg(STATUS::zeroed().with_interrupts(true));
            registers.write_reg(FACTORIAL_OF::zeroed().with_value(number));
        })?;
        self.wait()?;
        self.access(|registers| registers.read(FACTORIAL_OF).value().get())
    }

    // ANCHOR: move
    /// Has the device move bytes between the buffer and what it keeps, and waits until it has.
    fn move_bytes(&self, at: usize, length: usize, to_memory: bool) -> Result {
        let (kept, length) = (KEPT + u32::try_from(at)?, u32::try_from(length)?);
        let buffer = u32::try_from(self.buffer.address()?)?;
        let (from, to) = if to_memory {
            (kept, buffer)
        } else {
            (buffer, kept)
        };
        self.access(|registers| {
            registers.write_reg(SOURCE::zeroed().with_address(from));
            registers.write_reg(DESTINATION::zeroed().with_address(to));
            registers.write_reg(COUNT::zeroed().with_bytes(length));
            let command = COMMAND::zeroed().with_interrupts(true);
            registers.write_reg(command.with_to_memory(to_memory).with_run(true));
        })?;
        self.wait()
    }
    // ANCHOR_END: move
}

/// Where a call for so many bytes begins, and room for those that there are.
fn piece(pos: Offset, length: usize) -> Result<(usize, KVec<u8>)> {
    let at = usize::try_from(pos).map_err(|_| EINVAL)?;
    let length = length.min(SIZE.saturating_sub(at));
    Ok((at, KVec::from_elem(0, length, GFP_KERNEL)?))
}

/// An open file.
struct Session(Arc<Edu>);

#[vtable]
impl FileOperations for Session {
    type Data = Edu;

    fn open(edu: ArcBorrow<'_, Edu>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok(Session(edu.into()))
    }

    fn read(&self, file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let edu = &self.0;
        let (at, mut bytes) = piece(*pos, out.len())?;
        if !bytes.is_empty() {
            let _taken = edu.take(file)?;
            edu.move_bytes(at, bytes.len(), true)?;
            edu.buffer.read(0, &mut bytes)?;
        }
        read_from_buffer(out, &mut 0, &bytes).inspect(|length| *pos += *length as Offset)
    }

    fn write(
        &self,
        file: &OpenFile,
        pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let edu = &self.0;
        if data.is_empty() {
            return Ok(0);
        }
        let (at, mut bytes) = piece(*pos, data.len())?;
        if bytes.is_empty() {
            return Err(ENOSPC);
        }
        let length = data.copy_from_iter(&mut bytes);
        bytes.truncate(length);
        if bytes.is_empty() {
            return Err(EFAULT);
        }
        let _taken = edu.take(file)?;
        edu.buffer.write(0, &bytes)?;
        edu.move_bytes(at, length, false)?;
        *pos += length as Offset;
        Ok(length)
    }

    fn size(&self) -> Offset {
        SIZE as Offset
    }

    fn poll<'a>(&'a self, _file: &OpenFile, table: &PollTable<'a>) -> Events {
        table.watch(&self.0.changed);
        match self.0.is_idle() {
            Err(_) => Events::READABLE | Events::WRITABLE | Events::ERROR | Events::HANG_UP,
            Ok(idle) => {
                let ready = idle && !self.0.state.lock().taken;
                (Events::READABLE | Events::WRITABLE).when(ready)
            }
        }
    }

    fn ioctl(&self, file: &OpenFile, request: lkm::ioctl::Request) -> Result<isize> {
        let edu = &self.0;
        request
            .read(IDENTIFY, || {
                edu.access(|it| it.read(IDENTIFICATION).into_raw())
            })
            .read_write(INVERT, |number| {
                *number = edu.invert(*number)?;
                Ok(0)
            })
            .read_write(FACTORIAL, |number| {
                *number = edu.factorial(file, *number)?;
                Ok(0)
            })
            .finish()
    }
}
