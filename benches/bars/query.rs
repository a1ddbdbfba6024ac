//! InfluxQL in process: the query types of the Time Series Benchmark Suite, each as the suite writes it, and those that
//! have a bar besides; from the text of the statement to the text of the answer.

use std::hint::black_box;
use std::time::Duration;

use benches::datasets::DataSet;
use benches::measure::Spent;
use benches::tsbs::FIELDS;
use stripchart_core::Timestamp;
use stripchart_query::{Engine, StreamOptions, parse_query};

use crate::read::fill;
use crate::{Bar, Bars, Outcome};

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

/// `f` of the first fields.
fn calls(f: &str, fields: usize) -> String {
    FIELDS[..fields].iter().map(|field| format!("{f}({field})")).collect::<Vec<_>>().join(", ")
}

fn of_hosts(count: usize) -> String {
    let hosts = (0..count).map(|number| format!("hostname = 'host_{}'", number * 31 + 4));
    format!("({})", hosts.collect::<Vec<_>>().join(" or "))
}

/// The best of some runs, parsing included, every piece of the answer taken and dropped.
fn ask(bars: &Bars, engine: &Engine, what: &str, query: &str, bar: Option<f64>) -> Outcome {
    let (mut best, mut bytes) = (Duration::MAX, 0);
    for _ in 0..if bars.quick { 1 } else { 20 } {
        let mut spent = Spent::default();
        spent.on(|| -> Outcome {
            let options = StreamOptions::new(NOW).database("bars");
            let pieces = engine.stream(parse_query(query)?, options);
            bytes = pieces.map(|piece| black_box(piece).len()).sum();
            Ok(())
        })?;
        best = best.min(spent.cpu);
    }
    let also = format!("{bytes} bytes of JSON");
    let milliseconds = best.as_secs_f64() * 1e3;
    match bar {
        Some(bar) => bars.row(what, milliseconds, Bar::AtMost(bar), "ms", &also),
        None => bars.told(what, milliseconds, "ms", &also),
    }
    Ok(())
}
