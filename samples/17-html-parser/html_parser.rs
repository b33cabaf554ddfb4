// SPDX-License-Identifier: GPL-2.0-only

//! The survey's HTML parser in the kernel, and what that is good for.
//!
//! ```console
//! # echo '<p>Hello, <b>world</b> &amp; all' > /tmp/page.html
//! # insmod html_parser.ko path=/tmp/page.html
//! # cat /proc/html_parser
//! Hello, world & all
//! # cat /proc/html_parser_timing
//! Cycles, best of 1000, [..] for an empty loop subtracted.
//! run    read, cold   read, warm        parse
//! ...
//! # html_parser_user time /tmp/page.html
//! Kernel
//! ...
//! User space
//! ...
//! Kernel / user space
//! ...
//! # rmmod html_parser
//! # rm /tmp/page.html
//! ```
//!
//! When a process opens `/proc/html_parser`, the module reads the file with the permissions of that
//! process, and strips the markup off. `parser.rs` says what becomes of the markup. The module refuses
//! a file of more than `limit=` bytes (`EFBIG`), a directory (`EISDIR`) and everything else that is not
//! a regular file (`EINVAL`). Its own files are regular ones, too: with `path=/proc/html_parser` each
//! open would open the file once more, until `lkm` refuses it (`ELOOP`).
//!
//! Only root can open the two files, since each opener has the kernel keep some `limit` bytes.
//!
//! Changed from the survey: there `set_fs` lets the kernel call the file's own `read`, for a fixed
//! 1,000 bytes. `set_fs` is gone, and here nothing is cut. The survey's program does not set the
//! position back, so most of the reads that it times may be at the end of the file. Here each starts at
//! 0. The survey's text and times go to the log, here they are files. See `README.md` for the numbers.
//!
//! `parser.rs` and `timing.rs` are compiled into the twin in user space, too; `measure.rs` is the kernel's
//! side of the measurement.
//!
//! Where to look: `fs/kernel_read_file.c`.

use lkm::{
    file,
    memory::MAY_FAIL,
    prelude::*,
    wait::is_killed, //
};

mod measure;
#[allow(dead_code, reason = "user space needs more of it")]
#[expect(unreachable_pub, reason = "a crate in user space")]
mod parser;
#[expect(unreachable_pub, reason = "a crate in user space")]
mod timing;

use measure::measure;
use parser::Parser;

module! {
    type: HtmlParser,
    name: "html_parser",
    authors: ["lkmpg-rs developers"],
    description: "Reads a file in the kernel and strips the HTML markup off it",
    license: "GPL",
}

module_params! {
    path: str {
        default: c"/tmp/page.html",
        description: "File to parse",
        permissions: 0o444,
    },
    limit: u32 {
        default: 16 << 20,
        description: "The longest file to read, in bytes",
        permissions: 0o644,
    },
}

struct HtmlParser {
    _text: proc_fs::Node<Session>,
    _timing: proc_fs::Node<Session>,
}

impl kernel::Module for HtmlParser {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let text = proc_fs::Options::new(c"html_parser", 0o400);
        let timing = proc_fs::Options::new(c"html_parser_timing", 0o400);
        Ok(HtmlParser {
            _text: proc_fs::Node::new(text, Arc::new(strip as Make, GFP_KERNEL)?)?,
            _timing: proc_fs::Node::new(timing, Arc::new(measure as Make, GFP_KERNEL)?)?,
        })
    }
}

/// How many bytes are parsed before looking whether anybody still wants them.
const PIECE: usize = 64 << 10;

/// Makes what a file in `/proc` shows.
type Make = fn() -> Result<KVVec<u8>>;

/// An open file: what there was to see when it was opened.
struct Session(KVVec<u8>);

#[vtable]
impl FileOperations for Session {
    type Data = Make;

    fn open(make: ArcBorrow<'_, Make>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        make().map(Session)
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        read_from_buffer(out, pos, &self.0)
    }

    fn size(&self) -> Offset {
        self.0.len() as Offset
    }
}

/// `/proc/html_parser`
fn strip() -> Result<KVVec<u8>> {
    let document = file::read(path.value(), limit.value() as usize)?;
    let mut text = KVVec::new();
    strip_into(&document, &mut text)?;
    Ok(text)
}

// ANCHOR: strip
fn strip_into(document: &[u8], text: &mut KVVec<u8>) -> Result {
    // How much there is, others say.
    let mut out = |part: &str| Ok(text.extend_from_slice(part.as_bytes(), MAY_FAIL)?);
    let mut parser = Parser::new();
    for piece in document.chunks(PIECE) {
        if is_killed() {
            return Err(EINTR);
        }
        parser.feed(piece, &mut out)?;
    }
    parser.finish(&mut out)
}
// ANCHOR_END: strip
