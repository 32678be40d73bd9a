#!/usr/bin/env python3
"""How many clients `netlab serve chat` holds, how long a message takes to all of them, and in how much memory.

    cargo build --release
    benches/chat.py target/release/netlab 10000

Needs nothing but Python and as many descriptors as clients, in each of two processes (`ulimit -n`). The clients come
from 127.0.0.1 to 127.0.0.8, so that no address runs out of ports. One more client enters first and never reads."""

import re
import resource
import select
import socket
import subprocess
import sys
import time

ADDRESSES = 8
MESSAGES = 500
TEXT = b"x" * 1000


def memory(pid):
    """Resident memory now and at its peak, in MiB."""
    status = open(f"/proc/{pid}/status").read()
    return [int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) / 1024 for name in ("VmRSS", "VmHWM")]


def enter(port, number, name, buffer=None):
    client = socket.socket()
    client.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT: the port is chosen at connect
    if buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    client.bind((f"127.0.0.{1 + number % ADDRESSES}", 0))
    client.connect(("127.0.0.1", port))
    client.sendall(name + b"\n")
    return client


class Room:
    """The clients that read. What each heard last is kept, to find a line in it."""

    def __init__(self):
        self.poll = select.epoll()
        self.clients = {}
        self.tails = {}

    def add(self, client):
        client.setblocking(False)
        self.clients[client.fileno()] = client
        self.tails[client.fileno()] = b""
        self.poll.register(client, select.EPOLLIN)

    def read(self, line, waiting, patience):
        """Reads what is there; takes those who heard `line` from `waiting`."""
        for descriptor, _ in self.poll.poll(patience, 4096):
            heard = self.clients[descriptor].recv(1 << 18)
            if not heard:
                sys.exit(f"a client that reads was put out: {self.tails[descriptor][-200:]}")
            heard = self.tails[descriptor] + heard
            if line and line in heard:
                waiting.discard(descriptor)
            self.tails[descriptor] = heard[-200:]

    def until_all_heard(self, line, patience=300):
        waiting, deadline = set(self.clients), time.monotonic() + patience
        while waiting:
            self.read(line, waiting, 1)
            if time.monotonic() > deadline:
                sys.exit(f"{len(waiting)} clients did not hear {line}")


def main():
    program, number = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, number + 64), max(hard, number + 64)))
    except ValueError:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = subprocess.Popen(
        [program, "serve", "chat", "--port", "0"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    port = int(re.search(rb":(\d+);", server.stderr.readline())[1])
    started = memory(server.pid)[0]

    room, began = Room(), time.monotonic()
    mute = enter(port, 0, b"mute", buffer=4096)
    for client in range(number):
        room.add(enter(port, client, b"client%d" % client))
        if client % 50 == 0:
            room.read(None, None, 0)
    last = enter(port, number, b"last")
    room.until_all_heard(b"User last has entered room\n")
    print(f"{number} clients entered, and heard of each other, in {time.monotonic() - began:.1f} s")
    room.add(last)
    print(f"memory of the server: {started:.1f} MiB before, {memory(server.pid)[0]:.1f} MiB with all of them")

    speaker, took = next(iter(room.clients.values())), []
    for turn in range(5):
        began = time.monotonic()
        speaker.sendall(b"Hello, all of you %d\n" % turn)
        room.until_all_heard(b"Hello, all of you %d\n" % turn)
        took.append(time.monotonic() - began)
    print(f"one message to all: {min(took) * 1000:.0f} ms at best, {max(took) * 1000:.0f} ms at worst of {len(took)}")

    began = time.monotonic()
    for turn in range(MESSAGES):
        speaker.setblocking(True)
        speaker.sendall(b"%d %b\n" % (turn, TEXT))
        speaker.setblocking(False)
        room.read(None, None, 0)
    speaker.sendall(b"That was all\n")
    room.until_all_heard(b"That was all\n")
    seconds = time.monotonic() - began
    print(f"{MESSAGES} messages of 1 kB to all: {seconds:.1f} s, {MESSAGES * number / seconds:.0f} deliveries a second")

    mute.settimeout(10)
    heard = b""
    while piece := mute.recv(1 << 16):
        heard += piece
    notice = heard.splitlines()[-1].decode()
    print(f"the client that never read was put out: {notice!r}")
    print("memory of the server: {:.1f} MiB, at its peak {:.1f} MiB".format(*memory(server.pid)))
    server.terminate()
    server.communicate()
    if "too slowly" not in notice:
        sys.exit(1)


if __name__ == "__main__":
    main()
