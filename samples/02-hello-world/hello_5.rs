// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 2.6: parameters.
//!
//! ```console
//! # insmod hello_5.ko mystring='"two words"' mybyte=255 myintArray=-1
//! hello_5: mybyte is an 8 bit integer: 255
//! hello_5: myshort is a short integer: 1
//! hello_5: myint is an integer: 20
//! hello_5: mylong is a long integer: 9999
//! hello_5: mystring is a string: two words
//! hello_5: myintArray is -1 and 420
//! # cat /sys/module/hello_5/parameters/mystring
//! two words
//! # rmmod hello_5
//! hello_5: Goodbye, world 5
//! # insmod hello_5.ko mybyte=256
//! hello_5: `256' invalid for parameter `mybyte'
//! insmod: ERROR: could not insert module hello_5.ko: Numerical result out of range
//! # insmod hello_5.ko mylong=hello
//! hello_5: `hello' invalid for parameter `mylong'
//! insmod: ERROR: could not insert module hello_5.ko: Invalid parameters
//! ```
//!
//! A parameter is a variable that is set when the module is loaded: on `insmod`'s command line, or in a
//! line `options hello_5 mybyte=7` of a file in `/etc/modprobe.d`, which `modprobe` reads. A value with
//! blanks needs quotes that reach the kernel, so there are two kinds of them: the shell removes the
//! outer ones. The last number, `permissions`, is the mode of the parameter's file below `/sys/module`.
//!
//! Changed from the guide: 256 does not fit a byte and is refused; there it wraps to 0. The kernel
//! log names the parameter that it refused, and shows what is not printable in `mystring` escaped.
//! The guide describes two of its six parameters; the other descriptions are ours.
//!
//! Where to look: `kernel/params.c`, and `include/linux/moduleparam.h`.

use kernel::prelude::*;

module! {
    type: Hello5,
    name: "hello_5",
    authors: ["lkmpg-rs developers"],
    description: "Parameters of all kinds",
    license: "GPL",
}

lkm::module_params! {
    mybyte: u8 {
        default: b'A',
        description: "This byte really does nothing at all.",
        permissions: 0o444,
    },
    myshort: i16 {
        default: 1,
        description: "This short is *extremely* important.",
        permissions: 0o444,
    },
    myint: i32 {
        default: 20,
        description: "An integer",
        permissions: 0o444,
    },
    mylong: i64 {
        default: 9999,
        description: "A long integer",
        permissions: 0o444,
    },
    // ANCHOR: parameters
    mystring: str {
        default: c"blah",
        description: "A string of up to 1024 bytes",
        permissions: 0o444,
    },
    myintArray: [i32; 2] {
        default: [0, 420],
        description: "One or two integers",
        permissions: 0o444,
    },
    // ANCHOR_END: parameters
}

struct Hello5;

impl kernel::Module for Hello5 {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let [first, second] = myintArray.value();

        pr_alert!("mybyte is an 8 bit integer: {}\n", mybyte.value());
        pr_alert!("myshort is a short integer: {}\n", myshort.value());
        pr_alert!("myint is an integer: {}\n", myint.value());
        pr_alert!("mylong is a long integer: {}\n", mylong.value());
        pr_alert!("mystring is a string: {}\n", mystring.value());
        pr_alert!("myintArray is {first} and {second}\n");
        Ok(Hello5)
    }
}

impl Drop for Hello5 {
    fn drop(&mut self) {
        pr_alert!("Goodbye, world 5\n");
    }
}
