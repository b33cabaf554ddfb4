// SPDX-License-Identifier: GPL-2.0-only

//! How long the module lives.
//!
//! For each file or socket that is open, C holds a reference to the module, and does not unload it.
//! When it does, nobody holds one; the registrations are dropped, and nobody gets one any more. But
//! if `init` fails, the loader frees the module, no matter who holds a reference by then. So what
//! hands them out has a [`References`].
//!
//! C header: [`include/linux/module.h`](srctree/include/linux/module.h)

use crate::bindings;
use kernel::{
    error::from_err_ptr,
    prelude::*,
    time::{
        delay::fsleep,
        Delta, //
    },
    types::Opaque,
    workqueue, //
};

#[allow(improper_ctypes, reason = "nobody looks at a module through this")]
extern "C" {
    static __this_module: Opaque<bindings::module>;
}

/// Returns the module that the calling code is part of: C's `THIS_MODULE`.
///
/// Upstream's abstractions are part of the kernel, and have their user say it (`OwnerModule`). The
/// code of this crate is part of each module that uses it, and there the symbol is that module.
pub const fn this_module() -> &'static ThisModule {
    const THIS_MODULE: ThisModule = {
        // SAFETY: This is the pointer to the module that is linked with this.
        unsafe { ThisModule::from_ptr(__this_module.get()) }
    };
    &THIS_MODULE
}

/// Whether the module is being loaded.
pub(crate) fn is_coming() -> bool {
    state() == bindings::module_state_MODULE_STATE_COMING
}

/// Whether the module is neither being loaded nor unloaded. It may be unloaded next.
pub(crate) fn is_live() -> bool {
    state() == bindings::module_state_MODULE_STATE_LIVE
}

fn state() -> bindings::module_state {
    // SAFETY: The module that runs has not been freed. The loader changes the state with a single
    // store.
    unsafe { (&raw const (*this_module().as_ptr()).state).read_volatile() }
}

/// Whether an open file or socket may keep the module, which is neither being loaded nor unloaded.
pub(crate) fn is_in_use() -> bool {
    state() == bindings::module_state_MODULE_STATE_LIVE && references() > 0
}

/// How many there are to the module.
pub(crate) fn references() -> c_int {
    // SAFETY: The module that runs has not been freed.
    unsafe { bindings::module_refcount(this_module().as_ptr()) }
}

/// Returns what stands for the module in `/sys/module`.
///
/// The module is not freed while somebody refers to it, not even if `init` fails: the right parent for
/// what C releases after the last reference has gone, which with `CONFIG_DEBUG_KOBJECT_RELEASE` it
/// does seconds later.
///
/// Fails with `EBUSY` if the loader has not come to it, which it makes after the parameters are set.
pub(crate) fn module_kobject() -> Result<*mut bindings::kobject> {
    // SAFETY: The module that runs has not been freed, here and below.
    let kobject = unsafe { &raw mut (*this_module().as_ptr()).mkobj.kobj };
    // SAFETY: As above. The loader has written it, or will when the module's code has returned to it.
    if unsafe { (*kobject).state_initialized() } == 0 {
        return Err(EBUSY);
    }
    Ok(kobject)
}

/// The references to the module that a registration hands out.
///
/// To be a field behind the one whose drop unregisters, so that no reference is handed out any more
/// when this is dropped. If that happens while the module is being loaded, most likely since `init`
/// fails, or while a load that has failed is undone, the drop waits until at most the loader has a
/// reference. Nothing else may end the wait, since the others are about to call the module. The log
/// says that it waits.
pub(crate) struct References;

impl Drop for References {
    fn drop(&mut self) {
        let unused = || match state() {
            // The loader's own.
            bindings::module_state_MODULE_STATE_COMING => references() <= 1,
            // The loader has given it back, as it has if `init` fails. A module that is unloaded
            // has -1.
            bindings::module_state_MODULE_STATE_GOING => references() <= 0,
            _ => true,
        };
        wait(unused, || {
            // SAFETY: The module that runs has not been freed; the name is a C string that does not
            // change.
            let name = unsafe { CStr::from_char_ptr((*this_module().as_ptr()).name.as_ptr()) };
            pr_warn!("Loading {name} failed. Waiting for its open files and sockets.\n");
        });
    }
}

/// A reference to the module.
///
/// # Invariants
///
/// The reference is this value's own.
pub(crate) struct Kept(());

impl Kept {
    /// Fails with `ENODEV` when the module is being unloaded.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: The module that runs has not been freed.
        if !unsafe { bindings::try_module_get(this_module().as_ptr()) } {
            return Err(ENODEV);
        }
        // INVARIANT: It was just taken.
        Ok(Self(()))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // SAFETY: By the type invariants. The module stays for the caller, whom its exit waits for.
        unsafe { bindings::module_put(this_module().as_ptr()) };
    }
}

/// Waits for what wakes nobody, and has `tell` say so if that takes long.
pub(crate) fn wait(is_over: impl Fn() -> bool, tell: impl Fn()) {
    /// Long enough for those who just look.
    const PATIENCE: u32 = 100;

    let mut rounds = 0_u32;
    while !is_over() {
        if rounds == PATIENCE {
            tell();
        }
        rounds = rounds.saturating_add(1);
        fsleep(Delta::from_millis(10));
    }
}

/// Drops a value in a thread of its own, which keeps the module meanwhile: for a drop that waits for
/// others, of whom the caller may be one. It is dropped here if the module is being loaded or unloaded. May sleep, until
/// there is memory.
pub(crate) fn drop_later<T: Send + 'static>(value: Pin<KBox<T>>) {
    let Some(kept) = is_live().then(Kept::new).and_then(Result::ok) else {
        return drop(value);
    };
    // SAFETY: It is not moved, and is pinned again.
    let value = Lent(KBox::into_raw(unsafe { Pin::into_inner_unchecked(value) }));
    until_there_is_memory(|| {
        // Who is being killed cannot begin a thread.
        #[expect(clippy::disallowed_methods, reason = "it keeps the module")]
        workqueue::system_long().try_spawn(GFP_KERNEL, move || value.drop_in_thread())
    });
    // Both are the thread's.
    core::mem::forget(kept);
}

/// Tries again until it works. May sleep.
pub(crate) fn until_there_is_memory<T, E>(f: impl Fn() -> Result<T, E>) -> T {
    loop {
        match f() {
            Ok(value) => break value,
            Err(_) => fsleep(Delta::from_millis(100)),
        }
    }
}

/// A pinned `KBox` made raw.
struct Lent<T>(*mut T);

impl<T> Clone for Lent<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Lent<T> {}

// SAFETY: So may be what it was.
unsafe impl<T: Send> Send for Lent<T> {}

impl<T: Send + 'static> Lent<T> {
    fn drop_in_thread(self) {
        let thread = until_there_is_memory(|| {
            // SAFETY: The thread runs at once, and is given what it expects.
            from_err_ptr(unsafe {
                bindings::kthread_create_on_node(
                    Some(drop_and_leave::<T>),
                    self.0.cast(),
                    bindings::NUMA_NO_NODE,
                    c"lkm_drop".as_char_ptr(),
                )
            })
        });
        // SAFETY: It was just created, and has not run.
        unsafe { bindings::wake_up_process(thread) };
    }
}

/// # Safety
///
/// To be called once, as a thread's function, with a pinned `KBox` made raw, and with a reference to the
/// module, which it gives back.
unsafe extern "C" fn drop_and_leave<T>(value: *mut c_void) -> c_int {
    // SAFETY: By the safety requirements.
    drop(unsafe { Pin::new_unchecked(KBox::from_raw(value.cast::<T>())) });
    // The one who began this may not have returned.
    wait_for_returns();
    // SAFETY: By the safety requirements. C gives the reference back when this has left the module.
    unsafe { bindings::__module_put_and_kthread_exit(this_module().as_ptr(), 0) }
}

/// Waits until each task that runs has slept or returned to user space. So none is still in a function of the
/// module's that never sleeps, and that C does not call any more. May sleep, for some 100 ms
/// (`synchronize_rcu_tasks`).
pub(crate) fn wait_for_returns() {
    // SAFETY: The caller may sleep.
    #[cfg(CONFIG_TASKS_RCU)]
    unsafe {
        bindings::synchronize_rcu_tasks()
    };
    // C makes do with it there, too, where nobody can be preempted. A kernel that can be, and has neither kprobes nor
    // bpf(2) nor ftrace, has nothing better: the table of the crate says so.
    #[cfg(not(CONFIG_TASKS_RCU))]
    crate::compat::synchronize_rcu();
}

/// Has a file that is being opened keep the module, and continue with `owned`.
///
/// Does what `chrdev_open` does in C, for a file that was created with operations without an owner.
/// debugfs would warn of an owner that it cannot get, unless it is marked as going: `delete_module`
/// marks it only after it has let go of the last reference.
///
/// # Safety
///
/// `file` must be in its `open`, called by debugfs, with operations that have no owner. `owned` must
/// fit the file, and have this module as its owner.
#[cfg(CONFIG_DEBUG_FS)]
pub(crate) unsafe fn keep_module(
    file: *mut bindings::file,
    owned: &'static bindings::file_operations,
) -> Result {
    // SAFETY: The module is there: before it goes it removes the file, which waits for this call.
    // The VFS gives back the reference, after `release` or if `open` fails.
    unsafe {
        if bindings::try_module_get(owned.owner) {
            (*file).f_op = owned;
            Ok(())
        } else {
            // The VFS looks at the operations once more after this, when the module may be gone.
            // These are debugfs' own.
            (*file).f_op = (*file)
                .f_inode
                .byte_add(bindings::LKM_INODE_I_FOP)
                .cast::<*const bindings::file_operations>()
                .read();
            Err(ENXIO)
        }
    }
}
