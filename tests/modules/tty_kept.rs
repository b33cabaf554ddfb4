// SPDX-License-Identifier: GPL-2.0-only

//! Keeps the terminal that it is loaded from, and prints a line there for each write to
//! `/proc/tty_kept`.

use kernel::{
    iov::IovIterSource,
    prelude::*, //
};
use lkm::{
    message::Message,
    proc_fs,
    seq_file::SeqFile,
    tty::Tty, //
};

module! {
    type: TtyKept,
    name: "tty_kept",
    authors: ["lkmpg-rs developers"],
    description: "Keeps the terminal that it is loaded from",
    license: "GPL",
}

#[pin_data]
struct TtyKept {
    #[pin]
    _file: proc_fs::File<Kept>,
}

impl kernel::InPlaceModule for TtyKept {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _file <- proc_fs::File::new(
                proc_fs::Options::new(c"tty_kept", 0o600),
                Kept(Tty::current().ok_or(ENXIO)?),
            ),
        })
    }
}

struct Kept(Tty);

#[vtable]
impl proc_fs::Show for Kept {
    fn show(&self, _out: &mut SeqFile) -> Result {
        Ok(())
    }

    fn write(&self, data: &mut IovIterSource<'_>) -> Result<usize> {
        let line = Message::<1024>::copy_from(data)?;
        self.0.write_line(line.as_bytes())?;
        Ok(line.len())
    }
}
