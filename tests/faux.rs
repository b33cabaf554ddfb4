// SPDX-License-Identifier: GPL-2.0-only

//! The device model: faux.

use lkmpg_tests::{KernelLog, Module};
use std::fs;

const DEVICE: &str = "/sys/devices/faux/faux_lamp";

#[test]
fn the_device_is_there_while_the_module_is() {
    for _ in 0..2 {
        let log = KernelLog::now();
        let module = Module::load("faux", &[]).expect("the module loads");
        let driver = fs::read_link(format!("{DEVICE}/driver")).expect("a driver");
        assert!(driver.ends_with("bus/faux/drivers/faux_driver"));
        assert_eq!(
            log.lines_with("faux_driver"),
            ["faux_driver faux_lamp: Here I am."]
        );
        module.unload().expect("unload");
        assert!(!fs::exists(DEVICE).expect("stat"));
        assert_eq!(
            log.lines_with("faux_driver"),
            ["faux_driver faux_lamp: The lamp is out."]
        );
    }
}
