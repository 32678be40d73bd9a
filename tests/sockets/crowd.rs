//! Sockets of every sort that stand still, so that several programs see the same.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use netlab::io::sockets;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// Open as long as it lives.
#[derive(Default)]
pub struct Crowd {
    sockets: Vec<OwnedFd>,
    programs: Vec<Child>,
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for program in &mut self.programs {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

impl Crowd {
    /// One or more of every sort that netstat, lsof and ss tell apart.
    pub fn of_every_sort() -> Self {
        let mut crowd = Self::default();
        crowd.connections();
        crowd.closing();
        crowd.stuck();
        crowd.datagrams();
        crowd.shared();
        crowd
    }

    fn keep(&mut self, sockets: impl IntoIterator<Item = impl Into<OwnedFd>>) {
        self.sockets.extend(sockets.into_iter().map(Into::into));
    }

    /// Families, mapped addresses, what waits to be read or accepted.
    fn connections(&mut self) {
        let any = TcpListener::bind("0.0.0.0:8001").unwrap();
        // A socket for both families, and one for IPv6 alone.
        let both = listener("[::]:8002".parse().unwrap(), false);
        let six = listener("[::]:8003".parse().unwrap(), true);
        for (listener, to) in
            [(&any, "127.0.0.1:8001"), (&both, "127.0.0.1:8002"), (&both, "[::1]:8002"), (&six, "[::1]:8003")]
        {
            let mut client = TcpStream::connect(to).unwrap();
            let (server, _) = listener.accept().unwrap();
            client.write_all(b"unread").unwrap();
            self.keep([client, server]);
        }
        // Two that nobody has accepted.
        self.keep([TcpStream::connect("127.0.0.1:8001").unwrap(), TcpStream::connect("127.0.0.1:8001").unwrap()]);
        self.keep([any, both, six]);

        let kept = TcpStream::connect("127.0.0.1:8001").unwrap();
        SockRef::from(&kept).set_tcp_keepalive(&TcpKeepalive::new().with_time(Duration::from_secs(600))).unwrap();
        self.keep([kept]);
        let bound = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        bound.bind_device(Some(b"lo")).unwrap();
        bound.set_reuse_port(true).unwrap();
        bound.bind(&"127.0.0.1:8004".parse::<SocketAddr>().unwrap().into()).unwrap();
        bound.listen(7).unwrap();
        self.keep([bound]);
    }

    /// FIN-WAIT-2 with CLOSE-WAIT, and TIME-WAIT, of both families.
    fn closing(&mut self) {
        for (from, to) in [("127.0.0.1:8011", "127.0.0.1:0"), ("[::1]:8012", "[::1]:0")] {
            let listener = TcpListener::bind(from).unwrap();
            let half = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (server, _) = listener.accept().unwrap();
            half.shutdown(std::net::Shutdown::Write).unwrap();
            let first = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (mut second, _) = listener.accept().unwrap();
            drop(first);
            // Its FIN has come, so this end closes last.
            assert_eq!(second.read(&mut [0]).unwrap(), 0);
            drop(second);
            self.keep([half, server]);
            self.keep([listener, TcpListener::bind(to).unwrap()]);
        }
    }

    /// What is sent and not taken: a closed window with its probes, an orphan that still has to send, a SYN that nobody
    /// answers because the listener has no room.
    fn stuck(&mut self) {
        let listener = TcpListener::bind("127.0.0.1:8021").unwrap();
        for orphan in [false, true] {
            let mut client = TcpStream::connect("127.0.0.1:8021").unwrap();
            let (server, _) = listener.accept().unwrap();
            client.set_nonblocking(true).unwrap();
            while client.write(&[0; 1 << 16]).is_ok() {}
            self.keep([server]);
            if !orphan {
                self.keep([client]);
            }
        }
        self.keep([listener]);
        // What was under way when the window closed is taken back only after a while.
        let probes = || {
            let sockets = sockets::list(&[sockets::Protocol::Tcp], false).unwrap();
            let waits =
                |socket: &&sockets::Socket| socket.timer.is_some_and(|timer| timer.what == sockets::Waits::Probe);
            sockets.iter().filter(waits).count()
        };
        while probes() < 2 {
            std::thread::yield_now();
        }
        let full = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        full.bind(&"127.0.0.1:8022".parse::<SocketAddr>().unwrap().into()).unwrap();
        full.listen(0).unwrap();
        self.keep([TcpStream::connect("127.0.0.1:8022").unwrap()]);
        let asks = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        asks.set_nonblocking(true).unwrap();
        let _ = asks.connect(&"127.0.0.1:8022".parse::<SocketAddr>().unwrap().into());
        self.keep([full, asks]);
    }

    fn datagrams(&mut self) {
        for address in ["0.0.0.0:8031", "127.0.0.1:8032", "[::]:8033", "[::1]:8034"] {
            let socket = UdpSocket::bind(address).unwrap();
            let own = socket.local_addr().unwrap();
            let loopback: IpAddr = if own.is_ipv4() { [127, 0, 0, 1].into() } else { Ipv6Addr::LOCALHOST.into() };
            let peer = UdpSocket::bind((loopback, 0)).unwrap();
            peer.connect((loopback, own.port())).unwrap();
            peer.send(b"unread").unwrap();
            self.keep([socket, peer]);
        }
        let mapped = UdpSocket::bind("[::]:8035").unwrap();
        mapped.connect("[::ffff:127.0.0.1]:8032").unwrap();
        self.keep([mapped]);
    }

    /// A socket that three processes hold, one of them twice.
    fn shared(&mut self) {
        let socket = UdpSocket::bind("127.0.0.1:8041").unwrap();
        for _ in 0..2 {
            let copy: OwnedFd = socket.try_clone().unwrap().into();
            let again: OwnedFd = socket.try_clone().unwrap().into();
            let program = Command::new("sleep").arg("600").stdin(copy).stderr(again).stdout(Stdio::null()).spawn();
            self.programs.push(program.unwrap());
        }
        self.keep([socket]);
    }

    /// Connections until there are `number` sockets with a listener; `Err` with the reason where that many are not allowed.
    pub fn of(number: usize) -> Result<Self, String> {
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|error| error.to_string())?;
        let wanted = number as u64 + 200;
        if most < wanted {
            return Err(format!("{most} descriptors are allowed (ulimit -Hn), {wanted} wanted"));
        }
        setrlimit(Resource::RLIMIT_NOFILE, wanted, most).map_err(|error| error.to_string())?;
        let mut crowd = Self::default();
        let listener = TcpListener::bind("127.0.0.1:8005").unwrap();
        while crowd.sockets.len() + 1 < number {
            let client = TcpStream::connect("127.0.0.1:8005").unwrap();
            crowd.keep([client, listener.accept().unwrap().0]);
        }
        crowd.keep([listener]);
        Ok(crowd)
    }
}

fn listener(address: SocketAddr, only_six: bool) -> TcpListener {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP)).unwrap();
    socket.set_only_v6(only_six).unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(16).unwrap();
    socket.into()
}
