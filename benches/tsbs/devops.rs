//! The suite's `devops` use case: nine tables of 101 fields in all, for every host, every ten seconds.
//!
//! ```text
//! table       fields  tags beside the host's     how the fields move
//! cpu             10                             between 0 and 100, at random
//! diskio           7  serial                     counters
//! disk             7  path, fstype               three that move together, and totals
//! kernel           6                             counters
//! mem              9                             three that move, two that are derived, percents as floats
//! net              8  interface                  counters
//! nginx            7  port, server               counters, and gauges that rise to 100 and stay
//! postgresl       16                             gauges that rise to 1000 and stay (the name is the suite's)
//! redis           31  port, server               counters and gauges
//! ```
//!
//! A gauge whose steps have a positive mean reaches its bound and is constant from then on: the suite is so, and much
//! of `postgresl` and `redis` is still after half an hour. A round has all rows of one table, then those of the next.

use std::fmt::Write;

use super::{FIELDS, INTERVAL_NS, Jitter, Random, START_NS, host_tags};
use crate::Rounds;

/// How many tables there are.
pub const TABLES: usize = 9;

const GIB: f64 = 1_073_741_824.0;
const TIB: f64 = 1024.0 * GIB;

/// How a number changes from one round to the next; each step is normal with deviation 1.
#[derive(Debug, Clone, Copy)]
enum Walk {
    /// Steps around `mean`, without bounds.
    Free { mean: f64 },
    /// Steps around `mean`, always upwards: a counter.
    Up { mean: f64 },
    /// Steps around `mean`, held between 0 and `most`.
    Within { mean: f64, most: f64 },
    /// Steps of `deviation` around 0, held between 0 and `most`.
    Wide { deviation: f64, most: f64 },
    /// By as much every time.
    Steady { step: f64 },
}

impl Walk {
    fn step(self, state: f64, random: &mut Random) -> f64 {
        match self {
            Walk::Free { mean } => state + mean + random.normal(),
            Walk::Up { mean } => state + (mean + random.normal()).abs(),
            Walk::Within { mean, most } => (state + mean + random.normal()).clamp(0.0, most),
            Walk::Wide { deviation, most } => {
                random.normal().mul_add(deviation, state).clamp(0.0, most)
            }
            Walk::Steady { step } => state + step,
        }
    }
}

/// A field that walks, and where it starts.
#[derive(Debug, Clone, Copy)]
struct Field {
    name: &'static str,
    walk: Walk,
    start: f64,
}

const fn counter(name: &'static str, mean: f64) -> Field {
    Field { name, walk: Walk::Up { mean }, start: 0.0 }
}

const fn gauge(name: &'static str, mean: f64, most: f64, start: f64) -> Field {
    Field { name, walk: Walk::Within { mean, most }, start }
}

const DISKIO: [Field; 7] = [
    counter("reads", 50.0),
    counter("writes", 50.0),
    counter("read_bytes", 100.0),
    counter("write_bytes", 100.0),
    counter("read_time", 5.0),
    counter("write_time", 5.0),
    counter("io_time", 5.0),
];

const KERNEL: [Field; 5] = [
    counter("interrupts", 5.0),
    counter("context_switches", 5.0),
    counter("processes_forked", 5.0),
    counter("disk_pages_in", 5.0),
    counter("disk_pages_out", 5.0),
];

const NET: [Field; 8] = [
    counter("bytes_sent", 50.0),
    counter("bytes_recv", 50.0),
    counter("packets_sent", 50.0),
    counter("packets_recv", 50.0),
    counter("err_in", 5.0),
    counter("err_out", 5.0),
    counter("drop_in", 5.0),
    counter("drop_out", 5.0),
];

const NGINX: [Field; 7] = [
    counter("accepts", 5.0),
    gauge("active", 5.0, 100.0, 0.0),
    counter("handled", 5.0),
    gauge("reading", 5.0, 100.0, 0.0),
    counter("requests", 5.0),
    gauge("waiting", 5.0, 100.0, 0.0),
    gauge("writing", 5.0, 100.0, 0.0),
];

const POSTGRES: [Field; 16] = [
    gauge("numbackends", 5.0, 1000.0, 0.0),
    gauge("xact_commit", 5.0, 1000.0, 0.0),
    gauge("xact_rollback", 5.0, 1000.0, 0.0),
    gauge("blks_read", 5.0, 1000.0, 0.0),
    gauge("blks_hit", 5.0, 1000.0, 0.0),
    gauge("tup_returned", 5.0, 1000.0, 0.0),
    gauge("tup_fetched", 5.0, 1000.0, 0.0),
    gauge("tup_inserted", 5.0, 1000.0, 0.0),
    gauge("tup_updated", 5.0, 1000.0, 0.0),
    gauge("tup_deleted", 5.0, 1000.0, 0.0),
    gauge("conflicts", 5.0, 1000.0, 0.0),
    gauge("temp_files", 5.0, 1000.0, 0.0),
    gauge("temp_bytes", 1024.0, GIB, 0.0),
    gauge("deadlocks", 5.0, 1000.0, 0.0),
    gauge("blk_read_time", 5.0, 1000.0, 0.0),
    gauge("blk_write_time", 5.0, 1000.0, 0.0),
];

const REDIS: [Field; 31] = [
    Field { name: "uptime_in_seconds", walk: Walk::Steady { step: 10.0 }, start: 0.0 },
    counter("total_connections_received", 5.0),
    counter("expired_keys", 50.0),
    counter("evicted_keys", 50.0),
    counter("keyspace_hits", 50.0),
    counter("keyspace_misses", 50.0),
    Field { name: "instantaneous_ops_per_sec", walk: Walk::Free { mean: 1.0 }, start: 0.0 },
    Field { name: "instantaneous_input_kbps", walk: Walk::Free { mean: 1.0 }, start: 0.0 },
    Field { name: "instantaneous_output_kbps", walk: Walk::Free { mean: 1.0 }, start: 0.0 },
    gauge("connected_clients", 50.0, 10_000.0, 0.0),
    gauge("used_memory", 50.0, 16.0 * GIB, 8.0 * GIB),
    gauge("used_memory_rss", 50.0, 16.0 * GIB, 8.0 * GIB),
    gauge("used_memory_peak", 50.0, 16.0 * GIB, 8.0 * GIB),
    gauge("used_memory_lua", 50.0, 16.0 * GIB, 8.0 * GIB),
    gauge("rdb_changes_since_last_save", 50.0, 10_000.0, 0.0),
    gauge("sync_full", 5.0, 1000.0, 0.0),
    gauge("sync_partial_ok", 5.0, 1000.0, 0.0),
    gauge("sync_partial_err", 5.0, 1000.0, 0.0),
    gauge("pubsub_channels", 5.0, 1000.0, 0.0),
    gauge("pubsub_patterns", 5.0, 1000.0, 0.0),
    gauge("latest_fork_usec", 5.0, 1000.0, 0.0),
    gauge("connected_slaves", 5.0, 1000.0, 0.0),
    gauge("master_repl_offset", 5.0, 1000.0, 0.0),
    gauge("repl_backlog_active", 5.0, 1000.0, 0.0),
    gauge("repl_backlog_size", 5.0, 1000.0, 0.0),
    gauge("repl_backlog_histlen", 5.0, 1000.0, 0.0),
    gauge("mem_fragmentation_ratio", 5.0, 100.0, 0.0),
    gauge("used_cpu_sys", 5.0, 1000.0, 0.0),
    gauge("used_cpu_user", 5.0, 1000.0, 0.0),
    gauge("used_cpu_sys_children", 5.0, 1000.0, 0.0),
    gauge("used_cpu_user_children", 5.0, 1000.0, 0.0),
];

/// Hosts that report all nine tables together.
#[derive(Debug, Clone)]
pub struct Devops {
    random: Random,
    hosts: Vec<[Table; TABLES]>,
    time_ns: i64,
    jitter: Jitter,
    /// When each host reports in the round being written.
    times_ns: Vec<i64>,
}

/// A table of one host.
#[derive(Debug, Clone)]
struct Table {
    /// Its name and the tags, as a line begins.
    series: String,
    layout: Layout,
    fields: Vec<(Field, f64)>,
}

/// What is written beside the fields that walk.
#[derive(Debug, Clone, Copy)]
enum Layout {
    Plain,
    Disk,
    Kernel { boot_time: f64 },
    Memory { total: f64 },
}

impl Devops {
    /// `count` hosts at [`START_NS`]; the same for the same seed.
    #[must_use]
    pub fn new(count: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let hosts = (0..count).map(|index| tables(index, &mut random)).collect();
        let (jitter, times_ns) = (Jitter::new(seed), Vec::with_capacity(count));
        Devops { random, hosts, time_ns: START_NS, jitter, times_ns }
    }

    /// The same hosts, each of them up to `most_ms` milliseconds late, every time anew; the tables of a host agree.
    #[must_use]
    pub const fn with_jitter_ms(mut self, most_ms: usize) -> Self {
        self.jitter.most_ms = most_ms;
        self
    }
}

impl Rounds for Devops {
    fn round(&mut self, out: &mut String) {
        self.times_ns.clear();
        let (time_ns, jitter) = (self.time_ns, &mut self.jitter);
        self.times_ns.extend(self.hosts.iter().map(|_| time_ns + jitter.next_ns()));
        for table in 0..TABLES {
            for (host, time_ns) in self.hosts.iter().zip(&self.times_ns) {
                host[table].write_row(*time_ns, out);
            }
        }
        for table in self.hosts.iter_mut().flatten() {
            for (field, state) in &mut table.fields {
                *state = field.walk.step(*state, &mut self.random);
            }
        }
        self.time_ns += INTERVAL_NS;
    }
}

fn tables(index: usize, random: &mut Random) -> [Table; TABLES] {
    let tags = host_tags(index, random);
    let plain = |name: &str, extra: String, fields: &[Field]| Table {
        series: format!("{name},{tags}{extra}"),
        layout: Layout::Plain,
        fields: fields.iter().map(|field| (*field, field.start)).collect(),
    };
    let cpu = FIELDS.map(|name| gauge(name, 0.0, 100.0, random.unit() * 100.0));
    let serial = format!(
        ",serial={:03}-{:03}-{:03}",
        random.below(1000),
        random.below(1000),
        random.below(1000)
    );
    let filesystem = random.pick(&["ext3", "ext4", "btrfs"]);
    let path = format!(",path=/dev/sda{},fstype={filesystem}", random.below(10));
    let free = gauge("free", 50.0, TIB, TIB / 2.0);
    let boot_time = (random.unit() * 240.0).trunc();
    let total = [8.0, 12.0, 16.0][random.below(3)] * GIB;
    let interface = format!(",interface=eth{}", random.below(4));
    let mut server = |name: &str| {
        format!(",port={},server={name}_{}", 1024 + random.below(20_000), random.below(100_000))
    };
    let (nginx, redis) = (server("nginx"), server("redis"));
    let memory = ["used", "cached", "buffered"].map(|name| Field {
        name,
        walk: Walk::Wide { deviation: total / 64.0, most: total },
        start: random.unit() * total,
    });
    [
        plain("cpu", String::new(), &cpu),
        plain("diskio", serial, &DISKIO),
        Table { layout: Layout::Disk, ..plain("disk", path, &[free]) },
        Table { layout: Layout::Kernel { boot_time }, ..plain("kernel", String::new(), &KERNEL) },
        Table { layout: Layout::Memory { total }, ..plain("mem", String::new(), &memory) },
        plain("net", interface, &NET),
        plain("nginx", nginx, &NGINX),
        plain("postgresl", String::new(), &POSTGRES),
        plain("redis", redis, &REDIS),
    ]
}

impl Table {
    fn write_row(&self, time_ns: i64, out: &mut String) {
        let mut row = Row { out, separator: ' ' };
        row.out.push_str(&self.series);
        match self.layout {
            Layout::Plain => {}
            Layout::Kernel { boot_time } => row.integer("boot_time", boot_time),
            Layout::Disk => {
                write_disk(self.fields[0].1, &mut row);
                return row.end(time_ns);
            }
            Layout::Memory { total } => {
                write_memory(total, [0, 1, 2].map(|at| self.fields[at].1), &mut row);
                return row.end(time_ns);
            }
        }
        for (field, state) in &self.fields {
            row.integer(field.name, *state);
        }
        row.end(time_ns);
    }
}

fn write_disk(free: f64, row: &mut Row<'_>) {
    let (total, free) = (TIB, free.trunc());
    let (inodes, inodes_free) = (TIB / 4096.0, (free / 4096.0).trunc());
    row.integer("total", total);
    row.integer("free", free);
    row.integer("used", total - free);
    row.integer("used_percent", 100.0 * (total - free) / total);
    row.integer("inodes_total", inodes);
    row.integer("inodes_free", inodes_free);
    row.integer("inodes_used", inodes - inodes_free);
}

fn write_memory(total: f64, [used, cached, buffered]: [f64; 3], row: &mut Row<'_>) {
    let (used, buffered) = (used.trunc(), buffered.trunc());
    row.integer("total", total);
    row.integer("available", total - used);
    row.integer("used", used);
    row.integer("free", total - used);
    row.integer("cached", cached);
    row.integer("buffered", buffered);
    row.float("used_percent", 100.0 * used / total);
    row.float("available_percent", 100.0 * (total - used) / total);
    row.float("buffered_percent", 100.0 * buffered / total);
}

/// A line being written.
struct Row<'a> {
    out: &'a mut String,
    separator: char,
}

impl Row<'_> {
    fn integer(&mut self, name: &str, value: f64) {
        let separator = std::mem::replace(&mut self.separator, ',');
        write!(self.out, "{separator}{name}={}i", value.trunc()).expect("a String takes all text");
    }

    fn float(&mut self, name: &str, value: f64) {
        let separator = std::mem::replace(&mut self.separator, ',');
        write!(self.out, "{separator}{name}={value}").expect("a String takes all text");
    }

    fn end(self, time_ns: i64) {
        writeln!(self.out, " {time_ns}").expect("a String takes all text");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn text(mut devops: Devops, rounds: usize) -> String {
        let mut out = String::new();
        (0..rounds).for_each(|_| devops.round(&mut out));
        out
    }

    #[test]
    fn nine_tables_have_101_fields() {
        let text = text(Devops::new(3, 123), 2);
        let mut fields: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for row in text.lines() {
            let (series, rest) = row.split_once(' ').unwrap();
            let (pairs, _) = rest.split_once(' ').unwrap();
            let names = pairs.split(',').map(|pair| pair.split_once('=').unwrap().0);
            fields.entry(series.split_once(',').unwrap().0).or_default().extend(names);
        }
        let counts: Vec<_> = fields.iter().map(|(name, fields)| (*name, fields.len())).collect();
        let expected = [
            ("cpu", 10),
            ("disk", 7),
            ("diskio", 7),
            ("kernel", 6),
            ("mem", 9),
            ("net", 8),
            ("nginx", 7),
            ("postgresl", 16),
            ("redis", 31),
        ];
        assert_eq!(counts, expected);
        assert_eq!(text.lines().count(), 3 * 9 * 2);
    }

    #[test]
    fn counters_never_fall_and_what_is_derived_adds_up() {
        let text = text(Devops::new(1, 123), 300);
        let value = |row: &str, name: &str| {
            let rest = row.split_once(&format!("{name}=")).unwrap().1;
            rest.split([',', ' ']).next().unwrap().trim_end_matches('i').parse::<f64>().unwrap()
        };
        let of = |table: &'static str| text.lines().filter(move |row| row.starts_with(table));
        let reads: Vec<f64> = of("diskio,").map(|row| value(row, " reads")).collect();
        assert!(reads.is_sorted() && reads[299] > 10_000.0, "{:?}", reads.last());
        for row in of("mem,") {
            assert_eq!(value(row, "total") - value(row, ",used"), value(row, "available"));
        }
        for row in of("disk,") {
            assert_eq!(value(row, " total"), value(row, ",free") + value(row, ",used"));
        }
        let last = of("postgresl,").next_back().unwrap();
        assert_eq!(value(last, "numbackends"), 1000.0, "it has reached its bound");
    }

    #[test]
    fn jitter_is_the_same_for_all_tables_of_a_host() {
        let text = text(Devops::new(4, 123).with_jitter_ms(9), 5);
        let mut times: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for row in text.lines() {
            let host = row.split(',').nth(1).unwrap();
            *times.entry((host, row.rsplit_once(' ').unwrap().1)).or_default() += 1;
        }
        assert_eq!(times.len(), 4 * 5);
        assert!(times.values().all(|rows| *rows == TABLES), "{times:?}");
    }
}
