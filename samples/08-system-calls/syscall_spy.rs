// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 8: spying on the files that a user opens.
//!
//! ```console
//! # insmod syscall_spy.ko uid=1000
//! syscall_spy: Spying on UID:1000
//! $ cat /etc/group | head -n 1
//! syscall_spy: Opened file by 1000: [..]
//! ...
//! syscall_spy: Opened file by 1000: /etc/group
//! ...
//! root:x:0:
//! # cat /sys/kernel/debug/syscall_spy/opens
//! [..]
//! # rmmod syscall_spy
//! syscall_spy: Saw [..] opens by UID:1000, missed 0 of all
//! ```
//!
//! A kprobe is a breakpoint in the running kernel, like one that a debugger sets in a program. The
//! kernel replaces the first instruction of a function by one that traps (`int3` on x86). When a CPU
//! gets there, the trap calls the probe. The probe is given the CPU's registers, and so the function's
//! arguments. Then the function goes on as if nothing had happened. `entered` is such a probe. It runs
//! in the middle of somebody else's work, and must not sleep. Removing the probe puts the instruction
//! back.
//!
//! The probe is on `do_file_open`. All ways to open a file by its path lead there: open(2), openat(2),
//! openat2(2) and creat(2), also of 32-bit programs, io_uring, and the kernel on behalf of the process,
//! as for the program of an execve(2). At that point the kernel has copied the path from user space. At
//! the system call itself the path may not be readable yet, a probe cannot wait for it, and the process
//! could still change it. If the path could not be copied, the log has the error.
//!
//! An open is counted and logged even if it fails, unless its flags make no sense or the process has no
//! descriptor left. That of io_uring may count twice: if the kernel does not know the path yet, a thread
//! tries once more. A path may hold any bytes; those that are not printable are escaped. A long one
//! takes several lines. Without `uid=` it spies on root: hundreds of lines within seconds.
//!
//! Changed from the guide: the table of system calls is left alone. On x86-64 calls do not go through
//! it any more, and nobody can write to it. Two modules that changed it had to be unloaded in the right
//! order. Probes go in any order. So the guide's warnings ("I'm dangerous. I
//! hope you did a sync before you insmod'ed me", "Somebody else also played with the open system
//! call") would be untrue, and are gone. Its other example, a kernel that says "Tee hee, that tickles!"
//! when somebody deletes a file, is this module with a probe on `vfs_unlink`.
//!
//! The guide calls it `syscall`. A kernel with the x32 ABI (Debian's stock kernel) has a part of its own
//! of that name, and refuses a module that is called like it. So that is an alias here, another name
//! to ask for it by: `modprobe syscall` loads it, on any kernel.
//!
//! Where to look: `kernel/kprobes.c`, `Documentation/trace/kprobes.rst`, and `fs/open.c` for what is
//! probed.

use kernel::{
    prelude::*,
    str::BStr, //
};
use lkm::{
    debugfs::{
        Directory,
        Number, //
    },
    kprobe::{
        self,
        Filename,
        Probe, //
    },
};

module! {
    type: SyscallSpy,
    name: "syscall_spy",
    authors: ["lkmpg-rs developers"],
    description: "Logs the files that a user opens",
    license: "GPL",
    alias: ["syscall"],
}

lkm::module_params! {
    uid: u32 {
        default: 0,
        description: "The user to spy on, in the initial user namespace",
        permissions: 0o444,
    },
}

struct SyscallSpy {
    probe: Pin<KBox<Probe<Spy>>>,
}

impl kernel::Module for SyscallSpy {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let opens = Directory::new(c"syscall_spy")
            .and_then(|directory| Number::new(directory, c"opens", 0o444, 0))
            .inspect_err(|e| pr_alert!("Sorry, no counter in debugfs: {e:?}\n"))?;
        // ANCHOR: probe
        let probe = KBox::pin_init(Probe::new(c"do_file_open", Spy { opens }), GFP_KERNEL)
            .inspect_err(|e| pr_alert!("Sorry, no probe on do_file_open: {e:?}\n"))?;
        // ANCHOR_END: probe
        pr_info!("Spying on UID:{}\n", uid.value());
        Ok(SyscallSpy { probe })
    }
}

impl Drop for SyscallSpy {
    fn drop(&mut self) {
        let (opens, missed) = (self.probe.opens.get(), self.probe.missed());
        pr_info!(
            "Saw {opens} opens by UID:{}, missed {missed} of all\n",
            uid.value()
        );
    }
}

// ANCHOR: spy
/// What is called at each open.
struct Spy {
    // Not one of `kernel::debugfs`, which may not be open when the module goes.
    opens: Number<u64>,
}

impl kprobe::Handler for Spy {
    type Arguments = (c_int, Filename);

    fn entered(&self, (_directory, path): (c_int, Filename)) {
        let user = kernel::current!().uid().into_raw().val;
        if user == uid.value() {
            self.opens.add(1);
            report(user, &path);
        }
    }
}
// ANCHOR_END: spy

// ANCHOR: report
/// Logs a path, in as many lines as it takes.
fn report(user: u32, path: &Filename) {
    let mut room = [0; 240];
    let mut offset = 0;
    loop {
        let dots = if offset > 0 { "..." } else { "" };
        let part = match path.read(offset, &mut room) {
            Ok([]) if offset > 0 => break,
            Ok(part) => BStr::from_bytes(part),
            Err(e) => {
                pr_info!("Opened file by {user}: <{e:?}>\n");
                break;
            }
        };
        pr_info!("Opened file by {user}: {dots}{part}\n");
        if part.len() < room.len() {
            break;
        }
        offset += room.len();
    }
}
// ANCHOR_END: report
