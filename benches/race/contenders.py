"""Who takes part, how each is started, fed, brought to rest and measured.

CPU time counts from when a server answers until the last row is acknowledged and its memory is flushed to disk, with
all background work until then. What is on disk is measured after the compaction that each would do sooner or later by
itself; the work of forcing it then is not counted for anybody.
"""

import http.client
import itertools
import json
import os
import shutil
import subprocess
import time
import urllib.parse
from dataclasses import dataclass, field

from process import Process, disk_bytes, free_port

BODY_LINES = 5000
NS = 10**9
# Seconds by the clock after which something is taken to be stuck, on however busy a machine.
PATIENCE = 600
# What the generators write: three hours from here.
START = 1451606400
HOURS = 3


@dataclass
class Run:
    """What one contender took for one data set."""

    rows_offered: int
    rows: int
    values: int
    cpu: float
    wall: float
    peak: int
    disk: int
    notes: list = field(default_factory=list)
    queries: dict = field(default_factory=dict)


def bodies(file):
    with open(file, "rb") as lines:
        while body := b"".join(itertools.islice(lines, BODY_LINES)):
            yield body


class Crate:
    """Ours and the rival that are embedded: a process of the bench `contender`."""

    def __init__(self, programs, limit):
        self.program, self.limit = programs["contender"], limit

    def missing(self):
        return None

    def call(self, folder, *arguments):
        process = Process([self.program, *arguments], folder / "log", subprocess.PIPE)
        said = process.child.stdout.read()
        process.wait(PATIENCE)
        if process.child.returncode != 0:
            raise RuntimeError((folder / "log").read_text()[-500:])
        return process.peak, json.loads(said)


class Stripchart(Crate):
    name = "stripchart"

    def run(self, file, folder, size, ask):
        peak, said = self.call(folder, "stripchart", str(file), str(folder / "db"))
        notes = [f"{said['compacted'] / 1e6:.3f} MB after `compact`, for {said['compact_cpu']:.2f} CPU s more"]
        return Run(size["rows"], said["rows"], size["values"], said["cpu"], said["wall"], peak, said["disk"],
                   notes, said["queries"] if ask else {})


class Tsink(Crate):
    name = "tsink"

    def run(self, file, folder, size, ask):
        limit = max(1, self.limit // 4)  # it is two orders of magnitude behind, and a part tells as much
        peak, said = self.call(folder, "tsink", str(file), str(folder / "db"), str(limit))
        return Run(size["rows"], said["rows"], said["values"], said["cpu"], said["wall"], peak, said["disk"])


class Server:
    """One that takes line protocol over HTTP, 5000 rows a request, on one connection."""

    program = None
    package = None
    write_path = "/write?db=race&precision=ns"

    def __init__(self, programs, limit):
        self.programs, self.limit = programs, limit

    def missing(self):
        if shutil.which(self.program):
            return None
        return f"{self.program} is not installed (apt-get install --no-install-recommends {self.package})"

    def run(self, file, folder, size, ask):
        self.folder, self.port = folder, free_port()
        self.process = Process(self.command(), folder / "log")
        try:
            self.until_ready()
            self.create()
            before = self.process.cpu()
            began = time.monotonic()
            rows = self.feed(file, before + self.limit)
            cpu, wall = self.flushed(before, began)
            peak = self.process.peak
            self.settle()
            disk = disk_bytes(folder / "db")
            queries = self.queries() if ask and rows == size["rows"] else {}
            values = size["values"] * rows // size["rows"]
            return Run(size["rows"], rows, values, cpu, wall, peak, disk, self.notes(), queries)
        finally:
            self.process.stop()

    def notes(self):
        return []

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def call(self, method, path, body=None):
        connection = self.connect()
        try:
            return self.answer(connection, method, path, body)
        finally:
            connection.close()

    def answer(self, connection, method, path, body=None):
        connection.request(method, path, body)
        response = connection.getresponse()
        text = response.read()
        if response.status >= 300:
            raise RuntimeError(f"{method} {path}: {response.status} {text[:300]!r}")
        return text

    def until_ready(self):
        deadline = time.monotonic() + PATIENCE
        while True:
            self.process.check()
            try:
                return self.call("GET", self.ready_path)
            except (OSError, RuntimeError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def feed(self, file, most_cpu):
        connection = self.connect()
        rows = 0
        for body in bodies(file):
            self.answer(connection, "POST", self.write_path, body)
            rows += body.count(b"\n")
            self.last_row = body[body.rindex(b"\n", 0, -1) + 1 :]
            if self.process.cpu() > most_cpu:
                break
        connection.close()
        return rows

    def at_rest(self):
        """Waits until neither the files nor the CPU time change for three seconds."""
        deadline = time.monotonic() + PATIENCE
        seen, since = None, time.monotonic()
        while time.monotonic() < deadline:
            now = disk_bytes(self.folder / "db"), round(self.process.cpu() / 0.3)
            if now != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > 3:
                return
            time.sleep(0.25)

    def timed(self, path):
        best = float("inf")
        connection = self.connect()
        for _ in range(5):
            began = time.perf_counter()
            text = self.answer(connection, "GET", path)
            best = min(best, time.perf_counter() - began)
        if not self.found_something(json.loads(text)):
            raise RuntimeError(f"{path}: found nothing")
        connection.close()
        return best * 1e3


class InfluxLike(Server):
    """What speaks InfluxQL."""

    ready_path = "/ping"

    def create(self):
        self.call("POST", "/query?" + urllib.parse.urlencode({"q": "CREATE DATABASE race"}))

    def queries(self):
        during = f"time >= {START * NS} AND time < {(START + HOURS * 3600) * NS}"
        asked = {
            "max per minute": f"SELECT max(usage_user) FROM cpu WHERE {during} GROUP BY time(1m)",
            "mean per hour and host": f"SELECT mean(*) FROM cpu WHERE {during} GROUP BY time(1h), hostname",
            "last row per host": "SELECT * FROM cpu GROUP BY hostname ORDER BY time DESC LIMIT 1",
        }
        return {
            name: self.timed("/query?" + urllib.parse.urlencode({"db": "race", "q": query}))
            for name, query in asked.items()
        }

    @staticmethod
    def found_something(answer):
        return bool(answer["results"][0].get("series"))


class FullStack(InfluxLike):
    name = "stripchart-http"

    def missing(self):
        return None

    def command(self):
        return [self.programs["full_stack"], "--listen", f"127.0.0.1:{self.port}", "--data", str(self.folder / "db"),
                "--retention", "0s", "--source", "none"]

    def flushed(self, before, began):
        wall = time.monotonic() - began
        # It writes out what is in memory when it is stopped: that is counted, and then it is started again.
        cpu = self.process.stop() - before
        peak = self.process.peak
        self.process = Process(self.command(), self.folder / "log")
        self.process.peak = peak
        self.until_ready()
        return cpu, wall

    def settle(self):
        self.at_rest()


class InfluxDb(InfluxLike):
    name = "influxdb"
    program = package = "influxdb"

    def missing(self):
        self.program = "influxd"
        return super().missing()

    CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
  {compaction}
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
"""

    def command(self, compaction=""):
        config = self.folder / "influxdb.conf"
        config.write_text(self.CONFIG.format(folder=self.folder / "db", port=self.port, rpc=free_port(),
                                             compaction=compaction))
        return ["influxd", "-config", str(config)]

    def flushed(self, before, began):
        # Rows are in its log, as ours would be; it flushes when it is full, or idle for ten minutes.
        return self.process.cpu() - before, time.monotonic() - began

    def settle(self):
        # Its full compaction comes after four idle hours. With other settings it comes at once.
        self.process.stop()
        at_once = 'cache-snapshot-write-cold-duration = "1s"\n  compact-full-write-cold-duration = "1s"'
        self.process = Process(self.command(at_once), self.folder / "log")
        self.until_ready()
        # It lets go of a log it found only once more is written: the last row again, which changes nothing.
        self.call("POST", self.write_path, self.last_row)
        deadline = time.monotonic() + PATIENCE
        while not self.compacted():
            if time.monotonic() > deadline:
                raise RuntimeError("its compaction does not come to an end")
            time.sleep(0.5)
        self.at_rest()

    def compacted(self):
        """Whether every shard has one file, and the log none."""
        shards = [shard for shard in (self.folder / "db/data/race/autogen").iterdir() if shard.is_dir()]
        files = [list(shard.glob("*.tsm*")) for shard in shards]
        logs = [log for log in (self.folder / "db/wal/race").rglob("*.wal") if log.stat().st_size > 0]
        return bool(shards) and all(len(of_shard) == 1 for of_shard in files) and not logs

    def notes(self):
        return ["disk after its full compaction"]


class VictoriaMetrics(Server):
    name = program = package = "victoria-metrics"
    ready_path = "/health"

    def command(self):
        # Its default keeps a month, and the data is of 2016.
        return ["victoria-metrics", f"-storageDataPath={self.folder / 'db'}",
                f"-httpListenAddr=127.0.0.1:{self.port}", "-retentionPeriod=100y", "-search.latencyOffset=0s",
                "-search.disableCache"]

    def create(self):
        pass

    def flushed(self, before, began):
        self.call("GET", "/internal/force_flush")
        return self.process.cpu() - before, time.monotonic() - began

    def settle(self):
        # The call only starts a merge; and what is flushed meanwhile wants another. Until one changes nothing.
        before = None
        for _ in range(5):
            self.call("GET", "/internal/force_merge")
            self.at_rest()
            after = disk_bytes(self.folder / "db")
            if after == before and self.figure("vm_active_merges") + self.figure("vm_active_force_merges") == 0:
                return
            before = after
        raise RuntimeError("its merges do not come to an end")

    def figure(self, name):
        """The sum of one of its own metrics."""
        lines = self.call("GET", "/metrics").decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    def notes(self):
        return ["disk after a forced merge"]

    def queries(self):
        end = START + HOURS * 3600
        asked = {
            "max per minute": ("query_range", "max(max_over_time(cpu_usage_user[1m]))", "60s"),
            "mean per hour and host": ("query_range", 'avg_over_time({__name__=~"cpu_usage_.*"}[1h])', "1h"),
            "last row per host": ("query", '{__name__=~"cpu_usage_.*"}', None),
        }
        times = {}
        for name, (path, query, step) in asked.items():
            parameters = {"query": query, "nocache": "1"}
            if step:
                parameters.update(start=START + (3600 if step == "1h" else 60), end=end, step=step)
            else:
                parameters.update(time=end - 1)
            times[name] = self.timed(f"/api/v1/{path}?" + urllib.parse.urlencode(parameters))
        return times

    @staticmethod
    def found_something(answer):
        return bool(answer["data"]["result"])


ALL = [Stripchart, FullStack, VictoriaMetrics, InfluxDb, Tsink]


def by_name(name):
    return next(contender for contender in ALL if contender.name == name)
