// SPDX-License-Identifier: GPL-2.0-only

//! What most modules use: `kernel::prelude`, the rest of what a file's operations are given, what
//! openers share, and the modules of this crate that make files.
//!
//! ```
//! use lkm::prelude::*;
//! ```

#[cfg(not(linux_7_3))]
pub use crate::compat::*;
#[cfg(CONFIG_DEBUG_FS)]
pub use crate::debugfs;
#[cfg(all(CONFIG_DEBUG_FS, any(CONFIG_SMP, CONFIG_DEBUG_SPINLOCK)))]
pub use crate::relay;
pub use crate::{
    chrdev,
    configfs,
    fops::{
        read_from_buffer,
        Events,
        FileOperations,
        OpenFile,
        PollTable, //
    },
    irq,
    kthread,
    message::Message,
    misc,
    module_params,
    netlink,
    new_wait_queue,
    proc_fs,
    seq_file::SeqFile,
    sysfs,
    timer,
    wait::WaitQueue, //
};
pub use kernel::{
    fs::file::Offset,
    iov::{
        IovIterDest,
        IovIterSource, //
    },
    new_mutex, new_spinlock,
    prelude::*,
    seq_print,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Relaxed,
            Release, //
        },
        Arc,
        ArcBorrow,
        Mutex,
        SpinLock, //
    },
    time::{
        delay::fsleep,
        Delta, //
    },
};
