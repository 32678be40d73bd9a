//! The hosts' names in /etc/hosts of the lab: programs on one host reach another by its name.

use std::fmt::Write;
use std::fs;

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::lab::Topology;

/// Puts the names into /etc/hosts as this mount namespace has it, and leaves it without a name server. What is not
/// allowed is left out: addresses do as well.
pub fn tell(topology: &Topology) {
    let _ = in_place_of_hosts(&text(topology));
    let _ = crate::io::netns::without_name_server();
}

fn text(topology: &Topology) -> String {
    let mut text = String::from("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n");
    for host in &topology.hosts {
        let addresses = host.interfaces.iter().flat_map(|interface| &interface.addresses);
        for network in addresses {
            let _ = writeln!(text, "{} {}", network.address, host.name);
        }
    }
    text
}

/// A file that is nowhere but in its place: the file system that it was made in is put away at once.
fn in_place_of_hosts(text: &str) -> std::io::Result<()> {
    const NONE: Option<&str> = None;
    const SOMEWHERE: &str = "/mnt";
    let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("tmpfs"), SOMEWHERE, Some("tmpfs"), quiet, Some("size=1m,mode=755"))?;
    let file = format!("{SOMEWHERE}/hosts");
    let put = fs::write(&file, text)
        .and_then(|()| Ok(mount(Some(file.as_str()), "/etc/hosts", NONE, MsFlags::MS_BIND, NONE)?));
    umount2(SOMEWHERE, MntFlags::MNT_DETACH)?;
    put
}
