//! Every named NAT, and one of each other kind, is asked by datagrams what it does (RFC 4787 §4, §5, §6): a host inside
//! sends to four endpoints of a server and looks which mapping they saw, and whose answers come in.

use std::thread;

use crate::lab::{Lab, User};

/// Answers from the endpoint that is asked for, with what it saw: `same`, `port`, `both`; or after some seconds.
const SERVER: &str = "
import select, socket, threading
A, P = ['203.0.113.10', '203.0.113.11'], [3478, 3479]
S = {}
for a in A:
    for p in P:
        S[a, p] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        S[a, p].bind((a, p))
print('ready', flush=True)
while True:
    for s in select.select(list(S.values()), [], [])[0]:
        how, to = s.recvfrom(99)
        a, p = s.getsockname()
        other = (A[1 - A.index(a)], P[1 - P.index(p)])
        out = S[{b'port': (a, other[1]), b'both': other}.get(how, (a, p))]
        answer = lambda out=out, to=to: out.sendto(('%s %d' % to).encode(), to)
        wait = float(how[5:]) if how.startswith(b'after') else 0
        threading.Timer(wait, answer).start() if wait else answer()
";

/// What a client is to know.
const CLIENT: &str = "
import socket, sys
A, P = ['203.0.113.10', '203.0.113.11'], [3478, 3479]
def new():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(('', 0))
    return s
def ask(s, to, how='same', wait=5):
    s.settimeout(wait)
    s.sendto(how.encode(), to)
    try: return s.recvfrom(99)[0].decode()
    except socket.timeout: return None
WORDS = ['endpoint-independent', 'address-dependent', 'address-and-port-dependent']
";

/// Prints mapping, filtering, whether the port was kept, hairpinning.
const CLASSIFY: &str = "
s = new()
one, two, three = ask(s, (A[0], P[0])), ask(s, (A[1], P[0])), ask(s, (A[1], P[1]))
assert one and two and three
mapping = WORDS[0] if one == two == three else WORDS[1] if two == three else WORDS[2]
kept = int(one.split()[1]) == s.getsockname()[1]
f = new()
assert ask(f, (A[0], P[0]))
filtering = WORDS[0] if ask(f, (A[0], P[0]), 'both', .5) else None
filtering = filtering or (WORDS[1] if ask(f, (A[0], P[0]), 'port', .5) else WORDS[2])
x, y = new(), new()
there = ask(x, (A[0], P[0])).split()
seen = ask(y, (A[0], P[0])).split()
y.sendto(b'turn', (there[0], int(there[1])))
x.settimeout(.5)
try:
    data, source = x.recvfrom(99)
    hairpin = 'external' if [source[0], str(source[1])] == seen else 'from %s %d' % source
except socket.timeout: hairpin = 'off'
print(mapping, filtering, 'kept' if kept else 'changed', hairpin)
";

/// What a lab's NAT turns out to be, seen from `a1`.
fn classified(options: &[&str]) -> Option<String> {
    let mut lab = Lab::up(User::Own, &[&["home"], options].concat())?;
    lab.start("srv", "python3", &["-uc", SERVER]);
    Some(lab.said("a1", "python3", &["-c", &format!("{CLIENT}{CLASSIFY}")]).trim().to_owned())
}

const INDEPENDENT: &str = "endpoint-independent";
const ADDRESS: &str = "address-dependent";
const PORT: &str = "address-and-port-dependent";

#[test]
fn each_nat_does_what_its_name_says() {
    let cases: [(&[&str], String); 13] = [
        (&["--nat", "full-cone"], format!("{INDEPENDENT} {INDEPENDENT} kept off")),
        (&["--nat", "address-restricted"], format!("{INDEPENDENT} {ADDRESS} kept off")),
        (&["--nat", "port-restricted"], format!("{INDEPENDENT} {PORT} kept off")),
        (&["--nat", "symmetric"], format!("{PORT} {PORT} changed off")),
        (&["--nat", "port-restricted", "--hairpin"], format!("{INDEPENDENT} {PORT} kept external")),
        (&["--mapping", ADDRESS, "--filtering", INDEPENDENT], format!("{ADDRESS} {INDEPENDENT} changed off")),
        (&["--nat", "address-restricted", "--ports", "random"], format!("{INDEPENDENT} {ADDRESS} changed off")),
        (&["--nat", "full-cone", "--by", "netlab"], format!("{INDEPENDENT} {INDEPENDENT} kept off")),
        (&["--nat", "address-restricted", "--by", "netlab"], format!("{INDEPENDENT} {ADDRESS} kept off")),
        (&["--nat", "port-restricted", "--by", "netlab"], format!("{INDEPENDENT} {PORT} kept off")),
        (&["--nat", "symmetric", "--by", "netlab"], format!("{PORT} {PORT} changed off")),
        // What rules of nft cannot do.
        (
            &["--nat", "full-cone", "--refresh", "outbound", "--hairpin"],
            format!("{INDEPENDENT} {INDEPENDENT} kept external"),
        ),
        (&["--nat", "port-restricted", "--udp-timeout", "1500ms"], format!("{INDEPENDENT} {PORT} kept off")),
    ];
    // Each has a lab of its own, and mostly waits for what does not come.
    thread::scope(|scope| {
        let asked = cases.map(|(options, expected)| (scope.spawn(move || classified(options)), options, expected));
        for (found, options, expected) in asked {
            if let Some(found) = found.join().unwrap() {
                assert_eq!(found, expected, "{options:?}");
            }
        }
    });
}

#[test]
fn a_mapping_is_forgotten_after_its_time_and_kept_by_packets() {
    let options = ["home", "--nat", "full-cone", "--udp-timeout", "2s"];
    let Some(mut lab) = Lab::up(User::Own, &options) else { return };
    lab.start("srv", "python3", &["-uc", SERVER]);
    let script = "
# In time, too late, and too late but for a packet in between.
early, late, kept = new(), new(), new()
early.sendto(b'after 1.5', (A[0], P[0]))
late.sendto(b'after 3', (A[0], P[0]))
kept.sendto(b'after 3', (A[0], P[0]))
def came(s, wait):
    s.settimeout(wait)
    try: return s.recvfrom(99)[0] is not None
    except socket.timeout: return False
one = came(early, 1.8)
kept.sendto(b'same', (A[0], P[0]))
assert came(kept, 1)
print(one, came(kept, 3), came(late, .5))
";
    let said = lab.said("a1", "python3", &["-c", &format!("{CLIENT}{script}")]);
    assert_eq!(said.trim(), "True True False");
}

#[test]
fn the_stricter_of_two_nats_in_a_row_decides() {
    let options = ["cgnat", "--nat", "nat-a=symmetric", "--nat", "cgn=full-cone"];
    let Some(mut lab) = Lab::up(User::Own, &options) else { return };
    lab.start("srv", "python3", &["-uc", SERVER]);
    let said = lab.said("a1", "python3", &["-c", &format!("{CLIENT}{CLASSIFY}")]);
    assert!(said.starts_with(&format!("{PORT} {PORT} changed")), "{said}");
}
