// SPDX-License-Identifier: GPL-2.0-only

//! What tandem_base exports and tandem calls.

lkm::interface! {
    /// A bell.
    pub(crate) mod bell {
        /// Rings it, and returns how often it was rung, this time included.
        fn ring() -> u64;
    }
}
