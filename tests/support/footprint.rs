// SPDX-License-Identifier: GPL-2.0-only

//! What a module leaves behind.

use crate::netlink;
use lkmpg_guest::marks;
use std::{
    collections::BTreeSet,
    thread::sleep,
    time::{Duration, Instant},
};

/// How long what was left behind may take to go.
const LIMIT: Duration = Duration::from_secs(20);

/// Everything in a running system that a module could leave behind: nodes, files, devices, netlink
/// protocols and families, threads, interrupt handlers, probes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footprint(BTreeSet<String>);

impl Footprint {
    /// What there is now.
    pub fn now() -> Self {
        let mut all = marks::of_modules();
        all.extend(netlink::protocols());
        all.extend(netlink::families().into_keys());
        Self(all)
    }

    /// What there is that was not there before.
    pub fn since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = &'a String> {
        self.0.difference(&before.0)
    }

    /// How what there is now differs from what there was then, if it does.
    pub fn difference(&self) -> Option<String> {
        let now = Self::now();
        let left: Vec<_> = now.since(self).collect();
        let lost: Vec<_> = self.since(&now).collect();
        (now != *self).then(|| format!("left {left:?} behind, and took {lost:?} away"))
    }

    /// Fails unless all is again as it was then.
    #[track_caller]
    pub fn check(&self, what: &str) {
        self.check_within(what, LIMIT);
    }

    /// Fails unless all is so within a limit.
    #[track_caller]
    pub fn check_within(&self, what: &str, limit: Duration) {
        let start = Instant::now();
        while let Some(difference) = self.difference() {
            assert!(start.elapsed() < limit, "{what} {difference}");
            sleep(Duration::from_millis(1));
        }
    }
}
