//! Facts of healthy machines, as a test needs them to break one thing: the kernel's answers of a host eth0 10.0.1.1/24
//! with the router 10.0.1.254.

use super::facts::*;

/// An address, in a test.
pub fn ip(text: &str) -> std::net::IpAddr {
    text.parse().unwrap()
}

pub fn interface(index: u32, name: &str, addresses: &[(&str, u8)]) -> Interface {
    Interface {
        name: name.to_owned(),
        index,
        addresses: addresses.iter().map(|(address, prefix)| (ip(address), *prefix)).collect(),
        mtu: Some(1500),
        up: true,
        running: true,
        loopback: name == "lo",
        multicast: name != "lo",
        master: None,
        parent: None,
        offloads: Vec::new(),
    }
}

/// Nothing in particular was asked.
pub fn machine() -> Facts {
    let interfaces = vec![
        interface(1, "lo", &[("127.0.0.1", 8), ("::1", 128)]),
        interface(2, "eth0", &[("10.0.1.1", 24), ("fe80::1", 64)]),
    ];
    Facts { interfaces, ways_out: vec![2], ..Facts::default() }
}

/// A socket of a program `server`.
pub fn socket(state: State, local: &str) -> Socket {
    let local: std::net::SocketAddr = local.parse().unwrap();
    let any = if local.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    Socket {
        transport: Transport::Tcp,
        state,
        local,
        remote: any.parse().unwrap(),
        v6only: false,
        queue: (0, 128),
        left: None,
        holders: vec![("server".to_owned(), 4711)],
        ttl: None,
        multicast_ttl: None,
    }
}

/// `--port 80`, and a server there.
pub fn server() -> Facts {
    let mut facts = machine();
    facts.question.port = Some(80);
    facts.sockets.push(socket(State::Listens, "0.0.0.0:80"));
    facts
}

/// `10.0.2.2 --port 80`, behind the router, and all is well.
pub fn client() -> Facts {
    let mut facts = machine();
    facts.question.target = Some("10.0.2.2".to_owned());
    facts.question.port = Some(80);
    facts.paths.push(path("10.0.2.2"));
    facts
}

/// A way through the router that works.
pub fn path(address: &str) -> Path {
    Path {
        address: ip(address),
        route: Route::Found {
            interface: 2,
            gateway: Some(ip("10.0.1.254")),
            source: Some(ip("10.0.1.1")),
            local: false,
            mtu: None,
        },
        neighbour: Some(Neighbour { address: ip("10.0.1.254"), state: 0x02 }),
        knock: Some(Answer::Came(0.4)),
        repeated: 0,
        echo: Some(Answer::Came(0.3)),
        sizes: Some(Sizes { passed: 1500, lost: None, told: None }),
    }
}

/// The one finding of facts that have one.
#[track_caller]
pub fn only(facts: &Facts) -> super::Finding {
    let mut found = super::diagnose(facts);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}
