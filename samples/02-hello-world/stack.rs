// SPDX-License-Identifier: GPL-2.0-only

//! What stack_base exports and stack_top calls: this file is part of both.

// ANCHOR: interface
lkm::interface! {
    /// A machine that gives out numbers.
    pub(crate) mod tickets {
        /// Takes a number: 1, 2, and so on.
        fn take() -> u64;
    }
}
// ANCHOR_END: interface
