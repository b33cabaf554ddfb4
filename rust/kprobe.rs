// SPDX-License-Identifier: GPL-2.0-only

//! Seeing calls of a function of the kernel.
//!
//! A [`Probe`] on a function calls its [`Handler`] each time the function is entered, with the
//! arguments. Nothing is patched that would have to be restored in order: there may be any number
//! of probes on a function, and each goes when it likes.
//!
//! What the arguments are, only the C source says, and it may change with the kernel. So a
//! [`Handler`] states the types, and the types are such that a wrong one gives a wrong value or an
//! error, and no crash: numbers, strings of the caller, which are read without faulting, and paths, where one
//! is known to be.
//!
//! C header: [`include/linux/kprobes.h`](srctree/include/linux/kprobes.h)
//!
//! Reference: chapter 8 of the guide.

use crate::{
    bindings,
    compat::errno,
    context, //
};
use core::{
    marker::PhantomPinned,
    ops::Deref, //
};
use kernel::{
    error::to_result,
    page::PAGE_SIZE,
    prelude::*,
    time::{
        delay::fsleep,
        Delta, //
    },
    types::{
        NotThreadSafe,
        Opaque, //
    },
};

/// What a probe calls.
pub trait Handler: Send + Sync + 'static {
    /// The types of the function's first arguments, one to six: a tuple of [`Argument`]s.
    type Arguments: Arguments;

    /// The function was entered.
    ///
    /// Runs in the context of the caller, with preemption off and possibly interrupts, too; in NMI if
    /// the function is called there. It must not sleep: no `Mutex`, no allocation with `GFP_KERNEL`, none of
    /// [`vmalloc`](crate#pitfalls) at all, as for a `KVVec`, no copy to or from user space
    /// but by the types of this module. It must not take a lock with which the function may be
    /// called; waking a [`WaitQueue`](crate::wait::WaitQueue) takes some, and so does logging (those of the console, and of
    /// the scheduler). A call of the function from here is not seen, but counted by [`Probe::missed`].
    fn entered(&self, arguments: Self::Arguments);
}

/// A probe on a function.
///
/// Dropping it takes it off, and returns when the handler cannot run any more. That may sleep
/// (`unregister_kprobe`), and must not happen [in its own callback](crate#pitfalls), nor in what answers a disk's
/// requests.
///
/// # Examples
///
/// ```
/// # use kernel::{prelude::*, sync::atomic::{Atomic, Relaxed}};
/// # use lkm::kprobe::{self, Probe};
/// /// Counts the calls of `do_exit(long code)` that report a failure.
/// struct Failures(Atomic<u64>);
///
/// impl kprobe::Handler for Failures {
///     type Arguments = (isize,);
///
///     fn entered(&self, (code,): (isize,)) {
///         if code != 0 {
///             self.0.fetch_add(1, Relaxed);
///         }
///     }
/// }
///
/// fn watch() -> Result<Pin<KBox<Probe<Failures>>>> {
///     KBox::pin_init(Probe::new(c"do_exit", Failures(Atomic::new(0))), GFP_KERNEL)
/// }
/// ```
///
/// # Invariants
///
/// `probe` is registered.
#[pin_data(PinnedDrop)]
pub struct Probe<T: Handler> {
    #[pin]
    probe: Opaque<bindings::kprobe>,
    #[pin]
    handler: T,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: A probe may be unregistered by any thread.
unsafe impl<T: Handler> Send for Probe<T> {}

// SAFETY: A shared reference reaches only the handler, which is `Sync`, and a counter.
unsafe impl<T: Handler> Sync for Probe<T> {}

impl<T: Handler> Probe<T> {
    /// Puts a probe on the entry of the function `symbol`.
    ///
    /// Fails with `ENOENT` if the kernel has no such function (it may have been inlined), `EINVAL` if it must
    /// not be probed, or ftrace does not know it where probes are ftrace's (`CONFIG_KPROBES_ON_FTRACE`), or a
    /// [`Filename`] is not known to be one of it, `EDEADLK` in what answers a [disk's](crate::block::Operations)
    /// requests, or `ENOMEM`. The handler may run before this returns. May
    /// sleep (`register_kprobe`).
    pub fn new<'a, E>(
        symbol: &'static CStr,
        handler: impl PinInit<T, E> + 'a,
    ) -> impl PinInit<Self, Error> + 'a
    where
        T: 'a,
        E: 'a,
        Error: From<E>,
    {
        // INVARIANT: Initialisation succeeds only if the probe was registered.
        try_pin_init!(&this in Self {
            handler <- handler,
            probe <- Opaque::zeroed(),
            _pin: PhantomPinned,
            _: {
                // It waits for CPUs that go, which wait for requests.
                if context::works_for_others() {
                    return Err(errno(bindings::EDEADLK));
                }
                if is_deadly(symbol) || !are_filenames(symbol, T::Arguments::FILENAMES) {
                    return Err(EINVAL);
                }
                // SAFETY: The fields were initialised, and are pinned; nobody else knows the probe.
                let probe = unsafe { (*this.as_ptr()).probe.get() };
                // There a breakpoint is not what a probe is made of, and what cannot be traced may not bear one.
                //
                // SAFETY: As above.
                if cfg!(CONFIG_KPROBES_ON_FTRACE) && !unsafe { is_traceable(probe, symbol) }? {
                    return Err(EINVAL);
                }
                // SAFETY: As above.
                unsafe { register(probe, symbol, Some(Self::entered), 0) }?;
                // C says nothing when it cannot arm a probe that it registers, for lack of memory. It does not
                // know it then; or it does, and the function has gone with its module.
                //
                // SAFETY: As above. If it is known, it is enabled, and nothing happens.
                if to_result(unsafe { bindings::enable_kprobe(probe) }).is_err() {
                    // SAFETY: As above. One that is not known may be unregistered.
                    let flags = unsafe {
                        bindings::unregister_kprobe(probe);
                        (*probe).flags
                    };
                    let has_gone = flags & bindings::KPROBE_FLAG_GONE != 0;
                    return Err(if has_gone { ENOENT } else { ENOMEM });
                }
            },
        })
    }

    /// Returns how many calls were not seen because this CPU was in the handler of a probe. Callable
    /// from any context.
    pub fn missed(&self) -> usize {
        // SAFETY: By the type invariants. The counter is an aligned word.
        unsafe { (&raw const (*self.probe.get()).nmissed).read_volatile() }
    }

    /// `kprobe::pre_handler`.
    ///
    /// # Safety
    ///
    /// To be called on the entry of a function, with the probe of a [`Probe<T>`].
    unsafe extern "C" fn entered(
        probe: *mut bindings::kprobe,
        registers: *mut bindings::pt_regs,
    ) -> c_int {
        let this = kernel::container_of!(Opaque::cast_from(probe), Self, probe);
        // SAFETY: `new` gave the function to a probe that is part of a `Self`. Unregistering it
        // waits until this function has returned.
        let this = unsafe { &*this };
        // SAFETY: These are the registers on entry of the function, ours during the call.
        let registers = Registers(unsafe { &*registers });
        this.handler
            .entered(T::Arguments::from_registers(registers));
        // The function runs on as if nothing had been.
        0
    }
}

impl<T: Handler> Deref for Probe<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.handler
    }
}

#[pinned_drop]
impl<T: Handler> PinnedDrop for Probe<T> {
    fn drop(self: Pin<&mut Self>) {
        // C forgets a probe that it cannot disarm, without a word, and it stays. It cannot without memory, nor
        // if it could not arm it when all were turned on; it need not while all are turned off.
        //
        // SAFETY: By the type invariants.
        let disable = || unsafe { bindings::disable_kprobe(self.probe.get()) };
        let mut wait = 1;
        while let Err(e) = to_result(disable()) {
            pr_warn!("A probe cannot be removed: {e:?}. To turn all off ends the wait (kprobes/enabled).\n");
            // Each try has C count one probe less.
            fsleep(Delta::from_secs(wait));
            wait = (2 * wait).min(64);
        }
        // SAFETY: By the type invariants.
        unsafe { bindings::unregister_kprobe(self.probe.get()) };
    }
}

/// Registers a probe. It is to be unregistered before it goes.
///
/// # Safety
///
/// The probe must be valid for writes, and not be registered; the handler must be for it.
unsafe fn register(
    probe: *mut bindings::kprobe,
    symbol: &'static CStr,
    handler: bindings::kprobe_pre_handler_t,
    flags: u32,
) -> Result {
    // SAFETY: By the safety requirements. The name is static.
    to_result(unsafe {
        probe.write(bindings::kprobe {
            symbol_name: symbol.as_char_ptr(),
            pre_handler: handler,
            flags,
            ..pin_init::zeroed()
        });
        bindings::register_kprobe(probe)
    })
}

/// Whether ftrace knows a function, as a probe finds out that is never armed.
///
/// # Safety
///
/// The probe must be valid for writes, and not be registered.
unsafe fn is_traceable(probe: *mut bindings::kprobe, symbol: &'static CStr) -> Result<bool> {
    // SAFETY: By the safety requirements. It does not go before it is unregistered.
    unsafe {
        register(probe, symbol, None, bindings::KPROBE_FLAG_DISABLED)?;
        let flags = (*probe).flags;
        bindings::unregister_kprobe(probe);
        Ok(flags & bindings::KPROBE_FLAG_FTRACE != 0)
    }
}

/// Whether a function runs where a breakpoint ends the machine, which `register_kprobe` does not know: on a
/// processor that is just started, or on the way out of every function, the breakpoint's own among them.
fn is_deadly(symbol: &CStr) -> bool {
    let name = symbol.to_bytes();
    name.ends_with(b"_return_thunk") || DEADLY.iter().any(|start| name.starts_with(start))
}

/// What the names of such functions begin with, on any processor.
const DEADLY: &[&[u8]] = &[
    b"__cpu_soft_restart",
    b"__cpu_suspend",
    b"__secondary_",
    b"_cpu_resume",
    b"call_depth_",
    b"common_startup",
    b"cpu_do_resume",
    b"cpu_init",
    b"cpu_resume",
    b"cr4_init",
    b"early_setup_idt",
    b"finalise_el2",
    b"primary_entry",
    b"relocate_enable_mmu",
    b"retbleed_",
    b"secondary_",
    b"set_cpu_boot_mode_flag",
    b"smp_callin",
    b"srso_",
    b"start_secondary",
    b"startup_",
    b"verify_cpu",
    b"wakeup_long64",
];

/// The registers on entry of a function.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Registers<'a>(&'a bindings::pt_regs);

impl Registers<'_> {
    /// Returns argument `N`. This is where the calling conventions are.
    fn argument<const N: usize>(self) -> usize {
        const { assert!(N < 6) };
        let registers = self.0;
        #[cfg(target_arch = "x86_64")]
        let arguments = [
            registers.di,
            registers.si,
            registers.dx,
            registers.cx,
            registers.r8,
            registers.r9,
        ];
        #[cfg(target_arch = "aarch64")]
        // SAFETY: `pt_regs` begins with x0 to x30.
        let arguments = unsafe { &*core::ptr::from_ref(registers).cast::<[usize; 6]>() };
        #[cfg(target_arch = "riscv64")]
        // SAFETY: In `pt_regs` ten other registers come before a0 to a7.
        let arguments = unsafe {
            &*core::ptr::from_ref(registers)
                .cast::<[usize; 6]>()
                .byte_add(10 * size_of::<usize>())
        };
        arguments[N]
    }
}

/// What a register holds. Only a probe has one: an address from elsewhere is no argument, nor is one that
/// was kept.
///
/// ```compile_fail,E0277
/// fn keep<T: Send>() {}
///
/// keep::<lkm::kprobe::Register>();
/// ```
#[doc(hidden)]
pub struct Register(usize, NotThreadSafe);

mod sealed {
    /// Nobody else says what a register is.
    pub trait Sealed {}
}

/// A type that an argument can have: a number, [`Filename`] or [`UserString`].
pub trait Argument: sealed::Sealed {
    /// Whether it is followed, so that it must be what it says.
    #[doc(hidden)]
    const IS_FILENAME: bool = false;

    /// Makes the argument out of what the register holds.
    #[doc(hidden)]
    fn from_register(register: Register) -> Self;
}

macro_rules! impl_number {
    ($($type:ty),*) => {$(
        impl sealed::Sealed for $type {}

        impl Argument for $type {
            fn from_register(register: Register) -> Self {
                register.0 as $type
            }
        }
    )*};
}

impl_number!(i8, u8, i16, u16, i32, u32, i64, u64, isize, usize);

impl sealed::Sealed for bool {}

impl Argument for bool {
    fn from_register(register: Register) -> Self {
        register.0 as u8 != 0
    }
}

/// The first arguments of a function: a tuple of one to six [`Argument`]s.
pub trait Arguments: sealed::Sealed {
    /// Which of them are a [`Filename`]: a bit for each.
    #[doc(hidden)]
    const FILENAMES: u8;

    #[doc(hidden)]
    fn from_registers(registers: Registers<'_>) -> Self;
}

macro_rules! impl_arguments {
    ($($name:ident: $n:literal),+) => {
        impl<$($name: Argument),+> sealed::Sealed for ($($name,)+) {}

        impl<$($name: Argument),+> Arguments for ($($name,)+) {
            const FILENAMES: u8 = 0 $(| ($name::IS_FILENAME as u8) << $n)+;

            fn from_registers(registers: Registers<'_>) -> Self {
                ($($name::from_register(Register(registers.argument::<$n>(), NotThreadSafe)),)+)
            }
        }
    };
}

impl_arguments!(A: 0);
impl_arguments!(A: 0, B: 1);
impl_arguments!(A: 0, B: 1, C: 2);
impl_arguments!(A: 0, B: 1, C: 2, D: 3);
impl_arguments!(A: 0, B: 1, C: 2, D: 3, E: 4);
impl_arguments!(A: 0, B: 1, C: 2, D: 3, E: 4, F: 5);

/// A `const char __user *`: a string in the memory of the calling process.
///
/// The memory may be paged out, or not have been touched yet, and a handler cannot wait for it;
/// and another thread may change it between the handler's look and the function's. A function that
/// is called later, with a copy in the kernel, has neither problem: see [`Filename`].
pub struct UserString(*const c_void, NotThreadSafe);

impl UserString {
    /// Copies from byte `offset` of the string into `buffer`, until either ends; nothing if the string
    /// is not as long.
    ///
    /// If the result is shorter than `buffer`, the string ends with it, and the rest is zeroed. Fails with
    /// `EFAULT` if the memory is not there now, or the caller is no process and has none, and with `EINVAL` for an
    /// `offset` beyond 4,096. Callable from any context (`copy_from_user_nofault`).
    pub fn read<'a>(&self, offset: usize, buffer: &'a mut [u8]) -> Result<&'a [u8]> {
        buffer.fill(0);
        // A kernel thread has the memory of the process that ran last.
        //
        // SAFETY: A task is there while it runs, and changes that itself only.
        if unsafe { (*bindings::get_current()).mm.is_null() } {
            return Err(EFAULT);
        }
        read_string(self.0, offset, buffer, |to, from| {
            // SAFETY: `to` is valid for writes. The function checks what it reads.
            unsafe { bindings::copy_from_user_nofault(to.as_mut_ptr().cast(), from, to.len()) }
        })
    }
}

impl sealed::Sealed for UserString {}

impl Argument for UserString {
    fn from_register(register: Register) -> Self {
        Self(core::ptr::without_provenance(register.0), NotThreadSafe)
    }
}

/// A `struct filename *`: the kernel's copy of a path that a process gave.
///
/// Only of functions that are known to have one there: whatever address another function is called with, also
/// by the module itself, would be followed. These are `do_file_open`, `file_open_name`, `do_statx`,
/// `filename_lookup` and those of `filename_…` that make, remove, rename and link, or get and set an attribute.
/// [`Probe::new`] refuses others.
pub struct Filename(*const c_void, NotThreadSafe);

impl Filename {
    /// Copies from byte `offset` of the path into `buffer`, until either ends; nothing if the path is
    /// not as long.
    ///
    /// If the result is shorter than `buffer`, the path ends with it, and the rest is zeroed. If the
    /// kernel could not copy the path, this fails with what the process is told: `EFAULT`, `ENOENT` for an empty
    /// path, `ENAMETOOLONG` from 4,096 bytes on; and with `EINVAL` for an `offset` beyond 4,096. Callable from
    /// any context (`copy_from_kernel_nofault`).
    pub fn read<'a>(&self, offset: usize, buffer: &'a mut [u8]) -> Result<&'a [u8]> {
        buffer.fill(0);
        kernel::error::from_err_ptr(self.0.cast_mut())?;
        let copy = |to: &mut [u8], from: *const c_void| {
            // No path is there, but registers of devices may be: to read them can do anything.
            //
            // SAFETY: May be called with any address.
            if unsafe { bindings::is_vmalloc_addr(from) } {
                return EFAULT.to_errno() as c_long;
            }
            // SAFETY: `to` is valid for writes. The function checks what it reads.
            unsafe { bindings::copy_from_kernel_nofault(to.as_mut_ptr().cast(), from, to.len()) }
        };
        let mut name = [0; size_of::<usize>()];
        let member = self.0.wrapping_byte_add(bindings::LKM_FILENAME_NAME);
        if copy(&mut name, member) != 0 {
            return Err(EFAULT);
        }
        let name = core::ptr::without_provenance(usize::from_ne_bytes(name));
        read_string(name, offset, buffer, copy)
    }
}

/// The functions of which some arguments are known to be a `struct filename *`, and which: a bit for each.
const FILENAMES: &[(&CStr, u8)] = &[
    (c"do_file_open", 0b10),
    (c"do_statx", 0b10),
    (c"file_open_name", 0b1),
    (c"filename_getxattr", 0b10),
    (c"filename_lookup", 0b10),
    (c"filename_mkdirat", 0b10),
    (c"filename_mknodat", 0b10),
    (c"filename_rmdir", 0b10),
    (c"filename_unlinkat", 0b10),
    (c"filename_symlinkat", 0b101),
    (c"filename_linkat", 0b1010),
    (c"filename_renameat2", 0b1010),
    (c"filename_setxattr", 0b10),
];

/// Whether all of these arguments of a function are known to be one.
fn are_filenames(symbol: &CStr, arguments: u8) -> bool {
    let has = |(name, known): &(&CStr, u8)| *name == symbol && arguments & !known == 0;
    arguments == 0 || FILENAMES.iter().any(has)
}

impl sealed::Sealed for Filename {}

impl Argument for Filename {
    const IS_FILENAME: bool = true;

    fn from_register(register: Register) -> Self {
        Self(core::ptr::without_provenance(register.0), NotThreadSafe)
    }
}

/// Copies a string that may end just before memory that is not there. What else comes along is not the
/// caller's, and zeroed.
fn read_string(
    string: *const c_void,
    offset: usize,
    buffer: &mut [u8],
    copy: impl Fn(&mut [u8], *const c_void) -> c_long,
) -> Result<&[u8]> {
    let length = read_from(string, offset, buffer, copy);
    let (read, rest) = buffer.split_at_mut(length.unwrap_or_default().min(buffer.len()));
    rest.fill(0);
    length.and(Ok(read))
}

/// How far into a string one may begin, in bytes: the length of the longest path. Who reads a string in pieces has all before
/// each of them looked at again.
const FARTHEST: usize = bindings::PATH_MAX as usize;

/// As [`read_string`], but for the rest. Returns how much that was.
fn read_from(
    string: *const c_void,
    offset: usize,
    buffer: &mut [u8],
    copy: impl Fn(&mut [u8], *const c_void) -> c_long,
) -> Result<usize> {
    // Nobody can end this while it looks for the end of a string.
    if offset > FARTHEST {
        return Err(EINVAL);
    }
    let mut skipped = 0;
    while skipped < offset && !buffer.is_empty() {
        let some = buffer.len().min(offset - skipped);
        let room = buffer.get_mut(..some).unwrap_or_default();
        if read_part(string.wrapping_byte_add(skipped), room, &copy)? < some {
            return Ok(0);
        }
        skipped += some;
    }
    read_part(string.wrapping_byte_add(offset), buffer, &copy)
}

/// Copies a string until it or the buffer ends. Returns how much that was.
fn read_part(
    string: *const c_void,
    buffer: &mut [u8],
    copy: &impl Fn(&mut [u8], *const c_void) -> c_long,
) -> Result<usize> {
    let mut length = 0;
    while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
        let from = string.wrapping_byte_add(length);
        let in_page = PAGE_SIZE - from.addr() % PAGE_SIZE;
        let taken = rest.len().min(in_page);
        let part = rest.get_mut(..taken).ok_or(EINVAL)?;
        if copy(part, from) != 0 {
            return Err(EFAULT);
        }
        if let Some(end) = part.iter().position(|byte| *byte == 0) {
            length += end;
            break;
        }
        length += taken;
    }
    Ok(length)
}
