//! The contenders that are crates: this suite's storage, and `tsink`. `benches/race/run` calls them, each in a process of
//! its own, and puts what they print beside the servers.
//!
//! ```text
//! contender generate SET SCALE FILE     writes a data set as line protocol; prints rows and values
//! contender stripchart FILE FOLDER      bytes of FILE -> a database in FOLDER
//! contender tsink FILE FOLDER SECONDS   the same for the rival, for so many CPU seconds at most
//! ```
//!
//! Each prints one line of JSON. Text is read and cut into bodies of 5000 lines before the clock starts, and for the
//! rival made into the rows it takes too, so that it is spared all parsing. Memory is watched from outside.
//!
//! Run without a command, as `cargo bench` does, it tries each once with a little data.

mod bodies;

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use benches::datasets::{DataSet, rows_and_values};
use benches::measure::{Spent, disk_bytes};
use stripchart_core::{Precision, TimeRange, Timestamp, ValueRef};
use stripchart_storage::line_protocol::lines;
use stripchart_storage::{Aggregates, Db, Direction, FoldOptions, SyncPolicy, TagFilter};

use bodies::Bodies;

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["generate", set, scale, file] => generate(set, scale, Path::new(file)),
        ["stripchart", file, folder] => stripchart(Path::new(file), Path::new(folder)),
        ["tsink", file, folder, seconds] => tsink(Path::new(file), Path::new(folder), seconds),
        _ => try_all(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("contender: {error}");
            ExitCode::FAILURE
        }
    }
}

fn try_all() -> Outcome {
    println!("contender: only a trial; benches/race/run holds it against others");
    let work = tempfile::tempdir()?;
    let file = work.path().join("rows.lp");
    generate("devops", "0.01", &file)?;
    stripchart(&file, &work.path().join("stripchart"))?;
    tsink(&file, &work.path().join("tsink"), "1")
}

fn generate(set: &str, scale: &str, file: &Path) -> Outcome {
    let set: DataSet = set.parse()?;
    let mut bodies = set.bodies(scale.parse()?);
    let mut out = BufWriter::with_capacity(1 << 20, File::create(file)?);
    let (mut rows, mut values) = (0, 0);
    while let Some(body) = bodies.next_body() {
        out.write_all(body.as_bytes())?;
        let (more_rows, more_values) = rows_and_values(body);
        (rows, values) = (rows + more_rows, values + more_values);
    }
    out.flush()?;
    println!("{{\"rows\": {rows}, \"values\": {values}}}");
    Ok(())
}

fn stripchart(file: &Path, folder: &Path) -> Outcome {
    let db = Db::builder().sync(SyncPolicy::Interval(Duration::from_secs(1))).open(folder)?;
    db.create_database("race", None)?;
    let writer = db.writer("race", None)?;
    let mut bodies = Bodies::open(file)?;
    let (mut ingest, mut settle) = (Spent::default(), Spent::default());
    let mut rows = 0;
    loop {
        let body = bodies.next()?;
        if body.is_empty() {
            break;
        }
        let report = ingest.on(|| {
            let report = writer.write_lines(body, Precision::Nanoseconds, Timestamp::EPOCH);
            db.step(now());
            report
        })?;
        if let Some(refused) = report.parse_errors.first() {
            return Err(refused.to_string().into());
        }
        rows += report.rows;
    }
    settle.on(|| db.seal())?;
    let sealed = disk_bytes(folder)?;
    settle.on(|| run_background(&db));
    let hot = disk_bytes(folder)?;
    let queries = queries(&db)?;
    let mut compact = Spent::default();
    compact.on(|| db.compact(|_| {}))?;
    println!(
        "{{\"rows\": {rows}, \"acknowledged_cpu\": {:.4}, \"cpu\": {:.4}, \"wall\": {:.4}, \"sealed\": {sealed}, \
         \"disk\": {hot}, \"compacted\": {}, \"compact_cpu\": {:.4}, \"queries\": {{{queries}}}}}",
        ingest.cpu.as_secs_f64(),
        (ingest.cpu + settle.cpu).as_secs_f64(),
        (ingest.wall + settle.wall).as_secs_f64(),
        disk_bytes(folder)?,
        compact.cpu.as_secs_f64(),
    );
    db.close()?;
    Ok(())
}

fn now() -> Timestamp {
    Timestamp::from(std::time::SystemTime::now())
}

/// Does what background work comes due in the next five minutes, as if they passed.
fn run_background(db: &Db) {
    let mut at = now().nanos();
    let end = at + 300_000_000_000;
    while let Some(next) = db.step(Timestamp::from_nanos(at)).at.filter(|next| next.nanos() <= end)
    {
        at = next.nanos().max(at + 1_000_000);
    }
}

/// Milliseconds of the queries that the servers are asked too, the best of five; nothing where there is no table `cpu`.
fn queries(db: &Db) -> Result<String, Box<dyn Error>> {
    const MINUTE_NS: i64 = 60_000_000_000;
    let view = db.view("race", None)?;
    let found = view.series("cpu", &TagFilter::All)?;
    let bounds = found.iter().filter_map(|series| view.time_bounds(series));
    let Some((first, last)) =
        bounds.reduce(|(first, last), (from, to)| (first.min(from), last.max(to)))
    else {
        return Ok(String::new());
    };
    let edges = |width: i64| -> Vec<i64> {
        let from = first.nanos().div_euclid(width) * width;
        (0..).map(|at| from + at * width).take_while(|edge| *edge < last.nanos() + width).collect()
    };
    let (minutes, hours) = (edges(MINUTE_NS), edges(60 * MINUTE_NS));
    let all = view.fields("cpu");
    let names: Vec<&str> = all.iter().map(|field| &*field.name).collect();
    let options = FoldOptions::new();
    let max = best_of_five(|| {
        let view = db.view("race", None)?;
        let hosts = view.series("cpu", &TagFilter::All)?;
        let mut found = 0;
        let field = ["usage_user"];
        view.fold_many(&[&hosts], &field, &minutes, Aggregates::MAX, options, |_, fields| {
            found += fields[0].count(0);
        })?;
        Ok(found)
    });
    let mean = best_of_five(|| {
        let view = db.view("race", None)?;
        let hosts = view.series("cpu", &TagFilter::All)?;
        let groups: Vec<_> = hosts.chunks(1).collect();
        let mut found = 0;
        view.fold_many(&groups, &names, &hours, Aggregates::SUM, options, |_, fields| {
            found += fields.iter().map(|field| field.count(0)).sum::<u64>();
        })?;
        Ok(found)
    });
    let newest = best_of_five(|| {
        let view = db.view("race", None)?;
        let mut rows = 0;
        for series in view.series("cpu", &TagFilter::All)? {
            let mut blocks = view.scan(&series, &names, TimeRange::ALL, Direction::Descending);
            rows += blocks.next().transpose()?.map_or(0, |block| block.timestamps.len() as u64);
        }
        Ok(rows)
    });
    Ok(format!(
        "\"max per minute\": {:.3}, \"mean per hour and host\": {:.3}, \"last row per host\": {:.3}",
        max?, mean?, newest?
    ))
}

fn best_of_five(
    mut ask: impl FnMut() -> Result<u64, Box<dyn Error>>,
) -> Result<f64, Box<dyn Error>> {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        if ask()? == 0 {
            return Err("a query found nothing".into());
        }
        best = best.min(start.elapsed());
    }
    Ok(best.as_secs_f64() * 1e3)
}

fn tsink(file: &Path, folder: &Path, seconds: &str) -> Outcome {
    let limit = Duration::from_secs(seconds.parse()?);
    let sync = tsink::WalSyncMode::Periodic(Duration::from_secs(1));
    let storage =
        tsink::StorageBuilder::new().with_data_path(folder).with_wal_sync_mode(sync).build()?;
    let mut bodies = Bodies::open(file)?;
    let mut spent = Spent::default();
    let (mut rows, mut values) = (0, 0);
    while spent.cpu < limit {
        let body = bodies.next()?;
        if body.is_empty() {
            break;
        }
        let owned = owned_rows(body)?;
        spent.on(|| storage.insert_rows(&owned))?;
        rows += memchr::memchr_iter(b'\n', body).count();
        values += owned.len();
    }
    spent.on(|| storage.close())?;
    println!(
        "{{\"rows\": {rows}, \"values\": {values}, \"cpu\": {:.4}, \"wall\": {:.4}, \"disk\": {}}}",
        spent.cpu.as_secs_f64(),
        spent.wall.as_secs_f64(),
        disk_bytes(folder)?,
    );
    Ok(())
}

/// The rival's rows: one for each value, with names and tags of its own.
fn owned_rows(body: &[u8]) -> Result<Vec<tsink::Row>, Box<dyn Error>> {
    let mut rows = Vec::new();
    for line in lines(body) {
        let line = line?;
        let labels: Vec<_> =
            line.tags().map(|(key, value)| tsink::Label::new(key, value)).collect();
        let time_ns = line.timestamp().ok_or("a line without a time")?;
        for (field, value) in line.fields() {
            let point = match value.as_ref() {
                ValueRef::Integer(value) => tsink::DataPoint::new(time_ns, value),
                value => tsink::DataPoint::new(time_ns, value.as_f64().ok_or("not a number")?),
            };
            let name = format!("{}_{field}", line.measurement());
            rows.push(tsink::Row::with_labels(name, labels.clone(), point));
        }
    }
    Ok(rows)
}
