//! Runs the query scripts in `tests/scripts`.
//!
//! A script loads line protocol (times in seconds) into a fresh database `db`, asks, and says what must come back, as CSV
//! with times in seconds:
//!
//! ```text
//! # a remark
//! load
//! cpu,host=a usage=1 10
//!
//! query SELECT max(usage) FROM cpu
//! name,tags,time,max
//! cpu,,10,1
//! ```
//!
//! `now()` is 1000 seconds after the epoch. With `UPDATE_GOLDEN=1` in the environment the scripts are rewritten with what
//! did come back; read the difference before committing it.

use std::fmt::Write as _;
use std::path::Path;

use stripchart_core::{Batch, Precision, Sink, Timestamp};
use stripchart_query::{Engine, ExecuteOptions, FormatOptions, write_csv};
use stripchart_storage::{Db, SyncPolicy, line_protocol};

const NOW: Timestamp = Timestamp::from_secs(1000);

/// A part of a script: its first line, and the lines up to the next part.
struct Part<'a> {
    head: &'a str,
    body: Vec<&'a str>,
}

fn parts(script: &str) -> Vec<Part<'_>> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    for line in script.lines() {
        let starts = ["#", "load", "query "].iter().any(|word| line.starts_with(word));
        match parts.last_mut() {
            Some(part) if !starts => part.body.push(line),
            _ => parts.push(Part { head: line, body: Vec::new() }),
        }
    }
    parts
}

fn load(db: &Db, lines: &str) {
    let mut batch = Batch::new();
    let report = line_protocol::parse_lines(lines.as_bytes(), Precision::Seconds, NOW, &mut batch);
    assert!(report.errors.is_empty(), "{:?}", report.errors);
    let accepted = db.writer("db", None).expect("db exists").write(&batch).expect("writable");
    assert!(accepted.rejected.is_empty(), "{:?}", accepted.rejected);
}

fn answer(engine: &Engine, query: &str) -> String {
    let options = ExecuteOptions::new(NOW).database("db");
    let mut text = String::new();
    match engine.query(query, &options) {
        Ok(results) => {
            let format = FormatOptions { epoch: Some(Precision::Seconds), pretty: false };
            write_csv(&results, &format, &mut text);
        }
        Err(error) => {
            let _ = write!(text, "error\n{error}");
        }
    }
    text.trim_end().to_owned()
}

/// The script as it would have to be, and the queries that were answered otherwise.
fn run(script: &str) -> (String, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let db = Db::builder()
        .clock(|| NOW)
        .sync(SyncPolicy::Never)
        .open(folder.path())
        .expect("a database");
    db.create_database("db", None).expect("a database");
    let engine = Engine::new(db.clone());
    let (mut rewritten, mut failures) = (String::new(), Vec::new());
    for part in parts(script) {
        let body = part.body.join("\n");
        let body = body.trim_end();
        let answered = part.head.strip_prefix("query ").map(|query| answer(&engine, query));
        if part.head == "load" {
            load(&db, body);
        }
        let _ = writeln!(rewritten, "{}", part.head);
        let body = match &answered {
            Some(got) => {
                if got != body {
                    failures.push(format!("{}\nexpected\n{body}\n\nfound\n{got}\n", part.head));
                }
                got
            }
            None => body,
        };
        if !body.is_empty() {
            let _ = writeln!(rewritten, "{body}");
        }
        if !part.head.starts_with('#') || !body.is_empty() || part.body.contains(&"") {
            rewritten.push('\n');
        }
    }
    (rewritten.trim_end().to_owned() + "\n", failures)
}

fn script(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts").join(name);
    let text = std::fs::read_to_string(&path).expect(name);
    let (rewritten, failures) = run(&text);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, rewritten).expect(name);
    } else {
        assert!(failures.is_empty(), "{name}:\n{}", failures.join("\n"));
    }
}

#[test]
fn stored_points_come_back() {
    script("raw.txt");
}

#[test]
fn what_influxdb_was_asked_is_answered_alike() {
    script("asked.txt");
}

#[test]
fn conditions_choose_points() {
    script("where.txt");
}

#[test]
fn functions_give_a_row_per_series_or_window() {
    script("functions.txt");
}

#[test]
fn windows_are_aligned_cut_and_filled() {
    script("windows.txt");
}

#[test]
fn neighbours_are_compared() {
    script("transforms.txt");
}

#[test]
fn areas_are_cut_at_windows() {
    script("integral.txt");
}

#[test]
fn series_go_on_as_they_were() {
    script("forecasts.txt");
}

#[test]
fn technical_analysis_has_its_functions() {
    script("technical.txt");
}

#[test]
fn operands_must_go_together() {
    script("types.txt");
}

#[test]
fn time_runs_backwards_where_asked() {
    script("downward.txt");
}

#[test]
fn subqueries_are_sources() {
    script("subqueries.txt");
}

#[test]
fn what_is_stored_can_be_listed() {
    script("show.txt");
}

#[test]
fn deleted_points_are_gone_and_others_stay() {
    script("delete.txt");
}

#[test]
fn users_are_made_and_given_rights() {
    script("users.txt");
}

#[test]
fn continuous_queries_are_kept() {
    script("continuous.txt");
}

#[test]
fn subscriptions_are_kept() {
    script("subscriptions.txt");
}

#[test]
fn shards_have_numbers() {
    script("shards.txt");
}

#[test]
fn series_and_values_are_counted() {
    script("cardinality.txt");
}

#[cfg(feature = "chrono-tz")]
#[test]
fn windows_and_dates_follow_local_clocks() {
    script("zones.txt");
}

#[test]
fn what_makes_no_sense_is_refused() {
    script("errors.txt");
}
