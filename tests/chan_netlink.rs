// SPDX-License-Identifier: GPL-2.0-only

//! Channels: chan_netlink.

use lkmpg_tests::{
    KernelLog, Module, as_user, is_loaded, is_twin, name,
    netlink::{
        ACK, CONTROL, Connection, DONE, DUMP, ERROR, FAMILY_ID, GET_FAMILY, GET_POLICY, NESTED,
        REQUEST, attribute, attributes, command, message,
    },
    skip,
};
use netlink_sys::protocols::NETLINK_GENERIC;
use protocol::{ECHO, EVENT, LIST, NUMBER, PUBLISH, SERVED, SUM, TEXT};
use rustix::io::Errno;
use std::{process::Command, thread};

#[path = "chan_netlink/contents.rs"]
mod contents;
#[allow(dead_code, reason = "the client needs more of it")]
#[path = "../samples/18-channels/netlink_protocol.rs"]
mod protocol;

const MODULE: &str = name!("chan_netlink");
const PROTOCOL: u8 = if is_twin!() { 29 } else { protocol::PROTOCOL };

/// The module's last group is the classic socket's first.
const GROUP: u32 = 1;

fn load() -> Module {
    Module::load(MODULE, &[]).expect("the module loads")
}

fn text(text: &str) -> Vec<u8> {
    attribute(TEXT, text.as_bytes())
}

fn number(number: u32) -> Vec<u8> {
    attribute(NUMBER, &number.to_ne_bytes())
}

/// A list that contains a number, within further lists, as many as there are levels.
fn nested(levels: usize) -> Vec<u8> {
    let list = |inside: &[u8]| attribute(LIST | NESTED, inside);
    (1..levels).fold(list(&number(7)), |inside, _| list(&inside))
}

/// What only this module's connections do.
trait Chan {
    fn classic() -> Self;
    fn check(&self);
}

impl Chan for Connection {
    fn classic() -> Self {
        Self::open(PROTOCOL.into()).expect("the protocol")
    }

    /// A request that must work.
    fn check(&self) {
        let replies = self.ask(&message(
            ECHO.into(),
            REQUEST,
            77,
            &[text("good"), nested(2)].concat(),
        ));
        assert_eq!(replies.len(), 1, "{replies:?}");
        assert_eq!((replies[0].kind, replies[0].sequence), (ECHO.into(), 77));
        assert_eq!((replies[0].port, replies[0].flags), (self.port(), 0));
        let attributes = replies[0].attributes(0);
        assert_eq!(attributes[&TEXT], b"good\0");
        assert_eq!(attributes[&SUM], 7_u64.to_ne_bytes());
    }
}

/// The generic family.
struct Family {
    connection: Connection,
    id: u16,
    group: u32,
}

impl Family {
    fn find() -> Self {
        Self::named(MODULE, "events")
    }

    /// Finds a family with one group.
    fn named(name: &str, group_name: &str) -> Self {
        let connection = Connection::open(NETLINK_GENERIC).expect("generic netlink");
        let family = connection.family(name);
        let id = u16::from_ne_bytes(family[&1][..].try_into().expect("a number"));
        let group = attributes(&attributes(&family[&7])[&1]);
        assert_eq!(group[&1], format!("{group_name}\0").as_bytes());
        let group = u32::from_ne_bytes(group[&2][..].try_into().expect("a number"));
        Self {
            connection,
            id,
            group,
        }
    }

    fn message(&self, number: u8, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
        message(
            self.id,
            REQUEST | flags,
            sequence,
            &command(number, payload),
        )
    }

    fn errno(&self, number: u8, payload: &[u8]) -> i32 {
        self.connection.errno(&self.message(number, 0, 3, payload))
    }

    fn check(&self) {
        let request = self.message(ECHO, 0, 78, &[text("good"), nested(2)].concat());
        let replies = self.connection.ask(&request);
        assert_eq!(replies.len(), 1, "{replies:?}");
        assert_eq!((replies[0].kind, replies[0].sequence), (self.id, 78));
        let attributes = replies[0].attributes(4);
        assert_eq!(attributes[&TEXT], b"good\0");
        assert_eq!(attributes[&SUM], 7_u64.to_ne_bytes());
    }
}

fn chan(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("chan")
        .arg("netlink")
        .args(arguments)
        .output()
        .expect("chan");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8(text).expect("text"),
    )
}

fn raw(errno: Errno) -> i32 {
    errno.raw_os_error()
}

#[test]
fn the_client_gets_an_echo_either_way() {
    if is_twin!() {
        return skip("the client is the sample's");
    }
    let _module = load();
    for (index, way) in [&["echo"][..], &["--classic", "echo"]]
        .into_iter()
        .enumerate()
    {
        let shown = format!("text: hello\nsum: 42\nserved: {}\n", index + 1);
        assert_eq!(
            chan(&[way, &["hello", "1", "2", "39"]].concat()),
            (true, shown)
        );
    }
}

#[test]
fn the_client_refuses_what_is_too_long() {
    if is_twin!() {
        return skip("the client is the sample's");
    }
    let _module = load();
    let (text, numbers) = ("x".repeat(4097), vec!["1"; 8192]);
    for words in [
        ["echo", &text].as_slice(),
        &["publish", &text],
        &[&["echo", "x"], numbers.as_slice()].concat(),
    ] {
        let output = Command::new("chan").arg("netlink").args(words).output();
        let output = output.expect("chan");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(!output.stderr.is_empty());
    }
    let longest = "x".repeat(4096);
    let (echoed, shown) = chan(&[&["echo", &longest], &numbers[1..]].concat());
    let expected = format!("text: {longest}\nsum: 8191\n");
    assert!(echoed && shown.starts_with(&expected), "{shown}");
}

#[test]
fn a_request_gets_its_answer_and_acknowledgement() {
    let _module = load();
    let connection = Connection::classic();
    connection.check();
    let replies = connection.ask(&message(ECHO.into(), REQUEST | ACK, 5, &text("x")));
    let kinds: Vec<_> = replies
        .iter()
        .map(|it| (it.kind, it.sequence, it.errno()))
        .collect();
    assert_eq!(kinds, [(ECHO.into(), 5, None), (ERROR, 5, Some(0))]);
    let family = Family::find();
    family.check();
    let replies = family
        .connection
        .ask(&family.message(ECHO, ACK, 6, &text("x")));
    let kinds: Vec<_> = replies
        .iter()
        .map(|it| (it.kind, it.sequence, it.errno()))
        .collect();
    assert_eq!(kinds, [(family.id, 6, None), (ERROR, 6, Some(0))]);
}

#[test]
fn several_messages_fit_a_datagram() {
    let _module = load();
    let connection = Connection::classic();
    let mut datagram = Vec::new();
    for sequence in 0..100 {
        // Lengths that are no multiple of 4: the next message begins at one.
        let mut one = message(
            ECHO.into(),
            REQUEST,
            sequence,
            &attribute(TEXT, b"12345")[..9],
        );
        one.resize(one.len().next_multiple_of(4), 0xee);
        datagram.extend(one);
    }
    let replies = connection.ask(&datagram);
    assert_eq!(replies.len(), 100);
    for (sequence, reply) in replies.iter().enumerate() {
        assert_eq!((reply.kind, reply.sequence), (ECHO.into(), sequence as u32));
    }
}

#[test]
fn only_requests_are_handled() {
    let _module = load();
    let connection = Connection::classic();
    let payload = text("x");
    assert_eq!(
        connection.ask(&message(ECHO.into(), 0, 3, &payload)),
        [],
        "no request"
    );
    for kind in 0..16 {
        assert_eq!(
            connection.ask(&message(kind, REQUEST, 3, &payload)),
            [],
            "type {kind}"
        );
        assert_eq!(
            connection.errno(&message(kind, REQUEST | ACK, 3, &payload)),
            0,
            "type {kind}"
        );
    }
    for kind in [EVENT.into(), 19, 0x7fff, 0xffff] {
        assert_eq!(
            connection.errno(&message(kind, REQUEST, 3, &payload)),
            raw(Errno::OPNOTSUPP),
            "type {kind}"
        );
    }
    let family = Family::find();
    for number in [0, EVENT, 255] {
        assert_eq!(
            family.errno(number, &payload),
            raw(Errno::OPNOTSUPP),
            "command {number}"
        );
    }
}

#[test]
fn other_protocols_are_not_there() {
    let _module = load();
    for number in [PROTOCOL - 1, 32, 255] {
        let error = Connection::open(number.into()).map(drop);
        assert_eq!(error, Err(Errno::PROTONOSUPPORT), "{number}");
    }
    // No such family.
    let family = Family::find();
    let request = message(family.id + 100, REQUEST, 3, &command(ECHO, &text("x")));
    assert_eq!(family.connection.errno(&request), raw(Errno::NOENT));
    family.check();
}

#[test]
fn events_reach_those_who_listen() {
    let _module = load();
    let (connection, family) = (Connection::classic(), Family::find());
    let (listener, deaf) = (Connection::classic(), Connection::classic());
    listener.socket.add_membership(GROUP).expect("join");
    let generic = Family::find();
    generic
        .connection
        .socket
        .add_membership(generic.group)
        .expect("join");

    assert_eq!(
        connection.errno(&message(PUBLISH.into(), REQUEST | ACK, 3, &text("news"))),
        0
    );
    let events = listener.drain();
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].kind, events[0].sequence), (EVENT.into(), 0));
    assert_eq!(events[0].attributes(0)[&TEXT], b"news\0");
    assert_eq!(deaf.drain(), []);

    let request = family.message(PUBLISH, ACK, 3, &text("more"));
    assert_eq!(family.connection.errno(&request), 0);
    let events = generic.connection.drain();
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].kind, events[0].payload[0]), (generic.id, EVENT));
    let attributes = events[0].attributes(4);
    assert_eq!(
        (&attributes[&TEXT][..], &attributes[&SERVED][..]),
        (&b"more\0"[..], &2_u64.to_ne_bytes()[..])
    );

    // That nobody listens is no error.
    drop((listener, generic));
    assert_eq!(
        connection.errno(&message(PUBLISH.into(), REQUEST | ACK, 3, &text("news"))),
        0
    );
    assert_eq!(family.connection.errno(&request), 0);
}

/// The module `family` of the tests: what the sample does not need.
#[test]
fn a_family_has_lists_and_flags_explains_itself_and_has_news() {
    const BYTES: u16 = 1;
    const ECHO: u8 = 1;
    const REFUSE: u16 = 2;
    const LIST: u16 = 3;
    let _module = Module::load("family", &[]).expect("the module loads");
    let Family {
        connection,
        id,
        group,
    } = Family::named("rest", "news");
    let ask = |sequence, attributes: &[u8]| {
        let request = message(id, REQUEST, sequence, &command(ECHO, attributes));
        let [reply] = &connection.ask(&request)[..] else {
            panic!("not one reply");
        };
        assert_eq!(reply.sequence, sequence);
        (reply.errno(), reply.payload.clone())
    };

    for (sequence, flag) in [(2, &[][..]), (3, &attribute(REFUSE, b""))] {
        let inside = [flag, &attribute(BYTES, b"a b c d")].concat();
        let list = attribute(LIST | NESTED, &inside);
        let (errno, payload) = ask(sequence, &attribute(BYTES, b"a b c d"));
        assert_eq!((errno, &payload[4..]), (None, &list[..]));
    }
    let too_long = ask(4, &attribute(BYTES, b"123456789"));
    assert_eq!(too_long.0, Some(raw(Errno::RANGE)));
    assert_eq!(ask(5, &[]).0, Some(raw(Errno::INVAL)));
    connection.socket.set_ext_ack(true).expect("setsockopt");
    let (errno, payload) = ask(6, &attribute(REFUSE, b""));
    assert_eq!(errno, Some(raw(Errno::PERM)));
    let payload = String::from_utf8_lossy(&payload);
    assert!(payload.contains("it was asked to refuse\0"), "{payload:?}");

    let tell = || std::fs::read_to_string("/proc/family").expect("/proc/family");
    assert_eq!(tell(), "false\n");
    connection.socket.add_membership(group).expect("join");
    assert_eq!(tell(), "true\n");
    let news = connection.drain();
    assert_eq!(news[0].attributes(4)[&BYTES], b"news");
}

/// What is told in several messages may be dropped between two of them.
#[test]
fn a_family_ends_while_it_explains_itself() {
    let _module = Module::load("family", &[]).expect("the module loads");
    let Family { connection, id, .. } = Family::named("rest", "news");
    let whom = attribute(FAMILY_ID, &id.to_ne_bytes());
    let request = message(CONTROL, REQUEST | DUMP, 3, &command(GET_POLICY, &whom));
    let whole = connection.ask(&request);
    assert_eq!(whole.last().map(|it| it.kind), Some(DONE));

    connection.send(&request).expect("send");
    std::fs::write("/proc/family", "end").expect("/proc/family");
    assert_eq!(connection.drain(), whole);
    assert_eq!(connection.errno(&request), raw(Errno::NOENT));
}

#[test]
fn the_unprivileged_ask_and_listen_but_do_not_publish() {
    let _module = load();
    as_user(1000, || {
        let (connection, family) = (Connection::classic(), Family::find());
        connection.check();
        family.check();
        connection.socket.add_membership(GROUP).expect("join");
        family
            .connection
            .socket
            .add_membership(family.group)
            .expect("join");
        let request = message(PUBLISH.into(), REQUEST | ACK, 3, &text("x"));
        assert_eq!(connection.errno(&request), raw(Errno::PERM));
        assert_eq!(family.errno(PUBLISH, &text("x")), raw(Errno::PERM));
        assert_eq!(
            (connection.drain(), family.connection.drain()),
            (vec![], vec![])
        );
    });
    // Root's socket in other hands does not help, either.
    let connection = Connection::classic();
    as_user(1000, || {
        let request = message(PUBLISH.into(), REQUEST | ACK, 3, &text("x"));
        assert_eq!(connection.errno(&request), raw(Errno::PERM));
    });
}

#[test]
fn a_listener_that_never_reads_holds_nobody_up() {
    let _module = load();
    let connection = Connection::classic();
    let (listener, other) = (Connection::classic(), Connection::classic());
    for it in [&listener, &other] {
        it.socket.add_membership(GROUP).expect("join");
    }
    let long = "x".repeat(4000);
    let count = 500;
    for _ in 0..count {
        assert_eq!(
            connection.errno(&message(PUBLISH.into(), REQUEST | ACK, 3, &text(&long))),
            0
        );
        assert_eq!(other.drain().len(), 1);
    }
    // It is told that it missed something, and gets what fitted.
    assert_eq!(listener.receive(), Err(Errno::NOBUFS));
    let got = listener.drain().len();
    assert!(0 < got && got < count, "{got}");
    connection.check();
}

/// One who asks that the sender be told (`NETLINK_BROADCAST_ERROR`).
#[test]
fn a_listener_that_never_reads_and_complains_holds_nobody_up() {
    let _module = load();
    let (connection, family) = (Connection::classic(), Family::find());
    let listeners = as_user(1000, || {
        let listeners = [
            (Connection::classic(), GROUP),
            (Family::find().connection, family.group),
        ];
        for (listener, group) in &listeners {
            listener.socket.add_membership(*group).expect("join");
            listener
                .socket
                .set_broadcast_error(true)
                .expect("the option");
        }
        listeners
    });
    let news = text(&"x".repeat(4000));
    for _ in 0..500 {
        let classic = message(PUBLISH.into(), REQUEST | ACK, 3, &news);
        assert_eq!(connection.errno(&classic), 0);
        assert_eq!(
            family
                .connection
                .errno(&family.message(PUBLISH, ACK, 3, &news)),
            0
        );
    }
    for (listener, _) in listeners {
        assert_eq!(listener.receive(), Err(Errno::NOBUFS));
    }
}

#[test]
fn a_sender_that_never_reads_hurts_itself_only() {
    let _module = load();
    let (connection, other) = (Connection::classic(), Connection::classic());
    let request = message(ECHO.into(), REQUEST | ACK, 3, &text(&"x".repeat(4000)));
    let count = 500;
    for _ in 0..count {
        connection.send(&request).expect("send");
    }
    other.check();
    let got = connection.drain().len();
    assert!(0 < got && got < count, "{got}");
    connection.check();
}

#[test]
fn a_socket_keeps_the_module_and_a_family_does_not() {
    let module = load();
    let connection = Connection::classic();
    let family = Family::find();
    let module = module
        .unload()
        .expect_err("in use")
        .into_module(Errno::AGAIN);
    connection.check();
    drop(connection);
    module.unload().expect("it unloads");
    assert_eq!(family.errno(ECHO, &text("x")), raw(Errno::NOENT));
}

#[test]
fn whoever_opens_a_socket_gets_the_module() {
    if is_twin!() {
        return skip("the aliases are the sample's");
    }
    assert!(!is_loaded(MODULE));
    let connection = Connection::classic();
    let _module = Module::adopt("chan_netlink");
    connection.check();
    drop(connection);
}

#[test]
fn whoever_asks_for_the_family_gets_the_module() {
    if is_twin!() {
        return skip("the aliases are the sample's");
    }
    assert!(!is_loaded(MODULE));
    let family = Family::find();
    let _module = Module::adopt("chan_netlink");
    family.check();
}

#[test]
fn a_protocol_that_is_taken_is_an_error() {
    // Generic netlink's own, and one beyond the last.
    for (number, errno) in [(NETLINK_GENERIC, Errno::BUSY), (32, Errno::INVAL)] {
        let log = KernelLog::now();
        let parameter = format!("protocol_number={number}");
        let error = Module::load(MODULE, &[&parameter]).expect_err("no protocol to have");
        assert_eq!(error.to_string(), format!("the kernel refused it: {errno}"));
        let sorry = format!("{MODULE}: Sorry, there is no netlink protocol {number},");
        assert_eq!(log.lines_with(&sorry).len(), 1);
        assert!(!is_loaded(MODULE));
    }
    // Nothing of it was left behind: the family's name is free.
    let _module = Module::load(MODULE, &["protocol_number=30"]).expect("a free one");
    Family::find().check();
}

#[test]
fn the_family_is_listed() {
    let _module = load();
    let family = Family::find();
    // What `genl ctrl list` asks for.
    let replies = family.connection.ask(&message(
        CONTROL,
        REQUEST | DUMP,
        1,
        &command(GET_FAMILY, &[]),
    ));
    let names: Vec<_> = replies
        .iter()
        .filter(|it| it.kind != DONE)
        .map(|it| it.attributes(4)[&2].clone())
        .collect();
    assert!(names.contains(&format!("{MODULE}\0").into_bytes()));
    for arguments in [&["list"][..], &["get", "name", MODULE]] {
        let output = Command::new("genl").arg("ctrl").args(arguments).output();
        let output = output.expect("genl, of iproute2");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (_, text) = text.split_once(&format!("Name: {MODULE}\n")).expect(&text);
        let text = text.split("Name: ").next().unwrap_or_default();
        assert!(
            text.contains(&format!("ID: {:#x}  Version: 0x1", family.id)),
            "{text}"
        );
        assert!(
            text.contains("max attribs: 2") && text.contains("name: events"),
            "{text}"
        );
    }
}

#[test]
fn requests_of_many_are_all_counted() {
    let _module = load();
    let (threads, each) = (4, 500);
    thread::scope(|scope| {
        for index in 0..threads {
            scope.spawn(move || {
                let connection = Connection::classic();
                let family = Family::find();
                for _ in 0..each {
                    if index % 2 == 0 {
                        connection.check()
                    } else {
                        family.check()
                    }
                }
            });
        }
    });
    let replies = Connection::classic().ask(&message(ECHO.into(), REQUEST, 1, &text("x")));
    assert_eq!(
        replies[0].attributes(0)[&SERVED],
        (threads * each + 1_u64).to_ne_bytes()
    );
}
