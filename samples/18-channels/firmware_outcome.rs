// SPDX-License-Identifier: GPL-2.0-only

//! What became of the last image that chan_firmware asked for: the files `status` and `image`.

use crate::{
    name,
    Name, //
};
use lkm::{
    firmware::Image,
    prelude::*,
    sysfs::{
        ReadBuf,
        ShowBuf, //
    },
};

/// What became of the last request.
#[pin_data]
pub(crate) struct Outcome {
    #[pin]
    last: Mutex<Last>,
}

struct Last {
    line: Name,
    state: State,
    /// The module goes.
    closed: bool,
}

pub(crate) enum State {
    None,
    Pending,
    Loaded(Image),
    Failed(Option<Error>),
}

impl From<Result<Image>> for State {
    fn from(result: Result<Image>) -> Self {
        match result {
            Ok(image) => Self::Loaded(image),
            Err(e) => Self::Failed(Some(e)),
        }
    }
}

impl Outcome {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            last <- new_mutex!(Last {
                line: Name::new(),
                state: State::None,
                closed: false,
            }),
        })
    }

    pub(crate) fn begin(&self, line: &Name) -> Result {
        let mut last = self.last.lock();
        if last.closed {
            return Err(ENODEV);
        }
        if let State::Pending = last.state {
            return Err(EBUSY);
        }
        last.line = *line;
        last.state = State::Pending;
        Ok(())
    }

    pub(crate) fn set(&self, state: State) {
        self.last.lock().state = state;
    }

    pub(crate) fn close(&self) {
        self.last.lock().closed = true;
    }

    /// The name of what is being loaded.
    pub(crate) fn pending(&self) -> Option<Name> {
        let last = self.last.lock();
        matches!(last.state, State::Pending).then_some(last.line)
    }

    pub(crate) fn show(&self, out: &mut ShowBuf<'_>) -> Result {
        let last = self.last.lock();
        let name = name(&last.line).unwrap_or(c"");
        match &last.state {
            State::None => out.line("none"),
            State::Pending => out.line(fmt!("pending {name}")),
            State::Loaded(image) => out.line(fmt!("loaded {name} {}", image.data().len())),
            State::Failed(Some(e)) => out.line(fmt!("failed {name} {}", -e.to_errno())),
            State::Failed(None) => out.line(fmt!("failed {name}")),
        }
    }

    pub(crate) fn read(&self, offset: u64, out: &mut ReadBuf<'_>) {
        if let State::Loaded(image) = &self.last.lock().state {
            out.push(image.data().get(offset as usize..).unwrap_or_default());
        }
    }
}
