//! Numbers in words (IANA, Domain Name System Parameters).

/// Types of records.
pub fn kinds(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        6 => "SOA",
        10 => "NULL",
        11 => "WKS",
        12 => "PTR",
        13 => "HINFO",
        15 => "MX",
        16 => "TXT",
        17 => "RP",
        18 => "AFSDB",
        24 => "SIG",
        25 => "KEY",
        28 => "AAAA",
        29 => "LOC",
        32 => "NB",
        33 => "SRV",
        35 => "NAPTR",
        36 => "KX",
        37 => "CERT",
        39 => "DNAME",
        41 => "OPT",
        43 => "DS",
        44 => "SSHFP",
        45 => "IPSECKEY",
        46 => "RRSIG",
        47 => "NSEC",
        48 => "DNSKEY",
        49 => "DHCID",
        50 => "NSEC3",
        51 => "NSEC3PARAM",
        52 => "TLSA",
        53 => "SMIMEA",
        55 => "HIP",
        59 => "CDS",
        60 => "CDNSKEY",
        61 => "OPENPGPKEY",
        62 => "CSYNC",
        64 => "SVCB",
        65 => "HTTPS",
        99 => "SPF",
        108 => "EUI48",
        109 => "EUI64",
        249 => "TKEY",
        250 => "TSIG",
        251 => "IXFR",
        252 => "AXFR",
        255 => "ANY",
        256 => "URI",
        257 => "CAA",
        _ => return None,
    })
}

pub fn classes(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "IN",
        3 => "CH",
        4 => "HS",
        254 => "none",
        255 => "any",
        _ => return None,
    })
}

pub fn opcodes(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "query",
        1 => "inverse query",
        2 => "server status",
        4 => "notify of a zone's change",
        5 => "update",
        6 => "stateful operation",
        _ => return None,
    })
}

/// What a response says of how it went.
pub fn replies(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "no error",
        1 => "format error",
        2 => "server failure",
        3 => "no such name",
        4 => "not implemented",
        5 => "refused",
        6 => "name exists",
        7 => "records exist",
        8 => "no such records",
        9 => "not authoritative",
        10 => "name out of zone",
        11 => "stateful operation type unknown",
        _ => return None,
    })
}
