// SPDX-License-Identifier: GPL-2.0-only

//! A bell, for all who wait for it.

use lkm::prelude::*;

module! {
    type: Bell,
    name: "bell",
    authors: ["lkmpg-rs developers"],
    description: "A bell that all hear who wait for it",
    license: "GPL",
}

struct Bell {
    _device: chrdev::Registration<Session>,
}

impl kernel::Module for Bell {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let options = chrdev::Options::new(c"bell").mode(0o666);
        let tower = Arc::pin_init(Tower::new(), GFP_KERNEL)?;
        Ok(Bell {
            _device: chrdev::Registration::new(options, tower)?,
        })
    }
}

/// What all openers share.
#[pin_data]
struct Tower {
    /// How often the bell was rung.
    #[pin]
    rings: Mutex<u64>,
    #[pin]
    listeners: WaitQueue,
}

impl Tower {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            rings <- new_mutex!(0, "bell"),
            listeners <- new_wait_queue!("bell/listeners"),
        })
    }
}

/// An open file.
struct Session {
    tower: Arc<Tower>,
}

#[vtable]
impl FileOperations for Session {
    type Data = Tower;

    fn open(tower: ArcBorrow<'_, Tower>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok::<_, Error>(Session {
            tower: tower.into(),
        })
    }

    fn read(&self, file: &OpenFile, _pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let tower = &self.tower;
        if file.nonblocking() {
            return Err(EAGAIN);
        }
        let before = *tower.rings.lock();
        tower
            .listeners
            .wait(&tower.rings, |rings| (*rings != before).then_some(()))?;
        // The text is there again for each ring.
        read_from_buffer(out, &mut 0, b"ding\n")
    }

    fn write(
        &self,
        _file: &OpenFile,
        _pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        *self.tower.rings.lock() += 1;
        self.tower.listeners.wake_all();
        Ok(data.len())
    }
}
