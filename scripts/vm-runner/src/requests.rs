// SPDX-License-Identifier: GPL-2.0-only

//! What a test may ask for that the guest cannot do itself.

use crate::{kernel::build_dir, keyboard::Monitor};
use anyhow::{Context, Result, ensure};
use lkmpg_guest::{Reply, Request, receive, send};
use std::{fs, io::BufReader, os::unix::net::UnixStream, path::Path};

/// Answers requests until the guest is gone.
pub fn serve(requests: UnixStream, monitor: UnixStream) -> Result<()> {
    let mut monitor = Monitor::new(monitor);
    let mut reader = BufReader::new(requests.try_clone()?);
    while let Some(request) = receive(&mut reader)? {
        let done = match request {
            Request::Keys(keys) => monitor.type_keys(&keys),
            Request::Keep(name, text) => build_dir().and_then(|it| keep(&it, &name, &text)),
        };
        let reply: Reply = done.map_err(|it| format!("{it:#}"));
        send(&requests, &reply)?;
    }
    Ok(())
}

/// Writes `bench/<name>` in the build folder. The name may not lead out of it.
fn keep(build: &Path, name: &str, text: &str) -> Result<()> {
    let plain = Path::new(name).file_name().is_some_and(|it| it == name);
    ensure!(plain, "{name:?} is not the name of a file");
    let folder = build.join("bench");
    let file = folder.join(name);
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&file, text))
        .with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_stays_below_the_folder() {
        let build = tempfile::tempdir().unwrap();
        for name in ["", ".", "..", "../x", "/x", "a/b", "a/"] {
            assert!(keep(build.path(), name, "text").is_err(), "{name:?}");
        }
        for text in ["text", "another"] {
            keep(build.path(), "x.svg", text).unwrap();
            let kept = fs::read_to_string(build.path().join("bench/x.svg"));
            assert_eq!(kept.unwrap(), text);
        }
    }
}
