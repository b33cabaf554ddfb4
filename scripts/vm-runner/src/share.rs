// SPDX-License-Identifier: GPL-2.0-only

//! What a guest that lives on sees of the host's build.

use crate::kernel::{Kernel, build_dir};
use anyhow::{Context, Result};
use std::{fs, time::SystemTime};

/// The modules that there are, each with the time of its build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modules(Vec<(String, SystemTime)>);

impl Modules {
    /// Looks what is there now.
    pub fn now(kernel: &Kernel) -> Result<Self> {
        let root = build_dir()?;
        let mut modules = Vec::new();
        for path in kernel.modules()? {
            let built = fs::metadata(&path).and_then(|it| it.modified())?;
            let path = path
                .strip_prefix(&root)
                .context("a module outside of build/")?;
            modules.push((
                path.to_str()
                    .context("a module's path is not valid UTF-8")?
                    .to_owned(),
                built,
            ));
        }
        Ok(Self(modules))
    }

    /// Their paths below the build folder.
    pub fn paths(&self) -> Vec<String> {
        self.0.iter().map(|it| it.0.clone()).collect()
    }
}
