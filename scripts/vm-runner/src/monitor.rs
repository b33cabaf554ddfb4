// SPDX-License-Identifier: GPL-2.0-only

//! QEMU's monitor: typing on the guest's keyboard, plugging devices, saving the guest, and having it
//! live again.

use anyhow::{Context, Result, anyhow, bail};
use lkmpg_guest::{Key, send};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    io::{BufRead, BufReader},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// How long QEMU may take for anything.
const LIMIT: Duration = Duration::from_secs(60);
/// The guest's memory is in a file: that is not sent.
const CAPABILITIES: [&str; 2] = ["x-ignore-shared", "events"];

/// QEMU's monitor protocol, as much as is needed of it.
pub struct Monitor {
    stream: BufReader<UnixStream>,
    ready: bool,
    events: VecDeque<Value>,
}

impl Monitor {
    /// Speaks over `stream`, on which nobody has said anything yet.
    pub fn new(stream: UnixStream) -> Self {
        Self {
            stream: BufReader::new(stream),
            ready: false,
            events: VecDeque::new(),
        }
    }

    /// Stops the guest, and sends all of it but its memory to the file descriptor of QEMU's
    /// that `uri` names.
    pub fn save(&mut self, uri: &str) -> Result<()> {
        self.capabilities()?;
        self.call("migrate", json!({ "uri": uri }))?;
        self.wait_for(|event| match event["data"]["status"].as_str() {
            Some("completed") => Some(Ok(())),
            Some("failed") => Some(Err(anyhow!("QEMU cannot save the guest"))),
            _ => None,
        })
    }

    /// Reads what [`save`](Self::save) has sent. The guest stands still.
    pub fn restore(&mut self, uri: &str) -> Result<()> {
        self.capabilities()?;
        self.call("migrate-incoming", json!({ "uri": uri }))?;
        // QEMU ends if that fails.
        self.wait_for(|event| (event["data"]["status"] == "completed").then_some(Ok(())))
    }

    /// Lets a guest run that stands still.
    pub fn go_on(&mut self) -> Result<()> {
        self.call("cont", json!({}))
    }

    /// Has gdb served on this device, and the guest stand still; or, on `none`, no more.
    pub fn serve_gdb(&mut self, device: &str) -> Result<()> {
        self.human(&format!("gdbserver {device}")).map(drop)
    }

    /// Stops the guest, and writes its memory to a file, with the addresses of its kernel.
    pub fn dump(&mut self, file: &Path) -> Result<()> {
        self.call("stop", json!({}))?;
        // It takes as long as there is memory.
        self.stream.get_ref().set_read_timeout(None)?;
        let file = format!("file:{}", file.display());
        self.call(
            "dump-guest-memory",
            json!({"paging": true, "protocol": file}),
        )
    }

    fn capabilities(&mut self) -> Result<()> {
        let set = CAPABILITIES.map(|it| json!({"capability": it, "state": true}));
        self.call("migrate-set-capabilities", json!({ "capabilities": set }))
    }

    /// What QEMU thinks that the guest does, and where its processors are.
    pub fn state(&mut self) -> Result<String> {
        let status = self.ask("query-status", json!({}))?;
        let registers = self.human("info registers -a")?;
        // The names are each processor's own: what counts instructions, and whether it sleeps.
        let is_told = |it: &&str| {
            ["RIP=", "EIP=", "HLT=", "PC=", "pc"]
                .iter()
                .any(|name| it.starts_with(name))
        };
        let words = registers.split_whitespace();
        let words = words.filter(is_told).collect::<Vec<_>>().join(" ");
        Ok(format!(
            "{} {words}",
            status["status"].as_str().unwrap_or("in no state")
        ))
    }

    /// Presses and releases keys.
    pub fn type_keys(&mut self, keys: &[Key]) -> Result<()> {
        let event = |Key { code, down }: &Key| json!({"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": code}}});
        let events: Vec<_> = keys.iter().map(event).collect();
        self.call("input-send-event", json!({ "events": events }))
    }

    /// Adds a device, which is described as for `-device`.
    pub fn plug(&mut self, device: &str) -> Result<()> {
        // QEMU's own format for this is typed, and only QEMU knows the types.
        let line = format!("device_add {device}");
        match self.human(&line)?.trim() {
            "" => Ok(()),
            error => bail!("QEMU refused {line}: {error}"),
        }
    }

    /// Takes a device away, and waits until the guest has let go of it.
    pub fn unplug(&mut self, id: &str) -> Result<()> {
        self.call("device_del", json!({ "id": id }))?;
        self.wait_for(
            |event| match (event["event"].as_str(), &event["data"]["device"]) {
                (Some("DEVICE_DELETED"), device) if device == id => Some(Ok(())),
                (Some("DEVICE_UNPLUG_GUEST_ERROR"), device) if device == id => {
                    Some(Err(anyhow!("the guest does not let go of the device {id}")))
                }
                _ => None,
            },
        )
    }

    fn call(&mut self, command: &str, arguments: Value) -> Result<()> {
        self.ask(command, arguments).map(|_| ())
    }

    /// Asks as a human would, and returns what QEMU says.
    fn human(&mut self, line: &str) -> Result<String> {
        let said = self.ask("human-monitor-command", json!({"command-line": line}))?;
        Ok(said.as_str().unwrap_or_default().to_owned())
    }

    fn ask(&mut self, command: &str, arguments: Value) -> Result<Value> {
        if !self.ready {
            self.stream.get_ref().set_read_timeout(Some(LIMIT))?;
            self.ready = true;
            self.call("qmp_capabilities", json!({}))?;
        }
        send(
            self.stream.get_mut(),
            &json!({"execute": command, "arguments": arguments}),
        )?;
        loop {
            let answer = self.read()?;
            if let Some(error) = answer.get("error") {
                bail!(
                    "QEMU refused {command}: {}",
                    error["desc"].as_str().unwrap_or("without a word")
                );
            }
            if let Some(value) = answer.get("return") {
                return Ok(value.clone());
            }
            // What is neither is the greeting, or an event.
            self.events.push_back(answer);
        }
    }

    /// Waits until `done` has an answer to an event.
    fn wait_for(&mut self, done: impl Fn(&Value) -> Option<Result<()>>) -> Result<()> {
        loop {
            let event = match self.events.pop_front() {
                Some(event) => event,
                None => self.read()?,
            };
            if let Some(result) = done(&event) {
                return result;
            }
        }
    }

    fn read(&mut self) -> Result<Value> {
        let mut line = String::new();
        let length = self.stream.read_line(&mut line);
        if length.context("QEMU's monitor does not answer")? == 0 {
            bail!("QEMU's monitor is gone");
        }
        serde_json::from_str(&line).context("QEMU's monitor speaks no JSON")
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
    fn an_event_that_comes_before_the_answer_is_not_lost() {
        let saved = |status: &'static str| {
            let event = format!(
                "{{\"event\": \"MIGRATION\", \"data\": {{\"status\": \"{status}\"}}}}\n{{\"return\": {{}}}}\n"
            );
            let answers = [
                "{\"return\": {}}\n".to_owned(),
                "{\"return\": {}}\n".to_owned(),
                event,
            ];
            let answers = answers.map(|it| &*it.leak());
            monitor(answers.to_vec().leak()).save("fd:0")
        };
        saved("completed").unwrap();
        assert!(
            saved("failed")
                .unwrap_err()
                .to_string()
                .contains("cannot save")
        );
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
    fn what_qemu_says_of_a_device_that_it_does_not_add_is_told() {
        let mut monitor = monitor(&[
            "{\"return\": {}}\n",
            "{\"return\": \"\"}\n",
            "{\"return\": \"Error: no slot\\r\\n\"}\n",
        ]);
        monitor.plug("edu").unwrap();
        let error = monitor.plug("edu").unwrap_err().to_string();
        assert!(error.ends_with("Error: no slot"), "{error}");
    }

    #[test]
    fn a_device_is_gone_when_the_guest_has_let_go_of_it() {
        let mut monitor = monitor(&[
            "{\"return\": {}}\n",
            concat!(
                "{\"return\": {}}\n",
                "{\"event\": \"DEVICE_DELETED\", \"data\": {\"path\": \"/x\"}}\n",
                "{\"event\": \"DEVICE_DELETED\", \"data\": {\"device\": \"edu\"}}\n"
            ),
            concat!(
                "{\"return\": {}}\n",
                "{\"event\": \"DEVICE_UNPLUG_GUEST_ERROR\", \"data\": {\"device\": \"edu\"}}\n"
            ),
        ]);
        monitor.unplug("edu").unwrap();
        let error = monitor.unplug("edu").unwrap_err().to_string();
        assert!(error.contains("does not let go"), "{error}");
    }

    #[test]
    fn an_end_is_no_answer() {
        assert!(monitor(&[]).type_keys(&[]).is_err());
    }
}
