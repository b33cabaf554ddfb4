// SPDX-License-Identifier: GPL-2.0-only

//! What the VM runner and its guest say to each other.
//!
//! They are connected by virtio-serial ports, one per stream, so that kernel
//! messages, the command's output and the bench's own words never mix. Messages
//! are lines of JSON.

pub mod command;
pub mod devices;
pub mod marks;
pub mod pty;
mod skip;
pub mod slot;
pub mod terminal;

pub use skip::skip;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    ffi::OsString,
    io::{self, BufRead, Write},
    path::PathBuf,
    time::Duration,
};

/// A virtio-serial port between the runner and the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Port {
    /// [`FromGuest`] in one direction and [`ToGuest`] in the other.
    Control = 1,
    /// The command's standard input.
    Stdin,
    /// The command's standard output.
    Stdout,
    /// The command's standard error.
    Stderr,
    /// A [`Request`] of a test, answered by a [`Reply`].
    Request,
    /// The far end of the second serial port, `/dev/ttyS1`: raw bytes.
    Serial,
}

impl Port {
    /// All ports.
    pub const ALL: [Port; 6] = [
        Self::Control,
        Self::Stdin,
        Self::Stdout,
        Self::Stderr,
        Self::Request,
        Self::Serial,
    ];

    /// The number of the port on its virtio-serial device.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Where the guest finds it.
    pub fn device(self) -> String {
        format!("/dev/vport0p{}", self.number())
    }
}

/// Modules to load before the ports can be used, a path a line.
pub const BOOT_MODULES: &str = "/etc/lkmpg/boot-modules";
/// Where the host's build folder is mounted, if it is shared.
pub const HOST_DIR: &str = "/host";
/// The tag of that share.
pub const HOST_TAG: &str = "host";
/// The tag of the host's root, if that is shared.
pub const ROOT_TAG: &str = "root";
/// The file by which what belongs into a guest knows that it is in one. It names the modules whose devices
/// are still to come ([`devices`]).
pub const IN_GUEST: &str = "/run/lkmpg-guest";
/// The section of a binary that belongs into a guest: it has the name of that file.
pub const GUEST_SECTION: &str = "lkmpg_guest";
/// Where the tests in the guest keep count of what the modules went through: a
/// module, a column and a number a line, between tabs.
pub const TALLY: &str = "/run/lkmpg-tally";
/// The last line of a job's kernel log: all that the run said comes before it.
pub const END_OF_LOG: &str = "lkmpg: end of the run";
/// How those of the kernel's lines begin that come at any time, whatever it runs:
/// nobody wants to see them at a prompt.
pub const CHATTER: &[&str] = &["CE: ", "clocksource: ", "tsc: ", END_OF_LOG];

/// What runs in the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// The whole environment of the command.
    pub env: Vec<(OsString, OsString)>,
    /// Where the command starts.
    pub directory: PathBuf,
    /// Give the command a terminal of this size instead of three pipes.
    pub terminal: Option<WindowSize>,
    /// Mount the host's build folder: the modules are links to what is there.
    pub share: bool,
    /// What the guest was given besides.
    pub given: Given,
}

/// What a guest has that not all have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// A network card, behind which is QEMU's own network.
    pub net: bool,
    /// Disks: what the command has written to them is there when it has ended.
    pub disks: bool,
    /// The host's root ([`ROOT_TAG`]), which becomes the guest's, below a layer that can be written.
    pub root: bool,
    /// Folders of the host.
    pub folders: Vec<Folder>,
}

/// A folder of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folder {
    /// Its name for 9p.
    pub tag: String,
    /// Where it is in the guest.
    pub path: PathBuf,
    /// Whether the guest may write there.
    pub writable: bool,
}

/// The size of a terminal in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}

/// What the guest tells the runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromGuest {
    /// The guest has booted, and waits for a job.
    Ready,
    /// The command runs from now on.
    Started,
    /// The command has ended.
    Ended {
        /// As a shell would report it: the exit status, or 128 plus a signal.
        status: u8,
        /// Bytes that were sent to the port [`Port::Stdout`].
        stdout: u64,
        /// Bytes that were sent to the port [`Port::Stderr`].
        stderr: u64,
    },
    /// What was in [`TALLY`] when the command ended, and what the modules counted themselves.
    Tally(String),
    /// What the jobs so far have changed for the next one.
    Left(Vec<String>),
    /// A module is about to be loaded that drives devices: they are to be plugged in. The answer is
    /// [`ToGuest::Plugged`].
    WantsDevices,
    /// Somebody in the guest asked for it to be turned off.
    PowerOff,
    /// The init cannot do its work.
    Failed(String),
}

/// What the runner tells the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToGuest {
    /// Here is a job.
    Start(Start),
    /// Another job may follow: is all as it was before the first one? The answer is
    /// [`FromGuest::Left`], and [`END_OF_LOG`].
    Look,
    /// No job follows: what has leaked goes to the log, and then [`END_OF_LOG`].
    End,
    /// The user's terminal changed its size.
    Resize(WindowSize),
    /// Devices were plugged in: they are to be waited for.
    Plugged {
        /// How many of them are on USB.
        usb: usize,
    },
    /// The modules that there are now, as paths below [`HOST_DIR`].
    Modules(Vec<String>),
}

/// A job, and what a guest that was saved before it cannot know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The time, since 1970.
    pub time: Duration,
    /// Makes its random numbers differ from those of all others.
    pub seed: Vec<u8>,
    /// What to run.
    pub job: Job,
    /// The modules that drive what can be plugged in and is not.
    pub drivers: Vec<String>,
    /// So many bytes follow this message: a cpio archive, whose files go again with the job.
    pub files: u64,
}

/// What a test asks of the runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Press and release keys of the PS/2 keyboard.
    Keys(Vec<Key>),
    /// Add a device, which is described as for QEMU's `-device`.
    Plug(String),
    /// Take the device with this id away, and wait until the guest has let go of it.
    Unplug(String),
}

/// The answer to a [`Request`].
pub type Reply = Result<(), String>;

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// QEMU's name of the key (its `QKeyCode`): `a`, `ret`, `shift`.
    pub code: String,
    /// Pressed, or released.
    pub down: bool,
}

/// Writes a message.
pub fn send(mut to: impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line)
}

/// Reads the next message; `None` when the other side is gone.
pub fn receive<T: DeserializeOwned>(mut from: impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_have_the_numbers_of_their_place() {
        for (index, port) in Port::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(port.number()), index + 1);
        }
    }

    #[test]
    fn messages_survive_the_way() {
        let messages = [FromGuest::Started, FromGuest::Failed("a\nb".into())];
        let mut wire = Vec::new();
        for message in &messages {
            send(&mut wire, message).unwrap();
        }
        let mut wire = wire.as_slice();
        for message in messages {
            assert_eq!(receive(&mut wire).unwrap(), Some(message));
        }
        assert_eq!(receive::<FromGuest>(&mut wire).unwrap(), None);
    }

    #[test]
    fn a_message_that_is_cut_off_is_none() {
        assert_eq!(receive::<FromGuest>(&b"\"Star"[..]).unwrap(), None);
    }
}
