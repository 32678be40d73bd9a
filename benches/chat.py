#!/usr/bin/env python3
"""How many clients `netlab serve chat` holds, how long a message takes to all of them, and in how much memory.

    cargo build --release && benches/chat.py target/release/netlab 10000

Needs nothing but Python, and as many open files as clients in each of two processes. The clients come from 127.0.0.1 to
127.0.0.8, so that no address runs out of ports. One more client enters first and never reads. A delivery's time is from
the send to the receive, so it includes what this program needs for reading. Fails where a client that reads is put out,
the one that does not is not, or the server ever has more than 200 MiB."""

import re
import resource
import select
import socket
import subprocess
import sys
import time

ADDRESSES = 8
GREETINGS = 20
MESSAGES = 500
TEXT = b"x" * 1000
MOST_MEMORY = 200


def allow_open_files(number):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, number), max(hard, number)))
    except (ValueError, PermissionError):
        sys.exit(
            f"{number} open files are needed, this shell allows {hard} (`ulimit -Hn`): "
            f"type `sudo prlimit --pid $$ --nofile={number}` before, or ask for fewer clients"
        )


def serve(program, number):
    """The server, and its port."""
    server = subprocess.Popen(
        [program, "serve", "chat", "--port", "0", "--max-clients", str(number)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    said = server.stderr.readline().decode()
    port = re.search(r":(\d+);", said)
    if not port:
        server.kill()
        sys.exit(f"the server said: {said.strip()}")
    return server, int(port[1])


def spread(seconds):
    """Median, 99th percentile and maximum, in words."""
    seconds = sorted(seconds)
    places = [(len(seconds) - 1) * share // 100 for share in (50, 99, 100)]
    p50, p99, most = [f"{seconds[place] * 1000:.3g} ms" for place in places]
    return f"p50 {p50}, p99 {p99}, max {most}"


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
        """Reads what is there; takes those who heard `line` from `waiting`. When each of them heard it."""
        times = []
        for descriptor, _ in self.poll.poll(patience, 4096):
            heard = self.clients[descriptor].recv(1 << 18)
            if not heard:
                sys.exit(f"a client that reads was put out: {self.tails[descriptor][-200:]}")
            heard = self.tails[descriptor] + heard
            if line and line in heard and descriptor in waiting:
                waiting.discard(descriptor)
                times.append(time.monotonic())
            self.tails[descriptor] = heard[-200:]
        return times

    def until_all_heard(self, line, patience=300):
        """When each of them heard it."""
        waiting, deadline, times = set(self.clients), time.monotonic() + patience, []
        while waiting:
            times += self.read(line, waiting, 1)
            if time.monotonic() > deadline:
                sys.exit(f"{len(waiting)} clients did not hear {line}")
        return times


def main():
    program, number = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10000
    allow_open_files(number + 64)
    # Beside those that are counted: the one that does not read, and the last one.
    server, port = serve(program, number + 2)
    started = memory(server.pid)[0]

    room, connects, began = Room(), [], time.monotonic()
    mute = enter(port, 0, b"mute", buffer=4096)
    for client in range(number):
        before = time.monotonic()
        entered = enter(port, client, b"client%d" % client)
        connects.append(time.monotonic() - before)
        room.add(entered)
        if client % 50 == 0:
            room.read(None, None, 0)
    last = enter(port, number, b"last")
    room.until_all_heard(b"User last has entered room\n")
    seconds = time.monotonic() - began
    print(f"{number} clients connected: {spread(connects)} each")
    lines = number * (number + 1) // 2
    print(f"all were in the room, and had heard of each other ({lines} lines), after {seconds:.1f} s")
    room.add(last)
    print(f"memory of the server: {started:.1f} MiB before, {memory(server.pid)[0]:.1f} MiB with all of them")

    speaker, took, to_last = next(iter(room.clients.values())), [], []
    for turn in range(GREETINGS):
        began = time.monotonic()
        speaker.sendall(b"Hello, all of you %d\n" % turn)
        times = [heard - began for heard in room.until_all_heard(b"Hello, all of you %d\n" % turn)]
        took += times
        to_last.append(max(times))
    print(f"one message, from its sender to each client: {spread(took)}")
    print(f"one message, until the last client had it: {spread(to_last)} ({GREETINGS} messages)")

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
    now, peak = memory(server.pid)
    print(f"memory of the server: {now:.1f} MiB, at its peak {peak:.1f} MiB")
    server.terminate()
    server.communicate()
    if "too slowly" not in notice or peak > MOST_MEMORY:
        sys.exit(1)


if __name__ == "__main__":
    main()
