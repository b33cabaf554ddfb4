// SPDX-License-Identifier: GPL-2.0-only

//! The file `control` of chan_relay: what relay itself lacks.
//!
//! What is written to it:
//!
//! - `generate SOURCE COUNT [RATE]`: write as many events, on the CPU that this runs on, as fast as
//!   it goes or RATE a second;
//! - `flush`: finish the sub-buffers that are begun;
//! - `consume CPU COUNT`: a reader that mapped the ring has taken sub-buffers.
//!
//! It shows the shape of the rings, and a line for each CPU: how many sub-buffers were produced, how
//! many were consumed, how many events were lost, how many sub-buffers were overwritten, and for each
//! sub-buffer that waits to be read how many bytes at its end are no data.

use crate::generate;
use core::fmt::{
    self,
    Write as _, //
};
use kernel::cpu::nr_cpu_ids;
use lkm::{
    prelude::*,
    relay::{
        Channel,
        Mode, //
    },
};

/// An open `control`, and what it is being shown.
#[pin_data]
pub(crate) struct Session {
    channel: Arc<Channel>,
    #[pin]
    shown: Mutex<Option<Arc<Report>>>,
}

#[vtable]
impl FileOperations for Session {
    type Data = Channel;

    fn open(channel: ArcBorrow<'_, Channel>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            channel: channel.into(),
            shown <- new_mutex!(None),
        })
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let shown = self.shown(*pos == 0)?;
        // The lock is free: this may sleep for long.
        read_from_buffer(out, pos, &shown.0)
    }

    fn write(
        &self,
        _file: &OpenFile,
        _pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let length = data.len();
        let line = Message::<80>::copy_from(data)?;
        if line.len() < length {
            return Err(EINVAL);
        }
        self.run(core::str::from_utf8(line.as_bytes()).map_err(|_| EINVAL)?)?;
        Ok(length)
    }

    fn size(&self) -> Offset {
        // Without memory there is nothing to see.
        self.shown(false).map_or(0, |it| it.0.len() as Offset)
    }
}

impl Session {
    fn run(&self, line: &str) -> Result {
        let mut words = line.split_ascii_whitespace();
        let command = words.next().ok_or(EINVAL)?;
        let mut number = || {
            words
                .next()
                .map(|it| it.parse::<u64>())
                .transpose()
                .map_err(|_| EINVAL)
        };
        let (a, b, c, d) = (number()?, number()?, number()?, number()?);
        match (command, a, b, c, d) {
            ("flush", None, None, None, None) => self.channel.flush(),
            ("consume", Some(cpu), Some(count), None, None) => {
                let cpu = u32::try_from(cpu).map_err(|_| ENODEV)?;
                self.channel.consume(cpu, count as usize)?;
            }
            ("generate", Some(source), Some(count), rate, None) => {
                let source = u32::try_from(source).map_err(|_| EINVAL)?;
                generate(&self.channel, source, count, rate.unwrap_or(0))?;
            }
            _ => return Err(EINVAL),
        }
        Ok(())
    }

    /// What is being shown, or what there is to show now.
    fn shown(&self, anew: bool) -> Result<Arc<Report>> {
        let mut shown = self.shown.lock();
        match &*shown {
            Some(report) if !anew => Ok(report.clone()),
            _ => Ok(shown.insert(Arc::new(self.report()?, GFP_KERNEL)?).clone()),
        }
    }

    fn report(&self) -> Result<Report> {
        // Nothing else can go wrong with a text.
        self.try_report().map_err(|_| ENOMEM)
    }

    fn try_report(&self) -> Result<Report, fmt::Error> {
        let mut out = Report(KVVec::new());
        let options = self.channel.options();
        let mode = match options.mode {
            Mode::Keep => "keep",
            Mode::Overwrite => "overwrite",
        };
        let (size, count) = (options.subbuffer_size, options.subbuffers);
        writeln!(out, "rings {size} {count} {mode}")?;
        for cpu in 0..nr_cpu_ids() {
            let Some(state) = self.channel.state(cpu) else {
                continue;
            };
            let (produced, consumed) = (state.produced, state.consumed);
            let (lost, overwritten) = (state.lost, state.overwritten);
            write!(out, "cpu {cpu} {produced} {consumed} {lost} {overwritten}")?;
            let first = consumed.max(produced.saturating_sub(count));
            for subbuffer in first..produced {
                match self.channel.padding(cpu, subbuffer) {
                    Some(padding) => write!(out, " {padding}")?,
                    None => write!(out, " -")?,
                }
            }
            writeln!(out)?;
        }
        Ok(out)
    }
}

/// Text of any length: with many sub-buffers it is more than `kmalloc` can give.
struct Report(KVVec<u8>);

impl fmt::Write for Report {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0
            .extend_from_slice(text.as_bytes(), GFP_KERNEL)
            .map_err(|_| fmt::Error)
    }
}
