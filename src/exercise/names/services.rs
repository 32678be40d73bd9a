//! The well-known ports by their IANA names (RFC 6335), for machines without /etc/services; and files like that one.

/// Name, port, and whether it is for TCP and for UDP.
pub const WELL_KNOWN: &[(&str, u16, bool, bool)] = &[
    ("tcpmux", 1, true, true),
    ("echo", 7, true, true),
    ("discard", 9, true, true),
    ("systat", 11, true, true),
    ("daytime", 13, true, true),
    ("qotd", 17, true, true),
    ("chargen", 19, true, true),
    ("ftp-data", 20, true, true),
    ("ftp", 21, true, true),
    ("ssh", 22, true, true),
    ("telnet", 23, true, true),
    ("smtp", 25, true, true),
    ("time", 37, true, true),
    ("nicname", 43, true, true),
    ("domain", 53, true, true),
    ("bootps", 67, true, true),
    ("bootpc", 68, true, true),
    ("tftp", 69, true, true),
    ("gopher", 70, true, true),
    ("finger", 79, true, true),
    ("http", 80, true, true),
    ("kerberos", 88, true, true),
    ("pop3", 110, true, true),
    ("sunrpc", 111, true, true),
    ("auth", 113, true, true),
    ("nntp", 119, true, true),
    ("ntp", 123, true, true),
    ("epmap", 135, true, true),
    ("netbios-ns", 137, true, true),
    ("netbios-dgm", 138, true, true),
    ("netbios-ssn", 139, true, true),
    ("imap", 143, true, true),
    ("snmp", 161, true, true),
    ("snmptrap", 162, true, true),
    ("bgp", 179, true, true),
    ("irc", 194, true, true),
    ("ldap", 389, true, true),
    ("https", 443, true, true),
    ("microsoft-ds", 445, true, true),
    ("kpasswd", 464, true, true),
    ("submissions", 465, true, false),
    ("isakmp", 500, true, true),
    ("exec", 512, true, false),
    ("biff", 512, false, true),
    ("login", 513, true, false),
    ("who", 513, false, true),
    ("shell", 514, true, false),
    ("syslog", 514, false, true),
    ("printer", 515, true, true),
    ("router", 520, false, true),
    ("dhcpv6-client", 546, true, true),
    ("dhcpv6-server", 547, true, true),
    ("rtsp", 554, true, true),
    ("submission", 587, true, true),
    ("ipp", 631, true, true),
    ("ldaps", 636, true, true),
    ("domain-s", 853, true, true),
    ("rsync", 873, true, true),
    ("ftps-data", 989, true, true),
    ("ftps", 990, true, true),
    ("telnets", 992, true, true),
    ("imaps", 993, true, true),
    ("pop3s", 995, true, true),
];

/// The protocols by number (IANA), for machines without /etc/protocols.
pub const PROTOCOLS: &[(&str, u8)] = &[
    ("ip", 0),
    ("icmp", 1),
    ("igmp", 2),
    ("tcp", 6),
    ("udp", 17),
    ("ipv6", 41),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("ipv6-icmp", 58),
    ("ospf", 89),
    ("sctp", 132),
    ("udplite", 136),
];

/// The port of a service for `transport` (`tcp`, `udp`): from the file's text, else from the table.
pub fn port_of(services: &str, name: &str, transport: &str) -> Option<u16> {
    let in_file = entries(services).find(|entry| entry.transport == transport && entry.names().any(|own| own == name));
    in_file.map(|entry| entry.port).or_else(|| {
        let found = table(transport).find(|(own, _)| *own == name);
        found.map(|(_, port)| port)
    })
}

/// The name of the service at a port of `transport`: from the file's text, else from the table.
pub fn name_of(services: &str, port: u16, transport: &str) -> Option<String> {
    let in_file = entries(services).find(|entry| entry.transport == transport && entry.port == port);
    in_file.map(|entry| entry.name.to_owned()).or_else(|| {
        let found = table(transport).find(|(_, own)| *own == port);
        found.map(|(name, _)| name.to_owned())
    })
}

/// The number of a protocol: from the file's text, else from the table.
pub fn protocol(protocols: &str, name: &str) -> Option<u8> {
    let in_file = lines(protocols).find_map(|mut words| {
        let own = words.next()?;
        let number = words.next()?.parse().ok()?;
        (own == name || words.any(|alias| alias == name)).then_some(number)
    });
    in_file.or_else(|| PROTOCOLS.iter().find(|(own, _)| *own == name).map(|(_, number)| *number))
}

fn table(transport: &str) -> impl Iterator<Item = (&'static str, u16)> {
    let udp = transport == "udp";
    let known = WELL_KNOWN.iter().filter(move |(_, _, tcp, for_udp)| if udp { *for_udp } else { *tcp });
    known.map(|(name, port, ..)| (*name, *port))
}

/// A line of services(5).
struct Entry<'a> {
    name: &'a str,
    port: u16,
    transport: &'a str,
    aliases: Vec<&'a str>,
}

impl<'a> Entry<'a> {
    fn names(&self) -> impl Iterator<Item = &'a str> {
        std::iter::once(self.name).chain(self.aliases.clone())
    }
}

fn entries(services: &str) -> impl Iterator<Item = Entry<'_>> {
    lines(services).filter_map(|mut words| {
        let name = words.next()?;
        let (port, transport) = words.next()?.split_once('/')?;
        Some(Entry { name, port: port.parse().ok()?, transport, aliases: words.collect() })
    })
}

/// The words of each line, without what stands behind `#`.
fn lines(text: &str) -> impl Iterator<Item = std::str::SplitWhitespace<'_>> {
    text.lines().map(|line| line.split('#').next().unwrap_or_default().split_whitespace())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = "# services\nhttp\t80/tcp\twww www-http # WorldWideWeb\nmine 4711/udp\nbroken\nodd 99999/tcp\n";

    #[test]
    fn the_file_goes_first_and_the_table_has_the_rest() {
        assert_eq!(port_of(FILE, "www", "tcp"), Some(80));
        assert_eq!(port_of(FILE, "mine", "udp"), Some(4711));
        assert_eq!(port_of(FILE, "mine", "tcp"), None);
        assert_eq!(port_of(FILE, "domain", "udp"), Some(53));
        assert_eq!(name_of(FILE, 4711, "udp").as_deref(), Some("mine"));
        assert_eq!(name_of("", 514, "tcp").as_deref(), Some("shell"));
        assert_eq!(name_of("", 514, "udp").as_deref(), Some("syslog"));
        assert_eq!(name_of("", 4711, "udp"), None);
    }

    #[test]
    fn protocols_are_known_by_name_and_alias() {
        assert_eq!(protocol("icmp 1 ICMP # control\n", "ICMP"), Some(1));
        assert_eq!(protocol("", "udp"), Some(17));
        assert_eq!(protocol("tcp six\n", "tcp"), Some(6));
        assert_eq!(protocol("", "nonsense"), None);
    }

    #[test]
    fn every_port_of_the_table_leads_back_to_its_name() {
        for transport in ["tcp", "udp"] {
            for (name, port) in table(transport) {
                assert_eq!(port_of("", name, transport), Some(port));
                assert_eq!(name_of("", port, transport).as_deref(), Some(name));
            }
        }
    }

    proptest! {
        #[test]
        fn any_file_is_read(text in any::<String>(), name in any::<String>(), port in any::<u16>()) {
            let _ = (port_of(&text, &name, "tcp"), name_of(&text, port, "udp"), protocol(&text, &name));
        }
    }
}
