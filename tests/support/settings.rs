// SPDX-License-Identifier: GPL-2.0-only

//! What the caller of a test says in the environment, and lists that must not be empty.

use crate::skip;
use std::{env, num::NonZero, str::FromStr};

/// The module that `LKMPG_SUBJECT` names, if only one is to be tested.
pub fn only() -> Option<String> {
    env::var("LKMPG_SUBJECT").ok()
}

/// What a variable says, if it is set. What it must be is for who reads that it is not.
pub fn setting<T: FromStr>(variable: &str, what: &str) -> Option<T> {
    let text = env::var(variable).ok()?;
    let value = text.parse().ok();
    Some(value.unwrap_or_else(|| panic!("{variable}={text}: it must be {what}")))
}

/// How often to do something: what the variable says, or else `usual`.
pub fn times(variable: &str, usual: usize) -> usize {
    let said = setting::<NonZero<usize>>(variable, "a number above 0");
    said.map_or(usual, NonZero::get)
}

/// What a test is about, of which there must be some: a loop over nothing passes. That the one
/// module of `LKMPG_SUBJECT` has none of it is counted as left out.
pub fn some<T>(what: &str, all: impl IntoIterator<Item = T>) -> Vec<T> {
    let all: Vec<T> = all.into_iter().collect();
    match only() {
        _ if !all.is_empty() => {}
        Some(module) => skip(&format!("{module} has no {what}")),
        None => panic!("there is no {what}: nothing would be tested"),
    }
    all
}
