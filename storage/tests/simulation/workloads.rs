//! The workloads: fixed scripts, every batch of which follows from its number.

use std::time::Duration;

use stripchart_core::FieldValue;
use stripchart_storage::{DbBuilder, PolicyChange, PolicySpec, SyncPolicy};

use crate::model::{Action, Row, row};

/// 2026-01-01, when every workload begins.
pub const START: i64 = 1_767_225_600_000_000_000;
const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3600 * SECOND;
/// The database of most workloads.
const DB: &str = "test";

#[derive(Debug, Clone)]
pub enum Step {
    Do(Action),
    Seal,
    /// `Db::step` at the time of the clock.
    Maintain,
    /// `Db::compact`.
    Compact,
    /// The clock goes on, by nanoseconds.
    Tick(i64),
    /// The handle is dropped and the folder opened again.
    Reopen,
    /// The same with `Db::close` before.
    Close,
}

#[derive(Debug)]
pub struct Workload {
    pub name: &'static str,
    pub sync: SyncPolicy,
    /// At what size a new file of the log is begun.
    pub log_file_bytes: u64,
    pub steps: Vec<Step>,
}

impl Workload {
    fn new(name: &'static str) -> Workload {
        let create = Step::Do(Action::CreateDatabase(DB, PolicySpec::default()));
        Workload { name, sync: SyncPolicy::Always, log_file_bytes: 4096, steps: vec![create] }
    }

    fn bare(name: &'static str) -> Workload {
        Workload { steps: Vec::new(), ..Workload::new(name) }
    }

    pub fn options(&self, builder: DbBuilder) -> DbBuilder {
        builder
            .sync(self.sync)
            .log_file_bytes(self.log_file_bytes)
            .head_bytes(64 << 10)
            .merge_bytes(256 << 10)
    }

    fn write(&mut self, rows: Vec<Row>) {
        self.write_to(DB, None, rows);
    }

    fn write_to(&mut self, database: &'static str, policy: Option<&'static str>, rows: Vec<Row>) {
        self.steps.push(Step::Do(Action::Write { database, policy, rows }));
    }

    fn act(&mut self, action: Action) {
        self.steps.push(Step::Do(action));
    }
}

/// Looks random, and follows from `n`.
fn mix(n: i64) -> i64 {
    let mut x = n.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed());
    x ^= (x >> 29) & 0x7_ffff_ffff;
    x = x.wrapping_mul(0x3f58_476d_1ce4_e5b9);
    (x ^ (x >> 31)) & i64::MAX
}

fn pick(n: i64, of: i64) -> i64 {
    mix(n) % of
}

pub fn all() -> Vec<Workload> {
    vec![
        steady(),
        small_batches(),
        large_batches(),
        many_series(),
        out_of_order(),
        schema(),
        seal_often(),
        merge_often(),
        retention(),
        catalog(),
        interval(),
        reopen(),
        never(),
        deletes(),
        compact(),
    ]
}

pub fn named(name: &str) -> Workload {
    all().into_iter().find(|workload| workload.name == name).expect("a workload of that name")
}

/// A few series at a steady interval, sealed now and then.
fn steady() -> Workload {
    let mut w = Workload::new("steady");
    for n in 0..60 {
        let hosts = ["a", "b", "c", "d"].map(|host| {
            row("cpu", &[("host", host)], START + n * 10 * SECOND)
                .with("user", n as f64 / 4.0)
                .with("count", n * 7)
        });
        w.write(hosts.into());
        if n % 25 == 24 {
            w.steps.push(Step::Seal);
        }
        if n % 10 == 9 {
            w.steps.push(Step::Maintain);
        }
    }
    w
}

/// Many records to a sector.
fn small_batches() -> Workload {
    let mut w = Workload::new("small_batches");
    for n in 0..110 {
        w.write(vec![row("m", &[], START + n).with("v", n)]);
    }
    w
}

/// Records of many sectors, of which one or two fill a file of the log.
fn large_batches() -> Workload {
    let mut w = Workload::new("large_batches");
    for n in 0..24 {
        let random = |k: i64| f64::from_bits(mix(n * 1000 + k).cast_unsigned() >> 2);
        let rows = (0..50).map(|k| {
            let series = row("wide", &[("host", ["x", "y"][(k % 2) as usize])], START + n * 50 + k);
            series
                .with("a", random(3 * k))
                .with("b", random(3 * k + 1))
                .with("c", random(3 * k + 2))
        });
        w.write(rows.collect());
        if n % 9 == 8 {
            w.steps.push(Step::Seal);
        }
    }
    w
}

/// New series in every batch.
fn many_series() -> Workload {
    let mut w = Workload::new("many_series");
    for n in 0..30 {
        let rows = (0..12).map(|k| {
            let pod = format!("pod-{:x}", mix(n * 12 + k - k % 3));
            row("pods", &[("pod", &pod), ("zone", ["eu", "us"][(k % 2) as usize])], START + n)
                .with("v", k)
        });
        w.write(rows.collect());
        if n % 10 == 9 {
            w.steps.push(Step::Seal);
        }
    }
    w
}

/// Any times, the same ones over and over, field by field.
fn out_of_order() -> Workload {
    let mut w = Workload::new("out_of_order");
    for n in 0..70 {
        let rows = (0..6).map(|k| {
            let at = START + pick(n * 6 + k, 40) * 1000;
            let series = row("m", &[("host", ["a", "b"][(pick(n + k, 2)) as usize])], at);
            match pick(n * 31 + k, 3) {
                0 => series.with("x", n),
                1 => series.with("y", n as f64 + 0.5),
                _ => series.with("x", -n).with("y", f64::NAN).with("z", n % 2 == 0),
            }
        });
        w.write(rows.collect());
        if n % 16 == 15 {
            w.steps.push(Step::Seal);
            w.steps.push(Step::Maintain);
        }
    }
    w
}

/// New measurements, fields, types and texts; some rows of a wrong type, which are refused.
fn schema() -> Workload {
    const FIELDS: [&str; 8] = ["f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7"];
    let mut w = Workload::new("schema");
    for n in 0..60 {
        let measurement = ["alpha", "beta", "gamma with space"][(n % 3) as usize];
        let field = FIELDS[(n / 3 % 8) as usize];
        let value = |n: i64| -> FieldValue {
            match n / 3 % 5 {
                0 => FieldValue::Float(n as f64 / 3.0),
                1 => FieldValue::Integer(i64::MIN + n),
                2 => FieldValue::Unsigned(u64::MAX - n.unsigned_abs()),
                3 => FieldValue::Boolean(n % 2 == 0),
                _ => FieldValue::String("text, \"quoted\" \u{e9} ".repeat((n % 7) as usize)),
            }
        };
        let mut rows = vec![row(measurement, &[("tag", "v")], START + n).with(field, value(n))];
        if n % 5 == 4 {
            rows.push(row("beta", &[], START + n).with("text", format!("{n}").as_str()));
            rows.push(row("beta", &[], START + n + 1000).with("text", n));
        }
        w.write(rows);
        if n == 30 {
            w.steps.push(Step::Seal);
        }
    }
    w
}

/// Sealed after every other batch.
fn seal_often() -> Workload {
    let mut w = Workload::new("seal_often");
    for n in 0..26 {
        let at = START + n * HOUR * 20;
        w.write(vec![
            row("m", &[("host", "a")], at).with("v", n),
            row("m", &[("host", "b")], at - 8 * HOUR * 24).with("v", -n),
        ]);
        if n % 2 == 1 {
            w.steps.push(Step::Seal);
        }
    }
    w
}

/// Segments are merged again and again, with rows of all of them at the same times.
fn merge_often() -> Workload {
    let mut w = Workload::new("merge_often");
    for n in 0..24 {
        w.write(vec![
            row("m", &[("host", "a")], START + n).with("v", n),
            row("m", &[("host", "a")], START).with("v", n).with("w", n as f64),
        ]);
        w.steps.push(Step::Seal);
        if n % 4 == 3 {
            w.steps.push(Step::Maintain);
        }
    }
    w
}

/// A policy of two hours; the clock goes on until the first shards are gone.
fn retention() -> Workload {
    let mut w = Workload::bare("retention");
    let spec = PolicySpec { duration_ns: Some(2 * HOUR), ..PolicySpec::default() };
    w.act(Action::CreateDatabase(DB, spec));
    for n in 0..30 {
        let now = START + n * HOUR / 3;
        w.write(vec![
            row("m", &[("host", "a")], now).with("v", n),
            row("m", &[("host", "b")], now - HOUR).with("v", n),
            // Too old already.
            row("m", &[("host", "b")], now - 3 * HOUR).with("v", n),
        ]);
        if n % 3 == 2 {
            w.steps.push(Step::Seal);
        }
        w.steps.push(Step::Tick(HOUR / 3));
        w.steps.push(Step::Maintain);
    }
    w
}

/// Databases and policies come and go between writes.
fn catalog() -> Workload {
    let mut w = Workload::bare("catalog");
    w.act(Action::CreateDatabase("kept", PolicySpec::default()));
    for n in 0..9 {
        let at = START + n * 100;
        let one = |k: i64| vec![row("m", &[("n", "1")], at + k).with("v", n * 10 + k)];
        w.act(Action::CreateDatabase("gone", PolicySpec::named("main")));
        w.write_to("gone", None, one(0));
        w.write_to("kept", None, one(1));
        w.act(Action::CreatePolicy("kept", PolicySpec::named("extra")));
        w.write_to("kept", Some("extra"), one(2));
        if n % 3 == 1 {
            w.steps.push(Step::Seal);
        }
        let change = PolicyChange {
            shard_duration_ns: Some((n + 1) * 24 * HOUR),
            ..PolicyChange::default()
        };
        w.act(Action::AlterPolicy("kept", "extra", change));
        w.write_to("gone", Some("main"), one(3));
        w.act(Action::DropPolicy("kept", "extra"));
        if n % 3 == 2 {
            w.steps.push(Step::Maintain);
        }
        w.act(Action::DropDatabase("gone"));
        w.steps.push(Step::Maintain);
    }
    w
}

/// Synced by interval, by steps and by writers.
fn interval() -> Workload {
    let sync = SyncPolicy::Interval(Duration::from_secs(1));
    let mut w = Workload { sync, ..Workload::new("interval") };
    for n in 0..90 {
        w.write(vec![
            row("m", &[("host", "a")], START + n)
                .with("v", n)
                .with("s", "some text to fill sectors"),
            row("m", &[("host", "b")], START + n).with("v", mix(n)),
        ]);
        w.steps.push(Step::Tick(SECOND * 3 / 10));
        if n % 4 == 3 && n > 40 {
            w.steps.push(Step::Maintain);
        }
        if n == 60 {
            w.steps.push(Step::Seal);
        }
    }
    w
}

/// Closed and opened, with and without a seal, with rows in segments and in the log.
fn reopen() -> Workload {
    let mut w = Workload::new("reopen");
    for n in 0..30 {
        w.write(vec![
            row("m", &[("host", "a")], START + n % 20).with("v", n),
            row("m", &[("host", "b")], START + n).with("w", n as f64 / 8.0),
        ]);
        match n % 6 {
            2 => w.steps.push(Step::Reopen),
            3 => w.steps.push(Step::Seal),
            5 => w.steps.push(Step::Close),
            _ => {}
        }
    }
    w
}

/// Never synced but when sealed, over several files of the log.
fn never() -> Workload {
    let mut w = Workload { sync: SyncPolicy::Never, ..Workload::new("never") };
    for n in 0..70 {
        let rows = (0..4).map(|k| {
            row("m", &[("host", ["a", "b", "c", "d"][k as usize])], START + n)
                .with("v", mix(n * 4 + k))
        });
        w.write(rows.collect());
        if n == 35 {
            w.steps.push(Step::Seal);
        }
        if n == 60 {
            w.steps.push(Step::Reopen);
        }
    }
    w
}

/// Series, ranges of time and whole measurements are deleted, and written again; merging and compacting in between.
fn deletes() -> Workload {
    let mut w = Workload::new("deletes");
    for n in 0..36 {
        w.write(vec![
            row("m", &[("host", "a")], START + n % 20).with("v", n),
            row("m", &[("host", "b")], START + n).with("v", -n).with("w", n as f64 / 8.0),
            row("other", &[], START + n).with("s", format!("text {n}").as_str()),
        ]);
        let database = DB;
        match n % 9 {
            2 => w.act(Action::Delete {
                database,
                measurement: Some("m"),
                tag: Some(("host", "a")),
                range: (START + n - 3, START + n),
            }),
            4 => w.steps.push(Step::Seal),
            5 => w.act(Action::Delete {
                database,
                measurement: None,
                tag: None,
                range: (START + n - 4, START + n - 2),
            }),
            6 => w.steps.push(Step::Maintain),
            7 => w.act(Action::DropMeasurement(DB, "other")),
            8 => w.steps.push(if n < 20 { Step::Compact } else { Step::Reopen }),
            _ => {}
        }
    }
    w
}

/// Everything is compacted again and again, rows of several shards and of late times in it.
fn compact() -> Workload {
    let mut w = Workload::new("compact");
    for n in 0..24 {
        let at = START + n * 40 * HOUR;
        w.write(vec![
            row("m", &[("host", "a")], at).with("v", n),
            row("m", &[("host", "b")], START + n % 3).with("v", mix(n)),
        ]);
        match n % 6 {
            1 | 3 => w.steps.push(Step::Seal),
            5 => w.steps.push(Step::Compact),
            _ => {}
        }
    }
    w
}
