//! What reading costs: aggregates over many series, single rows, last values; and what a segment takes beside its values.
//!
//! `cargo bench -p benches --bench read`. Every row is the median of several runs in this process, in CPU time of one
//! thread; the first rows are plain loops over vectors in memory, which tell how fast the machine is just now. With the arguments
//! `--lines FILE` it loads line protocol (nanoseconds) from a file instead and prints the sizes alone.

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use benches::measure::{cpu_time, disk_bytes};
use benches::tsbs::{FIELDS, Hosts, INTERVAL_NS, Random, START_NS, Values};
use stripchart_core::{Precision, TimeRange, Timestamp};
use stripchart_storage::{
    Aggregates, Db, Direction, FoldOptions, Series, SyncPolicy, TagFilter, View,
};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const HOSTS: usize = 1000;
const ROWS: usize = 1080;
const SECOND: i64 = 1_000_000_000;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--lines") {
        let file = arguments.get(at + 1).ok_or("--lines FILE")?;
        let text = std::fs::read_to_string(file)?;
        let folder = tempfile::tempdir()?;
        let db = filled(
            folder.path(),
            text.split_inclusive('\n').collect::<Vec<_>>().chunks(5000).map(<[&str]>::concat),
        )?;
        return sizes(file, &db, folder.path());
    }
    // As a test, `cargo test --benches` runs it once, small.
    let quick = !arguments.iter().any(|argument| argument == "--bench");
    let (hosts, rows) = if quick { (20, 360) } else { (HOSTS, ROWS) };
    anchors(hosts * rows);
    for values in [Values::Integers, Values::TwoDecimals] {
        println!("-- cpu, {values:?}");
        let folder = tempfile::tempdir()?;
        let mut source = Hosts::new(hosts, 1);
        let db = filled(folder.path(), (0..rows).map(|_| source.rounds(1, values)))?;
        sizes("sizes", &db, folder.path())?;
        reads(&db, rows)?;
    }
    Ok(())
}

/// A database of one segment per shard.
fn filled(folder: &Path, bodies: impl Iterator<Item = String>) -> Outcome<Db> {
    let db = Db::builder().sync(SyncPolicy::Never).open(folder)?;
    db.create_database("bench", None)?;
    let writer = db.writer("bench", None)?;
    for body in bodies {
        let report =
            writer.write_lines(body.as_bytes(), Precision::Nanoseconds, Timestamp::EPOCH)?;
        if let Some(error) = report.parse_errors.first() {
            return Err(error.to_string().into());
        }
    }
    db.compact(|_| {})?;
    Ok(db)
}

/// The median of several runs.
fn timed<T>(mut work: impl FnMut() -> Outcome<T>) -> Outcome<Duration> {
    let mut times = Vec::new();
    let begin = Instant::now();
    while times.len() < 5 || (begin.elapsed() < Duration::from_millis(300) && times.len() < 1000) {
        let start = cpu_time();
        black_box(work()?);
        times.push(cpu_time() - start);
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

fn line(what: &str, time: Duration, values: usize) {
    let each = time.as_secs_f64() * 1e9 / values.max(1) as f64;
    println!("{what:<58} {:>10.1} us {each:>8.3} ns a value", time.as_secs_f64() * 1e6);
}

/// Loops over vectors in memory.
fn anchors(values: usize) {
    let mut random = Random::new(3);
    let ints: Vec<i64> = (0..values).map(|_| (random.next() >> 40).cast_signed()).collect();
    let floats: Vec<f64> = ints.iter().map(|v| *v as f64 / 100.0).collect();
    let sum = || Ok(ints.iter().fold(0i64, |a, b| a.wrapping_add(*b)));
    let max = || Ok(ints.iter().max().copied());
    let fsum = || Ok(floats.iter().sum::<f64>());
    for (what, time) in [
        ("sum of a Vec<i64>", timed(sum)),
        ("max of a Vec<i64>", timed(max)),
        ("sum of a Vec<f64>", timed(fsum)),
    ] {
        line(what, time.unwrap_or_default(), values);
    }
}

fn sizes(what: &str, db: &Db, folder: &Path) -> Outcome {
    let view = db.view("bench", None)?;
    let (mut values, mut blocks, mut bytes) = (0, 0, 0);
    for measurement in view.measurements()? {
        let series = view.series(&measurement, &TagFilter::All)?;
        for field in view.fields(&measurement) {
            let cost = view.cost(&series, &[&field.name], TimeRange::ALL)?;
            (values, blocks, bytes) =
                (values + cost.rows, blocks + cost.blocks, bytes + cost.bytes);
        }
    }
    let segments = db.stats().segment_bytes;
    let all = disk_bytes(folder)?;
    println!(
        "{what}: {values} values in {blocks} blocks: {bytes} B of blocks, {} B beside them, {segments} B of segments, {all} B of files; {:.3} B a value",
        segments.saturating_sub(bytes),
        segments as f64 / values.max(1) as f64
    );
    Ok(())
}

fn reads(db: &Db, rows: usize) -> Outcome {
    let view = db.view("bench", None)?;
    let series = view.series("cpu", &TagFilter::All)?;
    let all = series.len() * rows;
    line("list the series", timed(|| Ok(view.series("cpu", &TagFilter::All)?))?, series.len());
    let decoded = FoldOptions::new().statistics(false);
    let statistics = FoldOptions::new();
    let minutes = edges(rows, 60 * SECOND);
    let hours = edges(rows, 3600 * SECOND);
    let together: Vec<&[Series]> = vec![&series];
    let each: Vec<&[Series]> = series.chunks(1).collect();
    let field = &FIELDS[..1];
    let fold = |groups: &[&[Series]], fields: &[&str], edges: &[i64], which, options| {
        timed(|| {
            let mut count = 0;
            view.fold_many(groups, fields, edges, which, options, |_, all| {
                count += all[0].count(0)
            })?;
            Ok(count)
        })
    };
    let max = Aggregates::MAX;
    let mean = Aggregates::COUNT | Aggregates::SUM;
    line("max per minute over all series", fold(&together, field, &minutes, max, decoded)?, all);
    line("max per minute of each series", fold(&each, field, &minutes, max, decoded)?, all);
    line(
        "sum of all, decoded",
        fold(&together, field, &[i64::MIN, i64::MAX], Aggregates::SUM, decoded)?,
        all,
    );
    let ten = all * FIELDS.len();
    line(
        "mean of 10 fields per hour and host, decoded",
        fold(&each, &FIELDS, &hours, mean, decoded)?,
        ten,
    );
    line(
        "mean of 10 fields per hour and host, from statistics",
        fold(&each, &FIELDS, &hours, mean, statistics)?,
        ten,
    );
    line(
        "max of 10 fields per host, from statistics",
        fold(&each, &FIELDS, &[i64::MIN, i64::MAX], max, statistics)?,
        ten,
    );
    line(
        "last value of each series",
        timed(|| Ok(view.last_values(&series, FIELDS[0], TimeRange::ALL)?))?,
        series.len(),
    );
    line(
        "newest row of each series, 10 fields, by a scan each",
        timed(|| newest(&view, &series))?,
        series.len(),
    );
    line(
        "newest row of each series, 10 fields, together",
        timed(|| Ok(view.latest_rows(&series, &FIELDS, TimeRange::ALL)?))?,
        series.len(),
    );
    let prefix = TagFilter::Prefix { key: "hostname".into(), prefix: "host_9".into() };
    line(
        "list the series whose host begins so",
        timed(|| Ok(view.series("cpu", &prefix)?))?,
        series.len() / 9,
    );
    let mut random = Random::new(9);
    line(
        "one row, 10 fields, at random, from the view on",
        timed(|| one_row(db, &mut random, series.len(), rows))?,
        1,
    );
    line(
        "one host, one hour, max per minute, from the view on",
        timed(|| one_hour(db, &mut random, series.len()))?,
        1,
    );
    let scan = || {
        let mut count = 0;
        for series in &series {
            for block in view.scan(series, &FIELDS, TimeRange::ALL, Direction::Ascending) {
                count += block?.timestamps.len();
            }
        }
        Ok(count)
    };
    line("scan of 10 fields of all series", timed(scan)?, ten);
    Ok(())
}

/// From the first row to after the last, every so often.
fn edges(rows: usize, every: i64) -> Vec<i64> {
    let end = START_NS + i64::try_from(rows).unwrap_or(0) * INTERVAL_NS;
    (0..).map(|n| START_NS + n * every).take_while(|at| *at < end + every).collect()
}

fn host(view: &View, number: usize) -> Outcome<Series> {
    let filter = TagFilter::Equal { key: "hostname".into(), value: format!("host_{number}") };
    Ok(view.series("cpu", &filter)?.into_iter().next().ok_or("no such host")?)
}

fn newest(view: &View, series: &[Series]) -> Outcome<usize> {
    let mut columns = 0;
    for series in series {
        let mut scan = view.scan(series, &FIELDS, TimeRange::ALL, Direction::Descending).limit(1);
        columns += scan.next().ok_or("no row")??.columns.len();
    }
    Ok(columns)
}

fn one_row(db: &Db, random: &mut Random, hosts: usize, rows: usize) -> Outcome<usize> {
    let view = db.view("bench", None)?;
    let series = host(&view, random.below(hosts))?;
    let at = START_NS + i64::try_from(random.below(rows))? * INTERVAL_NS;
    let range = TimeRange::new(Timestamp::from_nanos(at), Timestamp::from_nanos(at + 1));
    let mut scan = view.scan(&series, &FIELDS, range, Direction::Ascending);
    let block = scan.next().ok_or("no row")??;
    if block.timestamps == [at] { Ok(block.columns.len()) } else { Err("another row".into()) }
}

fn one_hour(db: &Db, random: &mut Random, hosts: usize) -> Outcome<u64> {
    let view = db.view("bench", None)?;
    let series = host(&view, random.below(hosts))?;
    let edges: Vec<i64> = (0..=60).map(|n| START_NS + n * 60 * SECOND).collect();
    let mut count = 0;
    let groups: [&[Series]; 1] = [&[series]];
    view.fold_many(
        &groups,
        &FIELDS[..1],
        &edges,
        Aggregates::MAX,
        FoldOptions::new(),
        |_, all| {
            count = all[0].count(0);
        },
    )?;
    Ok(count)
}
