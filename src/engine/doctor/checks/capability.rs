//! A capture is wanted and this user may not open one: CAP_NET_RAW is missing (capabilities(7), packet(7)).

use crate::engine::doctor::facts::{Facts, errno_words};
use crate::engine::doctor::finding::{Fault, Finding};

/// The number of CAP_NET_RAW in linux/capability.h.
const NET_RAW: u32 = 13;

pub fn find(facts: &Facts) -> Vec<Finding> {
    let Some(capture) = facts.capture.as_ref().filter(|capture| capture.socket != 0) else { return Vec::new() };
    let has = if capture.capabilities >> NET_RAW & 1 == 1 { "is set" } else { "is not set" };
    let finding = Finding::new(
        Fault::Capability,
        "this user may not capture: the capability CAP_NET_RAW is missing",
        format!("sudo setcap cap_net_raw+ep {}", capture.program),
    );
    vec![
        finding
            .proved("socket(AF_PACKET, SOCK_RAW)", errno_words(capture.socket))
            .proved("CapEff of /proc/self/status", format!("{:016x}, bit {NET_RAW} {has}", capture.capabilities)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::facts::Capture;
    use crate::engine::doctor::{diagnose, sample};

    #[test]
    fn a_refused_packet_socket_is_told_with_the_command_for_this_program() {
        let mut facts = sample::machine();
        let capture = |socket, capabilities| Some(Capture { socket, capabilities, program: "/bin/netlab".to_owned() });
        facts.capture = capture(0, 1 << NET_RAW);
        assert_eq!(diagnose(&facts), []);
        facts.capture = capture(1, 1 << 10);
        let found = sample::only(&facts);
        assert_eq!((found.fault, found.mend.as_str()), (Fault::Capability, "sudo setcap cap_net_raw+ep /bin/netlab"));
        assert_eq!(found.proofs[1].value, "0000000000000400, bit 13 is not set");
    }
}
