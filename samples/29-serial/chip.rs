// SPDX-License-Identifier: GPL-2.0-only

//! The chip: the registers of a 16550A.

use kernel::io::{
    register,
    Io, //
};
use lkm::{
    pci::{
        Bar,
        DevresBar, //
    },
    prelude::*, //
};

// ANCHOR: registers
register! {
    /// A byte that came in. Reading takes it out of the FIFO.
    pub(crate) RECEIVED(u8) @ 0 {
        7:0 byte;
    }

    /// Takes a byte that is to go out.
    pub(crate) TO_SEND(u8) @ 0 {
        7:0 byte;
    }

    /// What the chip's clock is divided by, while `LINE_CONTROL` says that it is here.
    DIVISOR_LOW(u8) @ 0 {
        7:0 byte;
    }

    DIVISOR_HIGH(u8) @ 1 {
        7:0 byte;
    }

    /// What it interrupts for.
    pub(crate) INTERRUPT_ENABLE(u8) @ 1 {
        /// A line of the modem's has changed, such as "clear to send".
        3:3 modem => bool;
        /// All bytes are sent.
        1:1 sent => bool;
        /// Bytes came in: as many as the FIFO's trigger, or fewer, and then nothing for a while.
        0:0 received => bool;
    }

    /// Why it interrupts.
    pub(crate) INTERRUPT(u8) @ 2 {
        /// Both bits say: with FIFOs.
        7:6 fifos;
        /// It does not.
        0:0 none => bool;
    }

    FIFO_CONTROL(u8) @ 2 {
        /// Interrupt when there are 1, 4, 8 or 14 bytes.
        7:6 trigger;
        2:2 clear_to_send => bool;
        1:1 clear_received => bool;
        0:0 enable => bool;
    }

    LINE_CONTROL(u8) @ 3 {
        /// The divisor is where otherwise the bytes and `INTERRUPT_ENABLE` are.
        7:7 divisor => bool;
        /// How many bits a byte has, less five.
        1:0 bits;
    }

    pub(crate) MODEM_CONTROL(u8) @ 4 {
        /// What goes out comes in again, bytes and lines alike.
        4:4 loopback => bool;
        /// On a PC: the interrupt is connected.
        3:3 interrupts => bool;
        /// The other end may send to us (RTS).
        1:1 ready_to_receive => bool;
        /// Somebody is here (DTR).
        0:0 present => bool;
    }

    /// What has happened. Reading forgets the mistakes.
    pub(crate) LINE_STATUS(u8) @ 5 {
        /// There is room for as many bytes as the FIFO has.
        5:5 sent => bool;
        /// The line was pulled down for more than a byte, as by a cable that is pulled out.
        4:4 broken => bool;
        /// A byte came at another speed, or of another form.
        3:3 odd => bool;
        /// A byte came, and there was no room for it.
        1:1 overrun => bool;
        /// There is a byte to read.
        0:0 received => bool;
    }

    pub(crate) MODEM_STATUS(u8) @ 6 {
        /// The other end is connected (DCD), is called (RI), and is there (DSR).
        7:7 carrier => bool;
        6:6 rings => bool;
        5:5 present => bool;
        /// The other end can take bytes (CTS).
        4:4 clear_to_send => bool;
    }

    /// Keeps what is written to it.
    SCRATCH(u8) @ 7 {
        7:0 byte;
    }
}

pub(crate) type Registers<'bound> = Bar<'bound, 8>;
pub(crate) type OwnedRegisters = DevresBar<8>;
// ANCHOR_END: registers

/// How many bytes each of its FIFOs has.
pub(crate) const DEPTH: usize = 16;
/// How fast it is with a divisor of 1.
const FASTEST: u32 = 115_200;

/// Eight bits, no parity, one stop bit.
const FORM: LINE_CONTROL = pin_init::zeroed::<LINE_CONTROL>().with_const_bits::<3>();

/// Whether the chip answers. From one that is gone, or asleep, all ones are read, or zeroes.
pub(crate) fn is_there(registers: &Registers<'_>) -> bool {
    registers.read(LINE_CONTROL).into_raw() == FORM.into_raw()
}

/// The divisor for so many bits in a second, if there is one.
pub(crate) fn divisor(baud: u32) -> Option<u16> {
    let divides = baud >= 50 && FASTEST.checked_rem(baud) == Some(0);
    divides.then(|| (FASTEST / baud) as u16)
}

/// Makes sure that it is a 16550A that works, and sets it up. It is silent then.
///
/// Fails with what is wrong.
pub(crate) fn set_up(registers: &Registers<'_>, divisor: u16) -> Result<(), &'static CStr> {
    for byte in [0x55, 0xaa] {
        registers.write_reg(SCRATCH::zeroed().with_byte(byte));
        if registers.read(SCRATCH).byte().get() != byte {
            return Err(c"It does not answer as a UART does.");
        }
    }
    silence(registers);
    let [low, high] = divisor.to_le_bytes();
    registers.write_reg(FORM.with_divisor(true));
    registers.write_reg(DIVISOR_LOW::zeroed().with_byte(low));
    registers.write_reg(DIVISOR_HIGH::zeroed().with_byte(high));
    registers.write_reg(FORM);

    clear(registers);
    if registers.read(INTERRUPT).fifos().get() != 3 {
        return Err(c"It has no FIFOs that work, as a 16550A has.");
    }
    // Two of its lines lead back to two others. (Bytes would wait for those that the last driver has left.)
    let back = MODEM_CONTROL::zeroed().with_loopback(true);
    registers.write_reg(back.with_interrupts(true).with_ready_to_receive(true));
    let status = registers.read(MODEM_STATUS);
    silence(registers);
    let heard = status.carrier() && status.clear_to_send();
    if !heard || status.rings() || status.present() {
        return Err(c"It does not hear itself.");
    }
    Ok(())
}

/// Has it interrupt no more, and tell the other end that nobody is here.
pub(crate) fn silence(registers: &Registers<'_>) {
    registers.write_reg(INTERRUPT_ENABLE::zeroed());
    registers.write_reg(MODEM_CONTROL::zeroed());
}

/// Empties the FIFOs.
fn clear(registers: &Registers<'_>) {
    let clear = FIFO_CONTROL::zeroed()
        .with_clear_to_send(true)
        .with_clear_received(true);
    registers.write_reg(clear.with_enable(true).with_const_trigger::<2>());
}
