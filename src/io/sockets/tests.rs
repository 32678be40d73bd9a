//! The list against sockets that these tests open themselves.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};

use super::processes::Holders;
use super::*;

fn found(protocol: Protocol, holds: impl Fn(&Socket) -> bool) -> Vec<Socket> {
    list(&[protocol], true).unwrap().into_iter().filter(holds).collect()
}

#[test]
fn a_connection_is_listed_at_both_ends_with_who_holds_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let both = found(Protocol::Tcp, |socket| socket.local_port() == port || socket.remote_port() == port);
    let listening = both.iter().find(|socket| socket.is_listening()).unwrap();
    assert_eq!((listening.receive_queue, listening.send_queue), (1, 128), "one waits, of 128");
    let ours = both.iter().find(|socket| socket.remote_port() == port).unwrap();
    assert_eq!(ours.state, State::ESTABLISHED);
    assert!(ours.tcp.as_ref().unwrap().congestion_window > 0 && ours.congestion.is_some());
    assert!(ours.memory.unwrap().receive_buffer > 0);
    let holders = Holders::read();
    let [holder] = holders.of(ours.inode) else { panic!("{:?}", holders.of(ours.inode)) };
    assert_eq!((holder.pid, holder.descriptor), (std::process::id().cast_signed(), client.as_raw_fd()));
    // Not accepted yet: nobody has the other end.
    let theirs = both.iter().find(|socket| socket.local_port() == port && !socket.is_listening()).unwrap();
    assert!(holders.of(theirs.inode).is_empty());
}

#[test]
fn udp_and_unix_sockets_are_listed_with_their_queues() {
    let socket = UdpSocket::bind("[::1]:0").unwrap();
    let address = socket.local_addr().unwrap();
    UdpSocket::bind("[::1]:0").unwrap().send_to(b"unread", address).unwrap();
    let shown = found(Protocol::Udp, |socket| socket.local == Endpoint::Address(address));
    let [shown] = shown.as_slice() else { panic!("{shown:?}") };
    assert!(shown.receive_queue >= 6 && shown.is_listening(), "{shown:?}");
    assert_eq!(shown.uid, Some(nix::unistd::geteuid().as_raw()));

    let path = std::env::temp_dir().join(format!("netlab-sockets-{}", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    let _client = UnixStream::connect(&path).unwrap();
    let shown = found(Protocol::Unix, |socket| socket.local.to_string() == path.display().to_string());
    drop(listener);
    std::fs::remove_file(&path).unwrap();
    let listening = shown.iter().find(|socket| socket.is_listening()).unwrap();
    assert_eq!((listening.kind, listening.receive_queue), ("stream", 1));
}

#[test]
fn options_are_asked_of_the_socket_itself() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&"0.0.0.0:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    let socket: UdpSocket = socket.into();
    let loopback = crate::io::membership::interface("127.0.0.1").unwrap();
    let group: IpAddr = "239.77.1.9".parse().unwrap();
    crate::io::membership::join(&socket, group, Some(&loopback), None).unwrap();
    let port = socket.local_addr().unwrap().port();
    let mut shown = found(Protocol::Udp, |socket| socket.local_port() == port);
    let holders = Holders::read();
    ask_options(&mut shown, &holders);
    let Some(options) = &shown[0].options else { return crate::support::skip("this kernel refuses pidfd_getfd(2)") };
    assert!(options.reuse_address && !options.reuse_port && options.keep_alive.is_none(), "{options:?}");
    assert_eq!(options.joined, [options::Group { address: group, interface: loopback.index }]);
}

#[test]
fn a_closed_connection_is_listed_in_time_wait_with_the_time_left() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let (server, _) = listener.accept().unwrap();
    drop(client);
    // The client closes first; its FIN is read before the server closes.
    assert_eq!(std::io::Read::read(&mut &server, &mut [0]).unwrap(), 0);
    drop(server);
    let waiting = || found(Protocol::Tcp, |socket| socket.remote_port() == port && socket.state == State::TIME_WAIT);
    let mut shown = waiting();
    while shown.is_empty() {
        // The last acknowledgment may still be on its way.
        std::thread::yield_now();
        shown = waiting();
    }
    let timer = shown[0].timer.unwrap();
    assert_eq!(timer.what, Waits::TimeWait);
    assert!((1..=60_000).contains(&timer.left), "{timer:?}");
    assert_eq!((shown[0].inode, shown[0].uid), (0, None));
}

#[test]
fn a_namespace_that_is_not_there_is_an_error_with_its_name() {
    let error = inside("no-such-namespace", || ()).unwrap_err().to_string();
    assert!(error.contains("no-such-namespace") && error.contains("ip netns list"), "{error}");
}
