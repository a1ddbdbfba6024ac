//! What would bring a host process down is refused: at once, in words that say what to do, and before memory is taken for it.
//!
//! One test, since memory is the process's: how much it has ever held is read before and after each question. By the clock these are
//! measured elsewhere (`cargo bench --bench bars -- refusals`).
#![cfg(feature = "http")]

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use stripchart_core::{Batch, Precision, Sink, Timestamp};
use stripchart_query::http::InfluxDb;
use stripchart_query::{Engine, ExecuteOptions, Limits};
use stripchart_storage::Db;
use stripchart_storage::vfs::sim::SimVfs;

/// 2027.
const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// What a refusal may take: most of it is the text of the question and, of expressions, what a compiler allows itself.
const MOST_BYTES: u64 = 48 << 20;

const SERIES: usize = 20_000;
const ROWS: i64 = 200_000;

/// Measurement `rows` with a series of many rows, and `many` with many series of a row.
fn engine() -> Arc<Engine> {
    let builder = Db::builder().clock(|| NOW).vfs(Arc::new(SimVfs::new()));
    let db = builder.open("/data").expect("a database");
    db.create_database("db", None).expect("a database");
    let writer = db.writer("db", None).expect("a writer");
    for from in (0..ROWS).step_by(10_000) {
        let mut batch = Batch::new();
        let series = batch.series("rows", [("host", "a")]).expect("a key");
        for second in from..from + 10_000 {
            batch.row(series, Timestamp::from_secs(second)).i64("v", second * second);
        }
        writer.write(&batch).expect("writable");
    }
    let lines: Vec<String> = (0..SERIES).map(|n| format!("many,host=h{n:06} v={n}i 1")).collect();
    let report =
        writer.write_lines(lines.join("\n").as_bytes(), Precision::Seconds, NOW).expect("writable");
    assert_eq!(report.rows, SERIES);
    db.seal().expect("sealed");
    Arc::new(Engine::new(db))
}

/// The most memory that this process has held so far; nothing where the system does not say.
fn most_held() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

fn by_http(influx: &InfluxDb, query: &str) -> (u16, String) {
    let escaped: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let request = Request::post("/query?db=db")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(Bytes::from(format!("q={escaped}")))
        .expect("a request");
    let response = influx.respond(&request, NOW).expect("a path of InfluxDB's");
    let text = String::from_utf8(response.body().to_vec()).expect("text");
    (response.status().as_u16(), text)
}

/// What is asked, within which limits, and what is in the answer.
struct Case {
    what: &'static str,
    query: String,
    limits: Limits,
    words: &'static [&'static str],
}

fn cases() -> Vec<Case> {
    let within = |bytes: u64| Limits { max_memory_bytes: Some(bytes), ..Limits::default() };
    let nested = |open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(10_000), close.repeat(10_000))
    };
    let bomb = |bomb: &str| format!("SELECT v FROM rows WHERE host =~ /{bomb}/");
    let memory =
        &["the answer takes more than the", "bytes of memory that a query may use", "LIMIT"];
    let mut cases = vec![
        Case {
            what: "ten times the memory allowed",
            query: "SELECT median(v) FROM rows".to_owned(),
            limits: within(300_000),
            words: memory,
        },
        Case {
            what: "180 million windows",
            query: "SELECT mean(v) FROM rows GROUP BY time(10s) fill(0)".to_owned(),
            limits: Limits::default(),
            words: memory,
        },
        Case {
            what: "windows over a limit",
            query: "SELECT mean(v) FROM rows WHERE time >= 0s GROUP BY time(10s)".to_owned(),
            limits: Limits { max_buckets: Some(1_000_000), ..Limits::default() },
            words: &["max-select-buckets limit exceeded: (180000001/1000000)"],
        },
        Case {
            what: "series over a limit",
            query: "SELECT v FROM many GROUP BY *".to_owned(),
            limits: Limits { max_series: Some(1000), ..Limits::default() },
            words: &["max-select-series limit exceeded: (20000/1000)"],
        },
        Case {
            what: "more series than memory",
            query: "SELECT last(v) FROM many GROUP BY host".to_owned(),
            limits: within(800_000),
            words: memory,
        },
        Case {
            what: "nested parentheses",
            query: format!("SELECT {} FROM rows", nested("(", "v", ")")),
            limits: Limits::default(),
            words: &["nest"],
        },
        Case {
            what: "a nested condition",
            query: format!("SELECT v FROM rows WHERE {}", nested("(", "v > 1", ")")),
            limits: Limits::default(),
            words: &["nest"],
        },
        Case {
            what: "nested subqueries",
            query: format!("SELECT v FROM {}", nested("(SELECT v FROM ", "rows", ")")),
            limits: Limits::default(),
            words: &["nest"],
        },
    ];
    for text in ["((a{900}){900}){900}", "(x+x+)+y{1000}{1000}", "\\pL{500}{500}"] {
        cases.push(Case {
            what: "an expression that grows",
            query: bomb(text),
            limits: Limits::default(),
            words: &["size limit"],
        });
    }
    cases
}

#[test]
fn what_costs_too_much_is_refused_before_it_costs() {
    let engine = engine();
    let Some(before) = most_held() else {
        println!("skipped: this system does not say how much memory a process has held");
        return;
    };
    for Case { what, query, limits, words } in cases() {
        let mut options = ExecuteOptions::new(NOW).database("db");
        options.limits = limits.clone();
        let error = match engine.query(&query, &options) {
            Err(error) => error.to_string(),
            Ok(results) => {
                let error = results[0].error.as_ref().map(ToString::to_string);
                error.unwrap_or_else(|| panic!("{what}: answered"))
            }
        };
        assert!(words.iter().all(|words| error.contains(words)), "{what}: {error}");
        assert!(error.len() < 400, "{what}: {error}");
        // The same over HTTP: 400 for a text that does not parse, else the error of the statement.
        let influx = InfluxDb::builder(Arc::clone(&engine)).limits(limits).build();
        let (status, body) = by_http(&influx, &query);
        let parses = stripchart_query::parse_query(&query).is_ok();
        assert_eq!(status, if parses { 200 } else { 400 }, "{what}: {body}");
        assert!(body.contains("\"error\":\"") && body.len() < 600, "{what}: {body}");
        assert!(words.iter().all(|words| body.contains(words)), "{what}: {body}");
    }
    let held = most_held().unwrap_or_default() - before;
    assert!(held < MOST_BYTES, "{held} bytes to refuse them all");
}
