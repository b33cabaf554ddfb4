// SPDX-License-Identifier: GPL-2.0-only

//! Waits without an end. What an open `/dev/late` has mapped is there when `come` is written to it, and a
//! read tells how many wait for it. To write `wait` or `join` is to wait for what never happens; `ask`, too,
//! with a question to user space that goes afterwards. Who has written `look` has a file opened, and a
//! folder of configfs made, when `/dev/late` is closed, and who has written `disk` has `/dev/late_disk` until then.

#[cfg(CONFIG_BLOCK)]
use core::ops::Range;
#[cfg(CONFIG_BLOCK)]
use kernel::static_lock_class;
#[cfg(CONFIG_BLOCK)]
use lkm::block::{
    self,
    Disk, //
};
#[cfg(CONFIG_CONFIGFS_FS)]
use lkm::configfs;
#[cfg(CONFIG_FW_LOADER_USER_HELPER)]
use lkm::firmware::{
    Device,
    Fallback,
    Image,
    Receiver,
    Request, //
};
use lkm::{
    completion::Completion,
    file::{
        self,
        File, //
    },
    mmap::SharedPage,
    prelude::*, //
};

module! {
    type: Late,
    name: "late",
    authors: ["lkmpg-rs developers"],
    description: "Waits without an end",
    license: "GPL",
}

struct Late {
    _device: chrdev::Registration<Opened>,
}

impl kernel::Module for Late {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let options = chrdev::Options::new(c"late");
        Ok(Self {
            _device: chrdev::Registration::new(options, Arc::new((), GFP_KERNEL)?)?,
        })
    }
}

#[cfg(CONFIG_CONFIGFS_FS)]
struct Empty;

#[cfg(CONFIG_CONFIGFS_FS)]
impl configfs::Item for Empty {
    type Child = Self;

    const ATTRIBUTES: &'static [configfs::Attribute<Self>] = &[];
}

#[pin_data]
struct Opened {
    #[pin]
    has_come: Mutex<bool>,
    #[pin]
    comes: WaitQueue,
    waiting: Atomic<u32>,
    looks: Looks,
    #[cfg(CONFIG_BLOCK)]
    #[pin]
    disk: Mutex<Option<Disk<Nothing>>>,
}

#[cfg(CONFIG_BLOCK)]
struct Nothing;

#[cfg(CONFIG_BLOCK)]
impl block::Operations for Nothing {
    /// A table with one partition: all but the first sector.
    fn read(&self, position: u64, segment: &mut block::Segment<'_>) -> Result {
        if position == 0 && segment.len() == 4096 {
            let mut sectors = KVec::from_elem(0, 4096, GFP_KERNEL)?;
            for (at, byte) in [(450, 0x83), (454, 1), (458, 7), (510, 0x55), (511, 0xaa)] {
                if let Some(to) = sectors.get_mut(at) {
                    *to = byte;
                }
            }
            segment.copy_from(&sectors)?;
        }
        Ok(())
    }

    fn write(&self, _position: u64, _segment: &block::Segment<'_>) -> Result {
        Ok(())
    }

    fn discard(&self, _range: Range<u64>) -> Result {
        Ok(())
    }
}

#[cfg(CONFIG_BLOCK)]
impl Drop for Nothing {
    fn drop(&mut self) {
        pr_info!("Nobody has the disk any more.\n");
    }
}

/// Looks for a file when it goes, and into one that was opened before, if it is true; and makes a folder of configfs.
struct Looks(Atomic<bool>, File);

impl Drop for Looks {
    fn drop(&mut self) {
        if self.0.load(Relaxed) {
            let found = file::read(c"/proc/version", 4096).map(|it| !it.is_empty());
            let read = self.1.read_at(&mut [0; 8], 0).map(|it| it > 0);
            #[cfg(CONFIG_CONFIGFS_FS)]
            let made = configfs::new_subsystem!(c"late", Empty).map(|_| true);
            #[cfg(not(CONFIG_CONFIGFS_FS))]
            let made = found;
            pr_info!("Closed, and found {found:?}, and read {read:?}, and made {made:?}.\n");
        }
    }
}

#[vtable]
impl FileOperations for Opened {
    type Data = ();

    fn open(_data: ArcBorrow<'_, ()>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            has_come <- new_mutex!(false),
            comes <- new_wait_queue!("late"),
            waiting: Atomic::new(0),
            looks: Looks(
                Atomic::new(false),
                file::Options::new().read().open(c"/proc/sys/kernel/hostname")?,
            ),
            #[cfg(CONFIG_BLOCK)]
            disk <- new_mutex!(None),
        })
    }

    fn read(
        &self,
        _file: &OpenFile,
        _pos: &mut Offset,
        out: &mut IovIterDest<'_>,
    ) -> Result<usize> {
        Ok(out.copy_to_iter(&[self.waiting.load(Relaxed) as u8]))
    }

    fn write(
        &self,
        _file: &OpenFile,
        _pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let length = data.len();
        match Message::<8>::copy_from(data)?.as_bytes() {
            b"come" => {
                *self.has_come.lock() = true;
                self.comes.wake_all();
            }
            #[cfg(CONFIG_BLOCK)]
            b"disk" => {
                let options = block::Options {
                    sectors: 8,
                    queues: 1,
                };
                let disk = Disk::new(c"late_disk", options, Nothing, static_lock_class!())?;
                *self.disk.lock() = Some(disk);
            }
            b"look" => self.looks.0.store(true, Relaxed),
            b"wait" => {
                let never = KBox::pin_init(Completion::new(), GFP_KERNEL)?;
                never.wait()?;
            }
            #[cfg(CONFIG_FW_LOADER_USER_HELPER)]
            b"ask" => {
                let device = Device::new(c"late")?;
                let nobody = Arc::new(Nobody, GFP_KERNEL)?;
                let question = Request::new(device, c"late.bin", Fallback::UserSpace, nobody)?;
                let never = KBox::pin_init(Completion::new(), GFP_KERNEL)?;
                let killed = never.wait();
                drop(question);
                killed?;
            }
            b"join" => {
                let _ = kthread::spawn(c"late", |me| while me.park() {})?.join();
            }
            _ => return Err(EINVAL),
        }
        Ok(length)
    }

    fn fault(&self, _file: &OpenFile, _page: usize) -> Result<SharedPage> {
        self.waiting.fetch_add(1, Relaxed);
        let comes = |has_come: &mut bool| has_come.then_some(());
        let came = self.comes.wait(&self.has_come, comes);
        self.waiting.fetch_sub(1, Relaxed);
        came?;
        SharedPage::new()
    }
}

#[cfg(CONFIG_FW_LOADER_USER_HELPER)]
struct Nobody;

#[cfg(CONFIG_FW_LOADER_USER_HELPER)]
impl Receiver for Nobody {
    fn receive(&self, _image: Option<Image>) {}
}
