// SPDX-License-Identifier: GPL-2.0-only

//! The HTML parser of `html_parser.ko`, for user space.
#![no_std]

pub mod parser;
pub mod timing;
