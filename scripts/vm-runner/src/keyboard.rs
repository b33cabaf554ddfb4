// SPDX-License-Identifier: GPL-2.0-only

//! Typing on the guest's keyboard.

use anyhow::{Context, Result, bail};
use lkmpg_guest::{Key, send};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    os::unix::net::UnixStream,
};

/// QEMU's monitor protocol, as much as is needed of it.
pub struct Monitor {
    stream: BufReader<UnixStream>,
    ready: bool,
}

impl Monitor {
    /// Speaks over `stream`, on which nobody has said anything yet.
    pub fn new(stream: UnixStream) -> Self {
        Self {
            stream: BufReader::new(stream),
            ready: false,
        }
    }

    /// Presses and releases keys.
    pub fn type_keys(&mut self, keys: &[Key]) -> Result<()> {
        if !self.ready {
            self.call("qmp_capabilities", json!({}))?;
            self.ready = true;
        }
        let event = |Key { code, down }: &Key| json!({"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": code}}});
        let events: Vec<_> = keys.iter().map(event).collect();
        self.call("input-send-event", json!({ "events": events }))
    }

    fn call(&mut self, command: &str, arguments: Value) -> Result<()> {
        send(
            self.stream.get_mut(),
            &json!({"execute": command, "arguments": arguments}),
        )?;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                bail!("QEMU's monitor is gone");
            }
            // Between an answer and the next there are greetings and events.
            let answer: Value =
                serde_json::from_str(&line).context("QEMU's monitor speaks no JSON")?;
            if let Some(error) = answer.get("error") {
                bail!(
                    "QEMU refused {command}: {}",
                    error["desc"].as_str().unwrap_or("without a word")
                );
            }
            if answer.get("return").is_some() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Write, thread};

    /// A monitor that answers every call with the next line.
    fn monitor(answers: &'static [&'static str]) -> Monitor {
        let (near, far) = UnixStream::pair().unwrap();
        thread::spawn(move || {
            let mut reader = BufReader::new(far.try_clone().unwrap());
            (&far).write_all(b"{\"QMP\": {}}\n").unwrap();
            for answer in answers {
                reader.read_line(&mut String::new()).unwrap();
                (&far).write_all(answer.as_bytes()).unwrap();
            }
        });
        Monitor::new(near)
    }

    #[test]
    fn greetings_and_events_are_passed_over() {
        let mut monitor = monitor(&[
            "{\"return\": {}}\n",
            "{\"event\": \"X\"}\n{\"return\": {}}\n",
        ]);
        monitor
            .type_keys(&[Key {
                code: "a".into(),
                down: true,
            }])
            .unwrap();
    }

    #[test]
    fn a_refusal_says_why() {
        let mut monitor = monitor(&[
            "{\"return\": {}}\n",
            "{\"error\": {\"desc\": \"no such key\"}}\n",
        ]);
        let error = monitor.type_keys(&[]).unwrap_err();
        assert!(error.to_string().contains("no such key"));
    }

    #[test]
    fn an_end_is_no_answer() {
        assert!(monitor(&[]).type_keys(&[]).is_err());
    }
}
