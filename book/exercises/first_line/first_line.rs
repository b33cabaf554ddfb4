// SPDX-License-Identifier: GPL-2.0-only

//! Shows the first line of a file in `/proc/first_line`.

use kernel::str::BStr;
use lkm::{
    file,
    prelude::*, //
};

module! {
    type: FirstLine,
    name: "first_line",
    authors: ["lkmpg-rs developers"],
    description: "Shows the first line of a file",
    license: "GPL",
}

module_params! {
    path: str {
        default: c"/etc/passwd",
        description: "The file, as an absolute path",
        permissions: 0o444,
    },
}

#[pin_data]
struct FirstLine {
    #[pin]
    _file: proc_fs::File<Line>,
}

impl kernel::InPlaceModule for FirstLine {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let options = proc_fs::Options::new(c"first_line", 0o400);
        try_pin_init!(Self {
            _file <- proc_fs::File::new(options, Line),
        })
    }
}

const LONGEST: usize = 128;

struct Line;

#[vtable]
impl proc_fs::Show for Line {
    fn show(&self, out: &mut SeqFile) -> Result {
        let start = file::read(path.value(), LONGEST)?;
        let line = start.split(|byte| *byte == b'\n').next();
        seq_print!(out, "{}\n", BStr::from_bytes(line.unwrap_or_default()));
        Ok(())
    }
}
