//! Random points, random deeds and random questions, answered by the engine and by a model that is slow and plain.
//!
//! Between writes, what is in memory is sealed, hours pass in which segments are merged, and rows are deleted; so some of
//! the points are in memory when asked for, others in segments that overlap, and some have been covered by tombstones.
//!
//! The model (`naive`, and `technical` for the functions of technical analysis) knows nothing of blocks, buckets or folds.
//! What it has no answer to, `sample` and the forecasts, is asked of the same points in two states of the storage.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of these tests are small"
)]

mod naive;
mod question;
mod technical;

use std::collections::BTreeMap;
use std::sync::Arc;

use naive::{Answer, Row, Step, Value};
use proptest::prelude::*;
use question::{EPOCH, Question, SERIES, Wrapper, question, seconds};
use stripchart_core::{Batch, Frame, Sink, TimeRange, Timestamp, ValueRef};
use stripchart_query::{Engine, ExecuteOptions};
use stripchart_storage::vfs::sim::SimVfs;
use stripchart_storage::{Db, TagFilter};

/// Ten days after the first points.
const NOW: i64 = EPOCH + 10 * 86_400;

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let value = |values: std::ops::Range<i32>| proptest::option::weighted(0.7, values);
    let fields = (value(-20..60), value(-5..20), value(0..20), value(0..2), value(0..3));
    let row = (0..SERIES.len(), -40..120_i64, fields).prop_map(|(series, at, (v, i, u, b, s))| {
        let mut fields = BTreeMap::new();
        fields.extend(v.map(|v| ("v", Value::Float(f64::from(v) / 4.0))));
        fields.extend(i.map(|i| ("i", Value::Integer(i.into()))));
        fields.extend(u.map(|u| ("u", Value::Unsigned(u.unsigned_abs().into()))));
        fields.extend(b.map(|b| ("b", Value::Boolean(b == 1))));
        fields.extend(s.map(|s| ("s", Value::Text(["x", "y", "z"][s as usize].to_owned()))));
        Row { series, at, fields }
    });
    proptest::collection::vec(row, 0..20)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let delete =
        (proptest::option::of(proptest::sample::select(&["a", "b"][..])), -40..120_i64, 1..30_i64);
    let step = prop_oneof![
        5 => rows().prop_map(Step::Write),
        2 => Just(Step::Seal),
        2 => (1..200_i64).prop_map(Step::Wait),
        1 => delete.prop_map(|(host, from, len)| Step::Delete { host, from, to: from + len }),
    ];
    proptest::collection::vec(step, 1..8)
}

/// A database in which all that was done.
fn database(steps: &[Step], question: &Question) -> Db {
    let builder = Db::builder().clock(|| Timestamp::from_secs(NOW)).vfs(Arc::new(SimVfs::new()));
    let db = builder.open("/data").expect("a database");
    db.create_database("db", None).expect("a database");
    let mut now = NOW;
    for step in steps {
        match step {
            Step::Write(rows) => write(&db, rows, question),
            Step::Seal => db.seal().expect("sealed"),
            Step::Wait(hours) => {
                now += hours * 3600;
                let _ = db.step(Timestamp::from_secs(now));
            }
            Step::Delete { host, from, to } => {
                let filter = match host {
                    None => TagFilter::All,
                    Some(host) => TagFilter::Equal { key: "h".into(), value: (*host).into() },
                };
                // The series of a half hour are seconds apart at most.
                let at = |half_hour: &i64| Timestamp::from_secs(seconds(*half_hour, 0, question));
                let range = TimeRange::new(at(from), at(to));
                db.delete("db", None, Some("m"), &filter, range).expect("deleted");
            }
        }
    }
    db
}

fn write(db: &Db, rows: &[Row], question: &Question) {
    let mut batch = Batch::new();
    for row in rows {
        let tags = SERIES[row.series].iter().copied();
        let series = batch.series("m", tags).expect("a key");
        let at = Timestamp::from_secs(seconds(row.at, row.series, question));
        let mut writer = batch.row(series, at);
        for (name, value) in &row.fields {
            match value {
                Value::Float(v) => writer.field(name, *v),
                Value::Integer(v) => writer.field(name, *v),
                Value::Unsigned(v) => writer.field(name, *v),
                Value::Boolean(v) => writer.field(name, *v),
                Value::Text(v) => writer.field(name, v.as_str()),
            };
        }
    }
    let writer = db.writer("db", None).expect("a writer");
    let accepted = writer.write(&batch).expect("writable");
    assert!(accepted.rejected.is_empty(), "{:?}", accepted.rejected);
}

fn ask(db: &Db, text: &str) -> Vec<Frame> {
    let options = ExecuteOptions::new(Timestamp::from_secs(NOW)).database("db");
    let mut results = Engine::new(db.clone()).query(text, &options).expect("it parses");
    let result = results.remove(0);
    assert!(result.error.is_none(), "{text}: {:?}", result.error);
    result.frames
}

fn actual(steps: &[Step], question: &Question) -> Answer {
    let frames = ask(&database(steps, question), &question.text());
    frames.iter().flat_map(|frame| answer_rows(frame, question)).collect()
}

fn answer_rows(frame: &Frame, question: &Question) -> Answer {
    let tag = |key: &&str| frame.tag_value(key).unwrap_or("").to_owned();
    let group: Vec<String> = question.by.iter().map(tag).collect();
    let times = frame.times().expect("a time column");
    let rows = times.iter().enumerate();
    let value = |row: usize| match frame.columns[1].get(row)? {
        ValueRef::Float(v) => Some(Value::Float(v)),
        ValueRef::Integer(v) => Some(Value::Integer(v)),
        ValueRef::Unsigned(v) => Some(Value::Unsigned(v)),
        ValueRef::Boolean(v) => Some(Value::Boolean(v)),
        ValueRef::String(v) => Some(Value::Text(v.to_owned())),
        ValueRef::Time(_) => None,
    };
    rows.map(|(row, at)| (group.clone(), at / 1_000_000_000, value(row))).collect()
}

/// Floats may differ in their last bits; remainders of a division by three then may be a whole three apart.
fn alike(a: Option<&Value>, b: Option<&Value>, are_remainders: bool) -> bool {
    match (a, b) {
        (Some(Value::Float(a)), Some(Value::Float(b))) => {
            let apart = (a - b).abs();
            let apart = if are_remainders { apart.min((3.0 - apart).abs()) } else { apart };
            apart <= 1e-9 * a.abs().max(b.abs()).max(1.0)
        }
        (a, b) => a == b,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_answers_as_the_model_does(steps in steps(), question in question()) {
        let want = naive::answer(&naive::stored(&steps), &question);
        let got = actual(&steps, &question);
        let rest = matches!(question.wrapper, Wrapper::Rest);
        let same = want.len() == got.len() && want.iter().zip(&got).all(|(a, b)| {
            a.0 == b.0 && a.1 == b.1 && alike(a.2.as_ref(), b.2.as_ref(), rest)
        });
        prop_assert!(same, "{}\nmodel:  {want:?}\nengine: {got:?}\n{steps:?}", question.text());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

    /// `sample` draws, and a forecast is a long walk: where points are kept changes neither.
    #[test]
    fn the_state_of_the_storage_changes_no_answer(rows in rows(), more in rows(), question in question()) {
        let in_memory = [Step::Write(rows.clone()), Step::Write(more.clone())];
        let in_segments = [
            Step::Write(rows), Step::Seal, Step::Write(more), Step::Seal, Step::Wait(500), Step::Wait(2),
        ];
        let (memory, segments) =
            (database(&in_memory, &question), database(&in_segments, &question));
        for text in [
            "SELECT sample(v, 3) FROM m".to_owned(),
            "SELECT sample(s, 2), i FROM m GROUP BY h".to_owned(),
            format!("SELECT holt_winters_with_fit(mean(v), 3, 0) FROM m WHERE time < {NOW}s GROUP BY time(6h)"),
            format!("SELECT holt_winters(sum(i), 2, 4) FROM m WHERE time < {NOW}s GROUP BY time(6h), h"),
            format!("SELECT integral(i, 1h), integral(v, 1m) FROM m WHERE time < {NOW}s GROUP BY time(12h)"),
            "SELECT * FROM m".to_owned(),
        ] {
            prop_assert_eq!(ask(&memory, &text), ask(&segments, &text), "{}", text);
        }
    }
}
