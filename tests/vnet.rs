// SPDX-License-Identifier: GPL-2.0-only

//! Network interfaces: vnet.

use lkmpg_tests::{
    LoadError, Module, Namespace, Progress, errno_of,
    namespace::{Counted, HERE, THERE, be_quiet, counted, ip},
    times, wait_until,
};
use nix::{
    ifaddrs::getifaddrs,
    sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, bind, socket},
};
use rustix::{
    io::Errno,
    net::{
        RecvFlags, SendFlags, recv, send,
        sockopt::{Ipv4PathMtuDiscovery, set_ip_mtu_discover},
    },
    thread::{CpuSet, Pid, gettid, sched_setaffinity},
};
use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream, UdpSocket},
    os::fd::{AsRawFd as _, OwnedFd},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Instant,
};

const CLASS: &str = "/sys/class/net";
/// What comes before the bytes of a datagram: Ethernet's header, IP's and UDP's.
const ETHERNET: usize = 14;
const HEADERS: usize = 28;
/// What vnet keeps at one end.
const ROOM: u64 = 256;

fn load() -> Module {
    be_quiet();
    Module::load("vnet", &[]).expect("the module loads")
}

fn run(program: &str, arguments: &str) {
    let output = output(program, arguments);
    assert!(output.status.success(), "{program} {arguments}: {output:?}");
}

fn output(program: &str, arguments: &str) -> std::process::Output {
    let output = Command::new(program).args(arguments.split(' ')).output();
    output.unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn is_there(interface: &str) -> bool {
    fs::exists(Path::new(CLASS).join(interface)).expect("stat")
}

/// A file of an interface.
fn shown(interface: &str, file: &str) -> String {
    let path = Path::new(CLASS).join(interface).join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.trim().to_owned()
}

#[test]
fn they_come_and_go() {
    let module = load();
    for interface in ["vnet0", "vnet1"] {
        assert_eq!(shown(interface, "operstate"), "down");
        assert_eq!(shown(interface, "mtu"), "1500");
        assert_eq!(shown(interface, "type"), "1");
        let address = shown(interface, "address");
        let first = u8::from_str_radix(&address[..2], 16).expect("an address");
        assert_eq!(first & 3, 2, "{address}: one card's, made here");
    }
    assert_ne!(shown("vnet0", "address"), shown("vnet1", "address"));
    ip("link set vnet0 address 02:00:00:00:00:01");
    assert_eq!(shown("vnet0", "address"), "02:00:00:00:00:01");
    for (mtu, works) in [(67, false), (68, true), (9000, true), (9001, false)] {
        let output = output("ip", &format!("link set vnet0 mtu {mtu}"));
        assert_eq!(output.status.success(), works, "{mtu}: {output:?}");
    }
    // Not one of those that a user makes.
    assert!(!output("ip", "link del vnet0").status.success());
    module.unload().expect("unload");
    assert!(!is_there("vnet0") && !is_there("vnet1"));
}

/// It may be an address of the kernel's. Who else has the packet keeps it.
#[test]
fn what_arrives_has_no_time_of_a_device() {
    let module = load();
    for interface in ["vnet0", "vnet1"] {
        ip(&format!("link set {interface} up"));
    }
    let stamper = Module::load("stamper", &[]).expect("the packet arrives");
    let parameter = |name| {
        let path = format!("/sys/module/stamper/parameters/{name}");
        fs::read_to_string(path).expect("a parameter")
    };
    assert_eq!([parameter("came"), parameter("kept")], ["N\n", "Y\n"]);
    stamper.unload().expect("not in use");
    module.unload().expect("unload");
}

#[test]
fn a_name_that_is_taken_is_an_error() {
    let module = load();
    ip("link set vnet0 name vnet1x");
    ip("link set vnet1 name vnet0");
    ip("link set vnet1x name vnet1");
    module.unload().expect("unload");

    ip("link set lo down");
    ip("link set lo name vnet1");
    let outcome = Module::load("vnet", &[]);
    ip("link set vnet1 name lo");
    ip("link set lo up");
    // `EEXIST`, which the loader does not pass on.
    match outcome {
        Err(LoadError::Refused(Errno::BUSY)) => {}
        other => panic!("{other:?}"),
    }
    assert!(!is_there("vnet0"));
}

#[test]
fn there_is_a_carrier_when_both_are_up() {
    let module = load();
    let carrier = |interface| shown(interface, "carrier");
    ip("link set vnet0 up");
    assert_eq!(carrier("vnet0"), "0");
    ip("link set vnet1 up");
    assert_eq!([carrier("vnet0"), carrier("vnet1")], ["1", "1"]);
    ip("link set vnet0 down");
    assert_eq!(carrier("vnet1"), "0");
    ip("link set vnet0 up");
    assert_eq!([carrier("vnet0"), carrier("vnet1")], ["1", "1"]);
    module.unload().expect("unload, while they are up");
}

#[test]
fn packets_of_all_sizes_are_counted_exactly() {
    let _module = load();
    let other = Namespace::new();
    other.connect("vnet0", "vnet1");
    let receiver = other.run(|| UdpSocket::bind((THERE, 7)).expect("bind"));
    let sender = UdpSocket::bind((HERE, 7)).expect("bind");
    sender.connect((THERE, 7)).expect("connect");

    let most = 1500 - HEADERS;
    let mut expected = counted("vnet0");
    // The last one is sent in two pieces, the second of which has IP's header and what is left over: 1500
    // is no multiple of 8 behind IP's header, by which pieces are cut.
    for (length, packets, bytes) in [
        (0, 1, HEADERS + ETHERNET),
        (1, 1, HEADERS + ETHERNET + 1),
        (most, 1, 1500 + ETHERNET),
        (most + 1, 2, 1500 + 1 + 2 * ETHERNET + 20),
    ] {
        let bytes_sent: Vec<u8> = (0..length).map(|n| n as u8).collect();
        sender.send(&bytes_sent).expect("send");
        let mut seen = vec![0; most + 2];
        let length_seen = receiver.recv(&mut seen).expect("receive");
        assert_eq!(seen[..length_seen], bytes_sent);
        expected.tx_packets += packets;
        expected.tx_bytes += bytes as u64;
        assert_eq!(counted("vnet0"), expected, "{length}");
    }
    let arrived = other.counted("vnet1");
    assert_eq!(arrived.rx_packets, expected.tx_packets);
    assert_eq!(arrived.rx_bytes, expected.tx_bytes);
    assert_eq!((arrived.rx_errors, arrived.rx_dropped), (0, 0));

    // One packet more than the interface takes.
    set_ip_mtu_discover(&sender, Ipv4PathMtuDiscovery::DO).expect("setsockopt");
    let sent = sender.send(&vec![0; most + 1]).map_err(errno_of);
    assert_eq!(sent, Err(Errno::MSGSIZE));
    assert_eq!(counted("vnet0"), expected);
    // And more than the receiver takes: `most` bytes are four too many for it, which it would forgive.
    other.run(|| ip("link set vnet1 mtu 1495"));
    sender.send(&vec![0; most]).expect("send");
    assert_eq!(
        other.counted("vnet1"),
        Counted {
            rx_errors: 1,
            ..arrived
        }
    );
    sender.send(&vec![7; most - 1]).expect("send");
    let mut seen = [0; 2000];
    assert_eq!(receiver.recv(&mut seen).expect("receive"), most - 1);
}

/// What a stream carries: in each piece its number, and bytes after which nothing fits that is moved by one.
struct Pieces {
    bytes: Vec<u8>,
    number: u64,
}

impl Pieces {
    const LENGTH: usize = 64 << 10;

    fn new() -> Self {
        let words = (0..Self::LENGTH as u32 / 4).map(|n| n.wrapping_mul(0x9e37_79b9).to_ne_bytes());
        Self {
            bytes: words.flatten().collect(),
            number: 0,
        }
    }

    fn next(&mut self) -> &[u8] {
        self.number += 1;
        self.bytes[..8].copy_from_slice(&self.number.to_ne_bytes());
        &self.bytes
    }
}

/// `LKMPG_MIB` says how long it is: 10 GiB under `make soak`.
#[test]
fn a_stream_arrives_whole() {
    let pieces = times("LKMPG_MIB", 64) * (1 << 20) / Pieces::LENGTH;
    let _module = load();
    let other = Namespace::new();
    other.connect("vnet0", "vnet1");
    let listener = other.run(|| TcpListener::bind((THERE, 9)).expect("bind"));
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stream, _) = listener.accept().expect("accept");
            let (mut expected, mut seen) = (Pieces::new(), vec![0; Pieces::LENGTH]);
            let mut progress = Progress::new("pieces");
            for number in 0..pieces {
                stream.read_exact(&mut seen).expect("receive");
                assert!(seen == expected.next(), "piece {number} of {pieces}");
                progress.tell(number, pieces);
            }
            assert_eq!(stream.read(&mut seen).expect("the end"), 0);
        });
        let mut stream = TcpStream::connect((THERE, 9)).expect("connect");
        let mut all = Pieces::new();
        for _ in 0..pieces {
            stream.write_all(all.next()).expect("send");
        }
    });
    let mib = (pieces * Pieces::LENGTH) >> 20;
    println!("{mib} MiB in {:.0} s", start.elapsed().as_secs_f64());
    // The last acknowledgement may be under way.
    wait_until("what was sent has arrived", || {
        let (here, there) = (counted("vnet0"), other.counted("vnet1"));
        assert_eq!((there.rx_errors, there.rx_dropped), (0, 0));
        (here.tx_packets, here.tx_bytes, here.rx_packets)
            == (there.rx_packets, there.rx_bytes, there.tx_packets)
    });
}

/// Has both interfaces go up.
fn connect_here() {
    ip("link set vnet0 up");
    ip("link set vnet1 up");
    wait_until("there is a carrier", || {
        shown("vnet0", "operstate") == "up" && shown("vnet1", "operstate") == "up"
    });
}

/// A stream, four at once, and one that goes the other way.
#[test]
fn iperf3_finds_no_fault() {
    let _module = load();
    let other = Namespace::new();
    other.connect("vnet0", "vnet1");
    for way in ["", " -P 4", " -R"] {
        let mut server = other.run(|| {
            let server = Command::new("iperf3")
                .args(["-4s1", "--forceflush"])
                .stdout(Stdio::piped())
                .spawn();
            server.expect("iperf3")
        });
        let mut lines = BufReader::new(server.stdout.take().expect("its output")).lines();
        let is_ready = |line: io::Result<String>| line.expect("text").contains("listening");
        assert!(lines.any(is_ready));
        run("iperf3", &format!("-4c {THERE} -n 4M{way}"));
        // It ends when it has written all.
        assert!(lines.all(|it| it.is_ok()));
        assert!(server.wait().expect("its end").success());
    }
    let seen = other.counted("vnet1");
    assert_eq!((seen.rx_errors, seen.rx_dropped), (0, 0));
    // What is on its way when a run ends may not be sent.
    let least = seen.rx_bytes.min(seen.tx_bytes);
    assert!(least > 2 << 20, "{seen:?}");
}

/// A socket for whole frames, with their headers.
fn frames(interface: &str) -> OwnedFd {
    let socket = socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::EthAll,
    );
    let socket = socket.expect("a socket");
    let mut all = getifaddrs().expect("the interfaces");
    let address = all.find_map(|it| {
        let address = it.address.filter(|_| it.interface_name == interface)?;
        address.as_link_addr().copied()
    });
    bind(socket.as_raw_fd(), &address.expect("an address")).expect("bind");
    socket
}

/// As no stack of protocols makes them.
#[test]
fn frames_of_all_sizes_arrive_or_are_refused() {
    const LONGEST: usize = 1500 + ETHERNET;

    let _module = load();
    connect_here();
    let (near, far) = (frames("vnet0"), frames("vnet1"));
    let mut expected = counted("vnet1");
    for (length, outcome) in [
        (0, Err(Errno::INVAL)),
        (1, Err(Errno::INVAL)),
        (ETHERNET - 1, Err(Errno::INVAL)),
        (ETHERNET, Ok(ETHERNET)),
        (ETHERNET + 1, Ok(ETHERNET + 1)),
        (LONGEST, Ok(LONGEST)),
        (LONGEST + 1, Err(Errno::MSGSIZE)),
    ] {
        let frame: Vec<u8> = (0..length).map(|n| n as u8).collect();
        assert_eq!(send(&near, &frame, SendFlags::empty()), outcome, "{length}");
        if outcome.is_ok() {
            let mut seen = vec![0; LONGEST];
            let (arrived, _) = recv(&far, &mut seen, RecvFlags::empty()).expect("receive");
            assert_eq!(seen[..arrived], frame);
            expected.rx_packets += 1;
            expected.rx_bytes += length as u64;
        }
        assert_eq!(counted("vnet1"), expected, "{length}");
    }
    // Four bytes more are a tag's, and forgiven.
    ip("link set vnet1 mtu 1400");
    for (length, errors) in [(1400 + ETHERNET + 4, 0), (1400 + ETHERNET + 5, 1)] {
        let sent = send(&near, &vec![0; length], SendFlags::empty());
        assert_eq!(sent, Ok(length));
        expected.rx_errors += errors;
        expected.rx_packets += 1 - errors;
        expected.rx_bytes += length as u64 * (1 - errors);
        assert_eq!(counted("vnet1"), expected, "{length}");
    }
}

/// The thread that polls an interface, if it was asked for.
fn poller(interface: &str) -> Pid {
    let begin = format!("napi/{interface}");
    let processes = fs::read_dir("/proc").expect("/proc");
    let mut pids = processes
        .filter_map(|it| it.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid: &i32| {
            let name = fs::read_to_string(format!("/proc/{pid}/comm"));
            name.is_ok_and(|name| name.starts_with(&begin))
        });
    Pid::from_raw(pids.next().expect("a thread that polls")).expect("a process")
}

/// The receiver is a thread that has no turn while the sender has real-time priority on the same CPU.
#[test]
fn a_slow_receiver_holds_the_sender_up_and_nothing_is_lost() {
    let _module = load();
    fs::write(Path::new(CLASS).join("vnet1/threaded"), "1").expect("threaded");
    let other = Namespace::new();
    other.connect("vnet0", "vnet1");
    let receiver = other.run(|| UdpSocket::bind((THERE, 7)).expect("bind"));
    // One alone may have no memory for more than the other end has room for.
    let senders = [7, 8].map(|port| {
        let sender = UdpSocket::bind((HERE, port)).expect("bind");
        sender.connect((THERE, 7)).expect("connect");
        sender.set_nonblocking(true).expect("fcntl");
        sender
    });
    let mut first = CpuSet::new();
    first.set(0);
    sched_setaffinity(Some(poller("vnet1")), &first).expect("its CPU");
    let before = other.counted("vnet1");

    let (accepted, held) = thread::scope(|scope| {
        let flood = || {
            sched_setaffinity(None, &first).expect("its CPU");
            let me = gettid().as_raw_nonzero();
            run("chrt", &format!("--fifo --pid 50 {me}"));
            let mut accepted = 0;
            for sender in &senders {
                while sender.send(&[1; 100]).is_ok() {
                    accepted += 1;
                }
            }
            (accepted, counted("vnet0").tx_packets)
        };
        scope.spawn(flood).join().expect("the sender")
    });
    // The interface has sent what the other end has room for; what else was accepted waits before it.
    assert_eq!(held, ROOM);
    assert!(accepted > ROOM, "{accepted}");
    wait_until("all have arrived", || {
        other.counted("vnet1").rx_packets == before.rx_packets + accepted
    });
    assert_eq!(counted("vnet0").tx_packets, accepted);
    // It goes on.
    drop(receiver);
    let receiver = other.run(|| UdpSocket::bind((THERE, 7)).expect("bind"));
    senders[0].send(b"last").expect("send");
    assert_eq!(receiver.recv(&mut [0; 8]).expect("receive"), 4);
}

/// Two who send as fast as they can. The memory of each is enough for more packets than there is room for.
struct Flood {
    end: Arc<AtomicBool>,
    senders: [thread::JoinHandle<()>; 2],
}

impl Flood {
    fn new() -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let senders = [(); 2].map(|()| {
            let end = end.clone();
            thread::spawn(move || {
                let sender = UdpSocket::bind("0.0.0.0:0").expect("bind");
                while !end.load(Relaxed) {
                    // There may be no way there.
                    let _ = sender.send_to(&[3; 100], (THERE, 7));
                }
            })
        });
        Self { end, senders }
    }

    /// They may be stuck if something is wrong, so nobody waits for them in that case.
    fn stop(self) {
        self.end.store(true, Relaxed);
        for sender in self.senders {
            sender.join().expect("a sender");
        }
    }
}

/// A sender that waits for room is told to go on by `stop`, and by nobody else: what waits for the receiver then is dropped.
#[test]
fn it_may_go_down_and_away_while_it_sends() {
    let module = load();
    // The thread that receives has its turn only when the senders wait, so they do most of the time.
    fs::write(Path::new(CLASS).join("vnet1/threaded"), "1").expect("threaded");
    let receiver = poller("vnet1").as_raw_nonzero();
    run("chrt", &format!("--idle --pid 0 {receiver}"));
    let other = Namespace::new();
    other.connect("vnet0", "vnet1");
    let received = || other.counted("vnet1").rx_packets;
    let flood = Flood::new();
    let (mut rounds, mut waited) = (0, false);
    while rounds < 3 || !waited {
        let before = received();
        wait_until("packets arrive", || received() > before + 500);
        let dropped = other.counted("vnet1").rx_dropped;
        other.run(|| ip("link set vnet1 down"));
        let dropped = other.counted("vnet1").rx_dropped - dropped;
        waited |= dropped > ROOM / 2;
        rounds += 1;
        other.run(|| ip("link set vnet1 up"));
    }
    flood.stop();
    wait_until("each packet is counted at both ends", || {
        let there = other.counted("vnet1");
        // The stack may drop what has arrived, which is counted twice then.
        counted("vnet0").tx_packets <= there.rx_packets + there.rx_dropped + there.rx_errors
    });

    let flood = Flood::new();
    let before = received();
    wait_until("packets still arrive", || received() > before + 500);
    module.unload().expect("unload");
    flood.stop();
    assert!(!is_there("vnet0"));
    other.run(|| {
        let text = fs::read_to_string("/proc/thread-self/net/dev").expect("/proc/net/dev");
        assert!(!text.contains("vnet"), "{text}");
    });
}

#[test]
fn it_comes_back_from_a_namespace_that_goes() {
    let module = load();
    let other = Namespace::new();
    other.connect("vnet0", "vnet1");
    drop(other);
    wait_until("vnet1 comes back", || is_there("vnet1"));
    assert_eq!(shown("vnet1", "operstate"), "down");
    assert_eq!(shown("vnet0", "carrier"), "0");
    module.unload().expect("unload");
    let interfaces: Vec<_> = fs::read_dir(CLASS).expect("read_dir").collect();
    assert_eq!(interfaces.len(), 1, "{interfaces:?}");
}

/// A driver of safe code that does all of it wrong.
#[test]
fn what_nobody_means_does_no_harm() {
    be_quiet();
    let module = Module::load("interfaces", &[]).expect("the module loads");
    let set = |name: &str, value: &str| {
        let path = format!("/sys/module/interfaces/parameters/{name}");
        fs::write(path, value).expect("a parameter");
    };
    for error in [1, 512, 4095] {
        set("refuse", &error.to_string());
        assert!(!output("ip", "link set odd0 up").status.success());
        assert_eq!(shown("odd0", "operstate"), "down");
    }
    wait_until("spare0 goes", || !is_there("spare0"));
    set("refuse", "0");
    ip("addr add 10.9.7.1/24 broadcast 10.9.7.255 dev odd0");
    let sender = UdpSocket::bind("10.9.7.1:0").expect("bind");
    sender.set_broadcast(true).expect("setsockopt");
    sender.set_nonblocking(true).expect("fcntl");
    let kept = || counted("odd0").tx_packets;
    for round in 0..4 {
        let before = kept();
        for interface in ["odd0", "odd1"] {
            ip(&format!("link set {interface} up"));
        }
        wait_until("packets are kept", || {
            let _ = sender.send_to(&[5; 100], "10.9.7.255:9");
            kept() > before
        });
        if round % 2 == 1 {
            set("give", "1");
            wait_until("they are given away", || kept() == 0);
            set("give", "0");
        }
        for interface in ["odd1", "odd0"] {
            ip(&format!("link set {interface} down"));
        }
    }
    ip("link set odd0 up");
    wait_until("packets are kept", || {
        let _ = sender.send_to(&[5; 100], "10.9.7.255:9");
        kept() > 0
    });
    module.unload().expect("unload");
}
