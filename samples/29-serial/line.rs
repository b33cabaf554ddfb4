// SPDX-License-Identifier: GPL-2.0-only

//! The line: what has come in and was not read, and what is to go out.

use crate::{
    chip::{
        self,
        Registers,
        DEPTH,
        INTERRUPT_ENABLE,
        LINE_STATUS,
        MODEM_CONTROL,
        MODEM_STATUS,
        RECEIVED,
        TO_SEND, //
    },
    fifo::{
        self,
        Fifo, //
    },
};
use kernel::io::Io;
use lkm::prelude::*;

pub(crate) struct Line {
    pub(crate) input: Fifo,
    pub(crate) output: Fifo,
    /// The other end was told to wait.
    pub(crate) held: bool,
    loopback: bool,
    /// How often a byte found no room in the chip.
    pub(crate) overruns: u64,
    /// How many bytes came that cannot be right.
    pub(crate) errors: u64,
}

impl Line {
    pub(crate) fn new(loopback: bool) -> Result<Self> {
        Ok(Self {
            input: Fifo::new()?,
            output: Fifo::new()?,
            held: false,
            loopback,
            overruns: 0,
            errors: 0,
        })
    }

    // ANCHOR: exchange
    /// Moves bytes between the chip and us, as far as both have room, and says what it is to interrupt for.
    ///
    /// Returns whether any were moved. Fails with `ENODEV` if the chip does not answer.
    pub(crate) fn exchange(&mut self, registers: &Registers<'_>) -> Result<bool> {
        let mut moved = false;
        while self.receive(registers)? {
            moved = true;
        }
        // The chip has room for what is on its way until the other end has heard it.
        let enough = if self.held { fifo::SIZE / 2 } else { DEPTH };
        self.held = self.input.room() < enough;
        let control = MODEM_CONTROL::zeroed()
            .with_present(true)
            .with_interrupts(true)
            .with_loopback(self.loopback);
        registers.write_reg(control.with_ready_to_receive(!self.held));

        let clear_to_send = registers.read(MODEM_STATUS).clear_to_send();
        moved |= clear_to_send && self.send(registers)?;
        let enable = INTERRUPT_ENABLE::zeroed()
            .with_modem(true)
            .with_sent(clear_to_send && !self.output.is_empty());
        registers.write_reg(enable.with_received(!self.held));
        Ok(moved)
    }

    /// Takes bytes out of the chip, at most as many as it has.
    fn receive(&mut self, registers: &Registers<'_>) -> Result<bool> {
        let mut bytes = [0; DEPTH];
        let mut length = 0;
        for byte in bytes.iter_mut().take(self.input.room()) {
            if !self.status(registers)?.received() {
                break;
            }
            *byte = registers.read(RECEIVED).byte().get();
            length += 1;
        }
        // What was read is believed of a chip that is still there.
        if !chip::is_there(registers) {
            return Err(ENODEV);
        }
        Ok(length > 0 && self.input.push(bytes.get(..length).unwrap_or_default()))
    }

    /// Gives the chip as many bytes as it takes.
    fn send(&mut self, registers: &Registers<'_>) -> Result<bool> {
        if !self.status(registers)?.sent() {
            return Ok(false);
        }
        let mut bytes = [0; DEPTH];
        let length = self.output.copy(&mut bytes);
        for byte in bytes.get(..length).unwrap_or_default() {
            registers.write_reg(TO_SEND::zeroed().with_byte(*byte));
        }
        self.output.skip(length);
        Ok(length > 0)
    }
    // ANCHOR_END: exchange

    /// What has happened, with the mistakes counted, since reading forgets them.
    fn status(&mut self, registers: &Registers<'_>) -> Result<LINE_STATUS> {
        let status = registers.read(LINE_STATUS);
        // All at once cannot be.
        if status.into_raw() == u8::MAX {
            return Err(ENODEV);
        }
        self.overruns += u64::from(status.overrun());
        self.errors += u64::from(status.odd() || status.broken());
        Ok(status)
    }
}
