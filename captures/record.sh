#!/usr/bin/env bash
# Records the captures of this folder anew: real programs (Python's socket module, ping, traceroute) on Linux's own
# network stack, in network namespaces of their own, recorded by tcpdump. Needs root and: iproute2 tcpdump python3
# ethtool iputils-ping traceroute wireshark-common (editcap, mergecap). No test runs it.
#
#   captures/record.sh            all of them
#   captures/record.sh vlan ipv6  these
#
# Addresses are fixed: client 10.0.5.1, server 10.0.5.2, fd00:5::1 and fd00:5::2, MAC addresses 02:00:00:00:05:01 ...
# (locally administered, nobody's). Times, sequence numbers and IP identifications are new with each recording.
set -euo pipefail
cd "$(dirname "$0")"

ME="netlab-rec-$$"
A=$ME-a B=$ME-b R=$ME-r S=$ME-s
pids=() recorders=() program=record.py

ns() { ip netns exec "$@"; }
tidy() {
    kill "${pids[@]}" "${recorders[@]}" 2>/dev/null || true
    pids=() recorders=()
    for name in $(ip netns list | awk '{print $1}' | grep "^$ME-" || true); do ip netns del "$name"; done
}
trap tidy EXIT

# space NAME...: network namespaces without IPv6 (nor its chatter) until `six` turns it on.
space() {
    for name in "$@"; do
        ip netns add "$name"
        ns "$name" sysctl -qw net.ipv6.conf.default.disable_ipv6=1 net.ipv6.conf.all.disable_ipv6=1
        ns "$name" ip link set lo up
    done
}
# wire NAMESPACE INTERFACE MAC-END NAMESPACE INTERFACE MAC-END: a cable whose ends finish their packets, as a card does.
wire() {
    ip link add "$2" netns "$1" address "02:00:00:00:05:$3" type veth peer name "$5" netns "$4" address "02:00:00:00:05:$6"
    for end in "$1 $2" "$4 $5"; do
        set -- $end
        ns "$1" ethtool -K "$2" rx off tx off tso off gso off gro off sg off >/dev/null 2>&1 || true
        ns "$1" ip link set "$2" up
    done
}
four() { ns "$1" ip address add "$3" dev "$2"; }
# six NAMESPACE INTERFACE ADDRESS LINK-LOCAL: fixed addresses, at once usable.
six() {
    ns "$1" sysctl -qw "net.ipv6.conf.$2.accept_dad=0" "net.ipv6.conf.$2.addr_gen_mode=1" "net.ipv6.conf.$2.router_solicitations=0" \
        "net.ipv6.conf.$2.disable_ipv6=0"
    ns "$1" sysctl -qw net.ipv6.conf.lo.disable_ipv6=0
    ns "$1" ip address add "$4/64" dev "$2" nodad
    ns "$1" ip address add "$3/64" dev "$2" nodad
}
# known: both ends know the other's MAC address, so that no ARP is in the way.
known() {
    ns "$A" ip neighbour replace 10.0.5.2 lladdr 02:00:00:00:05:02 dev eth0 nud permanent
    ns "$B" ip neighbour replace 10.0.5.1 lladdr 02:00:00:00:05:01 dev eth0 nud permanent
}
# pair: the client's machine A and the server's machine B on one cable.
pair() {
    space "$A" "$B"
    wire "$A" eth0 01 "$B" eth0 02
    four "$A" eth0 10.0.5.1/24
    four "$B" eth0 10.0.5.2/24
    known
}
# routed: A (10.0.5.1) - router R (10.0.5.254, 10.0.6.254) - B (10.0.6.2).
routed() {
    space "$A" "$R" "$B"
    wire "$A" eth0 01 "$R" left fe
    wire "$B" eth0 02 "$R" right fd
    four "$A" eth0 10.0.5.1/24
    four "$R" left 10.0.5.254/24
    four "$R" right 10.0.6.254/24
    four "$B" eth0 10.0.6.2/24
    ns "$A" ip route add default via 10.0.5.254
    ns "$B" ip route add default via 10.0.6.254
    ns "$R" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_ratelimit=0
}
routed_six() {
    six "$A" eth0 fd00:5::1 fe80::1
    six "$R" left fd00:5::fe fe80::fe
    six "$R" right fd00:6::fe fe80::fd
    six "$B" eth0 fd00:6::2 fe80::2
    ns "$A" ip route add default via fd00:5::fe
    ns "$B" ip route add default via fd00:6::fe
    ns "$R" sysctl -qw net.ipv6.conf.all.forwarding=1
    sleep 1
}

# record FILE NAMESPACE INTERFACE [ARGUMENTS OF TCPDUMP]
record() {
    local file=$1 space=$2 interface=$3 talk
    shift 3
    talk=$(mktemp)
    # Directly, not through ns(): $! must be the program itself. Immediate mode, because tcpdump drops at its end what
    # the kernel has not handed over yet.
    ip netns exec "$space" tcpdump --immediate-mode -Z root -i "$interface" --time-stamp-precision=nano -U -w "$file" "$@" 2>"$talk" &
    recorders+=($!)
    until grep -q 'listening on' "$talk"; do sleep 0.05; done
    rm "$talk"
}
done_recording() {
    sleep "${1:-0.3}"
    kill -TERM "${recorders[@]}"
    wait "${recorders[@]}" || true
    recorders=()
    tidy
}
# background NAMESPACE WHAT...: starts a program of record.py (or tcp.py) and waits until it is ready.
background() {
    local space=$1 talk
    shift
    talk=$(mktemp)
    ip netns exec "$space" python3 "$program" "$@" >"$talk" &
    pids+=($!)
    until grep -q ready "$talk"; do sleep 0.05; done
    rm "$talk"
}
run() {
    local space=$1
    shift
    ns "$space" python3 "$program" "$@"
}

record_sync() {
    pair
    record sync.pcap "$A" eth0
    background "$B" sync-server 10.0.5.2
    run "$A" sync-client 10.0.5.2 'Good morning'
    done_recording
    editcap -F pcapng sync.pcap sync.pcapng
    rm sync.pcap
}
record_loopback() {
    space "$A"
    record loopback.pcap "$A" any
    background "$A" sync-server 127.0.0.1
    run "$A" sync-client 127.0.0.1 'Good morning'
    done_recording
}
record_snaplen() {
    pair
    record snaplen.pcap "$A" eth0 -s 64
    background "$B" sync-server 10.0.5.2
    run "$A" sync-client 10.0.5.2 'Good morning'
    done_recording
}
record_ipv6() {
    pair
    six "$A" eth0 fd00:5::1 fe80::1
    six "$B" eth0 fd00:5::2 fe80::2
    sleep 1
    record ipv6.pcap "$A" eth0
    background "$B" sync-server fd00:5::2
    run "$A" sync-client fd00:5::2 'Good morning'
    done_recording
}
record_refused() {
    pair
    record refused.pcap "$A" eth0
    run "$A" refused-client 10.0.5.2
    done_recording
}
record_reset() {
    pair
    record reset.pcap "$A" eth0
    background "$B" sync-server 10.0.5.2
    run "$A" reset-client 10.0.5.2
    done_recording
}
record_tso() {
    pair
    # As cards and virtual machines do it: one frame of many segments, checksum left to the card.
    for space in "$A" "$B"; do ns "$space" ethtool -K eth0 rx on tx on sg on tso on gso on gro on >/dev/null; done
    record tso.pcap "$A" eth0
    background "$B" sync-server 10.0.5.2
    run "$A" bulk-client 10.0.5.2 20000
    done_recording
}
record_segments() {
    pair
    record segments.pcap "$A" eth0
    background "$B" segments-server 10.0.5.2
    run "$A" segments-client 10.0.5.2
    done_recording
}
record_udp() {
    pair
    record udp.pcap "$A" eth0
    background "$B" upper-udp-server 10.0.5.2
    run "$A" udp-client 10.0.5.2 9876 'Hello world'
    done_recording
}
record_port-unreachable() {
    pair
    six "$A" eth0 fd00:5::1 fe80::1
    six "$B" eth0 fd00:5::2 fe80::2
    sleep 1
    record port-unreachable.pcap "$A" eth0
    run "$A" udp-client 10.0.5.2 9876 'Is anybody there?'
    run "$A" udp-client fd00:5::2 9876 'Is anybody there?'
    done_recording
}
record_host-unreachable() {
    routed
    routed_six
    record host-unreachable.pcap "$A" eth0
    run "$A" udp-client 10.0.6.77 9876 'Is anybody there?' || true
    sleep 2
    run "$A" udp-client fd00:6::77 9876 'Is anybody there?' || true
    run "$A" udp-client 10.0.5.77 9876 'Is anybody there?' || true
    done_recording 3
}
record_mtu() {
    routed
    routed_six
    ns "$R" ip link set right mtu 1280
    record mtu.pcap "$A" eth0
    ns "$A" ping -c 2 -i 0.3 -W 1 -M do -s 1400 10.0.6.2 >/dev/null || true
    ns "$A" ping -6 -c 2 -i 0.3 -W 1 -M do -s 1400 fd00:6::2 >/dev/null || true
    done_recording
}
record_fragments() {
    pair
    record fragments.pcap "$A" eth0
    background "$B" upper-udp-server 10.0.5.2
    run "$A" udp-client 10.0.5.2 9876 'netlab--' 500
    ns "$A" ping -c 1 -s 4000 10.0.5.2 >/dev/null
    done_recording
}
record_fragments-ipv6() {
    pair
    six "$A" eth0 fd00:5::1 fe80::1
    six "$B" eth0 fd00:5::2 fe80::2
    sleep 1
    record fragments-ipv6.pcap "$A" eth0
    background "$B" upper-udp-server fd00:5::2
    run "$A" udp-client fd00:5::2 9876 'netlab--' 500
    ns "$A" ping -6 -c 1 -s 4000 fd00:5::2 >/dev/null
    done_recording
}
record_ping() {
    pair
    record ping.pcap "$A" eth0
    ns "$A" ping -c 3 -i 0.3 10.0.5.2 >/dev/null
    # Nobody is in the group, so nobody answers.
    ns "$A" ping -c 1 -W 1 -t 1 -I eth0 239.1.2.3 >/dev/null || true
    done_recording
}
record_ping-ipv6() {
    pair
    six "$A" eth0 fd00:5::1 fe80::1
    six "$B" eth0 fd00:5::2 fe80::2
    sleep 1
    record ping-ipv6.pcap "$A" eth0
    ns "$A" ping -6 -c 3 -i 0.3 fd00:5::2 >/dev/null
    done_recording
}
record_arp() {
    pair
    ns "$A" ip neighbour flush all nud permanent
    ns "$B" ip neighbour flush all nud permanent
    record arp.pcap "$A" eth0 arp
    ns "$A" ping -c 1 10.0.5.2 >/dev/null
    ns "$A" ping -c 1 -W 1 10.0.5.77 >/dev/null || true
    # Gratuitous: an interface tells everyone its address as it comes up with it.
    ns "$B" sysctl -qw net.ipv4.conf.eth0.arp_notify=1
    ns "$B" ip link set eth0 down
    ns "$B" ip link set eth0 up
    done_recording 2
}
record_traceroute() {
    routed
    routed_six
    record traceroute.pcap "$A" eth0 'not arp'
    ns "$A" traceroute -4 -n -q 1 -N 1 -w 1 -m 3 10.0.6.2 >/dev/null
    ns "$A" traceroute -6 -n -q 1 -N 1 -w 1 -m 3 fd00:6::2 >/dev/null
    ns "$A" traceroute -I -4 -n -q 1 -N 1 -w 1 -m 3 10.0.6.2 >/dev/null
    done_recording
}
record_redirect() {
    # Two routers on one cable: A asks the wrong one (R), which passes the packet on and says who is nearer.
    space "$A" "$R" "$B" "$S"
    ns "$S" ip link add br0 type bridge
    ns "$S" ip link set br0 up
    for end in "$A eth0 01 p1 11" "$R eth0 fe p2 12" "$B eth0 02 p3 13"; do
        set -- $end
        wire "$1" "$2" "$3" "$S" "$4" "$5"
        ns "$S" ip link set "$4" master br0
    done
    four "$A" eth0 10.0.5.1/24
    four "$R" eth0 10.0.5.254/24
    four "$B" eth0 10.0.5.2/24
    ns "$B" ip address add 10.0.6.2/32 dev lo
    ns "$A" ip route add 10.0.6.0/24 via 10.0.5.254
    ns "$R" ip route add 10.0.6.0/24 via 10.0.5.2
    ns "$R" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=1 net.ipv4.conf.eth0.send_redirects=1
    record redirect.pcap "$A" eth0 'not ip6'
    ns "$A" ping -c 2 -i 0.5 10.0.6.2 >/dev/null
    done_recording
}
record_router-advertisement() {
    pair
    record router-advertisement.pcap "$A" eth0
    six "$B" eth0 fd00:5::fe fe80::fe
    ns "$A" sysctl -qw net.ipv6.conf.eth0.addr_gen_mode=1 net.ipv6.conf.eth0.router_solicitation_delay=0 net.ipv6.conf.eth0.disable_ipv6=0
    # IPv6 comes up anew: duplicate address detection, then a router solicitation.
    ns "$A" ip address add fe80::1/64 dev eth0
    sleep 2.5
    run "$B" advertise eth0 fe80::fe
    done_recording 2
}
# querier IGMP-VERSION MLD-VERSION: a switch S that asks for memberships every few seconds, with the host A on it.
querier() {
    space "$A" "$S"
    wire "$A" eth0 01 "$S" p1 11
    four "$A" eth0 10.0.5.1/24
    ns "$A" sysctl -qw net.ipv4.conf.eth0.igmpv2_unsolicited_report_interval=500 net.ipv4.conf.eth0.igmpv3_unsolicited_report_interval=500
    ns "$A" ip route add 224.0.0.0/4 dev eth0
    ns "$S" ip link add br0 address 02:00:00:00:05:fe type bridge mcast_snooping 1 mcast_query_use_ifaddr 1 \
        mcast_query_interval 400 mcast_query_response_interval 100 mcast_startup_query_interval 400 mcast_last_member_interval 50 \
        mcast_igmp_version "$1" mcast_mld_version "$2"
    ns "$S" ip link set p1 master br0
    if [ "${3:-4}" = 6 ]; then
        ns "$S" sysctl -qw net.ipv6.conf.br0.addr_gen_mode=1 net.ipv6.conf.br0.accept_dad=0 net.ipv6.conf.br0.disable_ipv6=0
        ns "$S" ip link set br0 up
        ns "$S" ip address add fe80::fe/64 dev br0 nodad
        six "$A" eth0 fd00:5::1 fe80::1
    else
        ns "$S" ip address add 10.0.5.254/24 dev br0
        ns "$S" ip link set br0 up
    fi
    sleep 1
}
record_igmp-v1() {
    space "$A" "$B"
    wire "$A" eth0 01 "$B" eth0 02
    four "$A" eth0 10.0.5.1/24
    four "$B" eth0 10.0.5.2/24
    known
    ns "$A" ip route add 224.0.0.0/4 dev eth0
    ns "$A" sysctl -qw net.ipv4.conf.eth0.force_igmp_version=1
    record igmp-v1.pcap "$A" eth0
    background "$A" join 239.1.2.3 eth0 14
    sleep 1
    run "$B" query-v1 10.0.5.2
    # A host may take ten seconds to answer, and leaves without a word.
    done_recording 15
}
record_igmp-v2() {
    querier 2 1
    ns "$A" sysctl -qw net.ipv4.conf.eth0.force_igmp_version=2
    record igmp-v2.pcap "$A" eth0 'not ip6'
    ns "$S" ip link set br0 type bridge mcast_querier 1
    background "$A" join 239.1.2.3 eth0 5
    sleep 1
    run "$A" multicast-client 239.1.2.3 5007 'Hello, group'
    done_recording 7
}
record_igmp-v3() {
    querier 3 2
    ns "$A" sysctl -qw net.ipv4.conf.eth0.force_igmp_version=3
    record igmp-v3.pcap "$A" eth0 'not ip6'
    ns "$S" ip link set br0 type bridge mcast_querier 1
    background "$A" join 239.1.2.3 eth0 5
    background "$A" join 232.1.2.3 eth0 5 10.0.5.2
    sleep 1
    run "$A" multicast-client 239.1.2.3 5007 'Hello, group'
    done_recording 7
}
record_mld-v1() {
    querier 2 1 6
    ns "$A" sysctl -qw net.ipv6.conf.eth0.force_mld_version=1 net.ipv6.conf.eth0.mldv1_unsolicited_report_interval=500
    record mld-v1.pcap "$A" eth0 ip6
    ns "$S" ip link set br0 type bridge mcast_querier 1
    background "$A" join ff15::1:2:3 eth0 5
    done_recording 7
}
record_mld-v2() {
    querier 3 2 6
    ns "$A" sysctl -qw net.ipv6.conf.eth0.force_mld_version=2 net.ipv6.conf.eth0.mldv2_unsolicited_report_interval=500
    record mld-v2.pcap "$A" eth0 ip6
    ns "$S" ip link set br0 type bridge mcast_querier 1
    background "$A" join ff15::1:2:3 eth0 5
    done_recording 7
}
record_stp() {
    space "$A" "$S"
    wire "$A" eth0 01 "$S" p1 11
    ns "$S" ip link add br0 address 02:00:00:00:05:fe type bridge stp_state 1 forward_delay 200 hello_time 100
    ns "$S" ip link set p1 master br0
    ns "$S" ip link set br0 up
    record stp.pcap "$A" eth0
    done_recording 3
}
# trunk TAGS...: A and B on two VLAN switches; the trunk between them carries the tags.
trunk() {
    pair_of_switches=("$R" "$S")
    space "$A" "$B" "${pair_of_switches[@]}"
    wire "$A" eth0 01 "$R" access 11
    wire "$B" eth0 02 "$S" access 12
    wire "$R" trunk 21 "$S" trunk 22
    four "$A" eth0 10.0.5.1/24
    four "$B" eth0 10.0.5.2/24
    for space in "${pair_of_switches[@]}"; do
        ns "$space" ip link set trunk mtu 1508
        background "$space" switch access trunk "$@"
    done
}
record_vlan() {
    trunk 8100:5:3
    record vlan.pcap "$R" trunk
    background "$B" sync-server 10.0.5.2
    run "$A" sync-client 10.0.5.2 'Good morning'
    background "$B" upper-udp-server 10.0.5.2
    run "$A" udp-client 10.0.5.2 9876 'netlab--' 250
    done_recording
}
record_qinq() {
    trunk 88a8:100:0 8100:5:3
    record qinq.pcap "$R" trunk
    background "$B" upper-udp-server 10.0.5.2
    run "$A" udp-client 10.0.5.2 9876 'Hello world'
    ns "$A" ping -c 1 10.0.5.2 >/dev/null
    done_recording
}
# through KIND FILE [IPV6]: the sync exercise through a tunnel between A and B.
through() {
    local kind=$1 device=tun0 number=1 here there inside
    [ "$kind" = geneve ] && device=tap0
    pair
    for space in "$A" "$B"; do
        if [ "$number" = 1 ]; then here=10.0.5.1 there=10.0.5.2; else here=10.0.5.2 there=10.0.5.1; fi
        background "$space" tunnel "$kind" "$here" "$there"
        [ "$device" = tap0 ] && ns "$space" ip link set "$device" address "02:00:00:00:09:0$number"
        ns "$space" ip link set "$device" up mtu 1400
        if [ "$kind" = 6in4 ]; then six "$space" "$device" "fd00:9::$number" "fe80::9:$number"; else four "$space" "$device" "10.0.9.$number/24"; fi
        number=2
    done
    inside=10.0.9.2
    [ "$kind" = 6in4 ] && inside=fd00:9::2 && sleep 1
    record "$kind.pcap" "$A" eth0
    background "$B" sync-server "$inside"
    run "$A" sync-client "$inside" 'Good morning'
    done_recording
}
record_ipip() { through ipip; }
record_6in4() { through 6in4; }
record_gre() { through gre; }
record_geneve() { through geneve; }
record_vxlan() {
    pair
    number=1
    for space in "$A" "$B"; do
        ns "$space" ip link add vx0 address "02:00:00:00:09:0$number" type vxlan id 42 local "10.0.5.$number" remote "10.0.5.$((3 - number))" \
            srcport 50000 50001 dstport 4789 dev eth0
        ns "$space" ethtool -K vx0 tx off >/dev/null
        ns "$space" ip link set vx0 up mtu 1400
        four "$space" vx0 "10.0.9.$number/24"
        number=2
    done
    record vxlan.pcap "$A" eth0
    background "$B" sync-server 10.0.9.2
    run "$A" sync-client 10.0.9.2 'Good morning'
    done_recording
}
record_raw-ip() {
    pair
    for space in "$A" "$B"; do :; done
    background "$A" tunnel ipip 10.0.5.1 10.0.5.2
    background "$B" tunnel ipip 10.0.5.2 10.0.5.1
    ns "$A" ip link set tun0 up
    ns "$B" ip link set tun0 up
    four "$A" tun0 10.0.9.1/24
    four "$B" tun0 10.0.9.2/24
    record raw-ip.pcap "$A" tun0
    background "$B" sync-server 10.0.9.2
    run "$A" sync-client 10.0.9.2 'Good morning'
    done_recording
}
# What TCP does over time: the programs, and the cable of A and B that has its faults by rule, are those of tcp.py.
# cabled DELAY [RULE...]: A - left R right - B.
cabled() {
    program=tcp.py
    space "$A" "$R" "$B"
    wire "$A" eth0 01 "$R" left 11
    wire "$B" eth0 02 "$R" right 12
    four "$A" eth0 10.0.5.1/24
    four "$B" eth0 10.0.5.2/24
    known
    background "$R" cable left right "$@"
}
# pair_of PAIR: server and client.
pair_of() {
    background "$B" "$1-server" 10.0.5.2
    run "$A" "$1-client" 10.0.5.2
}
# lines SOURCE-PORT NUMBER LENGTH [PAUSE]: lines in segments of their own.
lines() {
    background "$B" lines-server 10.0.5.2
    run "$A" lines-client 10.0.5.2 "$@"
}
record_half-close() {
    cabled 0
    record half-close.pcap "$A" eth0
    pair_of half-close
    done_recording
}
record_simultaneous-close() {
    cabled 20
    record simultaneous-close.pcap "$A" eth0
    pair_of crossing-close
    done_recording
}
record_simultaneous-open() {
    local when
    cabled 50
    record simultaneous-open.pcap "$A" eth0
    when=$(date -d '+1 second' +%s.%3N)
    ip netns exec "$B" python3 "$program" meet 10.0.5.1 8006 8005 "$when" 'Hello from 8006' &
    pids+=($!)
    run "$A" meet 10.0.5.2 8005 8006 "$when" 'Hello from 8005'
    done_recording
}
record_resets() {
    cabled 20
    record resets.pcap "$A" eth0
    pair_of resets
    done_recording
}
record_late-resets() {
    cabled 20 late:right:fin:2-2
    record late-resets.pcap "$A" eth0
    pair_of late-resets
    done_recording
}
record_loss() {
    cabled 10 lose:right:data:2-2
    record loss.pcap "$A" eth0
    lines 40030 6 500
    done_recording
}
record_timeout() {
    # The SYN, then a line three times, then the acknowledgment of one.
    cabled 10 lose:right:syn:1-1 lose:right:data:2-4
    record timeout.pcap "$A" eth0
    lines 40031 3 100 0.1
    done_recording
}
record_lost-acknowledgment() {
    cabled 10 lose:left:ack:2-3
    record lost-acknowledgment.pcap "$A" eth0
    lines 40032 2 100 0.5
    done_recording
}
record_out-of-order() {
    cabled 10 hold:right:data:2-2
    record out-of-order.pcap "$B" eth0
    lines 40033 4 500
    done_recording
}
record_repeated() {
    # The cable delivers a segment twice.
    cabled 10 twice:right:data:2-2
    record repeated.pcap "$B" eth0
    lines 40034 3 100 0.05
    done_recording
}
record_zero-window() {
    cabled 0
    record zero-window.pcap "$A" eth0
    background "$B" slow-server 10.0.5.2
    run "$A" fast-client 10.0.5.2
    done_recording
}
record_keep-alive() {
    # Everything is lost after two questions that were answered.
    cabled 0 lose:left:any:5-
    record keep-alive.pcap "$A" eth0
    background "$B" silent-server 10.0.5.2
    run "$A" anxious-client 10.0.5.2
    done_recording
}
record_reused-port() {
    cabled 0
    record reused-port.pcap "$A" eth0
    pair_of again
    done_recording
}
record_middle() {
    cabled 0
    background "$B" long-server 10.0.5.2
    background "$A" long-client 10.0.5.2
    record middle.pcap "$A" eth0
    done_recording 3
}
record_two-points() {
    cabled 10 lose:right:data:2-2 lose:left:ack:4-4
    record two-points-a.pcap "$R" left
    record two-points-b.pcap "$R" right
    lines 40035 5 200
    done_recording
}
record_mixed() {
    # Made of two others: one file, two link types.
    [ -e raw-ip.pcap ] || record_raw-ip
    [ -e loopback.pcap ] || record_loopback
    mergecap -F pcapng -I none -w mixed.pcapng loopback.pcap raw-ip.pcap sync.pcapng
}

everything=(sync loopback snaplen ipv6 refused reset tso segments udp port-unreachable host-unreachable mtu fragments fragments-ipv6
    ping ping-ipv6 arp traceroute redirect router-advertisement igmp-v1 igmp-v2 igmp-v3 mld-v1 mld-v2 stp vlan qinq
    ipip 6in4 gre geneve vxlan raw-ip mixed half-close simultaneous-close simultaneous-open resets late-resets loss timeout
    lost-acknowledgment out-of-order repeated zero-window keep-alive reused-port middle two-points)
if [ $# -gt 0 ]; then wanted=("$@"); else wanted=("${everything[@]}"); fi
for name in "${wanted[@]}"; do
    echo "recording $name" >&2
    program=record.py
    "record_$name"
done
