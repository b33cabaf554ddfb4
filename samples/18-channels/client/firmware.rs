// SPDX-License-Identifier: GPL-2.0-only

//! Images for the kernel.

use crate::file;
use anyhow::{Context, Result, bail};
use clap::Subcommand;
use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

const MODULE: &str = "chan_firmware";
const FOLDER: &str = "/sys/kernel/chan_firmware";

/// How long the kernel may take to ask.
const LIMIT: Duration = Duration::from_secs(10);

#[derive(Subcommand)]
pub enum Action {
    /// Have an image loaded from /lib/firmware.
    Load {
        /// Its path below /lib/firmware.
        name: String,
    },
    /// Have an image loaded that the kernel does not find, and give it a file instead.
    Feed {
        /// What the kernel asks for.
        name: String,
        /// What it gets.
        file: PathBuf,
    },
    /// Have an image loaded that the kernel does not find, and tell it that there is none.
    Refuse {
        /// What the kernel asks for.
        name: String,
    },
    /// Print what became of the last request.
    Status,
    /// Write the image that was loaded to standard output.
    Image,
}

pub fn run(action: Action) -> Result<()> {
    match action {
        Action::Load { name } => {
            write("load", &name)?;
            status()?;
        }
        Action::Feed { name, file } => {
            let mut image =
                File::open(&file).with_context(|| format!("cannot open {}", file.display()))?;
            let question = ask(&name)?;
            if let Err(error) = answer(&question, &mut image) {
                // The kernel would wait for ever.
                let _ = fs::write(question.join("loading"), "-1\n");
                return Err(error);
            }
            settled()?;
        }
        Action::Refuse { name } => {
            let question = ask(&name)?;
            fs::write(question.join("loading"), "-1\n").context("cannot refuse")?;
            settled()?;
        }
        Action::Status => status()?,
        Action::Image => io::stdout().write_all(&file::read(MODULE, path("image"))?)?,
    }
    Ok(())
}

/// Makes the kernel ask for an image. Returns where it does.
fn ask(name: &str) -> Result<PathBuf> {
    write("ask", name)?;
    let question = Path::new("/sys/class/firmware").join(name.replace('/', "!"));
    let start = Instant::now();
    // The last of its files to come.
    while !question.join("data").exists() {
        let status = file::line(MODULE, path("status"))?;
        if !status.starts_with("pending") {
            bail!("the kernel does not ask for {name}: {status}");
        }
        if start.elapsed() > LIMIT {
            bail!(
                "the kernel has not asked for {name} for {} s",
                LIMIT.as_secs()
            );
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(question)
}

fn answer(question: &Path, image: &mut File) -> Result<()> {
    let (loading, data) = (question.join("loading"), question.join("data"));
    fs::write(&loading, "1\n").with_context(|| format!("cannot write to {}", loading.display()))?;
    let mut data = File::options()
        .write(true)
        .open(&data)
        .with_context(|| format!("cannot open {}", data.display()))?;
    io::copy(image, &mut data).context("the kernel does not take the image")?;
    fs::write(&loading, "0\n").with_context(|| format!("cannot write to {}", loading.display()))
}

/// Prints the status once the request is over.
fn settled() -> Result<()> {
    while file::line(MODULE, path("status"))?.starts_with("pending") {
        thread::sleep(Duration::from_millis(1));
    }
    status()
}

fn status() -> Result<()> {
    println!("{}", file::line(MODULE, path("status"))?);
    Ok(())
}

fn write(name: &str, text: &str) -> Result<()> {
    file::write(MODULE, path(name), text.as_bytes())
}

fn path(name: &str) -> String {
    format!("{FOLDER}/{name}")
}
