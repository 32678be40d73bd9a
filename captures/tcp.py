#!/usr/bin/env python3
"""What TCP does over time: pairs of bare socket programs, and a cable that delays, loses and swaps what it carries.

captures/record.sh runs them in network namespaces and records. Called as tcp.py WHAT ARGUMENTS; each pair is a
NAME_server, which says `ready` once it waits, and a NAME_client.
"""
import heapq
import select
import socket
import struct
import sys
import time

PORT = 8005
PAUSE = 0.05
TCP_LINGER2 = 8  # Linux: seconds to stay in FIN-WAIT-2 once no program has the socket


def ready():
    """Tells record.sh that the program waits for packets now."""
    print("ready", flush=True)


def listening(host, receive_buffer=0):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if receive_buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    s.bind((host, PORT))
    s.listen(8)
    ready()
    return s


def accepted(host, receive_buffer=0):
    connection, _ = listening(host, receive_buffer).accept()
    return connection


def bound(source_port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Every send its own segment, at once: what the programs do is what is seen.
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.bind(("", source_port))
    return s


def connected(host, source_port):
    s = bound(source_port)
    s.connect((host, PORT))
    return s


def read_to_the_end(s):
    everything = b""
    while part := s.recv(65536):
        everything += part
    return everything


def lines(first, last, length):
    """Numbered lines of `length` bytes each."""
    return [(f"line {n} " + "." * length)[: length - 1].encode() + b"\n" for n in range(first, last + 1)]


def abort(s):
    """Close with SO_LINGER and no time: a reset instead of a FIN."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


# --- half close: the client has asked everything, the server goes on answering ------------------------------------

def half_close_server(host):
    connection = accepted(host)
    question = read_to_the_end(connection)
    for part in (b"You asked " + str(len(question)).encode() + b" bytes", b"and here is the answer"):
        time.sleep(PAUSE)
        connection.send(part)
    time.sleep(PAUSE)
    connection.close()


def half_close_client(host):
    s = connected(host, 40010)
    for part in (b"first half, ", b"second half"):
        s.send(part)
        time.sleep(PAUSE)
    s.shutdown(socket.SHUT_WR)
    read_to_the_end(s)
    s.close()


# --- both at once -------------------------------------------------------------------------------------------------

def crossing_close_server(host):
    """Tells the client when both shall close; on a slow cable the two FINs meet half-way."""
    connection = accepted(host)
    when = f"{time.time() + 0.2:.3f}"
    connection.send(f"let us both close at {when}".encode())
    time.sleep(max(0, float(when) - time.time()))
    connection.shutdown(socket.SHUT_WR)
    read_to_the_end(connection)
    connection.close()


def crossing_close_client(host):
    s = connected(host, 40011)
    when = s.recv(256).decode().split()[-1]
    time.sleep(max(0, float(when) - time.time()))
    s.shutdown(socket.SHUT_WR)
    read_to_the_end(s)
    s.close()


def meet(host, own_port, other_port, when, text):
    """Asks for a connection at a given time; the other program does the same from its side, and nobody listens."""
    s = bound(int(own_port))
    time.sleep(max(0, float(when) - time.time()))
    s.connect((host, int(other_port)))
    s.send(text.encode())
    s.recv(256)
    time.sleep(PAUSE)
    # One closes, the other sees it and closes too.
    if int(own_port) < int(other_port):
        s.shutdown(socket.SHUT_WR)
    read_to_the_end(s)
    s.close()


# --- a reset in each state of the side that sends or gets it ------------------------------------------------------

def resets_server(host):
    listener = listening(host)
    # 40020 is reset in SYN-RECEIVED: accept() never hears of it.
    connection, _ = listener.accept()  # 40021
    connection.send(b"Do you read this?")
    try:
        connection.recv(256)
    except ConnectionResetError:
        pass
    connection.close()
    connection, _ = listener.accept()  # 40022: this crosses the client's FIN
    connection.send(b"Too late, or too early")
    time.sleep(4 * PAUSE)
    connection.close()
    connection, _ = listener.accept()  # 40023: the client has closed long ago
    connection.recv(256)
    time.sleep(2 * PAUSE)
    connection.send(b"Much too late")
    time.sleep(2 * PAUSE)
    connection.close()
    connection, _ = listener.accept()  # 40024: closes without having read
    time.sleep(2 * PAUSE)
    connection.close()
    connection, _ = listener.accept()  # 40025: closes when the client's host has forgotten the connection
    connection.recv(256)
    time.sleep(1.5)
    connection.close()
    time.sleep(2 * PAUSE)


def resets_client(host):
    # SYN-RECEIVED: gives up before the answer comes; nobody is there any more when it comes.
    s = bound(40020)
    s.setblocking(False)
    s.connect_ex((host, PORT))
    time.sleep(PAUSE / 5)
    s.close()
    time.sleep(4 * PAUSE)
    # ESTABLISHED: closes with data unread.
    s = connected(host, 40021)
    time.sleep(2 * PAUSE)
    s.close()
    time.sleep(2 * PAUSE)
    # FIN-WAIT-1: data comes before the acknowledgment of the FIN. The cable's delay is 20 ms.
    s = connected(host, 40022)
    time.sleep(0.01)
    s.close()
    time.sleep(6 * PAUSE)
    # FIN-WAIT-2: data comes after it.
    s = connected(host, 40023)
    s.close()
    time.sleep(6 * PAUSE)
    # CLOSE-WAIT: the server closes, but has not read what came before the client's FIN.
    s = connected(host, 40024)
    s.send(b"Who reads this?")
    s.shutdown(socket.SHUT_WR)
    time.sleep(6 * PAUSE)
    s.close()
    # LAST-ACK: the client's host waits one second in FIN-WAIT-2, then forgets.
    s = connected(host, 40025)
    s.setsockopt(socket.IPPROTO_TCP, TCP_LINGER2, 1)
    s.close()
    time.sleep(2)


# --- a reset in the two states that both closes lead through ------------------------------------------------------

def late_resets_server(host):
    listener = listening(host)
    connection, _ = listener.accept()  # 40026
    when = f"{time.time() + 0.2:.3f}"
    connection.send(f"let us both close at {when}. Nobody reads this".encode())
    time.sleep(max(0, float(when) - time.time()))
    connection.shutdown(socket.SHUT_WR)
    time.sleep(4 * PAUSE)
    connection.close()
    connection, _ = listener.accept()  # 40027
    read_to_the_end(connection)
    connection.close()
    time.sleep(1)


def late_resets_client(host):
    # CLOSING: the FINs cross on the cable (20 ms), and the client leaves with data unread before its own is acknowledged.
    s = connected(host, 40026)
    when = s.recv(len("let us both close at 0123456789.123")).decode().split()[-1]
    time.sleep(max(0, float(when) - time.time()))
    s.shutdown(socket.SHUT_WR)
    time.sleep(0.03)
    s.close()
    time.sleep(6 * PAUSE)
    # TIME-WAIT: the cable brings the client's FIN once more when the server's host has forgotten the connection.
    s = connected(host, 40027)
    s.close()
    time.sleep(1)


# --- loss, and what TCP does about it -----------------------------------------------------------------------------

def lines_server(host):
    connection = accepted(host)
    read_to_the_end(connection)
    connection.close()


def lines_client(host, source_port, number, length, pause="0"):
    """Sends numbered lines, each its own segment."""
    s = connected(host, int(source_port))
    time.sleep(PAUSE)
    for line in lines(1, int(number), int(length)):
        s.send(line)
        time.sleep(float(pause))
    time.sleep(PAUSE)
    s.shutdown(socket.SHUT_WR)
    read_to_the_end(s)
    s.close()


# --- flow control -------------------------------------------------------------------------------------------------

def slow_server(host):
    """A small receive buffer, and a program that does not read for a while."""
    connection = accepted(host, 4096)
    time.sleep(2.5)
    read_to_the_end(connection)
    connection.close()


def fast_client(host):
    s = connected(host, 40040)
    s.sendall(b"".join(lines(1, 120, 100)))
    s.shutdown(socket.SHUT_WR)
    read_to_the_end(s)
    s.close()


# --- keep-alive ---------------------------------------------------------------------------------------------------

def silent_server(host):
    connection = accepted(host)
    connection.recv(256)
    connection.send(b"I am thinking")
    time.sleep(10)


def anxious_client(host):
    """Asks after a second of silence whether the other side is there, every second, and gives up after two."""
    s = connected(host, 40050)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 2)):
        s.setsockopt(socket.IPPROTO_TCP, option, value)
    s.send(b"What is the answer?")
    s.recv(256)
    try:
        s.recv(256)
    except TimeoutError as error:
        print(error, file=sys.stderr)
    s.close()


# --- the same ports again -----------------------------------------------------------------------------------------

def again_server(host):
    listener = listening(host)
    for number in range(3):
        connection, _ = listener.accept()
        connection.send(f"You are number {number + 1}".encode())
        try:
            if number != 1:
                # Closes first: TIME-WAIT is here, and the client's port is free at once.
                connection.shutdown(socket.SHUT_WR)
            read_to_the_end(connection)
        except ConnectionResetError:
            pass
        connection.close()


def again_client(host):
    for number in range(3):
        s = connected(host, 40060)
        s.recv(256)
        time.sleep(PAUSE)
        if number == 1:
            abort(s)
        s.close()
        time.sleep(2 * PAUSE)


# --- a capture that begins in the middle --------------------------------------------------------------------------

def long_server(host):
    listener = listening(host)
    first, _ = listener.accept()
    second, _ = listener.accept()
    for connection in (first, second):
        while (question := connection.recv(256)) and b"bye" not in question:
            connection.send(question.upper())
    first.close()
    time.sleep(10)


def long_client(host):
    """Two connections; recording begins when both are open and have been used (`ready`), and ends before the second does."""
    first, second = connected(host, 40070), connected(host, 40071)
    first.send(b"before the capture")
    first.recv(256)
    ready()
    time.sleep(2)
    for s, text in ((first, b"in the capture"), (first, b"bye"), (second, b"and this one stays open")):
        s.send(text)
        if text != b"bye":
            s.recv(256)
        time.sleep(PAUSE)
    first.close()
    time.sleep(5)


# --- the cable ----------------------------------------------------------------------------------------------------

def kinds(frame):
    """What a rule can name: any, and of an IPv4 TCP segment syn, fin, data or ack (nothing but an acknowledgment)."""
    found = {"any"}
    if frame[12:14] == b"\x08\x00" and frame[23] == 6:
        tcp = 14 + (frame[14] & 15) * 4
        length = 14 + int.from_bytes(frame[16:18], "big") - tcp - (frame[tcp + 12] >> 4) * 4
        flags = frame[tcp + 13]
        if flags & 1:
            found.add("fin")
        if flags & 2:
            found.add("syn")
        if length > 0:
            found.add("data")
        elif flags & 7 == 0:
            found.add("ack")
    return found


def cable(left, right, delay, *rules):
    """Carries frames between two interfaces, `delay` milliseconds each way.

    A rule is WHAT:WAY:KIND:FROM-TO, for instance lose:right:data:2-2: of the data segments that go right the second is
    lost. `hold` lets the next frame of that way overtake, `twice` delivers a copy too, `late` one 300 ms after it.
    Counting begins with 1; every rule counts for itself.
    """
    ports = {}
    for name in (left, right):
        ports[name] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        ports[name].bind((name, 3))
    rules = [rule.split(":") for rule in rules]
    seen = [0] * len(rules)
    on_the_way, number, held = [], 0, {}
    ready()
    while True:
        wait = max(0, on_the_way[0][0] - time.monotonic()) if on_the_way else None
        for port in select.select(list(ports.values()), [], [], wait)[0]:
            frame, address = port.recvfrom(65535)
            if address[2] == 4:  # PACKET_OUTGOING: our own
                continue
            way, out = ("right", ports[right]) if port is ports[left] else ("left", ports[left])
            done = set()
            for place, (what, rule_way, kind, range_) in enumerate(rules):
                if rule_way == way and kind in kinds(frame):
                    seen[place] += 1
                    first, last = range_.split("-")
                    if int(first) <= seen[place] <= int(last or 1 << 30):
                        done.add(what)
            arrives = time.monotonic() + int(delay) / 1000
            if "hold" in done:
                held[way] = frame
                continue
            if "lose" in done:
                continue
            for copy in [frame] * (2 if "twice" in done else 1) + ([held.pop(way)] if way in held else []):
                number += 1
                heapq.heappush(on_the_way, (arrives, number, copy, out))
            if "late" in done:
                number += 1
                heapq.heappush(on_the_way, (arrives + 0.3, number, frame, out))
        while on_the_way and on_the_way[0][0] <= time.monotonic():
            _, _, frame, out = heapq.heappop(on_the_way)
            out.send(frame)


if __name__ == "__main__":
    globals()[sys.argv[1].replace("-", "_")](*sys.argv[2:])
