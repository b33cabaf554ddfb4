// SPDX-License-Identifier: GPL-2.0-only

//! Has the keyboard's filter, which the sample `intrpt` wants.

use kernel::prelude::*;
use lkm::i8042::{
    Byte,
    Filter,
    Registration,
    Verdict, //
};

module! {
    type: FilterTaken,
    name: "filter_taken",
    authors: ["lkmpg-rs developers"],
    description: "Has the keyboard's filter, which intrpt wants",
    license: "GPL",
}

#[pin_data]
struct FilterTaken {
    #[pin]
    _filter: Registration<Nothing>,
}

impl kernel::InPlaceModule for FilterTaken {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _filter <- Registration::new(Nothing),
        })
    }
}

struct Nothing;

impl Filter for Nothing {
    fn byte(&self, _byte: Byte) -> Verdict {
        Verdict::Pass
    }
}
