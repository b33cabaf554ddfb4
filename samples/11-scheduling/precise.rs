// SPDX-License-Identifier: GPL-2.0-only

//! The hrtimer of `defer`. The kernel crate's own timers are part of the value that they call.

use crate::Probe;
use core::ops::Deref;
use kernel::{
    impl_has_hr_timer,
    time::{
        hrtimer::{
            ArcHrTimerHandle,
            HrTimer,
            HrTimerCallback,
            HrTimerCallbackContext,
            HrTimerPointer,
            HrTimerRestart,
            RelativeMode, //
        },
        Monotonic, //
    },
};
use lkm::prelude::*;

/// A timer that was started. Dropping it stops it, and waits for its handler.
pub(crate) struct Started {
    precise: Arc<Precise>,
    _handle: ArcHrTimerHandle<Precise>,
}

impl Deref for Started {
    type Target = Probe;

    fn deref(&self) -> &Probe {
        &self.precise.probe
    }
}

/// Starts a timer.
pub(crate) fn start(delay: Delta) -> Result<Started> {
    let precise = pin_init!(Precise {
        timer <- HrTimer::new(),
        probe <- Probe::new(),
    });
    let precise = Arc::pin_init(precise, GFP_KERNEL)?;
    Ok(Started {
        _handle: precise.clone().start(delay),
        precise,
    })
}

#[pin_data]
struct Precise {
    #[pin]
    timer: HrTimer<Self>,
    #[pin]
    probe: Probe,
}

impl HrTimerCallback for Precise {
    type Pointer<'a> = Arc<Self>;

    fn run(
        this: ArcBorrow<'_, Self>,
        _context: HrTimerCallbackContext<'_, Self>,
    ) -> HrTimerRestart {
        this.probe.handle();
        HrTimerRestart::NoRestart
    }
}

impl_has_hr_timer! {
    impl HasHrTimer<Self> for Precise {
        mode: RelativeMode<Monotonic>,
        field: self.timer,
    }
}
