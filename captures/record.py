#!/usr/bin/env python3
"""The programs whose packets captures/record.sh records: Python's socket module as the course teaches it, and
user-space switches and tunnels for what the kernel at hand cannot do by itself. Called as record.py WHAT ARGUMENTS.
"""
import fcntl
import os
import select
import socket
import struct
import sys
import time

PORT = 8005
PAUSE = 0.05


def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def ready():
    """Tells record.sh that the program waits for packets now."""
    print("ready", flush=True)


# --- the course's programs ---------------------------------------------------------------------------------------

def sync_server(host):
    s = socket.socket(family(host))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((host, PORT))
    s.listen(1)
    ready()
    connection, _ = s.accept()
    time.sleep(PAUSE)
    connection.send(b"Hello and welcome")
    print("Client said: ", connection.recv(256).decode(), file=sys.stderr)
    time.sleep(PAUSE)
    connection.send(b"Thank you")
    connection.close()


def sync_client(host, message, source_port="40001"):
    s = connected(host, source_port)
    s.recv(256)
    time.sleep(PAUSE)
    s.send(message.encode())
    s.recv(256)
    time.sleep(PAUSE)
    s.close()


def connected(host, source_port):
    s = socket.socket(family(host))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", int(source_port)))
    s.connect((host, PORT))
    return s


def refused_client(host):
    try:
        connected(host, "40002")
    except ConnectionRefusedError:
        print("refused", file=sys.stderr)


def reset_client(host):
    """Aborts instead of closing: SO_LINGER with no time makes close() send RST."""
    s = connected(host, "40003")
    s.recv(256)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def bulk_client(host, size):
    s = connected(host, "40004")
    s.recv(256)
    s.send(b"netlab " * (int(size) // 7))
    time.sleep(0.2)
    s.close()


def segments_server(host):
    """Answers a line with one send of 3375 bytes, and is in no hurry to acknowledge."""
    s = socket.socket(family(host))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((host, PORT))
    s.listen(1)
    ready()
    connection, _ = s.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
    while not connection.recv(256).endswith(b"\n"):
        pass
    time.sleep(PAUSE)
    connection.send(b"".join(b"line %2d of one answer, which is all one send\n" % (n + 1) for n in range(75)))
    connection.close()


def segments_client(host):
    """Three sends at once: Nagle's algorithm lets the first go, the others wait for its acknowledgment together."""
    s = connected(host, "40006")
    time.sleep(PAUSE)
    for part in (b"one ", b"two ", b"three\n"):
        s.send(part)
    while s.recv(4096):
        pass
    s.close()


def upper_udp_server(host, port="9876"):
    s = socket.socket(family(host), socket.SOCK_DGRAM)
    s.bind((host, int(port)))
    ready()
    data, peer = s.recvfrom(65535)
    s.sendto(data.decode().upper().encode(), peer)


def udp_client(host, port, text, times="1", answer="yes"):
    s = socket.socket(family(host), socket.SOCK_DGRAM)
    # Path MTU discovery off, so that a large datagram is fragmented here.
    s.setsockopt(socket.IPPROTO_IP, 10, 0)
    s.bind(("", 40005))
    s.settimeout(2)
    s.sendto((text * int(times)).encode(), (host, int(port)))
    try:
        if answer == "yes":
            print(s.recvfrom(65535)[0][:40], file=sys.stderr)
    except OSError as error:
        print(error, file=sys.stderr)


def join(group, interface, seconds, source=""):
    """Joins a group on an interface, waits, and leaves it."""
    index = socket.if_nametoindex(interface)
    if ":" in group:
        s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        request = socket.inet_pton(socket.AF_INET6, group) + struct.pack("@I", index)
        on, off, level = 20, 21, socket.IPPROTO_IPV6
    else:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        level = socket.IPPROTO_IP
        if source:
            # struct ip_mreq_source of Linux: group, interface's address, source.
            request = socket.inet_aton(group) + socket.inet_aton(address_of(interface)) + socket.inet_aton(source)
            on, off = 39, 40
        else:
            request = socket.inet_aton(group) + struct.pack("@4sI", b"\0\0\0\0", index)
            on, off = 35, 36
    s.setsockopt(level, on, request)
    ready()
    time.sleep(float(seconds))
    s.setsockopt(level, off, request)
    time.sleep(0.1)


def address_of(interface):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    return socket.inet_ntoa(fcntl.ioctl(s, 0x8915, interface.encode().ljust(256, b"\0"))[20:24])


def multicast_client(group, port, text):
    """Sends one datagram to a multicast group."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 2)
    s.sendto(text.encode(), (group, int(port)))


# --- what stands in for missing kernel modules -------------------------------------------------------------------

def switch(access, trunk, *tags):
    """A VLAN switch: what comes in untagged on `access` leaves tagged on `trunk`, and the other way round.

    A tag is TPID:VLAN:PRIORITY, outermost first, for instance 8100:5:3.
    """
    inserted = b""
    for tag in tags:
        tpid, vlan, priority = tag.split(":")
        inserted += struct.pack("!HH", int(tpid, 16), int(priority) << 13 | int(vlan))
    ports = {}
    for name in (access, trunk):
        ports[name] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        ports[name].bind((name, 3))
    ready()
    while True:
        for port in select.select(list(ports.values()), [], [])[0]:
            frame, address = port.recvfrom(65535)
            if address[2] == 4:  # PACKET_OUTGOING: our own
                continue
            if port is ports[access]:
                ports[trunk].send(frame[:12] + inserted + frame[12:])
            else:
                # The kernel has taken the outer tag off already; inner ones are still there.
                while frame[12:14] in (b"\x81\x00", b"\x88\xa8"):
                    frame = frame[:12] + frame[16:]
                ports[access].send(frame)


def tunnel(kind, here, there):
    """One end of a tunnel: packets of the interface tun0 (tap0 for Geneve) travel inside packets to `there`."""
    tap = kind == "geneve"
    device = os.open("/dev/net/tun", os.O_RDWR)
    flags = (0x0002 if tap else 0x0001) | 0x1000
    fcntl.ioctl(device, 0x400454CA, struct.pack("16sH22x", b"tap0" if tap else b"tun0", flags))
    if tap:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((here, 6081))
        peer, head, skip = (there, 6081), struct.pack("!BBHI", 0, 0, 0x6558, 42 << 8), 8
    else:
        protocol = {"ipip": 4, "6in4": 41, "gre": 47}[kind]
        s = socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
        s.bind((here, 0))
        peer = (there, 0)
        # GRE with a key (RFC 2890); a raw socket receives the IPv4 header too.
        head = struct.pack("!HHI", 0x2000, 0x0800, 42) if kind == "gre" else b""
        skip = 20 + len(head)
    ready()
    while True:
        for end in select.select([device, s], [], [])[0]:
            if end == device:
                s.sendto(head + os.read(device, 65535), peer)
            else:
                os.write(device, s.recv(65535)[skip:])


def query_v1(here):
    """An IGMPv1 query (RFC 1112): type 0x11, no maximum response time."""
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 2)
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(here))
    s.sendto(b"\x11\x00\xee\xff\x00\x00\x00\x00", ("224.0.0.1", 0))


def advertise(interface, source):
    """A router advertisement (RFC 4861) for fd00:5::/64 with lifetime, MTU and the sender's link-layer address."""
    s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    s.bind((source, 0, 0, socket.if_nametoindex(interface)))
    mac = fcntl.ioctl(s, 0x8927, interface.encode().ljust(256, b"\0"))[18:24]
    prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 86400, 14400, 0) + socket.inet_pton(socket.AF_INET6, "fd00:5::")
    s.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + b"\x01\x01" + mac
             + struct.pack("!BBHI", 5, 1, 0, 1500) + prefix, ("ff02::1", 0, 0, socket.if_nametoindex(interface)))


if __name__ == "__main__":
    globals()[sys.argv[1].replace("-", "_")](*sys.argv[2:])
