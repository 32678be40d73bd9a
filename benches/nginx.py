#!/usr/bin/env python3
"""http-hello beside nginx: requests a second as wrk counts them, a connection for each request.

    cargo build --release
    benches/nginx.py                          all told in about a minute; needs nginx and wrk
    benches/nginx.py --rounds 20 --clients 200

nginx answers `return 200 "Hello world"` with one worker and without a log; http-hello runs as `--model selectors` and
`--model async`, one thread each. All three stay up; wrk asks one after the other, round after round, in another order
each round, so that what else the machine does falls on all alike. What counts is the median. wrk has two threads: with
one it is the slower side on a quiet machine, and all servers look alike. Exit code 1: a model served fewer than nginx.
"""

import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import machine

MODELS = ("selectors", "async")

CONFIGURATION = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 "Hello world"; }} }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"nothing listens on port {port}")


def answer(port):
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        heard = b""
        while piece := client.recv(4096):
            heard += piece
    assert heard.endswith(b"\r\n\r\nHello world"), heard
    return len(heard)


def ask(port, options):
    command = ["wrk", f"-t{options.threads}", f"-c{options.clients}", f"-d{options.seconds}s",
               "-H", "Connection: close", f"http://127.0.0.1:{port}/"]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Socket errors" in report or "Non-2xx" in report:
        print(report, file=sys.stderr)
    return float(re.search(r"Requests/sec:\s*([\d.]+)", report)[1])


def main():
    parser = machine.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="how often each is asked [9]")
    parser.add_argument("--seconds", type=int, default=2, help="how long each time [2]")
    parser.add_argument("--clients", type=int, default=50, help="connections of wrk [50]")
    parser.add_argument("--threads", type=int, default=2, help="threads of wrk [2]")
    options = machine.options(parser)
    for tool in ("nginx", "wrk"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not installed: apt install nginx-light wrk")

    servers, ports = [], {name: free_port() for name in ("nginx", *MODELS)}
    with tempfile.TemporaryDirectory() as folder:
        try:
            configuration = pathlib.Path(folder, "nginx.conf")
            configuration.write_text(CONFIGURATION.format(folder=folder, port=ports["nginx"]))
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            nginx = ["nginx", "-p", folder, "-c", str(configuration), "-e", f"{folder}/error.log"]
            servers.append(subprocess.Popen(nginx, **quiet))
            for model in MODELS:
                command = [options.netlab, "serve", "http-hello", "--model", model, "--port", str(ports[model])]
                servers.append(subprocess.Popen(command, **quiet))
            for port in ports.values():
                wait_for(port)

            version = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr.strip()
            print(f"{machine.name()}; {version.split()[-1]}, 1 worker")
            print(f"{options.rounds} rounds of {options.seconds} s each, wrk with {options.threads} threads and "
                  f"{options.clients} connections, Connection: close")
            for name, port in ports.items():
                print(f"  {name:<10} answers with {answer(port)} bytes")

            rates = {name: [] for name in ports}
            for turn in range(options.rounds):
                order = list(ports)
                order = order[turn % 3:] + order[:turn % 3]
                for name in order:
                    rates[name].append(ask(ports[name], options))
                print(f"  round {turn + 1:>2}  " + "  ".join(f"{name} {rates[name][-1]:>7.0f}" for name in ports))
        finally:
            for server in servers:
                server.send_signal(signal.SIGINT)
            for server in servers:
                server.wait()

    base = statistics.median(rates["nginx"])
    fewer = False
    for name in ports:
        median = statistics.median(rates[name])
        ratio = statistics.median(one / other for one, other in zip(rates[name], rates["nginx"]))
        fewer |= median < base
        print(f"{name:<10} {median:>7.0f} requests a second, {median / base:.2f} of nginx "
              f"(median of the rounds' ratios {ratio:.2f})")
    return 1 if fewer else 0


if __name__ == "__main__":
    sys.exit(main())
