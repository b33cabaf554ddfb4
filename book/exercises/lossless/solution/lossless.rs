// SPDX-License-Identifier: GPL-2.0-only

//! A pipe for lines.

use lkm::prelude::*;

module! {
    type: Lossless,
    name: "lossless",
    authors: ["lkmpg-rs developers"],
    description: "A pipe for lines",
    license: "GPL",
}

struct Lossless {
    _device: chrdev::Registration<Session>,
}

impl kernel::Module for Lossless {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let options = chrdev::Options::new(c"lossless").mode(0o666);
        let pipe = Arc::pin_init(Pipe::new(), GFP_KERNEL)?;
        Ok(Lossless {
            _device: chrdev::Registration::new(options, pipe)?,
        })
    }
}

type Line = Message<80>;

/// What all openers share.
#[pin_data]
struct Pipe {
    /// The pipe holds one line.
    #[pin]
    line: Mutex<Option<Line>>,
    #[pin]
    filled: WaitQueue,
    #[pin]
    emptied: WaitQueue,
}

impl Pipe {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            line <- new_mutex!(None, "lossless"),
            filled <- new_wait_queue!("lossless/filled"),
            emptied <- new_wait_queue!("lossless/emptied"),
        })
    }
}

/// An open file.
struct Session {
    pipe: Arc<Pipe>,
}

#[vtable]
impl FileOperations for Session {
    type Data = Pipe;

    fn open(pipe: ArcBorrow<'_, Pipe>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok::<_, Error>(Session { pipe: pipe.into() })
    }

    /// Gives a line, which must fit: what does not is gone.
    fn read(
        &self,
        _file: &OpenFile,
        _pos: &mut Offset,
        out: &mut IovIterDest<'_>,
    ) -> Result<usize> {
        let line = self.pipe.filled.wait(&self.pipe.line, Option::take)?;
        self.pipe.emptied.wake_all();
        read_from_buffer(out, &mut 0, line.as_bytes())
    }

    fn write(
        &self,
        _file: &OpenFile,
        _pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let length = data.len();
        let fetched = fetch(data)?;
        // To find the place empty and to fill it is one step.
        self.pipe.emptied.wait(&self.pipe.line, |line| {
            line.is_none().then(|| *line = Some(fetched))
        })?;
        self.pipe.filled.wake_all();
        Ok(length)
    }
}

/// Copies a line from the writer, whose memory may be on a disk: that of one that begins with `slow` is.
fn fetch(data: &mut IovIterSource<'_>) -> Result<Line> {
    let line = Line::copy_from(data)?;
    let slow = line.as_bytes().starts_with(b"slow");
    fsleep(Delta::from_millis(if slow { 5000 } else { 1 }));
    Ok(line)
}
