//! InfluxQL in process: the query types of the Time Series Benchmark Suite, each as the suite writes it, and those that
//! have a bar besides; from the text of the statement to the text of the answer.

use std::hint::black_box;
use std::time::Duration;

use benches::datasets::DataSet;
use benches::measure::Spent;
use benches::tsbs::FIELDS;
use stripchart_core::{Frames, Precision, Timestamp};
use stripchart_query::{Engine, ExecuteOptions, Limits, StreamOptions, parse_query};

use crate::read::fill;
use crate::{Bar, Bars, Outcome, open, settle};

/// 2016-01-02, a day after the data begins.
const NOW: Timestamp = Timestamp::from_secs(1_451_692_800);

/// All of the data: aligned to hours.
const ALL: &str = "time >= '2016-01-01T00:00:00Z' AND time < '2016-01-01T03:00:00Z'";
/// As the suite draws them: to the second, aligned to nothing.
const MOST: &str = "time >= '2016-01-01T00:10:12Z' AND time < '2016-01-01T02:50:12Z'";
const HOUR: &str = "time >= '2016-01-01T01:10:12Z' AND time < '2016-01-01T02:10:12Z'";

pub(crate) fn measure(bars: &Bars) -> Outcome {
    for set in [DataSet::CpuInts, DataSet::CpuFloats] {
        let folder = tempfile::tempdir()?;
        let engine = Engine::new(fill(set, bars, folder.path())?);
        for (what, query, bar) in queries(set) {
            ask(bars, &engine, &format!("{what}, {set}"), &query, bar)?;
        }
        for (what, query, bar) in in_columns(set) {
            gather(bars, &engine, &format!("{what}, in columns, {set}"), &query, bar)?;
        }
    }
    Ok(())
}

/// What the suite calls it, the statement, and milliseconds that it may take.
type Asked = (String, String, Option<f64>);

/// Those of floats are told, and judged by no bar.
fn queries(set: DataSet) -> Vec<Asked> {
    let bar = |milliseconds: f64| (set == DataSet::CpuInts).then_some(milliseconds);
    let mut all: Vec<Asked> = Vec::new();
    let mut add = |what: &str, query: String, bar| all.push((what.to_owned(), query, bar));
    let max = |fields| calls("max", fields);
    for (fields, hosts, span, name) in [
        (1, 1, HOUR, "single-groupby-1-1-1"),
        (1, 1, MOST, "single-groupby-1-1-12, of 2 h 40 min"),
        (1, 8, HOUR, "single-groupby-1-8-1"),
        (5, 1, HOUR, "single-groupby-5-1-1"),
        (5, 1, MOST, "single-groupby-5-1-12, of 2 h 40 min"),
        (5, 8, HOUR, "single-groupby-5-8-1"),
    ] {
        let query = format!(
            "SELECT {} from cpu where {} and {span} group by time(1m)",
            max(fields),
            of_hosts(hosts)
        );
        add(name, query, if name.ends_with("1-1-1") { bar(0.06) } else { None });
    }
    for (hosts, name) in [(1, "cpu-max-all-1"), (8, "cpu-max-all-8"), (32, "cpu-max-all-32")] {
        let query = format!(
            "SELECT {} from cpu where {} and {MOST} group by time(1h)",
            max(10),
            of_hosts(hosts)
        );
        add(name, query, None);
    }
    for (fields, name) in
        [(1, "double-groupby-1"), (5, "double-groupby-5"), (10, "double-groupby-all")]
    {
        let query = |span| {
            format!(
                "SELECT {} from cpu where {span} group by time(1h),hostname",
                calls("mean", fields)
            )
        };
        add(name, query(MOST), None);
        add(&format!("{name}, whole hours"), query(ALL), None);
    }
    add(
        "high-cpu-1",
        format!("SELECT * from cpu where usage_user > 90.0 and {} and {MOST}", of_hosts(1)),
        None,
    );
    add("high-cpu-all", format!("SELECT * from cpu where usage_user > 90.0  and {ALL}"), bar(40.0));
    let lastpoint = "SELECT * from cpu group by \"hostname\" order by time desc limit 1";
    add("lastpoint", lastpoint.to_owned(), None);
    let by_time = |order: &str| {
        format!(
            "SELECT max(usage_user) from cpu WHERE time < '2016-01-01T02:30:12Z' group by time(1m){order} limit 5"
        )
    };
    add("groupby-orderby-limit", by_time(""), None);
    add("groupby-orderby-limit, newest first", by_time(" order by time desc"), None);
    add(
        "max per minute of all hosts",
        format!("SELECT max(usage_user) from cpu where {ALL} group by time(1m)"),
        bar(1.2),
    );
    add(
        "last value of each host",
        "SELECT last(usage_user) from cpu group by hostname".to_owned(),
        bar(1.0),
    );
    all
}

/// What those ask who embed the engine: the same without text.
fn in_columns(set: DataSet) -> Vec<Asked> {
    let bar = |milliseconds: f64| (set == DataSet::CpuInts).then_some(milliseconds);
    let wanted = [
        ("double-groupby-all", None),
        ("double-groupby-all, whole hours", bar(1.0)),
        ("high-cpu-all", None),
        ("lastpoint", bar(1.0)),
        ("last value of each host", None),
    ];
    let all = queries(set).into_iter();
    all.filter_map(|(what, query, _)| {
        let (_, bar) = wanted.iter().find(|(name, _)| *name == what)?;
        Some((what, query, *bar))
    })
    .collect()
}

/// `f` of the first fields.
fn calls(f: &str, fields: usize) -> String {
    FIELDS[..fields].iter().map(|field| format!("{f}({field})")).collect::<Vec<_>>().join(", ")
}

fn of_hosts(count: usize) -> String {
    let hosts = (0..count).map(|number| format!("hostname = 'host_{}'", number * 31 + 4));
    format!("({})", hosts.collect::<Vec<_>>().join(" or "))
}

/// The best of some runs, parsing included.
fn best(bars: &Bars, mut run: impl FnMut() -> Outcome) -> Result<f64, Box<dyn std::error::Error>> {
    let mut best = Duration::MAX;
    for _ in 0..if bars.quick { 1 } else { 20 } {
        let mut spent = Spent::default();
        spent.on(&mut run)?;
        best = best.min(spent.cpu);
    }
    Ok(best.as_secs_f64() * 1e3)
}

/// The answer in columns, made and dropped.
fn gather(bars: &Bars, engine: &Engine, what: &str, query: &str, bar: Option<f64>) -> Outcome {
    let (mut rows, mut columns) = (0, 0);
    let milliseconds = best(bars, || {
        let statement = parse_query(query)?.statements.pop().ok_or("no statement")?;
        let options = ExecuteOptions::new(NOW).database("bars");
        let answer = black_box(engine.gather(statement, &options)?);
        rows = answer.iter().map(Frames::row_count).sum();
        columns = answer.iter().map(|frames| frames.columns.len()).sum();
        Ok(())
    })?;
    told(bars, what, milliseconds, &format!("{rows} rows in {columns} columns"), bar)
}

fn told(bars: &Bars, what: &str, milliseconds: f64, also: &str, bar: Option<f64>) -> Outcome {
    match bar {
        Some(bar) => bars.row(what, milliseconds, Bar::AtMost(bar), "ms", also),
        None => bars.told(what, milliseconds, "ms", also),
    }
    Ok(())
}

/// Every piece of the answer as text, taken and dropped.
fn ask(bars: &Bars, engine: &Engine, what: &str, query: &str, bar: Option<f64>) -> Outcome {
    let mut bytes = 0;
    let milliseconds = best(bars, || {
        let options = StreamOptions::new(NOW).database("bars");
        let pieces = engine.stream(parse_query(query)?, options);
        bytes = pieces.map(|piece| black_box(piece).len()).sum();
        Ok(())
    })?;
    told(bars, what, milliseconds, &format!("{bytes} bytes of JSON"), bar)
}

/// Milliseconds of the CPU in which whatever costs too much is refused.
const REFUSED_MS: f64 = 100.0;

/// Questions that would take ten times what is allowed, or never end: how long until each is refused.
pub(crate) fn refusals(bars: &Bars) -> Outcome {
    let folder = tempfile::tempdir()?;
    let (db, writer) = open(folder.path())?;
    let series = if bars.quick { 10_000 } else { 1_000_000 };
    for from in (0..series).step_by(10_000) {
        let lines: Vec<String> =
            (from..from + 10_000).map(|n| format!("many,host=h{n:07} v={n}i 1")).collect();
        writer.write_lines(lines.join("\n").as_bytes(), Precision::Seconds, Timestamp::EPOCH)?;
        db.step(crate::now());
    }
    let rows: i64 = if bars.quick { 100_000 } else { 5_000_000 };
    for from in (0..rows).step_by(10_000) {
        let lines: Vec<String> =
            (from..from + 10_000).map(|n| format!("rows v={}i {n}", n * n)).collect();
        writer.write_lines(lines.join("\n").as_bytes(), Precision::Seconds, Timestamp::EPOCH)?;
        db.step(crate::now());
    }
    db.seal()?;
    settle(&db);
    let engine = Engine::new(db);
    for (what, query, limits) in refused(series, rows.unsigned_abs()) {
        refuse(bars, &engine, what, &query, &limits)?;
    }
    Ok(())
}

fn refused(series: usize, rows: u64) -> Vec<(&'static str, String, Limits)> {
    let within = |bytes: u64| Limits { max_memory_bytes: Some(bytes), ..Limits::default() };
    let nested = |open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(10_000), close.repeat(10_000))
    };
    let ours = Limits::default;
    let a_tenth = Limits { max_series: Some(series as u64 / 10), ..ours() };
    let of_hosts = || "SELECT last(v) FROM many GROUP BY host".to_owned();
    let bomb = |text: &str| format!("SELECT v FROM rows WHERE host =~ /{text}/");
    vec![
        ("ten times the memory allowed", "SELECT median(v) FROM rows".to_owned(), within(rows * 16 / 10)),
        (
            "180 million windows",
            "SELECT mean(v) FROM rows WHERE time >= 0s AND time < 1800000000s GROUP BY time(10s) fill(0)"
                .to_owned(),
            ours(),
        ),
        ("a million series, a tenth allowed", of_hosts(), a_tenth),
        ("a million series, a tenth of their memory", of_hosts(), within(series as u64 * 40)),
        ("a regular expression that grows", bomb("((a{900}){900}){900}"), ours()),
        ("another", bomb("(x+x+)+y{1000}{1000}"), ours()),
        ("one of letters", bomb("\\pL{500}{500}"), ours()),
        ("10,000 parentheses", format!("SELECT {} FROM rows", nested("(", "v", ")")), ours()),
        ("10,000 subqueries", format!("SELECT v FROM {}", nested("(SELECT v FROM ", "rows", ")")), ours()),
    ]
}

fn refuse(bars: &Bars, engine: &Engine, what: &str, query: &str, limits: &Limits) -> Outcome {
    let (mut best, mut words) = (Duration::MAX, String::new());
    for _ in 0..bars.repeats() {
        let mut spent = Spent::default();
        words = spent.on(|| {
            let mut options = StreamOptions::new(NOW).database("bars");
            options.limits = limits.clone();
            match parse_query(query) {
                Err(error) => error.to_string(),
                Ok(query) => {
                    let bytes: Vec<u8> = engine.stream(query, options).flatten().collect();
                    String::from_utf8_lossy(&bytes).into_owned()
                }
            }
        });
        best = best.min(spent.cpu);
    }
    let refused = words.split_once("\"error\":\"").map_or(&*words, |(_, error)| error);
    if words.contains("\"series\":") {
        return Err(format!("{what}: answered").into());
    }
    let also = format!("refused: {}...", refused.chars().take(40).collect::<String>());
    bars.row(what, best.as_secs_f64() * 1e3, Bar::AtMost(REFUSED_MS), "ms", &also);
    Ok(())
}
