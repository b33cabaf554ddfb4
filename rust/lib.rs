// SPDX-License-Identifier: GPL-2.0-only

//! Safe abstractions that the `kernel` crate lacks and that modules built out of tree need.
//!
//! The crate is compiled to metadata and linked into nothing: every module carries just the code
//! of it that it uses, and loads alone. The price is that no `static` can live here. What needs
//! one gets it from a macro at the call site, as `kernel::new_mutex!` does.
//!
//! # A first example
//!
//! A file in `/proc` that counts its readers. The value is the file: when the module goes, it is
//! dropped, which removes the file and waits for the readers that are inside. `samples/` has a module
//! for each concept.
//!
//! ```
//! use lkm::prelude::*;
//!
//! #[pin_data]
//! struct Mine {
//!     #[pin]
//!     _file: proc_fs::File<Visits>,
//! }
//!
//! impl kernel::InPlaceModule for Mine {
//!     fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
//!         try_pin_init!(Self {
//!             _file <- proc_fs::File::new(
//!                 proc_fs::Options::new(c"mine", 0o444),
//!                 Visits(Atomic::new(0)),
//!             ),
//!         })
//!     }
//! }
//!
//! struct Visits(Atomic<u64>);
//!
//! #[vtable]
//! impl proc_fs::Show for Visits {
//!     fn show(&self, out: &mut SeqFile) -> Result {
//!         seq_print!(out, "You are reader {}.\n", self.0.fetch_add(1, Relaxed) + 1);
//!         Ok(())
//!     }
//! }
//! ```
//!
//! # What holds it together
//!
//! **The callback boundary** (`callback`): what C calls is answered in one place, which knows what
//! each caller takes. A callback can return any value of its type.
//!
//! **The lifetime rule** (`lifetime`): an open file or socket keeps the module. A registration that
//! hands out such references and is dropped while the module is being loaded waits until they are
//! given back. What C frees after that refers to the module's kobject, for which the loader waits.
//!
//! **The wrapper's duty**: a function of C that trusts its caller is given what was checked. A value
//! of which a row says nothing can be any.
//!
//! | given by a module | what C makes of the odd ones | who looks |
//! | --- | --- | --- |
//! | names: [`proc_fs::Options::new`], [`debugfs`], [`sysfs::Directory::new`], [`chrdev::Options::new`], [`misc::Registration::new`], [`configfs::Subsystem::new`], [`faux::Registration::new`] | warns with a stack trace, makes a file that nobody can open, or takes a `/` or a `!` for a folder | `name::is_name`, and each that C treats in its own way: numbers in `/proc`, `!` in `/dev`. `EINVAL` |
//! | names of attributes and groups: [`sysfs::Attributes::GROUPS`], [`configfs::Item::ATTRIBUTES`] | the same | the build: `sysfs::names`, `configfs::Node` |
//! | names that are taken | warns with a stack trace in `/proc`, sysfs, classes and devices | `name::exists`, `Kobject::new`, [`sysfs::DeviceAttributes::new`]; two at the same moment still warn, and so does one of a file that process 1 does not see: without `/proc` or `/sys`, or with `subset=pid`. Nobody, if one of Linux' modules comes later, which some do when any user opens their device; those that then take away what has their name, whosever it is, are refused in `/proc` (`EBUSY`), and bring nothing to fall in debugfs, unless in the very moment in which it is made. Directories of debugfs that Linux' drivers put theirs into, whosever they are: `debugfs::SHARED` |
//! | modes: the same functions | 0 is a default, bits beyond nine are another type of file (`/dev`), or a `BUG` (debugfs) | `name::permissions`: `EINVAL`. [`sysfs::Attribute::mode`] and [`sysfs::Binary::mode`] cut them to what the file does |
//! | [`proc_fs::Options::owner`] | a number without a user shows as nobody | nobody has to |
//! | [`chrdev::Options::major`], `minors`, `nodes` | they run into the next major number | `Numbers::new`: `EINVAL` |
//! | errors from `open`, `read`, `write`, `ioctl`, `mmap` | `EIOCBQUEUED` is a `BUG`, a restart without a signal reaches the process, the kernel's own numbers do | `Caller::Vfs` |
//! | errors from a `probe` | they are the answer to root's `bind`, where `EIOCBQUEUED` is a `BUG` | nobody; `make check`, of that name |
//! | errors from [`proc_fs::Show::show`], an attribute's `show`, [`hwmon::Chip::read`] | `EAGAIN` is tried again for ever | `Caller::SeqFile` |
//! | errors from netlink's `doit` and input | `EINTR` is no answer | `Caller::Netlink` |
//! | counts from `read`, `write`, [`sysfs::Binary`] | what is behind the buffer is data, too | `Caller::count`, by what was copied or offered |
//! | a number from `ioctl` | a negative one is an error | `Caller::number`: `EIO` |
//! | bytes that `read` advances over | what was in the kernel's page is data | `fops::clear`, where it is a kernel's page |
//! | positions that `read` and `write` leave | checks them at the next call | C |
//! | [`fops::FileOperations::size`] | seeks from it; negative, it seeks to what is none | `Shims::llseek` |
//! | what [`fops::FileOperations::subscribers`] says | a file that is in two lists leaves one of them when it goes | `Shims::fasync`: the first answer counts |
//! | keys from [`proc_fs::Sequence::next`] | goes back, for ever; above 2^63 it is negative | `Listing::find`: the end |
//! | the error of a parameter's `on_set` | is the loader's, or the writer's | `Caller::Vfs` |
//! | events from `poll` | any bit | the type: [`fops::Events`] |
//! | what a process polls a file in `/proc` for | it stays in the queue when the file has gone, if it is neither to read nor to write | [`proc_fs::Node`]: `POLLERR` |
//! | a [`configfs::Subsystem`] that is dropped in use | takes the directories' parent away | its drop has a thread wait, or waits while the module is loaded or unloaded, also for who links to it from another subsystem |
//! | [`sysfs::ShowBuf`], [`sysfs::ReadBuf`] | a page is what there is | the types |
//! | the size of a [`sysfs::Binary`] | beyond 2^63 it is negative | `BinaryFile::new` |
//! | the size of a [`debugfs::Blob`], the offset of its `read` | nothing | the slice |
//! | a [`debugfs::Node`] that is dropped before anybody has opened it | looks into its operations when somebody comes to it later | `Node::note_methods`: C has looked by then |
//! | the name and shape of a disk: [`block::Disk::new`] | warns with a stack trace, or divides by it | `Disk::new`: `EINVAL`, `EEXIST` |
//! | a disk that is dropped where it was added, as by an `init` that fails | has it open until the task is back in user space, to look for partitions: a wait for ever | `block::find_partitions` |
//! | a [`block::Disk`] that is dropped while somebody has it open | calls its functions when that is closed | its drop waits |
//! | how much is discarded at a time | all of the disk, in one call that nobody can interrupt | `Inner::add`: a GiB |
//! | a signal to a task that answers requests, which may be others': [`block::Operations`] | ends a wait, and what others have written is lost | `context::interruptible`: no signal ends one there. Nobody, of upstream's waits |
//! | errors from [`block::Operations`] | some stand for "ask again" | `Inner::queue_rq`: three, and `EIO` for the others |
//! | the memory of a request | changes while it is looked at | the type: a [`block::Segment`] is copied |
//! | the names of interfaces: [`net::Interfaces::new`] | a `BUG` of long ones, a number for a `%`; sysctl has `all` and `default` | `net::is_interface`: `EINVAL` |
//! | [`net::Operations::MTU`] | without a limit if it is 0 | the build |
//! | errors from [`net::Operations::open`] | the kernel's own reach the process | `Caller::Netlink` |
//! | a queue that is stopped, and woken at that moment | stays stopped, for ever | `Inner::start_xmit` asks [`net::Operations::has_room`] a second time; that [`net::Port::wake`] is called is the driver's part |
//! | a packet that is to be sent | in pieces, shorter than its header, with a route and marks of its namespace | `net::Packet::sent`: in one piece, or dropped; only its bytes |
//! | how many packets `poll` returns | warns of more than the budget | `Inner::poll` counts |
//! | the error of [`net::Interfaces::new`] | `ENOBUFS` of memory for files in `/proc/sys/net` | `Inner::register`: `ENOMEM` |
//! | the carrier of an interface that goes | keeps it, after it was freed | [`net::Port::set_carrier`]: does nothing |
//! | names of caches: [`slab::Cache::new`] | warns with a stack trace of a blank, or of one that is taken | `EINVAL`, `EBUSY`. Nobody, with `CONFIG_SLUB_TINY` |
//! | a [`slab::Object`] that is forgotten | frees the cache around it, with a stack trace | [`slab::Cache`] stays, and the log says so |
//! | where a [`timer::Timer`] and [`work::Work`] are | warns with a stack trace of a stack, with `CONFIG_DEBUG_OBJECTS` | `timer::init`, `Work::new` |
//! | delays: [`timer::Timer::start`], [`work::Work::start_after`] | the far future is the past | cut to what the counter can tell |
//! | sizes: [`relay::Options`] | what overflows is a small ring, what is too much a warning | `Options::are_valid`: `EINVAL` |
//! | what is mapped: [`fops::FileOperations::mmap`], `fault` | shows what was in the page before, or lets a process write to what the module keeps there | the type: [`mmap::SharedPage`] |
//! | a [`mmap::SharedPage`] that is in many places | counts them in an `int`, and frees the page when that overflows | `SharedPage::may_be_mapped`: `EBUSY`, or `SIGBUS`, beyond 2^28. Nobody, of those that fork(2) copies, or of a ring of [`relay`], as of any file's page |
//! | a page's place: [`mmap::Area::insert`] | `EFAULT`, of an address that is another area's | `insert`: `EINVAL` |
//! | errors from `fault` | `ENOMEM` is tried again for ever, and `EBUSY` taken for a page that is there | `Shims::fault`: `SIGBUS` |
//! | what [`block::Operations::read`] does not fill | shows what was in the memory before | `Inner::read`: zeroes |
//! | a packet that its sender still refers to, as pktgen does | a `BUG` where it has to grow | `Packet::sent`: a copy |
//! | sizes of rings, images and files that are read; what a disk made of memory keeps | may kill processes to find the memory | [`memory::MAY_FAIL`]: mostly `ENOMEM` instead |
//! | a [`relay::Channel`] written to by a probe on what is called when its lock has just been taken (`CONFIG_LOCK_STAT`) | waits for itself, for ever | nobody |
//! | a [`relay::Channel`] written to by a probe on what wakes its readers, or on a CPU that goes down | wakes them for ever; loses the interrupt, and waits for it | `Ring::tell`; nobody tells the readers of what is finished there from then on, until the CPU is back. What asks another CPU is not for modules (`irq_work_queue_on`) |
//! | a process' `mmap` of a ring | C's own maps what is behind it | `Ring::map`: offset, length, and that it is not written |
//! | [`relay::Channel::write`], `padding`, `consume` | runs over the sub-buffer, counts what was never there | `Ring`: `EMSGSIZE`, `None`, `EINVAL` |
//! | [`ring::Ring::new`] | warns of more than `kmalloc` ever gives | `EINVAL` |
//! | [`netlink::Config`]: protocol, groups | reads behind its table of protocols; has a `BUG` for who sends by user space's own while it is made | `Socket::new`: `EINVAL` |
//! | a family's name, groups, commands, attributes | copies 16 bytes, keeps the lowest eight bits of how many there are | the build: `Family::RAW`, `Tables::new` |
//! | the name of a family that C knows: `NET_DM`, `VFS_DQUOT`, `pmcraid` | a `BUG` unless it has one group | the build: `Family::RAW` |
//! | the kind of an attribute ([`netlink::Value`]) | a `BUG` beyond the last | the type: nobody else makes a `Kind` |
//! | what [`sysfs::Directory::notify`] is given | looks into a file as if it were a directory | `notify`: does nothing |
//! | a PCI device's interrupt that has a handler: [`pci::handle_interrupt`] | warns with a stack trace | `EBUSY` |
//! | what a PCI device was told to write, and where | nobody; it may be memory that was freed | [`pci::Buffer`]: the device is no master any more when one is freed. Nobody, if the driver makes it one again |
//! | which registers of a PCI device: [`pci::Bar::new`] | reserves none if there are none, and maps windows of bridges, too | `EINVAL`; `kernel::io` looks where they are read and written |
//! | a PCI device's registers that are I/O ports: [`pci::Bar`] | upstream's takes a port's number for an address | the type: it reads by `ioread8` and its like |
//! | a PCI device that is suspended while it is unbound: [`pci::Buffer`], [`pci::handle_interrupt`] | resumes it as it was, as a master of memory that was freed | `pci::Awake` |
//! | a PCI device that root has enabled before: [`pci::enable`] | leaves its line as it was, which others may share | `enable` turns it off, unless it has done so |
//! | a PCI device that was not enabled: [`pci::Bar`], [`pci::Buffer`], [`pci::handle_interrupt`] | reads registers that do not answer, frees an interrupt's descriptor before its handler, resumes it as a master | `pci::is_enabled`: `EINVAL` |
//! | a [`pci::Buffer`] that is dropped while the machine is resumed, by who is not frozen: a [`kthread`] | may have the device be a master again, which it was a moment before | nobody |
//! | a PCI device that is [enabled](pci::enable), has no handler, and was suspended | has it use its line again | nobody |
//! | a DMA mask of no bits: [`pci::set_dma_mask`] | takes it with an IOMMU, and warns when something is allocated | `EINVAL` |
//! | a DMA mask that becomes another when a [`pci::Buffer`] is there | on AMD's with encrypted memory gives the buffer back as one that is not | nobody |
//! | where a PCI device's table of messages (MSI-X) is: [`pci::handle_interrupt`] | maps what the device says, and writes there, be it beyond its registers | nobody |
//! | a PCI device's line that only the device knows, as it says in a byte of its own (`no GSI`): [`pci::handle_interrupt`] | takes the number for the machine's, which may be another device's line | nobody |
//! | a second interrupt of a PCI device at the same time; a DMA mask while something is allocated: [`pci::handle_interrupt`], [`pci::set_dma_mask`] | takes for granted that one thread probes | the type: both take a `Core` device |
//! | the size of a [`pci::Buffer`], and where it is read or written | warns of none, and of too many, and with an IOMMU overflows | `EINVAL`, `ENOMEM` beyond 4 MiB; `Buffer::range`: `EINVAL` |
//! | a device that is bound no more, or has gone: [`usb::Link`], [`i2c::Link`], [`pci::Buffer`], [`gpio`] | uses what was freed | the link is cut, or C knows: `ENODEV` |
//! | a question of no bytes to a USB device: [`usb::Link::control_in`] | warns with a stack trace | `EINVAL` |
//! | how many bytes a USB transfer has | 16 bits of control data, an `int` of others | `EINVAL`; `ENOMEM` for what no memory has room for |
//! | a limit of 0, for a USB transfer | waits for ever | a millisecond |
//! | a bulk transfer that begins while the driver goes: [`usb::BulkIn`], [`usb::BulkOut`] | ends what began before it took the endpoints away; it gives them back before the driver's data goes, which may wait for those who read | `usb::is_over` |
//! | a transfer by USB whose caller returns: [`usb::Link`] | looks at the anchor once more, after it has told the caller | `Link::transfer` waits for that (`usb_kill_urb`) |
//! | how memory is found for a USB transfer | may wait for a disk behind the hub, which waits for the transfer | `Link::transfer`: `GFP_NOIO` |
//! | the register and the value of a transfer by SMBus: [`i2c::Link`] | nothing; what it returns is an error or a value | `i2c::value` |
//! | the first half of a handler with two, on PREEMPT_RT: [`irq`] | calls it in the interrupt after all, if it asks for `ONESHOT`, where a `SpinLockIrq` sleeps | `ThreadedRegistration::handle_both`: the thread does both |
//! | how many nodes: [`chrdev::Options::nodes`] | makes them all, one after the other | `EINVAL` beyond 4,096 |
//! | numbers of interrupt lines: [`irq`] | a device's line is anybody's whose driver has not asked yet | `Line::new`: `EINVAL` |
//! | names of interrupt handlers: [`irq`] | folders in `/proc/irq`, with a stack trace for odd ones | `Line::new`: `EINVAL` |
//! | the size of an ioctl's argument, of a [`message::Message`] | nothing; the value is on the stack | the build: at most 1,024 bytes |
//! | where a [`kprobe::Probe`] is | takes what bears no breakpoint: what each function returns by, what a processor starts with | `Probe::new`: `EINVAL` of what ftrace does not know, where probes are ftrace's; elsewhere of known names, and nobody of others |
//! | an argument of a probe | any address | the type: only a probe has a `Register`, and nobody can keep it. [`kprobe::Filename`] is an argument of known functions only |
//! | how much is read of a file | warns beyond 2 GiB | `read_to_end`: 1 GiB |
//! | what is opened, read or mounted when a process has ended: [`mod@file`], [`configfs::Subsystem::new`] | follows pointers to its root directory and its namespaces, of which it has none | `file::enter`, `Subsystem::new`: `ESRCH` |
//! | files and disks used in what answers a disk's requests: [`block::Operations`] | leaves the requests for later, and waits for them, for ever | `file::enter`, `Disk::new`, [`firmware::Image::request`], [`kthread::spawn`]: `EDEADLK`. Nobody, if another disk is dropped there |
//! | what waits for all CPUs in what answers a disk's requests: [`block::Operations`] | waits for a CPU that goes offline, which waits for the request, for ever | [`kprobe::Probe::new`], `misc::Registration::new`, `Interfaces::new`, [`netlink`]: `EDEADLK`; `StaticKey::turn` does nothing; [`slab::Cache`] and an interface go by `lifetime::drop_later`. Nobody, of a probe, a family or a socket that is dropped there, of [`params::lock`], nor while the module is loaded |
//! | what waits for a thread of the kernel's that may wait for memory, in what answers a disk's requests: handlers of interrupts, nodes in `/dev`, entries whose name is looked at | waits for who waits for the disk | `irq::Line::new`, `name::exists`: `EDEADLK`. Nobody, of a [`chrdev::Registration`] or an [`input::Keyboard`] that is dropped there |
//! | a lock that what answers a disk's requests takes, too, held while memory is asked for | writes to that disk to find some, which waits for the lock | nobody: [`memory::NO_IO`] |
//! | files used in what C calls with a lock that they take, too: [`configfs::Item`], [`hwmon::Chip`], a parameter's `on_set`, [`net`]'s `open` and `stop`, a [`misc`] device's `open`, that of a file in [`debugfs`], a file's `mmap`, `fault` and `poll` | waits for itself, for ever | `file::enter`: `EDEADLK`. Nobody, of a `probe` that reads its own device's files, or of what waits for a thread that does |
//! | a file of a pseudo file system, used in what makes up the content of one, or takes it: [`proc_fs::Show`], [`proc_fs::Sequence`], [`sysfs`] | waits for its own mutex, for ever; lockdep knows one class for most of them | `File::enter`: `EDEADLK`. Nobody, of what is written in a `write` to another file of the same file system, of which lockdep tells for no reason |
//! | what a kernel thread writes to a file whose lock somebody has | is told to do its system call again, by a mark of a signal that stays: no wait of the thread's waits any more | `file::to_count`: `EAGAIN` |
//! | a wait of a kernel thread's that only a kill would end: [`completion::Completion::wait`], [`kthread::Thread::join`] | does not hear that it is asked to stop, so that who stops it waits for ever | `Completion::wait`: is interruptible there. Nobody, of an image for which another has asked user space, and nobody answers |
//! | a name of an image that is an upload's of a driver's (`CONFIG_FW_UPLOAD`): [`firmware::Request`] | warns with a stack trace, and who takes the question back ends the upload | nobody |
//! | a FIFO, in what a process calls that splices to it or from it: [`mod@file`] | has it locked, and waits for itself, for ever | [`file::Options::open`]: `EINVAL`; it opens what it has looked at, not the name |
//! | a [`misc`] device or a [`net`] interface that is registered or dropped in what C calls with a lock held: as above, but for [`configfs::Item`] and [`hwmon::Chip`] | waits for itself, for ever, or for who has that lock and waits for the other one | `misc::Registration::new`, `Interfaces::new`: `EDEADLK`; `lifetime::drop_later`. Nobody, while the module is loaded or unloaded |
//! | another registration that is made or dropped under a lock of C's, where a callback of its own takes that lock: a parameter's, say, in netlink's `doit` | waits for who waits for it, for ever | nobody; lockdep tells of mutexes, sysfs, timers and work, and not of what waits for callers of entries in `/proc` and debugfs, for threads, interrupts, images and sockets |
//! | another registration that is made or dropped in a file's `mmap` or `fault` | waits for who reads its file, or `/dev`, into memory of the same process that has to be found first, until that process is killed | nobody |
//! | a file that is dropped where files cannot be used | has it flushed there, by a server that may wait for the caller | [`file::File`]: a thread does it, `lifetime::drop_later` |
//! | a file of overlayfs that is opened to be written, in what sendfile(2) calls: [`mod@file`] | copies it with the pipe that the bytes are in, and frees them | `Found::admit`: `EDEADLK`. Nobody, of eCryptfs above it, which writes to what it only reads |
//! | a device or a module that `doit` of [`netlink`] waits for, when it opens a file | has `modprobe` wait for the families' lock, until the sender is killed | nobody |
//! | a disk that goes while somebody has a partition of it open: [`block::Disk`] | goes on to answer that one's requests | `Inner::queue_rq`: `EIO` |
//! | a disk that goes while a task returns from what answered its request, as one that wrote to swap | frees the queue, which that task still looks at | the drop waits for it (`blk_mq_wait_quiesce_done`) |
//! | a terminal that is being closed: [`tty::Tty::write`] | some drivers free first what their `write` uses, which only who has it open is sure of | `Tty::write` locks it, and asks whether it is open: `EIO`, or `ETIME` of one that takes its time |
//! | a disk, or a folder of configfs, in a kernel that can be preempted and has no `CONFIG_TASKS_RCU` (no kprobes, ftrace, bpf(2)) | may be about to leave a function of a module that has gone | nobody |
//! | a disk that is called as a partition of another one would be: [`block::Disk::new`] | warns with a stack trace of the second one | `Inner::add`: `EEXIST`. Nobody, if the partition comes later |
//! | a [`block::Disk`] that is dropped by who has it open | closes it when that returns | a thread ends it: `lifetime::drop_later` |
//! | a [`tty::Tty`] of who has ended, or of an interrupt: [`tty::Tty::current`] | looks at signals that there are not | `current`: `None` |
//! | [`tty::Tty::current`] in a probe on what is called with the lock of a process' signals held | waits for itself, for ever | nobody |
//! | two [`netlink::Socket`]s of a number at once, of one module or two | keeps the module that has gone as the number's owner | one lock for all modules of this crate |
//! | a name that has no folder of its own: [`firmware`] | warns with a stack trace | `firmware::check`: `EINVAL` of a `!`, and of `timeout` |
//! | a [`kprobe::Probe`] that goes when there is no memory | forgets it where it is | the drop waits until it can be disabled, or all are turned off |
//! | a transfer on a bus that is suspended: [`i2c::Link`] | warns with a stack trace | `Link::talk`: `ESHUTDOWN`, unless it is suspended just then |
//! | a question to user space where there is no `/sys/class/firmware`: [`firmware::Request`] | waits for an answer that nobody can give, nor take back | `Request::new`: `EOPNOTSUPP`. Nobody, if that is unmounted later |
//! | an image that is a FIFO, in `/lib/firmware`: [`firmware::Request`] | opens it, and waits for its other end, for ever; so does the drop | nobody |
//! | a lock that is called as a [`params::Str`] says | has lockdep show the name until the module's memory goes | the type: it is in that memory |
//! | a breakpoint of root's in the function that frees a string of the loader's: a [`params::Str`] that can be written | forgets it before it calls that, when the module goes | nobody |
//! | a packet that is kept, of whose memory a process waits to be told: [`net::Packet`] | tells it when the packet goes | `Packet::sent`: a copy (`skb_copy_ubufs`) |
//! | a packet with a sum of all bytes that another one sends on without its header's: [`net`] | logs a stack trace, once | nobody; veth has it, too |
//! | a command that waits for long: [`netlink::Command`] | lets nobody load or unload a module with a family, nor then send to any | nobody |
//! | the highest number of an attribute of a [`netlink::Family`] | allocates as many pointers for each message | the build: at most 511 |
//! | an image that is asked for in the `probe` of a USB device that is being reset, of which another interface is the disk with the image: [`firmware::Image::request`] | waits for the disk, which waits for the reset, for ever | nobody |
//! | an image that is asked for while the machine is suspended or goes down: [`firmware::Image::request`] | warns with a stack trace, if `force_sysfs_fallback` is set | nobody |
//! | a handler that says "handled" while its device goes on to ask: [`irq`], [`pci::handle_interrupt`] | calls it for ever | nobody |
//! | a device whose other end does not answer: a line of a virtual machine (gpio-virtio), a transfer by usbip (vhci), whatever its limit | waits for the answer, or for that to the question taken back, for ever | nobody |
//! | `EPROBE_DEFER` from a `probe` that has made a [`firmware::Device`], or a [`faux`] one | takes that one's driver for what was missing, and probes again at once, for ever; who suspends the machine, or shuts it down, waits for the end of it | nobody |
//! | a wait without a limit, or of a minute, when the machine is to be suspended: `lifetime::wait`, [`usb::BulkIn::read`] | gives up suspending after 20 seconds, and logs the task's stack | nobody; the same of a wait in a disk's answer |
//! | a drop that waits for a process, in the data of a USB driver or in what its `disconnect` drops: that of upstream cannot suspend, so that a device is unbound at each suspend, when processes are frozen | waits for ever, and so does who suspends | [`configfs::Subsystem`] and [`block::Disk`]: a thread does, `lifetime::drop_later`. Nobody, of an entry of [`proc_fs`] or a number of [`debugfs`] that a process is in: by a mount, by poll(2) together with a file that does not answer, or as its memory is a file of FUSE or CIFS. Such are for the module, not for a device's data |
//! | a transfer on a bus that is suspended, by way of others: a line of an expander ([`gpio`]), a [`mod@file`] of hwmon or of `/dev/i2c-0`, used by a thread or by work | warns with a stack trace | nobody: to be stopped by who uses it before |
//! | registers of a PCI device that a thread or work reads while the bridge above it sleeps: [`pci::Bar`] | reads all ones; on some arm64 machines it may be an abort. Not seen | nobody |
//! | flags of handlers on one line that do not agree; a handler that says a hundred thousand times that it was not meant: [`irq`] | warns with a stack trace (the first with `CONFIG_DEBUG_SHIRQ`) | nobody |
//! | a registration that is dropped by who has a file of the module open, while `init` runs | `init` may fail, and waits for both | nobody: who drops it waits for its own file |
//! | a [`static_key::StaticKey`] that two turn at once | warns with a stack trace | `StaticKey::turn`: one waits for the other |
//! | a family registered twice | is told that the name is taken, after its data was replaced | `Family::register`: `EBUSY` |
//! | a group to send to | warns, or it is another family's | `multicast`: `EINVAL`; in a protocol of its own nobody is in it |
//! | what is appended to a [`netlink::Packet`] | a `BUG` where there is no room; a length of 16 bits | `Packet::append`; `end_attribute`: `EMSGSIZE` |
//! | [`netlink::Key::new`] | the upper bits are flags | the build |
//! | names of images and of devices that ask: [`firmware`] | makes a folder that nobody finds, so that the question stays for ever | `firmware::check`: `EINVAL` |
//! | how many images are asked for at once | each has a worker, of which there are 1,024 | one [`firmware::Request`] a device: `EBUSY` |
//! | a [`file::File`] that leads back to itself | uses up the stack | `file::enter`: `ELOOP` |
//! | a [`chrdev::Registration`] made by a parameter's `on_set` while the module is loaded | takes the module's kobject before it is there | `module_kobject`: `EBUSY` |
//! | a [`firmware::Request`] dropped by a process that is being killed | waits for user space's answer, for ever | the thread that takes it back, which runs before there is a question |
//! | a device that asks: [`firmware::Image::request`] | keeps the name with one that is not bound, which then never is again | the type: `Bound` |
//! | a registration that is dropped while the module is loaded, and the load goes on, as in a `probe` that fails for one of two devices | nothing: `References` cannot tell whose open files there are | the drop waits until all that the module has so far are closed; the log says so |
//! | two modules that keep a file of each other's | neither can be unloaded | nobody |
//! | a file of the module's own that `init` opens | keeps the module: a load that fails waits for it | [`file::Options::open`]: `EDEADLK` |
//! | a string that is given twice, while the module is loaded | frees the first, which an `on_set` may have kept | [`params::Str`]: `EBUSY` |
//! | a [`netlink::Socket`] of a number that has old sockets | has a `BUG` for who sends while it is made | `Socket::new`: `EBUSY`, if they may be this module's. Nobody, if the number was another module's that is still loaded |
//! | the name of an [`input::Keyboard`] | warns with a stack trace if what udev is told has no room for it | at most 79 bytes: `EINVAL` |
//! | the keys of an [`input::Keyboard`] | warns with a stack trace of what is no key, and drops what was not declared | `EINVAL` |
//! | SysRq on an [`input::Keyboard`] | crashes the kernel, if another key asks for that | `EINVAL`. Nobody, of Ctrl, Alt and Del: it can what a keyboard can |
//! | what is shown while it is shown, by a [`seq_file::SeqFile`] | counts the bytes of both, in one place; the rest is old memory | the type: `&mut` |
//! | a line of 65,535 bytes that is logged: `pr_info!`, `dev_info!` | counts it in 16 bits, and reads through a null pointer | nobody. Of what a process gave, log a part: [`message::Message`] |
//! | what is formatted to be logged: `Display` of the module's own | calls it twice, with interrupts off and a record half written | nobody: it must not wait |
//! | a float that is shown by `{:?}`, or by a derived `Debug` | is a panic of `core`'s: the kernel builds it without the code that does it | `make check`, of all floats |
//! | a number of 128 bits that is shown by `{:e}`, such as `Duration::as_nanos` | is a panic: `core` divides it, for which the kernel has no function | `make check`, of all that is shown so |
//! | a pointer that is shown by `{:p}` in `write!`, or by `{:?}` anywhere, also in a derived `Debug`; a `NonNull`, a `fn` | shows where it points, which helps who attacks the kernel. `{:p}` of `pr_info!`, `seq_print!` and `fmt!` is a hash with Linux 7.3 | `make check`, of `{:p}` in `core`'s macros. Nobody, of `{:?}` |
//! | an array or a value larger than the stack | writes behind it: there is no probe | clippy, of arrays beyond 2 KiB; nobody, of what else there is |
//! | a list of boxes, each in the one before: `struct Entry { next: Option<KBox<Entry>> }` | nothing: rustc drops each within the one before, and a thousand may be more than the stack has | `make check`, of a type that has itself in a box or a vector; nobody, of two that have each other |
//! | an [`xarray::XArray`]'s lock | is of one class with all others' in Rust: lockdep takes two that are used in different contexts, or one within the other, for one | nobody: lock them in process context, one at a time |
//! | a [`slab::Cache`] for which C had no memory to show it in sysfs | warns of a second one of its name, with `CONFIG_DEBUG_VM` | nobody |
//! | a folder of configfs whose last link goes when its [`configfs::Subsystem`] does, or what is dropped by `lifetime::drop_later`, with PREEMPT_RT | may be about to leave a function of a module that has gone | nobody |
//! | what [`kprobe::Handler::entered`] logs | may wake who waits for the console, which takes locks of the scheduler's | nobody, of a probe on what these locks are held for |
//! | a folder that is looked for while [`configfs::Subsystem::new`] fails for lack of memory | a `BUG` | nobody |
//! | the number of a line: [`gpio::Options::new`] | 65,535 says that the name is not a chip's but a line's | `Options::get`: `EINVAL` |
//! | a chip that is not there: [`gpio::Options::new`] | `EPROBE_DEFER`, since it may come | `gpio::ask_once`: `ENODEV` |
//! | a chip whose driver is not that of its parent: [`gpio::Interrupt`] | frees the interrupt behind its owner's back | `Search::matches`: `EOPNOTSUPP`. Nobody, of one that hands on the interrupts of another chip, such as gpio-aggregator |
//! | flags of a [`gpio::Interrupt`] | calls the handler for ever, while the line has its level; warns of one that is shared | [`gpio::Interrupt::new`]: `EINVAL` without an edge, or if it is shared |
//! | a [`gpio::Interrupt`] that is asked for with a lock held which whoever takes the chip away waits for, such as the RTNL | nothing: C does not lock the chip's device | `Interrupt::new`: `EBUSY` after a second |
//! | a [`gpio::Interrupt`] of a chip that goes | frees it behind its owner's back, who frees it again | `Interrupt::notify` is earlier |
//! | the name of a [`hwmon::Registration`] | warns, and programs stumble | `EINVAL` |
//! | two handlers of a name on one line, of which one goes as the other comes: [`irq`] | makes a folder in `/proc/irq` while it is still there, with a stack trace | nobody |
//! | a class of locks with two names: `static_lock_class!` for two locks | warns with a stack trace, if lockdep is there | nobody |
//! | a mapping in which nothing was put | takes marks of `userfaultfd`, which a process then touches for ever | `Shims::mmap`: mixed pages |
//! | names of threads: [`kthread::Builder`] | copies them, and warns of more than `kmalloc` gives | `spawn`: `EINVAL` beyond 255 bytes |
//! | a thread too many: [`kthread::spawn`], [`irq::ThreadedRegistration`] | `EAGAIN`, which a process takes for "ask again" | `ENOMEM` |
//! | [`kthread::spawn`] without memory | the new thread warns with a stack trace, where there may be many CPUs | nobody |
//! | [`slab::Cache::new`] without memory | warns with a stack trace | nobody |
//! | a [`proc_fs::Node`] that a file system is mounted over, 9p with `trans=fd`, or that a process polls together with a file of its own FUSE, which does not answer | stays in the node's queue until it is unmounted, or answers | nobody: the drop waits for it |
//! | what is done with a bound device in a callback, as to register something for it | forgets it, if all that the device had is being freed at that moment | [`hwmon::Chip`] is not given its device |
//! | lights: [`vt::Lights::show`] | takes what is no light for "as the keys are" | `show`: `EINVAL` |
//! | [`init_only!`] called again, or for a type that the loader does not wait for | runs what was freed | `init::Called`: `EBUSY`; the macro, which has the `module!` |
//! | what is no [`interface!`], given to [`export!`] | nothing: other types for the same text | the build: only `interface!` makes an `Interface` |
//! | a text for an error: [`netlink::GenlInfo::set_err_msg`] | sends what is behind it, of more than 65,531 bytes | `set_err_msg`: at most 1,023 |
//! | the types of an [`interface!`] | are whatever the caller says | the build: numbers only, by their own names; `Symbols::new`: `ENOEXEC` |
//! | the names that [`export!`] gives | takes them, for all of the module | modpost: none is the kernel's own. Nobody, of those of one of Linux' modules that is not loaded. The build: nor one of what must not be there, as `rust_build_error`. `lkm` takes no pointer from a function that one of Linux' modules has: `input` and `hwmon` are there where the kernel itself has them |
//! | a registration dropped in one of its own callbacks | waits for itself, for ever | nobody but the caller; each says so. lockdep tells for sysfs and for families, which no command of any may register or drop |
//!
//! # Pitfalls
//!
//! Those of chapter 14 of the guide, and who sees them.
//!
//! **The standard library**: the compiler. A module has `core` and the `kernel` crate, and nothing
//! that needs a process around it.
//!
//! ```compile_fail,E0433
//! let passwords = std::fs::read("/etc/passwd");
//! ```
//!
//! **Interrupts left disabled**: whatever turns something off is a guard that turns it on again when
//! it goes out of scope, and cannot be handed to another CPU. A guard that is leaked on purpose
//! (`core::mem::forget` is safe) leaves it off: the kernel warns when `init` returns like that, and
//! lockdep when a system call does.
//!
//! **Sleeping where one must not**: partly the compiler. What a handler is called with, in
//! [`timer`], [`irq`], [`kprobe`] and [`i8042`], is `Sync` and can do nothing that sleeps; but a
//! function that allocates with `GFP_KERNEL`, or locks a `Mutex`, has the same type as one that does
//! not, so a handler that calls it compiles. A kernel with `CONFIG_DEBUG_ATOMIC_SLEEP` sees it when
//! it runs, even if that time it would not have slept. Under [`kernel::sync::rcu`]'s read lock it is
//! worse: without preemptible RCU, who sleeps has let go of what the lock protects. Two more sleep that
//! do not look like it. `VBox`, `VVec`, `KVBox` and `KVVec` may be neither made nor dropped there, whatever
//! they are asked with: `vmalloc` is a `BUG` in a hard interrupt, and `vfree` sleeps (`make check` refuses
//! them beside `GFP_ATOMIC` and `GFP_NOWAIT`). And a `Devres` that is dropped waits for who unbinds its
//! device at that moment. Waiting for a
//! condition under a lock is safe by its form: [`wait`] is given the lock, not a guard, and takes it
//! only to look.
//!
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! fn example(lock: &kernel::sync::SpinLock<u32>) {
//!     send(lock.lock()); // It is this CPU that does not preempt now.
//! }
//! ```
//!
//! **Leaving something registered**: nobody. Dropping a registration is what undoes it, and one that is
//! leaked, as by `core::mem::forget`, or in what it refers to itself (an `Arc` of the data that it has), stays when
//! the module goes, with its code gone. So does one in a `static`, which is never dropped (`make check` refuses
//! a `SetOnce` of one, where its words say so). That is so of the safe registrations of the `kernel` crate, too. While the module is there, what a leaked one uses
//! is there as well: handlers are `'static`.
//!
//! **Dropping a registration in its own callback**: lockdep, where it looks. To drop one is to wait
//! until its callback has returned, so a callback that drops it, as with the last `Arc` of what the
//! registration is part of, waits for itself: for ever. No type can tell.
//!
//! **Waiting without an end**: partly the types. Who waits for a condition, a completion or a thread
//! can be interrupted, or killed. A drop cannot fail, so one that waits for a callback, a thread or the
//! users of what it takes away does so for as long as these take: whatever is called by C, or runs in a
//! thread, must come to an end.
//!
//! **The large carnivore**: `unsafe` is refused in samples, so what a module can reach is what a type
//! of the `kernel` crate or of this one lets it reach. There is no function here to patch what belongs
//! to others, such as the system call table.

#[cfg(not(CONFIG_MODULE_UNLOAD))]
compile_error!("the kernel must have CONFIG_MODULE_UNLOAD=y");
#[cfg(not(CONFIG_PROC_FS))]
compile_error!("the kernel must have CONFIG_PROC_FS=y");
#[cfg(not(CONFIG_SYSFS))]
compile_error!("the kernel must have CONFIG_SYSFS=y");

mod bindings;
mod callback;
mod compat;

#[allow(unused_imports, reason = "only `#[vtable]` of 7.3 asks for it")]
use compat::LocalModule;

/// Who says what is logged here: the crate does not know which module it is in.
const __LOG_PREFIX: &[u8] = b"lkm\0";

#[cfg(CONFIG_BLOCK)]
pub mod block;
pub mod chrdev;
pub mod completion;
pub mod configfs;
pub mod context;
pub mod cycles;
#[cfg(CONFIG_DEBUG_FS)]
pub mod debugfs;
pub mod export;
pub mod fasync;
pub mod faux;
pub mod file;
#[cfg(CONFIG_FW_LOADER)]
pub mod firmware;
pub mod fops;
#[cfg(CONFIG_GPIOLIB)]
pub mod gpio;
#[cfg(CONFIG_HWMON = "y")]
pub mod hwmon;
#[cfg(all(CONFIG_I2C = "y", linux_7_3))]
pub mod i2c;
#[cfg(all(CONFIG_SERIO_I8042, target_arch = "x86_64"))]
pub mod i8042;
pub mod init;
#[cfg(CONFIG_INPUT = "y")]
pub mod input;
pub mod ioctl;
pub mod irq;
#[cfg(CONFIG_KPROBES)]
pub mod kprobe;
pub mod kthread;
mod lifetime;
#[cfg(linux_7_3)]
mod link;
mod locked;
pub mod memory;
pub mod message;
pub mod misc;
pub mod mmap;
mod name;
#[cfg(CONFIG_NET)]
pub mod net;
pub mod netlink;
pub mod params;
#[cfg(all(CONFIG_PCI, linux_7_3))]
pub mod pci;
pub mod percpu;
pub mod prelude;
pub mod proc_fs;
pub mod rcu;
// Without either of the latter C's raw spinlocks are macros.
#[cfg(all(CONFIG_DEBUG_FS, any(CONFIG_SMP, CONFIG_DEBUG_SPINLOCK)))]
pub mod relay;
pub mod ring;
pub mod rwsem;
pub mod seq_file;
pub mod seqlock;
pub mod slab;
pub mod static_key;
pub mod sysfs;
pub mod timer;
#[cfg(CONFIG_TTY)]
pub mod tty;
#[cfg(all(CONFIG_USB = "y", linux_7_3))]
pub mod usb;
#[cfg(CONFIG_VT)]
pub mod vt;
pub mod wait;
pub mod work;
pub mod xarray;

pub use lifetime::this_module;
