// SPDX-License-Identifier: GPL-2.0-only

//! Lets go of a file in debugfs that somebody else is taking away. Who opens it waits until `go` is written to
//! `/proc/taken`; to write `drop` there is to let go of it, which must not end while somebody is in that call.

use lkm::prelude::*;

module! {
    type: Taken,
    name: "taken",
    authors: ["lkmpg-rs developers"],
    description: "Lets go of a file that another takes away",
    license: "GPL",
}

struct Taken {
    _control: proc_fs::Node<Control>,
    // Keeps the directory.
    _other: debugfs::Node<Slow>,
}

impl kernel::Module for Taken {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let state = State {
            inside: Atomic::new(false),
            may_go: Atomic::new(false),
        };
        let state = Arc::new(state, GFP_KERNEL)?;
        let folder = debugfs::Directory::new(c"taken")?;
        let other = debugfs::Node::new(folder.clone(), c"other", 0o400, state.clone())?;
        // Last: what was made last is taken away first.
        let node = debugfs::Node::new(folder, c"node", 0o400, state.clone())?;
        let node = new_mutex!(Some(node));
        let both = Arc::pin_init(pin_init!(Both { node <- node, state }), GFP_KERNEL)?;
        Ok(Self {
            _control: proc_fs::Node::new(proc_fs::Options::new(c"taken", 0o200), both)?,
            _other: other,
        })
    }
}

struct State {
    inside: Atomic<bool>,
    may_go: Atomic<bool>,
}

struct Slow;

#[vtable]
impl FileOperations for Slow {
    type Data = State;

    fn open(state: ArcBorrow<'_, State>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        state.inside.store(true, Release);
        // If nobody lets it go, there shall be more than a test that has failed.
        for _ in 0..6000 {
            if state.may_go.load(Acquire) {
                break;
            }
            fsleep(Delta::from_millis(10));
        }
        state.inside.store(false, Release);
        Ok(Self)
    }
}

#[pin_data]
struct Both {
    #[pin]
    node: Mutex<Option<debugfs::Node<Slow>>>,
    state: Arc<State>,
}

struct Control(Arc<Both>);

#[vtable]
impl FileOperations for Control {
    type Data = Both;

    fn open(both: ArcBorrow<'_, Both>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok(Self(both.into()))
    }

    fn write(
        &self,
        _file: &OpenFile,
        _pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let word = Message::<8>::copy_from(data)?;
        match word.as_bytes() {
            b"drop" => {
                let node = self.0.node.lock().take();
                drop(node);
                if self.0.state.inside.load(Acquire) {
                    return Err(EPROTO);
                }
            }
            b"go" => self.0.state.may_go.store(true, Release),
            _ => return Err(EINVAL),
        }
        Ok(word.len())
    }
}
