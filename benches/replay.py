#!/usr/bin/env python3
"""`netlab replay --speed top` beside `tcpreplay --topspeed --preload-pcap`: packets a second on a veth pair.

    cargo build --release
    sudo benches/replay.py                    all told in under a minute; needs tcpreplay and root (or unshare)
    sudo benches/replay.py --size 1400 --rounds 40

Both send the same file, from memory, in a network namespace that is made for it and gone afterwards. What counts is the
receiving interface's own counter beside the time that each program says it took; a program that loses packets on the way
is told of. One after the other, round after round, in changing order, so that what else the machine does falls on both
alike; the median counts, and the median of the rounds' ratios. Exit code 1: netlab was slower."""

import argparse
import os
import pathlib
import re
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile

import machine


def capture(path, packets, size):
    """UDP packets in Ethernet frames of `size` bytes, a microsecond apart."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        payload = size - 42
        ethernet = bytes.fromhex("020000000002" "020000000001" "0800")
        for number in range(packets):
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + payload, number & 0xFFFF, 0, 64, 17, 0,
                             bytes([10, 0, 9, 1]), bytes([10, 0, 9, 2]))
            total = sum(struct.unpack(">10H", ip))
            total = (total & 0xFFFF) + (total >> 16)
            ip = ip[:10] + struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF) + ip[12:]
            frame = ethernet + ip + struct.pack(">HHHH", 40000, 9, 8 + payload, 0) + bytes(payload)
            file.write(struct.pack("<IIII", 1700000000, number, len(frame), len(frame)) + frame)


def received(name):
    for line in open("/proc/self/net/dev"):
        interface, _, figures = line.partition(":")
        if interface.strip() == name:
            return int(figures.split()[1])
    sys.exit(f"{name} is gone")


def run(command, pattern):
    """Packets that arrived, and the seconds that the program says it took."""
    before = received("in0")
    answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{answer.stdout}{answer.stderr}")
    arrived = received("in0") - before
    found = re.search(pattern, answer.stdout + answer.stderr)
    if not found:
        sys.exit(f"no time in what it said:\n{answer.stdout}{answer.stderr}")
    seconds = float(found[1]) * {"s": 1, "ms": 1e-3, "µs": 1e-6, None: 1}[found[2] if found.re.groups > 1 else None]
    return arrived, seconds


def main():
    parser = machine.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=25, help="how often each sends [25]")
    parser.add_argument("--packets", type=int, default=10000, help="packets in the file [10000]")
    parser.add_argument("--loop", type=int, default=10, help="how often it is sent each time [10]")
    parser.add_argument("--size", type=int, default=100, help="bytes of a frame [100]")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = machine.options(parser)
    if not shutil.which("tcpreplay"):
        sys.exit("tcpreplay is not installed: apt install tcpreplay")
    if not options.inside:
        # A network of its own, which goes with this process.
        os.execvp("unshare", ["unshare", "--map-root-user", "--net", "--mount", sys.executable, *sys.argv, "--inside"])
    # What hosts say of themselves by IPv6 would be counted with the rest.
    pathlib.Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")
    for command in ("ip link set lo up", "ip link add out0 type veth peer name in0", "ip link set out0 up",
                    "ip link set in0 up"):
        subprocess.run(command.split(), check=True)

    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/packets.pcap"
        capture(file, options.packets, options.size)
        netlab = [options.netlab, "replay", file, "-i", "out0", "--speed", "top", "--loop", str(options.loop), "--yes"]
        tcpreplay = ["tcpreplay", "--topspeed", "--preload-pcap", "-i", "out0", f"--loop={options.loop}", file]
        programs = {
            "netlab": (netlab, r"in ([\d.]+) (s|ms|µs)[:,]"),
            "tcpreplay": (tcpreplay, r"sent in ([\d.]+) seconds"),
        }
        version = subprocess.run(["tcpreplay", "-V"], capture_output=True, text=True)
        version = re.search(r"version: *(\S+)", version.stdout + version.stderr)
        print(f"{machine.name()}; tcpreplay {version[1] if version else '?'}")
        print(f"{options.rounds} rounds of {options.packets * options.loop} frames of {options.size} bytes each, veth pair")
        rates = {name: [] for name in programs}
        lost = dict.fromkeys(programs, 0)
        for turn in range(options.rounds + 1):
            order = list(programs)[:: 1 if turn % 2 else -1]
            for name in order:
                arrived, seconds = run(*programs[name])
                if turn:  # the first warms up
                    rates[name].append(arrived / seconds)
                    lost[name] += options.packets * options.loop - arrived
    ratio = statistics.median(one / other for one, other in zip(rates["netlab"], rates["tcpreplay"]))
    for name, all_rates in rates.items():
        low, median, high = min(all_rates), statistics.median(all_rates), max(all_rates)
        print(f"{name:<10} median {median / 1e3:7.0f} thousand packets a second (from {low / 1e3:.0f} to {high / 1e3:.0f}), "
              f"{lost[name]} lost")
    print(f"netlab to tcpreplay: {ratio:.2f} (median of the rounds' ratios)")
    return 1 if ratio < 1 else 0


if __name__ == "__main__":
    sys.exit(main())
