#!/usr/bin/env python3
"""How many connections are said to be the right program's, and what that costs: netlab capture beside nginx and wrk.

    sudo benches/programs.py target/release/netlab [seconds]

In a network namespace of its own. wrk opens a connection for each request; then netlab captures into a file, with and
without looking for programs, and what the kernel dropped and the processor time are told.
"""
import collections
import json
import os
import re
import subprocess
import sys
import tempfile

if os.environ.get("INSIDE") is None:
    os.execvpe("unshare", ["unshare", "--net", *sys.argv], os.environ | {"INSIDE": "1"})

NETLAB, SECONDS = os.path.abspath(sys.argv[1]), (sys.argv[2:] or ["5"])[0]
subprocess.run("ip link set lo up", shell=True, check=True)
room = tempfile.TemporaryDirectory()
os.chmod(room.name, 0o755)
with open(f"{room.name}/nginx.conf", "w") as conf:
    conf.write(
        f"daemon off; worker_processes 1; pid {room.name}/pid; error_log /dev/null; events {{}}"
        'http { access_log off; server { listen 8081; location / { return 200 "ok\\n"; } } }'
    )
nginx = subprocess.Popen(["nginx", "-c", f"{room.name}/nginx.conf"], stderr=subprocess.DEVNULL)


def captured(*arguments, out=subprocess.DEVNULL, close=True):
    """wrk's requests a second, what netlab says at its end, and the processor time it took."""
    command = [NETLAB, "capture", "-i", "lo", "--port", "8081", "--ready", *arguments]
    capture = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, text=True)
    while "READY" not in (line := capture.stderr.readline()):
        assert line, "the capture did not start"
    wrk = ["wrk", "-t1", "-c10", f"-d{SECONDS}s", "http://127.0.0.1:8081/"]
    said = subprocess.run(wrk + ["-H", "Connection: close"] * close, stdout=subprocess.PIPE, text=True).stdout
    capture.send_signal(2)
    talk = capture.stderr.read().strip().splitlines()[-1]
    _, capture.returncode, used = os.wait4(capture.pid, 0)
    rate = float(re.search(r"Requests/sec: *([0-9.]+)", said)[1])
    return rate, f"{used.ru_utime + used.ru_stime:.2f} s of processor time; {talk}"


try:
    with open(f"{room.name}/lines.json", "w") as lines:
        rate, talk = captured("--json", out=lines)
    conversations = collections.defaultdict(set)
    for line in open(f"{room.name}/lines.json"):
        packet = json.loads(line)
        side = "dst" if packet["tcp.dstport"] == 8081 else "src"
        conversations[packet["tcp.stream"]].add(packet.get(f"netlab.process.{side}.name"))
    right = sum(names == {"nginx"} for names in conversations.values())
    wrong = sum(bool(names - {"nginx", None}) for names in conversations.values())
    print(f"{len(conversations)} connections, {rate:.0f} a second: {right} nginx's in every packet, {wrong} another's")
    for close in (True, False):
        for arguments in (["--no-process"], []):
            rate, talk = captured("-q", "-w", f"{room.name}/all.pcapng", *arguments, close=close)
            print(f"{rate:.0f} requests a second, {'each its connection' if close else 'ten connections'}; "
                  f"{' '.join(arguments) or 'with programs'}: {talk}")
finally:
    nginx.terminate()
    nginx.wait()
