"""What the benchmarks say of the machine, and which netlab they measure."""

import argparse
import os
import pathlib
import platform
import sys


def name():
    """The processor, its cores and the kernel."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"


def parser(about):
    """A parser of options that has --netlab: the release build of this directory where nobody says which."""
    root = pathlib.Path(__file__).resolve().parent.parent
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--netlab", type=pathlib.Path, default=target / "release/netlab", help="the program to measure")
    return made


def options(made):
    """The options, where there is a program to measure."""
    told = made.parse_args()
    if not told.netlab.exists():
        sys.exit(f"{told.netlab} is not there: cargo build --release")
    return told
