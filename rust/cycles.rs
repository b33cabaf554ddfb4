// SPDX-License-Identifier: GPL-2.0-only

//! The CPU's cycle counter, to measure short pieces of code. It works in user space, too.
//!
//! C function: `get_cycles` in [`include/asm/timex.h`](srctree/arch/x86/include/asm/tsc.h)

/// Reads the counter, when everything before it has been done. Callable from any context.
///
/// What it counts depends on the CPU. On x86-64 it is the time stamp counter, which runs at a
/// constant rate near the CPU's nominal one; on arm64 the system counter and on riscv64 the timer,
/// which are slower. There is none for other architectures. Only differences mean something, and
/// only on one CPU.
///
/// # Examples
///
/// ```
/// # use lkm::cycles;
/// fn cost(work: impl FnOnce()) -> u64 {
///     let start = cycles::now();
///     work();
///     cycles::now().wrapping_sub(start)
/// }
/// ```
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64"
))]
#[inline]
pub fn now() -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        let (low, high): (u64, u64);
        // SAFETY: The instructions change nothing but the two registers.
        unsafe {
            core::arch::asm!(
                "lfence",
                "rdtsc",
                out("rax") low,
                out("rdx") high,
                options(nostack, preserves_flags),
            )
        };
        high << 32 | low
    }
    #[cfg(target_arch = "aarch64")]
    {
        let count: u64;
        // SAFETY: The instructions change nothing but the register.
        unsafe {
            core::arch::asm!(
                "isb",
                "mrs {}, cntvct_el0",
                out(reg) count,
                options(nostack, preserves_flags),
            )
        };
        count
    }
    #[cfg(target_arch = "riscv64")]
    {
        let count: u64;
        // SAFETY: The instructions change nothing but the register.
        unsafe {
            core::arch::asm!(
                "fence iorw, iorw",
                "rdtime {}",
                out(reg) count,
                options(nostack, preserves_flags),
            )
        };
        count
    }
}
