"""The query types of the Time Series Benchmark Suite's use case devops, as its generators write them, and a few more.

A type has so many questions, each about another window of time and other hosts, drawn from a seed: everybody is asked the
same. A question has a text for each language; a type that a language cannot say is left out there.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timezone

NS = 10**9
START = 1451606400
FIELDS = ["usage_user", "usage_system", "usage_idle", "usage_nice", "usage_iowait", "usage_irq", "usage_softirq",
          "usage_steal", "usage_guest", "usage_guest_nice"]
HOUR = 3600


@dataclass
class Question:
    """What is asked: InfluxQL, and for VictoriaMetrics parameters of /api/v1/query_range or None."""

    influxql: str
    promql: dict = None


def rfc3339(second):
    return datetime.fromtimestamp(second, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Suite:
    """The types over `hosts` hosts and `hours` hours."""

    def __init__(self, hosts, hours, count, seed=123):
        self.hosts, self.hours, self.count, self.seed = hosts, hours, count, seed

    def types(self):
        """Names of types with their questions; only those that the data is long and wide enough for."""
        single = [(1, 1, 1), (1, 1, 12), (1, 8, 1), (5, 1, 1), (5, 1, 12), (5, 8, 1)]
        wanted = [(f"single-groupby-{m}-{h}-{x}", x, h, lambda m=m, h=h, x=x: self.single_groupby(m, h, x))
                  for m, h, x in single]
        wanted += [(f"cpu-max-all-{h}", x, h, lambda h=h, x=x: self.cpu_max_all(h, x))
                   for h, x in [(1, 8), (8, 8), (32, 24)]]
        wanted += [(f"double-groupby-{name}", 12, 1, lambda m=m: self.double_groupby(m))
                   for name, m in [("1", 1), ("5", 5), ("all", 10)]]
        wanted += [
            ("high-cpu-1", 12, 1, lambda: self.high_cpu(True)),
            ("high-cpu-all", 12, 1, lambda: self.high_cpu(False)),
            ("lastpoint", 0, 1, self.lastpoint),
            ("groupby-orderby-limit", 1, 1, lambda: self.groupby_limit("")),
            ("groupby-orderby-limit, newest", 1, 1, lambda: self.groupby_limit("order by time desc ")),
        ]
        for name, hours, hosts, ask in wanted:
            if hours <= self.hours and hosts <= self.hosts:
                self.random = random.Random(f"{self.seed} {name}")
                yield name, [ask() for _ in range(self.count)]

    def window(self, hours):
        start = START + self.random.randrange(0, (self.hours - hours) * HOUR + 1)
        return start, start + hours * HOUR

    def drawn(self, count):
        return [f"host_{number}" for number in self.random.sample(range(self.hosts), count)]

    @staticmethod
    def during(start, end):
        return f"time >= '{rfc3339(start)}' and time < '{rfc3339(end)}'"

    @staticmethod
    def of_hosts(hosts):
        return "(" + " or ".join(f"hostname = '{host}'" for host in hosts) + ")"

    @staticmethod
    def aggregates(function, fields):
        return ", ".join(f"{function}({field})" for field in fields)

    @staticmethod
    def promql(over, fields, hosts, interval, start, end, by):
        names = "|".join(f"cpu_{field}" for field in fields)
        matchers = [f'__name__=~"{names}"']
        if hosts:
            matchers.append(f'hostname=~"{"|".join(hosts)}"')
        query = f"{over}_over_time({{{','.join(matchers)}}}[{interval}])"
        if by:
            query = f"max({query}) by ({by})"
        step = {"1m": 60, "1h": HOUR}[interval]
        # A window ends at its time there and begins at it in InfluxQL.
        return {"query": query, "start": start + step, "end": end, "step": step, "nocache": "1"}

    def single_groupby(self, metrics, count, hours):
        fields, hosts, (start, end) = FIELDS[:metrics], self.drawn(count), self.window(hours)
        influxql = (f"SELECT {self.aggregates('max', fields)} from cpu where {self.of_hosts(hosts)} and "
                    f"{self.during(start, end)} group by time(1m)")
        return Question(influxql, self.promql("max", fields, hosts, "1m", start, end, "__name__"))

    def cpu_max_all(self, count, hours):
        hosts, (start, end) = self.drawn(count), self.window(hours)
        influxql = (f"SELECT {self.aggregates('max', FIELDS)} from cpu where {self.of_hosts(hosts)} and "
                    f"{self.during(start, end)} group by time(1h)")
        return Question(influxql, self.promql("max", FIELDS, hosts, "1h", start, end, "__name__"))

    def double_groupby(self, metrics):
        fields, (start, end) = FIELDS[:metrics], self.window(12)
        influxql = (f"SELECT {self.aggregates('mean', fields)} from cpu where {self.during(start, end)} "
                    "group by time(1h),hostname")
        return Question(influxql, self.promql("avg", fields, None, "1h", start, end, None))

    def high_cpu(self, one):
        start, end = self.window(12)
        clause = f"and {self.of_hosts(self.drawn(1))}" if one else ""
        return Question(f"SELECT * from cpu where usage_user > 90.0 {clause} and {self.during(start, end)}")

    def lastpoint(self):
        return Question('SELECT * from cpu group by "hostname" order by time desc limit 1')

    def groupby_limit(self, order):
        _, end = self.window(1)
        return Question(f"SELECT max(usage_user) from cpu WHERE time < '{rfc3339(end)}' group by time(1m) {order}limit 5")


def wide(hours):
    """Questions over all of the wide table, each asked several times: the InfluxQL, and DuckDB's SQL."""
    end = START + hours * HOUR
    during = f"time >= {START * NS} AND time < {end * NS}"
    between = f"time >= {START * 10**6} AND time < {end * 10**6}"
    minute, hour = "time - time % 60000000", "time - time % 3600000000"
    means = ", ".join(f"avg({field})" for field in FIELDS)
    one = "hostname = 'host_249'"
    return {
        "max per minute": (
            f"SELECT max(usage_user) FROM cpu WHERE {during} GROUP BY time(1m)",
            f"SELECT {minute} AS bucket, max(usage_user) FROM cpu WHERE {between} GROUP BY bucket ORDER BY bucket",
        ),
        "mean of 10 fields per hour and host": (
            f"SELECT {Suite.aggregates('mean', FIELDS)} FROM cpu WHERE {during} GROUP BY time(1h), hostname",
            f"SELECT hostname, {hour} AS bucket, {means} FROM cpu WHERE {between} GROUP BY hostname, bucket ORDER BY hostname, bucket",
        ),
        "last row of each host": (
            "SELECT * FROM cpu GROUP BY hostname ORDER BY time DESC LIMIT 1",
            "SELECT * FROM cpu QUALIFY row_number() OVER (PARTITION BY hostname ORDER BY time DESC) = 1",
        ),
        "one host, one hour, max per minute": (
            f"SELECT max(usage_user) FROM cpu WHERE {one} AND time >= {START * NS} AND time < {(START + HOUR) * NS} "
            "GROUP BY time(1m)",
            f"SELECT {minute} AS bucket, max(usage_user) FROM cpu WHERE {one} AND time >= {START * 10**6} AND "
            f"time < {(START + HOUR) * 10**6} GROUP BY bucket ORDER BY bucket",
        ),
        "rows where a field > 90, all columns": (
            f"SELECT * FROM cpu WHERE usage_user > 90 AND {during}",
            f"SELECT * FROM cpu WHERE usage_user > 90 AND {between} ORDER BY time",
        ),
    }
