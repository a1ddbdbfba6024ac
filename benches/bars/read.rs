//! One row, the newest of each series, and all of them.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use benches::datasets::DataSet;
use benches::measure::Spent;
use benches::tsbs::{FIELDS, INTERVAL_NS, Random, START_NS};
use stripchart_core::{Precision, TimeRange, Timestamp, Values};
use stripchart_storage::{
    Aggregates, Compare, Condition, Db, Direction, FoldOptions, Number, TagFilter,
};

use crate::{Bar, Bars, Outcome, open, settle};

const ROWS_EACH: usize = 1080;

pub(crate) fn measure(bars: &Bars) -> Outcome {
    let folder = tempfile::tempdir()?;
    let db = fill(DataSet::CpuInts, bars, folder.path())?;
    random_rows(bars, &db)?;
    last_values(bars, &db)?;
    last_rows(bars, &db)?;
    scan(bars, &db, "packed ints", 3.0)?;
    minutes(bars, &db)?;
    busy(bars, &db)?;
    drop(db);
    let folder = tempfile::tempdir()?;
    let db = fill(DataSet::CpuFloats, bars, folder.path())?;
    scan(bars, &db, "decimals", 1.5)
}

/// A settled database; the last of what was written is still in memory.
pub(crate) fn fill(set: DataSet, bars: &Bars, folder: &Path) -> Outcome<Db> {
    let (db, writer) = open(folder)?;
    let mut bodies = set.bodies(bars.scale);
    while let Some(body) = bodies.next_body() {
        writer.write_lines(body.as_bytes(), Precision::Nanoseconds, Timestamp::EPOCH)?;
        db.step(crate::now());
    }
    db.seal()?;
    settle(&db);
    Ok(db)
}

/// All ten fields of one host at one time, from asking for a view to having the values; half of them by median.
fn random_rows(bars: &Bars, db: &Db) -> Outcome {
    let hosts = db.view("bars", None)?.series("cpu", &TagFilter::All)?.len();
    let mut random = Random::new(7);
    let mut times = Vec::new();
    for _ in 0..if bars.quick { 20 } else { 2000 } {
        let value = format!("host_{}", random.below(hosts));
        let at = START_NS + i64::try_from(random.below(ROWS_EACH))? * INTERVAL_NS;
        let start = Instant::now();
        let view = db.view("bars", None)?;
        let found = view.series("cpu", &TagFilter::Equal { key: "hostname".to_owned(), value })?;
        let range = TimeRange::new(Timestamp::from_nanos(at), Timestamp::from_nanos(at + 1));
        let mut blocks = view.scan(&found[0], &FIELDS, range, Direction::Ascending);
        let block = blocks.next().ok_or("no row")??;
        times.push(start.elapsed());
        if block.timestamps != [at] || block.columns[9].get(0).is_none() {
            return Err("another row than the one asked for".into());
        }
    }
    times.sort_unstable();
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let also = format!(
        "median by the clock; 99 of 100 in {:.0} us",
        micros(times[times.len() * 99 / 100])
    );
    let what = "one row of ten fields, at random";
    bars.row(what, micros(times[times.len() / 2]), Bar::AtMost(20.0), "us", &also);
    Ok(())
}

fn last_values(bars: &Bars, db: &Db) -> Outcome {
    let best = best_of(20, || {
        let view = db.view("bars", None)?;
        let all = view.series("cpu", &TagFilter::All)?;
        let last = view.last_values(&all, "usage_user", TimeRange::ALL)?;
        if last.is_empty() || last.contains(&None) {
            return Err("a series without a last value".into());
        }
        black_box(last);
        Ok(())
    })?;
    let what = "last value of each of 1000 series";
    bars.row(what, best.as_secs_f64() * 1e3, Bar::AtMost(1.0), "ms", "best of 20");
    Ok(())
}

/// All ten fields of the newest row of every host, and what finding the hosts is of that.
fn last_rows(bars: &Bars, db: &Db) -> Outcome {
    let listed = best_of(20, || {
        black_box(db.view("bars", None)?.series("cpu", &TagFilter::All)?);
        Ok(())
    })?;
    let best = best_of(20, || {
        let view = db.view("bars", None)?;
        let all = view.series("cpu", &TagFilter::All)?;
        let last = view.latest_rows(&all, &FIELDS, TimeRange::ALL)?;
        if last.timestamps.contains(&None) {
            return Err("a series without a last row".into());
        }
        black_box(last);
        Ok(())
    })?;
    let what = "last row of ten fields of each of 1000 series";
    let also = format!("best of 20; {:.2} ms of it listing the series", listed.as_secs_f64() * 1e3);
    bars.row(what, best.as_secs_f64() * 1e3, Bar::AtMost(1.0), "ms", &also);
    Ok(())
}

/// The highest of all hosts for every minute.
fn minutes(bars: &Bars, db: &Db) -> Outcome {
    let minutes = i64::try_from(ROWS_EACH)? / 6;
    let edges: Vec<i64> = (0..=minutes).map(|at| START_NS + at * 6 * INTERVAL_NS).collect();
    let best = best_of(20, || {
        let view = db.view("bars", None)?;
        let all = view.series("cpu", &TagFilter::All)?;
        let (group, options) = (&[all.as_slice()], FoldOptions::new());
        let mut found = 0;
        view.fold_many(group, &["usage_user"], &edges, Aggregates::MAX, options, |_, fields| {
            found = (0..edges.len() - 1).filter(|at| fields[0].max(*at).is_some()).count();
        })?;
        if found == edges.len() - 1 { Ok(()) } else { Err("a minute without a value".into()) }
    })?;
    let what = "`max` per minute over 1000 series x 1080 rows";
    bars.row(what, best.as_secs_f64() * 1e3, Bar::AtMost(1.0), "ms", "best of 20");
    Ok(())
}

fn best_of(times: usize, mut ask: impl FnMut() -> Outcome) -> Outcome<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..times {
        let mut spent = Spent::default();
        spent.on(&mut ask)?;
        best = best.min(spent.cpu);
    }
    Ok(best)
}

/// Every value of every field decoded and added up, once in the engine and once by whoever asked for the rows.
fn scan(bars: &Bars, db: &Db, name: &str, bar: f64) -> Outcome {
    for (how, read) in [
        ("sums without statistics", fold_all as fn(&Db) -> Outcome<u64>),
        ("in blocks of rows, lent", lend_all),
    ] {
        let (mut best, mut values) = (f64::INFINITY, 0);
        for _ in 0..bars.repeats() * 3 {
            let mut spent = Spent::default();
            values = spent.on(|| read(db))?;
            best = best.min(spent.cpu.as_secs_f64());
        }
        let what = format!("scan and sum, {name}, one thread, {how}");
        bars.row(&what, values as f64 / best / 1e9, Bar::AtLeast(bar), "G values/s", "");
    }
    let (mut best, mut values) = (f64::INFINITY, 0);
    for _ in 0..bars.repeats() {
        let mut spent = Spent::default();
        values = spent.on(|| scan_all(db))?;
        best = best.min(spent.cpu.as_secs_f64());
    }
    let what =
        format!("scan and sum, {name}, one thread, a scan of its own for each series and field");
    bars.told(&what, values as f64 / best / 1e9, "G values/s", "10000 scans");
    Ok(())
}

/// All fields of a row side by side.
fn lend_all(db: &Db) -> Outcome<u64> {
    let view = db.view("bars", None)?;
    let all = view.series("cpu", &TagFilter::All)?;
    let (mut values, mut integers, mut floats) = (0, 0_i64, 0.0);
    view.for_each_block(&all, &FIELDS, TimeRange::ALL, &[], |_, block| {
        for column in block.columns {
            values += column.len() as u64;
            match column.values() {
                Values::Integer(v) => integers = v.iter().fold(integers, |s, v| s.wrapping_add(*v)),
                Values::Float(v) => floats += v.iter().sum::<f64>(),
                _ => {}
            }
        }
        ControlFlow::Continue(())
    })?;
    black_box((integers, floats));
    Ok(values)
}

/// All ten fields of the rows of which one is high.
fn busy(bars: &Bars, db: &Db) -> Outcome {
    let high = [Condition::new("usage_user", Compare::Greater, Number::Float(90.0))];
    let mut rows = 0;
    let best = best_of(10, || {
        let view = db.view("bars", None)?;
        let all = view.series("cpu", &TagFilter::All)?;
        rows = 0;
        view.for_each_block(&all, &FIELDS, TimeRange::ALL, &high, |_, block| {
            rows += block.timestamps.len();
            black_box(block);
            ControlFlow::Continue(())
        })?;
        Ok(())
    })?;
    let what = "rows of ten fields with `usage_user` > 90 among 1000 series x 1080";
    bars.told(what, best.as_secs_f64() * 1e3, "ms", &format!("{rows} rows, best of 10"));
    Ok(())
}

fn fold_all(db: &Db) -> Outcome<u64> {
    let view = db.view("bars", None)?;
    let all = view.series("cpu", &TagFilter::All)?;
    let options = FoldOptions::new().statistics(false);
    let (group, edges) = (&[all.as_slice()], [i64::MIN, i64::MAX]);
    let mut values = 0;
    view.fold_many(group, &FIELDS, &edges, Aggregates::SUM, options, |_, fields| {
        values = fields.iter().map(|field| field.count(0)).sum();
        black_box(fields);
    })?;
    Ok(values)
}

/// Field by field, as blocks lie.
fn scan_all(db: &Db) -> Outcome<u64> {
    let view = db.view("bars", None)?;
    let (mut values, mut integers, mut floats) = (0, 0_i64, 0.0);
    let all = view.series("cpu", &TagFilter::All)?;
    for field in FIELDS {
        for series in &all {
            for block in view.scan(series, &[field], TimeRange::ALL, Direction::Ascending) {
                for column in &block?.columns {
                    match column.values() {
                        Values::Integer(column) => {
                            values += column.len() as u64;
                            integers = column.iter().fold(integers, |sum, v| sum.wrapping_add(*v));
                        }
                        Values::Float(column) => {
                            values += column.len() as u64;
                            floats += column.iter().sum::<f64>();
                        }
                        _ => return Err("neither ints nor floats".into()),
                    }
                }
            }
        }
    }
    black_box((integers, floats));
    Ok(values)
}
