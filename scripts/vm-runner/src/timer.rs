// SPDX-License-Identifier: GPL-2.0-only

//! The timers of a riscv64 guest that goes on.
//!
//! QEMU saves for what time a processor's timer is set, and does not set it when the guest goes on
//! (until 10.1; a patch of September 2025 mends it). Linux sets none before the one that it waits
//! for, so if that time is near, the guest waits for ever. The timer is set whenever the register
//! is written, and QEMU's gdb server reaches all registers: each is written what is in it.

use anyhow::{Context, Result, bail, ensure};
use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

/// How long QEMU may take for an answer.
const LIMIT: Duration = Duration::from_secs(60);
/// The register that sets the timer: its number among those of control and status (CSR).
const STIMECMP: u32 = 0x14d;
/// One of which QEMU tells its number for gdb. (It does not know yet whether there is `stimecmp`
/// when it makes that list.)
const SIE: (&str, u32) = ("sie", 0x104);

/// Sets the timers of all processors of a guest that stands still. `gdb` leads to QEMU's gdb server.
pub fn set_again(gdb: &UnixStream) -> Result<()> {
    gdb.set_read_timeout(Some(LIMIT))?;
    let mut gdb = Gdb(BufReader::new(gdb));
    // It names no register to who does not ask for this first.
    gdb.read_file("target.xml")?;
    let registers = gdb.read_file("riscv-csr.xml")?;
    let first = number(&registers, SIE.0)
        .and_then(|it| it.checked_sub(SIE.1))
        .context("QEMU's gdb server names no control registers")?;
    let timer = first + STIMECMP;
    for processor in gdb.threads()? {
        gdb.act(&format!("Hg{processor}"))?;
        let value = gdb.ask(&format!("p{timer:x}"))?;
        // Without such a timer there is nothing to set.
        if !value.is_empty() && !value.starts_with('E') {
            gdb.act(&format!("P{timer:x}={value}"))?;
        }
    }
    Ok(())
}

/// The number of a register in the description that gdb is given.
fn number(description: &str, name: &str) -> Option<u32> {
    let (_, rest) = description.split_once(&format!("<reg name=\"{name}\""))?;
    let (attributes, _) = rest.split_once('>')?;
    let (_, number) = attributes.split_once("regnum=\"")?;
    number.split('"').next()?.parse().ok()
}

/// Speaks gdb's remote serial protocol.
struct Gdb<'a>(BufReader<&'a UnixStream>);

impl Gdb<'_> {
    /// Asks, and returns the answer; an empty one says that there is no such question.
    fn ask(&mut self, question: &str) -> Result<String> {
        let sum = question.bytes().fold(0_u8, u8::wrapping_add);
        let mut stream = *self.0.get_ref();
        write!(stream, "${question}#{sum:02x}")?;
        let mut answer = Vec::new();
        // What comes before it acknowledges the question.
        for end in [b'$', b'#'] {
            answer.clear();
            let length = self.0.read_until(end, &mut answer);
            length.context("QEMU's gdb server does not answer")?;
            ensure!(answer.pop() == Some(end), "QEMU's gdb server is gone");
        }
        self.0.read_exact(&mut [0; 2])?;
        stream.write_all(b"+")?;
        String::from_utf8(answer).context("QEMU's gdb server answers no text")
    }

    /// Has something done.
    fn act(&mut self, order: &str) -> Result<()> {
        let answer = self.ask(order)?;
        ensure!(
            answer == "OK",
            "QEMU's gdb server refused {order}: {answer}"
        );
        Ok(())
    }

    fn read_file(&mut self, name: &str) -> Result<String> {
        let mut file = String::new();
        loop {
            let question = format!("qXfer:features:read:{name}:{:x},ff0", file.len());
            let answer = self.ask(&question)?;
            match answer.split_at_checked(1) {
                Some(("m", part)) => file += part,
                Some(("l", part)) => return Ok(file + part),
                _ => bail!("QEMU's gdb server has no {name}: {answer}"),
            }
        }
    }

    /// Its names for the processors.
    fn threads(&mut self) -> Result<Vec<String>> {
        let mut all = Vec::new();
        let mut question = "qfThreadInfo";
        loop {
            let answer = self.ask(question)?;
            match answer.split_at_checked(1) {
                Some(("m", names)) => all.extend(names.split(',').map(str::to_owned)),
                Some(("l", _)) => return Ok(all),
                _ => bail!("QEMU's gdb server names no processors: {answer}"),
            }
            question = "qsThreadInfo";
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io, net::Shutdown, thread};

    /// A server that answers what it is asked as `answers` has it, and returns the questions.
    fn server(answers: &'static [&'static str]) -> (UnixStream, thread::JoinHandle<Vec<String>>) {
        let (near, far) = UnixStream::pair().unwrap();
        let server = thread::spawn(move || {
            let mut reader = BufReader::new(&far);
            let mut questions = Vec::new();
            for answer in answers {
                let mut question = Vec::new();
                reader.read_until(b'#', &mut question).unwrap();
                let question = String::from_utf8(question).unwrap();
                let (_, question) = question.split_once('$').unwrap();
                questions.push(question.trim_end_matches('#').to_owned());
                (&far)
                    .write_all(format!("+${answer}#00").as_bytes())
                    .unwrap();
            }
            far.shutdown(Shutdown::Write).unwrap();
            io::copy(&mut reader, &mut io::sink()).unwrap();
            questions
        });
        (near, server)
    }

    const LIST: [&str; 3] = [
        "l<target/>",
        "m<reg name=\"sstatus\" bitsize=\"64\" regnum=\"322\"/><reg name=\"sie\" bits",
        "lize=\"64\" regnum=\"326\"/>",
    ];

    #[test]
    fn each_processor_s_timer_is_written_what_it_was_set_to() {
        let (gdb, server) = server(
            [
                &LIST[..],
                &["m01", "m02", "l", "OK", "dc3b", "OK", "OK", "ff", "OK"],
            ]
            .concat()
            .leak(),
        );
        set_again(&gdb).unwrap();
        drop(gdb);
        let questions = server.join().unwrap();
        assert_eq!(
            questions[6..],
            ["Hg01", "p18f", "P18f=dc3b", "Hg02", "p18f", "P18f=ff"]
        );
    }

    #[test]
    fn a_processor_without_such_a_timer_is_left_alone() {
        for nothing in ["", "E14"] {
            let answers = [&LIST[..], &["m01", "l", "OK", nothing]].concat();
            let (gdb, server) = server(answers.leak());
            set_again(&gdb).unwrap();
            drop(gdb);
            server.join().unwrap();
        }
    }

    #[test]
    fn a_refusal_is_told() {
        let answers = [&LIST[..], &["m01", "l", "OK", "dc3b", "E22"]].concat();
        let (gdb, _server) = server(answers.leak());
        let error = set_again(&gdb).unwrap_err().to_string();
        assert!(error.ends_with("refused P18f=dc3b: E22"), "{error}");
    }

    #[test]
    fn who_names_no_registers_or_goes_is_told_of() {
        let (gdb, _server) = server(&["l", "l<reg name=\"pc\" regnum=\"32\"/>"]);
        let error = set_again(&gdb).unwrap_err().to_string();
        assert!(error.contains("names no control registers"), "{error}");
        let (gdb, _server) = server(&["l"]);
        let error = set_again(&gdb).unwrap_err().to_string();
        assert!(error.contains("is gone"), "{error}");
    }
}
