#!/usr/bin/env python3
"""Runs a command where a second machine can be reached, for the pages that show two of them.

    python docs/two_machines.py python docs/run.py docs/cluster.md

The command is on the "laptop", 10.0.0.2; `ssh gpu-box COMMAND` runs one on the other, 10.0.0.5.
They are namespaces of this machine: each has a name, a network, processes, a home, /tmp and
/dev/shm of its own; disk and processors are shared, and there is no GPU. Needs Linux, root and
iproute2; nothing is left behind.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
from pathlib import Path

ALONE = ["unshare", "--net", "--pid", "--mount", "--uts", "--fork", "--kill-child", "--mount-proc"]
LAPTOP, BOX, PORT = "10.0.0.2", "10.0.0.5", 2222
OWN = """mount -t tmpfs tmpfs /tmp; mount -t tmpfs tmpfs /dev/shm; mkdir /tmp/home /tmp/bin
hostname {name}; ip link set lo up
echo '127.0.0.1 localhost
10.0.0.2 laptop
10.0.0.5 gpu-box' > /tmp/hosts; mount --bind /tmp/hosts /etc/hosts"""
CABLE = "ip link set {0} up; ip address add {1}/24 dev {0}; ip route add default via {2}"
# The default route leads nowhere. Ray asks it which address is the machine's own.


class Asked(socketserver.StreamRequestHandler):
    """Answers one command with its exit code and output."""

    def handle(self) -> None:
        words = json.loads(self.rfile.readline())
        # Files, no pipes: what it leaves running would keep those open.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            code = subprocess.call(words, cwd="/", stdin=subprocess.DEVNULL, stdout=out, stderr=err)
            said = [(stream.seek(0), stream.read())[1] for stream in (out, err)]
        self.wfile.write(json.dumps([code, *said]).encode())


def shell(lines: str) -> None:
    subprocess.run(["bash", "-ec", lines], check=True)


def box() -> None:
    """The other machine, until it is killed."""
    shell(OWN.format(name="gpu-box"))
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    server = socketserver.ThreadingTCPServer(("0.0.0.0", PORT), Asked)
    print("up", flush=True)
    server.serve_forever()


def laptop(pid: str, command: list[str]) -> int:
    """Lays the cable to the other one, whose process is `pid` outside, and runs the command."""
    shell(OWN.format(name="laptop"))
    there = f"nsenter --net=/mnt/{pid}/ns/net bash -ec "
    shell(f"""{there} 'ip link add gpu-box type veth peer name laptop netns 1'
{there} '{CABLE.format("gpu-box", BOX, LAPTOP)}'
{CABLE.format("laptop", LAPTOP, BOX)}""")
    ssh = Path("/tmp/bin/ssh")
    ssh.write_text(f'#!/bin/sh\nshift\nexec {sys.executable} {shlex.quote(__file__)} --ask "$@"\n')
    ssh.chmod(0o755)
    path = f"/tmp/bin{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(command, env=os.environ | {"PATH": path}).returncode


def ask(words: list[str]) -> int:
    """`ssh`, as far as it is needed."""
    with socket.create_connection((BOX, PORT)) as connection, connection.makefile("rw") as stream:
        stream.write(json.dumps(words) + "\n")
        stream.flush()
        code, out, err = json.loads(stream.read())
    sys.stdout.write(out)
    sys.stderr.write(err)
    return int(code)


def both(command: list[str]) -> int:
    shell("mount --bind /proc /mnt")  # of neither: the laptop can name the box's network by it
    own = {
        "HOME": "/tmp/home", "RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_raylet_start_wait_time_s": "120",
    }  # fmt: skip
    environment = os.environ | own
    me = [sys.executable, __file__]
    other = subprocess.Popen([*ALONE, *me, "--box"], env=environment, stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None
        assert other.stdout.readline(), "it did not come up"
        [pid] = Path(f"/proc/{other.pid}/task/{other.pid}/children").read_text().split()
        return subprocess.run([*ALONE, *me, "--laptop", pid, *command], env=environment).returncode
    finally:
        other.send_signal(signal.SIGKILL)  # and with it, by --kill-child, all there
        other.wait()


def main(words: list[str]) -> int:
    match words:
        case ["--both", *command]:
            return both(command)
        case ["--box"]:
            box()
            return 0
        case ["--laptop", pid, *command]:
            return laptop(pid, command)
        case ["--ask", *command]:
            return ask(command)
    return subprocess.run(["unshare", "--mount", sys.executable, __file__, "--both", *words]
                          ).returncode  # fmt: skip


if __name__ == "__main__":
    __file__ = os.path.abspath(__file__)
    sys.exit(main(sys.argv[1:]))
