#!/bin/bash
# Records the demonstrations that have a lab of their own, as an ordinary user: nat.pcapng, heartbeat-nat.pcapng,
# rendezvous.pcapng and multicast-lan.pcapng are what `netlab demo NAME -w` writes, all segments in one file, told apart by interface; the
# others are single segments of them. Needs netlab (NETLAB=target/debug/netlab takes another) and reordercap.
#
#   captures/lab.sh                 all of them
#   captures/lab.sh heartbeat-nat   these
set -euo pipefail
cd "$(dirname "$0")"
netlab=${NETLAB:-netlab}

record() {
    "$netlab" demo "$1" -w "$1.pcapng" >/dev/null
    chmod 644 "$1.pcapng"
}
# segment DEMONSTRATION INTERFACE FILE: what was captured there.
segment() {
    "$netlab" read "$1.pcapng" -Y "frame.interface_id == $2" -w "$3" >/dev/null
    chmod 644 "$3"
}

for name in "${@:-nat heartbeat-nat rendezvous multicast-lan}"; do
    for demonstration in $name; do
        record "$demonstration"
        case $demonstration in
        nat)
            segment nat 0 peers-inside.pcapng
            segment nat 1 peers-outside.pcapng
            ;;
        heartbeat-nat)
            segment heartbeat-nat 0 rebinding-inside.pcapng
            segment heartbeat-nat 1 rebinding-outside.pcapng
            ;;
        rendezvous)
            segment rendezvous 0 punch-inside-a.pcapng
            segment rendezvous 1 punch-inside-b.pcapng
            segment rendezvous 3 punch-outside.pcapng
            ;;
        multicast-lan)
            segment multicast-lan 1 snooping-joined.pcapng
            segment multicast-lan 4 snooping-other.pcapng
            ;;
        esac
    done
done
