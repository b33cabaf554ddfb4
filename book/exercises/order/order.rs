// SPDX-License-Identifier: GPL-2.0-only

//! A machine of three parts, each of which needs the one before it.

use lkm::prelude::*;

module! {
    type: Order,
    name: "order",
    authors: ["lkmpg-rs developers"],
    description: "Three values that need each other",
    license: "GPL",
}

struct Order {
    _power: Power,
    _motor: Motor,
    _belt: Belt,
}

impl kernel::Module for Order {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let power = Power::on();
        let motor = Motor::start(&power);
        let belt = Belt::run(&motor);
        Ok(Order {
            _power: power,
            _motor: motor,
            _belt: belt,
        })
    }
}

/// What the motor runs on.
struct Power;

impl Power {
    fn on() -> Self {
        pr_info!("power on\n");
        Power
    }
}

impl Drop for Power {
    fn drop(&mut self) {
        pr_info!("power off\n");
    }
}

/// What moves the belt. Without power it must not be stopped.
struct Motor;

impl Motor {
    fn start(_: &Power) -> Self {
        pr_info!("motor starts\n");
        Motor
    }
}

impl Drop for Motor {
    fn drop(&mut self) {
        pr_info!("motor stops\n");
    }
}

/// Must be stopped before the motor is.
struct Belt;

impl Belt {
    fn run(_: &Motor) -> Self {
        pr_info!("belt runs\n");
        Belt
    }
}

impl Drop for Belt {
    fn drop(&mut self) {
        pr_info!("belt stops\n");
    }
}
