#!/usr/bin/env python3
"""netlab sockets beside ss and lsof: seconds for a list of ten thousand sockets.

    cargo build --release
    benches/sockets.py                        half a minute; needs ss and lsof; no root
    benches/sockets.py --sockets 2000 --rounds 50

It goes into a network namespace of its own (unshare), where one process serves 5,000 connections of another. All programs
run once a round, in another order each round, so that what else the machine does falls on all alike; their output is
thrown away. What counts are the ratios of the medians. Exit code 1: lsof is less than 3 times slower, or an ss faster.
"""

import argparse
import os
import pathlib
import random
import resource
import socket
import statistics
import subprocess
import sys
import time

NETLAB = str(pathlib.Path(__file__).resolve().parent.parent / "target/release/netlab")


def crowd(number):
    """A listener, its connections here, their other ends in a child."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, number + 200), hard))
    listener = socket.create_server(("127.0.0.1", 8005), backlog=4096)
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.close(writing)
        listener.close()
        ends = [socket.create_connection(("127.0.0.1", 8005)) for _ in range(number // 2)]
        os.read(reading, 1)
        os._exit(0)
    os.close(reading)
    return writing, listener, [listener.accept()[0] for _ in range(number // 2)]


def seconds(command):
    begin = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("netlab", nargs="?", default=NETLAB)
    parser.add_argument("--sockets", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.inside:
        alone = ["unshare", "--user", "--map-root-user", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]
        inside = ["sh", "-ec", 'ip link set lo up; exec "$@"', "sh", sys.executable, *sys.argv, "--inside"]
        sys.exit(subprocess.run(alone + inside).returncode)

    held = crowd(options.sockets)
    commands = {
        "netlab sockets": [options.netlab, "sockets"],
        "netlab sockets -v": [options.netlab, "sockets", "-v"],
        "ss -tuanp": ["ss", "-tuanp"],
        "ss -tuanpeimo": ["ss", "-tuanpeimo"],
        "lsof -i -n -P": ["lsof", "-i", "-n", "-P"],
        "netstat -antup": ["netstat", "-antup"],
    }
    times = {name: [] for name in commands}
    for _ in range(options.rounds):
        for name in random.sample(list(commands), len(commands)):
            times[name].append(seconds(commands[name]))
    median = {name: statistics.median(all) for name, all in times.items()}
    for name in commands:
        print(f"{name:18} median {median[name]:.3f} s, least {min(times[name]):.3f} s")
    enough = True
    for name, other, wanted in [
        ("netlab sockets", "lsof -i -n -P", 3),
        ("netlab sockets", "ss -tuanp", 1),
        ("netlab sockets -v", "ss -tuanpeimo", 1),
        ("netlab sockets", "netstat -antup", 1),
    ]:
        ratio = median[other] / median[name]
        print(f"{other} takes {ratio:.1f} times as long as {name}")
        enough &= ratio >= wanted
    del held
    sys.exit(0 if enough else 1)


if __name__ == "__main__":
    main()
