#!/bin/bash
# Records nat-inside.pcap, nat-outside.pcap and nat-conntrack.txt (root; iproute2, nftables, tcpdump, conntrack, ethtool, python3):
# two hosts behind a NAT that gives each socket a port by chance and forgets it after 5 seconds.
set -e
here=$(cd "$(dirname "$0")" && pwd)
P=cn-
hosts="lan na wan a1 a2 srv x"
down() { for n in $hosts; do ip netns del $P$n 2>/dev/null || true; done; }
trap down EXIT
down
for n in $hosts; do
    ip netns add $P$n
    ip -n $P$n link set lo up
    ip netns exec $P$n sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
done
cable() { # host interface address switch
    ip link add "$2" netns $P$1 type veth peer name "$1" netns $P$4
    ip -n $P$1 addr add "$3" dev "$2"
    # Checksums as on a cable.
    ip netns exec $P$1 ethtool -K "$2" tx off tso off gso off gro off >/dev/null
    ip -n $P$1 link set "$2" up
    ip -n $P$4 link set "$1" up master br0
}
for s in lan wan; do ip -n $P$s link add br0 type bridge mcast_snooping 0; ip -n $P$s link set br0 up; done
cable a1 eth0 192.168.1.10/24 lan
cable a2 eth0 192.168.1.11/24 lan
cable na lan 192.168.1.1/24 lan
cable na wan 203.0.113.1/24 wan
cable srv eth0 203.0.113.10/24 wan
cable x eth0 203.0.113.50/24 wan
for a in a1 a2; do ip -n $P$a route add default via 192.168.1.1; done
ip netns exec $P"na" sysctl -qw net.ipv4.ip_forward=1 net.netfilter.nf_conntrack_udp_timeout=5 net.netfilter.nf_conntrack_udp_timeout_stream=5
ip netns exec $P"na" nft -f - <<'N'
table ip nat { chain post { type nat hook postrouting priority srcnat; oifname "wan" masquerade fully-random; }; }
table ip filter { chain input { type filter hook input priority filter; iifname "wan" ct state new drop; }; }
N
ip netns exec $P"na" conntrack -E -o timestamp,extended >"$here/nat-conntrack.txt" 2>/dev/null &
events=$!
for side in inside:lan outside:wan; do
    ip netns exec $P"na" tcpdump -q -n -Z root -U --time-stamp-precision=nano -i "${side#*:}" -w "$here/nat-${side%:*}.pcap" 'ip and (udp or tcp or icmp)' 2>/dev/null &
done
sleep 1
ip netns exec $P"srv" python3 - <<'N' &
import socket, threading, time
tcp = socket.create_server(("203.0.113.10", 9201))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(("203.0.113.10", 9200))
def serve():
    while True:
        client, _ = tcp.accept()
        client.sendall(client.recv(100).upper()); client.close()
threading.Thread(target=serve, daemon=True).start()
end = time.time() + 20
udp.settimeout(20)
late = {}
while time.time() < end:
    data, peer = udp.recvfrom(100)
    if data == b"LATER":  # answered when the NAT has forgotten
        threading.Timer(7, lambda peer=peer: udp.sendto(b"too late", peer)).start()
    else:
        udp.sendto(b"alive", peer)
N
server=$!
sleep 0.5
beats() { ip netns exec $P$1 python3 - <<'N'
import socket, time
both = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
both[0].bind(("", 41000)); both[1].bind(("", 41001))
for _ in range(4):
    for one in both:
        one.sendto(b"HEARTBEAT", ("203.0.113.10", 9200)); one.recv(100)
    time.sleep(0.2)
with socket.create_connection(("203.0.113.10", 9201)) as talk:
    talk.sendall(b"hello"); talk.recv(100); talk.recv(1)
N
}
beats a1 &
one=$!
beats a2
wait $one
ip netns exec $P"a1" ping -q -c 2 -i 0.2 203.0.113.10 >/dev/null
# One asks for an answer in 7 seconds; a stranger tries its port meanwhile; when the answer comes the NAT has forgotten.
ip netns exec $P"a1" python3 - <<'N' &
import socket, time
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); one.bind(("", 41002))
one.sendto(b"LATER", ("203.0.113.10", 9200))
time.sleep(8)
one.sendto(b"HEARTBEAT", ("203.0.113.10", 9200)); one.recv(100)
N
asker=$!
sleep 1
port=$(ip netns exec $P"na" conntrack -L -p udp --orig-port-src 41002 2>/dev/null | sed -n 's/.*dport=\([0-9]*\) .*/\1/p')
ip netns exec $P"x" python3 -c "import socket,sys; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'let me in', ('203.0.113.1', int('$port')))"
wait $asker
# tcpdump hands on what it has after a second at the latest.
sleep 2
kill $server $events
pkill -INT -f "tcpdump.*$here/nat-" || true
sleep 0.5
chmod 644 "$here"/nat-*.pcap "$here/nat-conntrack.txt"
