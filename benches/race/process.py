"""A child process, its CPU time and its memory."""

import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def disk_bytes(folder):
    """What the files below take on the device: allocated blocks, not lengths."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_blocks * 512
            except FileNotFoundError:
                pass  # merged away meanwhile
    return total


class Process:
    """A program that runs; its anonymous memory is looked at a hundred times a second."""

    def __init__(self, command, log, output=None):
        self.log = Path(log)
        with open(self.log, "ab") as stderr:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output or stderr, stderr=stderr)
        self.pid = self.child.pid
        self.peak = 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        while not self.ended.wait(0.01):
            try:
                for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
                    if line.startswith("RssAnon:"):
                        self.peak = max(self.peak, int(line.split()[1]) * 1024)
                        break
            except OSError:
                return

    def cpu(self):
        """Seconds of the CPU so far, all threads; only while it runs."""
        return time.clock_gettime((~self.pid << 3) | 2)  # the kernel's id of that process's clock

    def check(self):
        if self.child.poll() is not None:
            tail = self.log.read_text(errors="replace")[-500:]
            raise RuntimeError(f"ended early with {self.child.returncode}: {tail}")

    def stop(self, how=signal.SIGINT, patience=60):
        """Asks it to end and waits; its CPU seconds."""
        if self.child.returncode is None:
            os.kill(self.pid, how)
        return self.wait(patience)

    def wait(self, patience):
        """Waits for its end; its CPU seconds."""
        deadline = time.monotonic() + patience
        while self.child.returncode is None:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self.child.returncode = os.waitstatus_to_exitcode(status)
                self.usage = usage.ru_utime + usage.ru_stime
            elif time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                deadline = float("inf")
            else:
                time.sleep(0.005)
        self.ended.set()
        self.thread.join()
        return self.usage
