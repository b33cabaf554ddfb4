// SPDX-License-Identifier: GPL-2.0-only

//! A serial port: I/O ports, FIFOs, and an interrupt for both directions.
//!
//! A UART makes bytes into bits on a line, and bits into bytes. PCs still speak to the 16550A of 1987. Its
//! registers are not memory, but eight *I/O ports*: an address space of x86's own, with instructions of its own.
//! The bench's guests have one on a PCI card. The far end of its line is `/dev/virtio-ports/uart`.
//!
//! ```console
//! # insmod uart.ko
//! ...
//! uart 0000:[..]: A 16550A at 115200 baud.
//! # echo "Is anybody there?" > /dev/uart
//! # head -n 1 /dev/virtio-ports/uart
//! Is anybody there?
//! # echo "I am." > /dev/virtio-ports/uart
//! # exec 3< /dev/uart
//! # head -n 1 <&3
//! I am.
//! # cat /sys/bus/pci/drivers/uart/0000:*/overruns
//! 0
//! # rmmod uart
//! rmmod: ERROR: Module uart is in use
//! # exec 3<&-; rmmod uart
//! # insmod uart.ko loopback=1    # without a far end
//! ...
//! # echo "I hear myself." > /dev/uart
//! # head -n 1 /dev/uart
//! I hear myself.
//! # rmmod uart
//! ```
//!
//! Three files belong to this one. `chip.rs` has the registers, `fifo.rs` keeps bytes in their order, and in `line.rs`
//! `Line::exchange` moves them between the two. Read that first: all else is about when it is called.
//!
//! - **One type is for ports and memory**, `lkm::pci::Bar`. As in `edu`, registers are types.
//! - **The chip's FIFOs** have 16 bytes for each direction. The chip interrupts when 8 have come in, when fewer have and
//!   the line is then quiet, and when all have gone out. The driver keeps up to 4,096 more for each direction.
//! - **Flow control**: each end has a wire for "I have room". Ours is called RTS, and the other end's comes in as CTS.
//!   When the driver has no room left, it takes RTS back, and leaves the next bytes in the chip. Without CTS it sends
//!   nothing. If the chip is full and a byte comes all the same, that byte is lost and counted: `overruns` in the
//!   device's folder. `errors` counts bytes of another speed or form.
//! - **The handler and the callers share the state**, behind a `SpinLockIrq`. It turns interrupts off, since a handler
//!   would wait for ever for the caller that it has interrupted. Nothing is copied to or from a process under it.
//! - **An interrupt is a hint.** The handler and those who wait call the same function, `exchange`, which looks at the
//!   registers and does what there is to do. A waiter calls it each second, so that a lost interrupt only costs time.
//! - **Writers**: up to 256 bytes stay together on the line. A longer write goes out in such pieces, and others may write
//!   between them. **Readers** take turns: each byte goes to one of them. Their turn is no lock: a reader that waits for
//!   it can be interrupted, and with `O_NONBLOCK` gets `EAGAIN`.
//! - **The device may go at any time**: then all calls fail with `ENODEV`, those that wait as well. What was written
//!   and is not on the line yet goes with it. A terminal would wait for that when it is closed (`closing_wait`).
//!
//! A serial port for users is a terminal. The kernel's own driver (`8250_pci`) makes this one a `/dev/ttyS`. Where it is
//! built in, as on Debian, it has the device already: write the device's name to its `unbind`, and then load this one.
//!
//! Where to look: `drivers/tty/serial/8250`, and chapter 14 of the book.

use kernel::{
    device::Core,
    devres::Devres,
    io::Io,
    pci::Device,
    sync::{
        new_spinlock_irq,
        SpinLockIrq, //
    },
    time::Msecs,
    types::ScopeGuard, //
};
use lkm::{
    irq::IrqReturn,
    prelude::*,
    sysfs::{
        Attribute,
        Attributes,
        DeviceAttributes,
        Group, //
    }, //
};

mod chip;
mod fifo;
mod line;

use chip::{
    OwnedRegisters,
    Registers,
    INTERRUPT, //
};
use line::Line;

kernel::module_pci_driver! {
    type: Driver,
    name: "uart",
    authors: ["lkmpg-rs developers"],
    description: "A driver for a serial port",
    license: "GPL",
}

module_params! {
    baud: u32 {
        default: 115_200,
        description: "How fast the line is: 115200, or a whole fraction of it, from 50",
        permissions: 0o444,
    },
    loopback: bool {
        default: false,
        description: "Whether what is sent comes in again, and nothing goes out",
        permissions: 0o444,
    },
}

/// As much is written at once: either all of it is taken, or none.
const PIECE: usize = 256;
/// How long to trust that an interrupt comes.
const TRUST: Msecs = 1000;

kernel::pci_device_table!(TABLE, (), [(lkm::pci::device_id(0x1b36, 0x0002), ())]);

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
        let speed = baud.value();
        let divisor = chip::divisor(speed).ok_or(EINVAL).inspect_err(|_| {
            dev_err!(device, "No line has {speed} baud: 115200 / 1 to 2304.\n");
        })?;
        lkm::pci::enable(device)?;
        let registers = Registers::new(device, 0, c"uart")?;
        chip::set_up(&registers, divisor).map_err(|why| {
            dev_err!(device, "{why}\n");
            ENODEV
        })?;
        let line = Line::new(loopback.value())?;
        let uart = Arc::pin_init(Uart::new(registers.into_devres()?, line), GFP_KERNEL)?;
        lkm::pci::handle_interrupt(device, c"uart", Interrupt(uart.clone()))?;
        let attributes = DeviceAttributes::new(device.as_ref(), uart.clone())?;
        let file = misc::Registration::new(c"uart", 0o600, uart.clone())
            .inspect_err(|_| dev_err!(device, "There is a /dev/uart, of another device.\n"))?;
        // From now on it interrupts.
        uart.exchange(&mut uart.state.lock())?;
        dev_info!(device, "A 16550A at {speed} baud.\n");
        Ok(Bound {
            uart,
            _attributes: attributes,
            _file: file,
        })
    }

    fn unbind<'bound>(_device: &'bound Device<Core<'_>>, this: Pin<&Bound>) {
        let mut state = this.uart.state.lock();
        state.gone = true;
        this.uart.registers.try_access_with(chip::silence);
        drop(state);
        this.uart.changed.wake_all();
    }
}
// ANCHOR_END: driver

/// What there is while a device is bound.
struct Bound {
    uart: Arc<Uart>,
    _attributes: Devres<DeviceAttributes<Uart>>,
    _file: misc::Registration<Session>,
}

/// The device, for as long as somebody has it open, or it is bound.
#[pin_data]
struct Uart {
    registers: OwnedRegisters,
    /// The interrupt takes this lock, too. So interrupts are off while somebody has it.
    #[pin]
    state: SpinLockIrq<State>,
    /// There are bytes to read, or room for some, a reader is done, or the device is gone.
    #[pin]
    changed: WaitQueue,
}

struct State {
    line: Line,
    /// Somebody copies what came in, which may take long: it is under no lock.
    taken: bool,
    gone: bool,
}

impl State {
    fn is_readable(&self) -> bool {
        !self.taken && !self.line.input.is_empty()
    }
}

// ANCHOR: interrupt
/// What the interrupt calls.
struct Interrupt(Arc<Uart>);

impl irq::Handler for Interrupt {
    fn handle(&self) -> IrqReturn {
        let uart = &self.0;
        let asks = |registers: &Registers<'_>| !registers.read(INTERRUPT).none();
        if uart.registers.try_access_with(asks) != Some(true) {
            return IrqReturn::None;
        }
        match uart.exchange(&mut uart.state.lock()) {
            Ok(()) => IrqReturn::Handled,
            // Nobody knows what it wants. If it goes on, the kernel turns the interrupt off.
            Err(_) => IrqReturn::None,
        }
    }
}
// ANCHOR_END: interrupt

impl Uart {
    fn new(registers: OwnedRegisters, line: Line) -> impl PinInit<Self> {
        pin_init!(Self {
            registers,
            state <- new_spinlock_irq!(State {
                line,
                taken: false,
                gone: false,
            }),
            changed <- new_wait_queue!("uart"),
        })
    }

    /// Does what there is to do, whether an interrupt came for it or not.
    fn exchange(&self, state: &mut State) -> Result {
        if state.gone {
            return Err(ENODEV);
        }
        let exchange = |registers: &Registers<'_>| state.line.exchange(registers);
        let moved = self.registers.try_access_with(exchange).ok_or(ENODEV)??;
        if moved {
            self.changed.wake_all();
        }
        Ok(())
    }

    // ANCHOR: wait
    /// Waits until something can be done, and does it.
    fn wait(&self, file: &OpenFile, mut done: impl FnMut(&mut State) -> bool) -> Result {
        let mut look = |state: &mut State| {
            if state.gone {
                return Some(Err(ENODEV));
            }
            if done(state) {
                return Some(Ok(()));
            }
            match self.exchange(state) {
                Ok(()) => done(state).then_some(Ok(())),
                Err(e) => Some(Err(e)),
            }
        };
        if file.nonblocking() {
            return look(&mut self.state.lock()).unwrap_or(Err(EAGAIN));
        }
        loop {
            match self.changed.wait_timeout(&self.state, TRUST, &mut look) {
                Ok(result) => return result,
                Err(ERESTARTSYS) => return Err(ERESTARTSYS),
                // No interrupt came: there was no reason, or it got lost.
                Err(_) => {}
            }
        }
    }
    // ANCHOR_END: wait

    /// Waits until there is something to read, and nobody else reads it, until the result is dropped.
    fn take(&self, file: &OpenFile) -> Result<impl Drop + use<'_>> {
        self.wait(file, |state| {
            let readable = state.is_readable();
            state.taken |= readable;
            readable
        })?;
        Ok(ScopeGuard::new(|| {
            self.state.lock().taken = false;
            self.changed.wake_all();
        }))
    }

    /// Copies what came in, as far as it fits, for the reader that has taken it.
    fn copy(&self, out: &mut IovIterDest<'_>) -> Result<usize> {
        let mut total = 0;
        loop {
            let mut bytes = [0; PIECE];
            let length = self.state.lock().line.input.copy(&mut bytes);
            let copied = out.copy_to_iter(bytes.get(..length).unwrap_or_default());
            if copied == 0 && total == 0 {
                return Err(EFAULT);
            }
            let mut state = self.state.lock();
            state.line.input.skip(copied);
            if state.line.held {
                // If the device is gone, the next call says so.
                let _ = self.exchange(&mut state);
            }
            total += copied;
            if copied < PIECE {
                return Ok(total);
            }
        }
    }
}

impl Attributes for Uart {
    const GROUPS: &'static [Group<Self>] = &[Group::new(&[
        Attribute::read_only(c"overruns", |uart, out| {
            out.line(uart.state.lock().line.overruns)
        }),
        Attribute::read_only(c"errors", |uart, out| {
            out.line(uart.state.lock().line.errors)
        }),
    ])];
}

/// An open file.
struct Session(Arc<Uart>);

#[vtable]
impl FileOperations for Session {
    type Data = Uart;

    fn open(uart: ArcBorrow<'_, Uart>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok(Session(uart.into()))
    }

    fn read(&self, file: &OpenFile, _pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let _taken = self.0.take(file)?;
        self.0.copy(out)
    }

    fn write(
        &self,
        file: &OpenFile,
        _pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let mut written = 0;
        // What it will never send is not taken.
        self.0.exchange(&mut self.0.state.lock())?;
        while !data.is_empty() {
            match self.write_piece(file, data) {
                Ok(length) => written += length,
                Err(e) if written == 0 => return Err(e),
                Err(_) => break,
            }
        }
        Ok(written)
    }

    fn poll<'a>(&'a self, _file: &OpenFile, table: &PollTable<'a>) -> Events {
        let uart = &self.0;
        table.watch(&uart.changed);
        let mut state = uart.state.lock();
        match uart.exchange(&mut state) {
            Ok(()) => {
                Events::READABLE.when(state.is_readable())
                    | Events::WRITABLE.when(state.line.output.room() >= PIECE)
            }
            Err(_) => Events::READABLE | Events::WRITABLE | Events::ERROR | Events::HANG_UP,
        }
    }
}

impl Session {
    /// Writes the next of what there is.
    fn write_piece(&self, file: &OpenFile, data: &mut IovIterSource<'_>) -> Result<usize> {
        let uart = &self.0;
        let mut bytes = [0; PIECE];
        let length = data.copy_from_iter(&mut bytes);
        if length == 0 {
            return Err(EFAULT);
        }
        uart.wait(file, |state| {
            let bytes = bytes.get(..length).unwrap_or_default();
            state.line.output.push(bytes)
        })?;
        // If the device is gone, the next call says so.
        let _ = uart.exchange(&mut uart.state.lock());
        Ok(length)
    }
}
