// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 2.1: loglevels, as the console shows it. The guest does not see its console.

use lkmpg_runner_tests::run;
use std::fs;

#[test]
fn the_console_shows_what_is_below_its_level() {
    for console_loglevel in [1, 4, 7, 8] {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        // The runner has the kernel show everything, else.
        let script = format!(
            "echo N >/sys/module/printk/parameters/ignore_loglevel
            echo {console_loglevel} >/proc/sys/kernel/printk
            insmod /modules/loglevels.ko && dmesg
            echo Y >/sys/module/printk/parameters/ignore_loglevel"
        );
        let log_file = log.to_str().expect("UTF-8");
        let ran = run(&["--log", log_file, "--", "sh", "-c", &script]).expect(0);
        let shown = fs::read_to_string(&log).expect("a log");
        for level in 0..8 {
            let line = format!("loglevels: {level}, ");
            assert!(ran.text().contains(&line), "{line:?} is not in the log");
            let is_shown = shown.contains(&line);
            assert_eq!(
                is_shown,
                level < console_loglevel,
                "{line:?} at {console_loglevel}"
            );
        }
    }
}
