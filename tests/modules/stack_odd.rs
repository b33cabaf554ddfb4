// SPDX-License-Identifier: GPL-2.0-only

//! Takes what stack_base exports for other interfaces than it is, and loads if that is refused.

use kernel::prelude::*;

module! {
    type: StackOdd,
    name: "stack_odd",
    authors: ["lkmpg-rs developers"],
    description: "Takes stack_base for what it is not",
    license: "GPL",
}

mod other {
    lkm::interface! {
        /// One with an argument.
        pub(crate) mod tickets {
            /// Takes one.
            fn take(after: u64) -> u64;
        }
    }
}

mod longer {
    lkm::interface! {
        /// One with a function more.
        pub(crate) mod tickets {
            /// Takes one.
            fn take() -> u64;
            /// Gives it back.
            fn give(number: u64);
        }
    }
}

struct StackOdd;

impl kernel::Module for StackOdd {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let other = other::tickets::Symbols::new().err();
        let longer = longer::tickets::Symbols::new().err();
        if (other, longer) == (Some(ENOEXEC), Some(ENOEXEC)) {
            Ok(StackOdd)
        } else {
            Err(EINVAL)
        }
    }
}
