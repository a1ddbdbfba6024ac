//! What the read API answers, against rows kept beside: with statistics and without, whatever the shape of the data.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use common::{DB, clock, open, options};
use proptest::prelude::*;
use stripchart_core::{Batch, Column, FieldType, FieldValue, Sink, TimeRange, Timestamp, ValueRef};
use stripchart_storage::vfs::sim::SimVfs;
use stripchart_storage::{
    Aggregates, Cancel, Compare, Condition, Db, Direction, FoldOptions, Number, Partials,
    ReadError, Reads, Series, TagFilter, View,
};

const SECOND: i64 = 1_000_000_000;
const FIELDS: [(&str, FieldType); 5] = [
    ("b", FieldType::Boolean),
    ("f", FieldType::Float),
    ("i", FieldType::Integer),
    ("s", FieldType::String),
    ("u", FieldType::Unsigned),
];

/// How the rows of a series come about.
#[derive(Debug, Clone)]
struct Shape {
    start: i64,
    step: i64,
    jitter: i64,
    rows: usize,
    /// What the floats are like.
    floats: usize,
    /// Of so many rows one has a gap in each field; none if 0.
    gaps: usize,
    seed: u64,
}

type Row = BTreeMap<&'static str, FieldValue>;
type Model = BTreeMap<String, BTreeMap<i64, Row>>;

fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// The number modulo `bound`.
fn below(number: u64, bound: usize) -> usize {
    usize::try_from(number % bound as u64).unwrap()
}

fn float(kind: usize, number: u64, row: usize) -> f64 {
    let small = (number % 2000) as f64 - 1000.0;
    match kind {
        0 => small / 100.0,
        1 => 0.25,
        // Of all bits, but not so large that sums depend on their order.
        2 => f64::from_bits(number & !(1 << 62)),
        3 => [f64::NAN, -0.0, 0.0, f64::INFINITY, 1.5][below(number, 5)],
        4 => row as f64 * 1e6,
        _ => small * 0.001,
    }
}

/// The rows of a shape, for the model and for a batch.
fn rows(shape: &Shape) -> BTreeMap<i64, Row> {
    let mut state = shape.seed | 1;
    let mut all = BTreeMap::new();
    let mut walk = 50i64;
    for row in 0..shape.rows {
        let late = if shape.jitter > 0 { random(&mut state) as i64 % shape.jitter } else { 0 };
        let at = shape.start + row as i64 * shape.step + late.abs();
        walk += random(&mut state) as i64 % 3;
        let number = random(&mut state) >> 1;
        let gap = |field: usize| shape.gaps > 0 && below(number + field as u64, shape.gaps) == 0;
        let mut values = Row::new();
        for (at, (name, field_type)) in FIELDS.iter().enumerate() {
            let value = match field_type {
                FieldType::Boolean => FieldValue::Boolean(number & 1 == 1),
                FieldType::Float => FieldValue::Float(float(shape.floats, number, row)),
                FieldType::Integer => FieldValue::Integer(walk),
                FieldType::Unsigned => FieldValue::Unsigned(u64::MAX - number % 9),
                _ => FieldValue::String(["up", "down", ""][below(number, 3)].into()),
            };
            if !gap(at) {
                values.insert(name, value);
            }
        }
        if !values.is_empty() {
            all.insert(at, values);
        }
    }
    all
}

/// Writes the shapes, a series each, and seals after every `seal_after` of them.
fn fill(db: &Db, shapes: &[Shape], seal_after: usize) -> Model {
    let mut model = Model::new();
    let writer = db.writer(DB, None).unwrap();
    for (number, shape) in shapes.iter().enumerate() {
        let host = format!("h{:03}", number * 7 % 100);
        let rows = rows(shape);
        let mut batch = Batch::new();
        let series =
            batch.series("m", [("host", &*host), ("kind", ["a", "b"][number % 2])]).unwrap();
        for (at, values) in &rows {
            let mut row = batch.row(series, Timestamp::from_nanos(*at));
            values.iter().for_each(|(name, value)| row.field(name, value.as_ref()));
        }
        writer.write(&batch).unwrap();
        let key = format!("m,host={host},kind={}", ["a", "b"][number % 2]);
        let kept = model.entry(key).or_default();
        for (at, values) in rows {
            kept.entry(at).or_default().extend(values);
        }
        if seal_after > 0 && number % seal_after == seal_after - 1 {
            db.seal().unwrap();
        }
    }
    model
}

fn database() -> (SimVfs, Db) {
    let vfs = SimVfs::new();
    let db = open(&vfs, options(&clock())).unwrap();
    db.create_database(DB, None).unwrap();
    (vfs, db)
}

fn shapes() -> impl Strategy<Value = Vec<Shape>> {
    let rows = prop_oneof![1..40usize, 100..140usize, 1000..1100usize, 1500..2700usize];
    let shape = (
        0..3i64,
        prop_oneof![Just(1i64), Just(10), Just(60)],
        any::<bool>(),
        rows,
        0..6usize,
        0..7usize,
        any::<u64>(),
    );
    let shape = shape.prop_map(|(start, step, jitter, rows, floats, gaps, seed)| Shape {
        start: start * 1800 * SECOND,
        step: step * SECOND,
        jitter: if jitter { SECOND / 2 } else { 0 },
        rows,
        floats,
        gaps: if gaps < 2 { 0 } else { gaps },
        seed,
    });
    prop::collection::vec(shape, 1..9)
}

/// The aggregates of a field of some series, row by row.
fn naive(
    model: &Model,
    keys: &BTreeSet<String>,
    (field, field_type): (&str, FieldType),
    edges: &[i64],
    which: Aggregates,
) -> Partials {
    let mut partials = Partials::new(field_type, edges.len() - 1, which);
    for key in keys {
        for (at, values) in &model[key] {
            let after = edges.partition_point(|edge| edge <= at);
            if let (Some(value), true) = (values.get(field), after > 0 && after < edges.len()) {
                partials.add(after - 1, *at, value.as_ref());
            }
        }
    }
    partials
}

fn close(a: Option<Number>, b: Option<Number>) -> bool {
    match (a, b) {
        (Some(Number::Float(a)), Some(Number::Float(b))) => {
            a == b
                || (a.is_nan() && b.is_nan())
                || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
        }
        (a, b) => a == b,
    }
}

/// Numbers of the same bits, NaN and the sign of zero apart, at the same time.
fn same(a: Option<(Number, i64)>, b: Option<(Number, i64)>) -> bool {
    match (a, b) {
        (Some((Number::Float(a), s)), Some((Number::Float(b), t))) => {
            s == t && (a == b || (a.is_nan() && b.is_nan()))
        }
        (a, b) => a == b,
    }
}

fn equal(a: &Partials, b: &Partials) -> Result<(), String> {
    let end = |a: Option<(ValueRef<'_>, i64)>| a.map(|(value, at)| (format!("{value:?}"), at));
    for bucket in 0..a.buckets() {
        let alike = a.count(bucket) == b.count(bucket)
            && close(a.sum(bucket), b.sum(bucket))
            && same(a.min(bucket), b.min(bucket))
            && same(a.max(bucket), b.max(bucket))
            && end(a.first(bucket)).map(|e| e.1) == end(b.first(bucket)).map(|e| e.1)
            && end(a.last(bucket)).map(|e| e.1) == end(b.last(bucket)).map(|e| e.1);
        if !alike {
            return Err(format!("bucket {bucket}: {a:?} {b:?}"));
        }
    }
    Ok(())
}

fn key_of(series: &Series) -> String {
    series.key().to_string()
}

/// Rows as text, for each series by time.
type Texts = BTreeMap<(String, i64), String>;

/// The rows of `fields` inside a range that meet all conditions, as the model has them.
fn wanted_rows(
    model: &Model,
    fields: &[&'static str],
    range: TimeRange,
    conditions: &[Condition],
) -> Texts {
    let mut texts = Texts::new();
    for (key, rows) in model {
        for (at, row) in rows.range(range.start.nanos()..range.end.nanos()) {
            let holds = |condition: &Condition| {
                let value = row.get(condition.field()).map(FieldValue::as_ref);
                value.and_then(Number::from_value).is_some_and(|number| condition.holds(number))
            };
            let values: Vec<_> = fields.iter().map(|field| row.get(field)).collect();
            if conditions.iter().all(holds) && values.iter().any(Option::is_some) {
                texts.insert((key.clone(), *at), format!("{values:?}"));
            }
        }
    }
    texts
}

fn add_texts(
    texts: &mut Texts,
    key: &str,
    timestamps: &[i64],
    columns: &[Column],
) -> Result<(), TestCaseError> {
    prop_assert!(timestamps.is_sorted_by(|a, b| a < b));
    for (row, at) in timestamps.iter().enumerate() {
        let values: Vec<_> =
            columns.iter().map(|c| c.get(row).and_then(ValueRef::to_field_value)).collect();
        let values: Vec<_> = values.iter().map(Option::as_ref).collect();
        prop_assert_eq!(texts.insert((key.to_owned(), *at), format!("{values:?}")), None);
    }
    prop_assert!(columns.iter().all(|column| column.len() == timestamps.len()));
    Ok(())
}

/// Lent blocks and scans with conditions have the rows of the model that meet them.
fn check_blocks(
    view: &View,
    model: &Model,
    all: &[Series],
    edges: &[i64],
) -> Result<(), TestCaseError> {
    let part = TimeRange::new(
        Timestamp::from_nanos(edges[0]),
        Timestamp::from_nanos(edges[edges.len() / 2]),
    );
    let conditions = [
        vec![],
        vec![Condition::new("i", Compare::Greater, Number::Integer(52))],
        vec![
            Condition::new("f", Compare::LessOrEqual, Number::Float(0.25)),
            Condition::new("u", Compare::NotEqual, Number::Unsigned(u64::MAX)),
        ],
        vec![Condition::new("i", Compare::Equal, Number::Float(1e9))],
        vec![Condition::new("s", Compare::Equal, Number::Integer(1))],
    ];
    for fields in [&["b", "f", "i", "s", "u"][..], &["i"], &["u", "f"]] {
        for (range, conditions) in [TimeRange::ALL, part]
            .into_iter()
            .flat_map(|range| conditions.iter().map(move |c| (range, c)))
        {
            let want = wanted_rows(model, fields, range, conditions);
            let (mut got, mut failed) = (Texts::new(), None);
            view.for_each_block(all, fields, range, conditions, |series, block| {
                let key = key_of(&all[series]);
                let added = add_texts(&mut got, &key, block.timestamps, block.columns);
                failed = added.err();
                if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap();
            if let Some(failed) = failed {
                return Err(failed);
            }
            prop_assert_eq!(&got, &want, "{:?} {:?}", fields, conditions);
            got.clear();
            for series in all {
                let scan = view.scan(series, fields, range, Direction::Ascending);
                let scan = conditions.iter().fold(scan, |scan, condition| {
                    scan.where_field(condition.field(), condition.compare(), condition.value())
                });
                for block in scan {
                    let block = block.unwrap();
                    add_texts(&mut got, &key_of(series), &block.timestamps, &block.columns)?;
                }
            }
            prop_assert_eq!(&got, &want, "{:?} {:?}", fields, conditions);
        }
    }
    Ok(())
}

/// Every way of asking gives what the model says.
fn check(view: &View, model: &Model, edges: &[i64]) -> Result<(), TestCaseError> {
    let all = view.series("m", &TagFilter::All).unwrap();
    prop_assert_eq!(
        &all.iter().map(key_of).collect::<Vec<_>>(),
        &model.keys().cloned().collect::<Vec<_>>()
    );
    let names = FIELDS.map(|(name, _)| name);
    for series in &all {
        let mut got: BTreeMap<i64, Row> = BTreeMap::new();
        for direction in [Direction::Ascending, Direction::Descending] {
            got.clear();
            for block in view.scan(series, &names, TimeRange::ALL, direction) {
                let block = block.unwrap();
                for (row, at) in block.timestamps.iter().enumerate() {
                    let values = names.iter().zip(&block.columns);
                    let values =
                        values.filter_map(|(n, c)| Some((*n, c.get(row)?.to_field_value()?)));
                    got.insert(*at, values.collect());
                }
            }
            prop_assert_eq!(format!("{:?}", got), format!("{:?}", model[&key_of(series)]));
        }
    }
    check_blocks(view, model, &all, edges)?;
    let (a, b): (Vec<Series>, Vec<Series>) =
        all.iter().cloned().partition(|s| s.key().tag("kind") == Some("a"));
    let mut groups: Vec<&[Series]> = vec![&all, &a, &b];
    groups.extend(all.chunks(1));
    // All aggregates from all values, and those that row sums and cells answer by themselves.
    for which in
        [Aggregates::ALL, Aggregates::MAX | Aggregates::MIN, Aggregates::SUM, Aggregates::COUNT]
    {
        for used in [true, false] {
            let options = FoldOptions::new().statistics(used);
            let mut failed = None;
            view.fold_many(&groups, &names, edges, which, options, |group, partials| {
                let keys = groups[group].iter().map(key_of).collect();
                for (field, got) in FIELDS.iter().zip(partials) {
                    let want = naive(model, &keys, *field, edges, which);
                    if let Err(error) = equal(got, &want) {
                        failed.get_or_insert(format!(
                            "{field:?} {which:?} statistics {used} group {group}: {error}"
                        ));
                    }
                }
            })
            .unwrap();
            prop_assert_eq!(failed, None);
        }
    }
    let range = TimeRange::new(
        Timestamp::from_nanos(edges[0]),
        Timestamp::from_nanos(edges[edges.len() - 1]),
    );
    for (name, _) in FIELDS {
        let lasts = view.last_values(&all, name, range).unwrap();
        for (series, last) in all.iter().zip(lasts) {
            let rows = model[&key_of(series)].range(edges[0]..edges[edges.len() - 1]);
            let want = rows
                .rev()
                .find_map(|(at, row)| Some((row.get(name)?.clone(), Timestamp::from_nanos(*at))));
            prop_assert_eq!(format!("{:?}", last), format!("{:?}", want));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn statistics_and_decoding_agree_with_the_rows(
        shapes in shapes(), seal_after in 0..4usize, compact: bool, every in prop_oneof![Just(60i64), Just(300), Just(3600), 1..5000i64], from in -2000..5000i64
    ) {
        let (_vfs, db) = database();
        let model = fill(&db, &shapes, seal_after);
        if compact {
            db.compact(|_| {}).unwrap();
        }
        let edges: Vec<i64> = (0..40).map(|n| (from / every * every + n * every) * SECOND).collect();
        check(&db.view(DB, None).unwrap(), &model, &edges)?;
    }

    #[test]
    fn filters_select_the_series_whose_keys_they_accept(
        tags in prop::collection::btree_set((0..6u8, prop::option::of(0..40u8), 0..4u8), 1..120), value in 0..40u8, one in 0..4u8
    ) {
        let (_vfs, db) = database();
        let mut batch = Batch::new();
        for (zone, host, cpu) in &tags {
            let (zone, host, cpu) = (format!("z{zone}"), host.map_or(String::new(), |h| format!("h{h}")), format!("{cpu}"));
            let series = batch.series("m", [("host", &*host), ("zone", &*zone), ("cpu", &*cpu)]).unwrap();
            batch.row(series, Timestamp::from_nanos(1)).i64("v", 1);
        }
        db.writer(DB, None).unwrap().write(&batch).unwrap();
        let unsealed = db.view(DB, None).unwrap();
        db.seal().unwrap();
        let view = db.view(DB, None).unwrap();
        let equal = |key: &str, value: String| TagFilter::Equal { key: key.into(), value };
        let prefix = |key: &str, prefix: &str| TagFilter::Prefix { key: key.into(), prefix: prefix.into() };
        let host = format!("h{value}");
        let test = { let host = host.clone(); move |v: &str| v < host.as_str() };
        let filters = [
            TagFilter::All,
            equal("host", host.clone()),
            equal("host", String::new()),
            equal("zone", format!("z{one}")),
            TagFilter::NotEqual { key: "zone".into(), value: "z1".into() },
            TagFilter::Matches { key: "host".into(), test: Arc::new(test) },
            TagFilter::NotMatches { key: "cpu".into(), test: Arc::new(|v| v == "2") },
            TagFilter::And(vec![equal("host", host.clone()), equal("cpu", format!("{one}"))]),
            TagFilter::Or(vec![equal("host", host.clone()), equal("nothing", "x".into())]),
            TagFilter::Or(vec![equal("host", host.clone()), equal("cpu", format!("{one}")), prefix("host", "h3")]),
            TagFilter::Or(vec![equal("host", host), TagFilter::All]),
            prefix("host", "h1"),
            prefix("host", "h"),
            prefix("host", ""),
            prefix("host", "x"),
            prefix("nothing", "x"),
            TagFilter::Not(Box::new(prefix("host", "h2"))),
            TagFilter::And(vec![prefix("host", "h3"), TagFilter::NotMatches { key: "host".into(), test: Arc::new(|v| v.ends_with('1')) }]),
            TagFilter::And(vec![prefix("zone", "z"), TagFilter::Matches { key: "cpu".into(), test: Arc::new(|v| v > "1") }]),
            TagFilter::Not(Box::new(equal("nothing", String::new()))),
        ];
        let all = view.series("m", &TagFilter::All).unwrap();
        prop_assert_eq!(all.len(), tags.len());
        for filter in &filters {
            let want: Vec<String> = all.iter().filter(|s| filter.accepts(s.key())).map(key_of).collect();
            for view in [&view, &unsealed] {
                let got: Vec<String> = view.series("m", filter).unwrap().iter().map(key_of).collect();
                prop_assert_eq!(&got, &want, "{:?}", filter);
            }
        }
        for view in [&view, &unsealed] {
            prop_assert_eq!(view.series_count("m").unwrap(), all.len() as u64);
            for key in ["host", "zone", "cpu", "nothing"] {
                let want: BTreeSet<String> = all.iter().filter_map(|s| s.key().tag(key).map(str::to_owned)).collect();
                let got = view.tag_values("m", key).unwrap();
                prop_assert_eq!(view.tag_value_count("m", key).unwrap(), want.len() as u64);
                prop_assert_eq!(got, want.into_iter().collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn a_thousand_short_lived_series_are_read_right() {
    let (vfs, db) = database();
    let shape = |n: usize| Shape {
        start: n as i64 * 30 * SECOND,
        step: 10 * SECOND,
        jitter: 0,
        rows: 30,
        floats: 0,
        gaps: 0,
        seed: n as u64,
    };
    let shapes: Vec<Shape> = (0..100).map(shape).collect();
    let model = fill(&db, &shapes, 0);
    db.compact(|_| {}).unwrap();
    let edges: Vec<i64> = (0..30).map(|n| n * 120 * SECOND).collect();
    check(&db.view(DB, None).unwrap(), &model, &edges).unwrap();
    let bytes: usize = vfs
        .files()
        .iter()
        .filter(|(path, _)| path.extension().is_some_and(|e| e == "seg"))
        .map(|(_, content)| content.len())
        .sum();
    // Three bytes a value would be what a block each takes.
    assert!(bytes < 100 * 30 * 5 * 2, "{bytes}");
}

#[test]
fn a_cancelled_view_reads_no_further() {
    let (_vfs, db) = database();
    let shape =
        Shape { start: 0, step: SECOND, jitter: 0, rows: 5000, floats: 0, gaps: 0, seed: 5 };
    fill(&db, &[shape], 1);
    let cancel = Cancel::new();
    let view = db.view(DB, None).unwrap().cancelled_by(&cancel);
    let series = view.series("m", &TagFilter::All).unwrap();
    let mut scan = view.scan(&series[0], &["i"], TimeRange::ALL, Direction::Ascending);
    assert!(scan.next().unwrap().is_ok());
    cancel.cancel();
    let rest: Vec<_> = scan.collect();
    assert!(
        matches!(rest.as_slice(), [Err(ReadError::Cancelled)])
            || matches!(rest.as_slice(), [Ok(_), Err(ReadError::Cancelled)])
    );
    let mut partials = Partials::new(FieldType::Integer, 1, Aggregates::COUNT);
    let error = view.fold(&series[0], "i", &[0, i64::MAX], &mut partials).unwrap_err();
    assert_eq!(error.to_string(), "reading was cancelled");
    assert!(view.series("m", &TagFilter::All).is_err());
    assert!(db.view(DB, None).unwrap().series("m", &TagFilter::All).is_ok());
}

#[test]
fn the_cost_of_a_scan_is_known_before() {
    let (_vfs, db) = database();
    let shape =
        Shape { start: 0, step: SECOND, jitter: 0, rows: 5000, floats: 0, gaps: 0, seed: 5 };
    fill(&db, &[shape.clone(), Shape { start: 90_000 * SECOND, ..shape }], 2);
    let view = db.view(DB, None).unwrap();
    let series = view.series("m", &TagFilter::All).unwrap();
    let all = view.cost(&series, &["i", "f"], TimeRange::ALL).unwrap();
    assert_eq!((all.series, all.rows), (2, 10_000));
    assert_eq!(all.blocks, 2 * 2 * 5);
    assert!(all.bytes > 1000, "{all:?}");
    let range = TimeRange::new(Timestamp::from_secs(0), Timestamp::from_secs(10));
    let some = view.cost(&series, &["i"], range).unwrap();
    assert_eq!((some.series, some.blocks, some.rows), (1, 1, 1024));
    assert_eq!(view.cost(&series, &["no"], range).unwrap().blocks, 0);
}

#[test]
fn blocks_whose_statistics_exclude_a_condition_are_not_read() {
    let (_vfs, db) = database();
    let shape =
        Shape { start: 0, step: SECOND, jitter: 0, rows: 5000, floats: 4, gaps: 0, seed: 5 };
    fill(&db, &[shape], 1);
    let reads = Reads::new();
    let view = db.view(DB, None).unwrap().counted_by(&reads);
    let series = view.series("m", &TagFilter::All).unwrap();
    // The floats ascend by a million from row to row: only the last of five blocks has such.
    let large = Condition::new("f", Compare::GreaterOrEqual, Number::Float(4990.0 * 1e6));
    let mut rows = 0;
    view.for_each_block(&series, &["f", "i"], TimeRange::ALL, &[large], |_, block| {
        rows += block.timestamps.len();
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(rows, 10);
    assert_eq!((reads.blocks_skipped(), reads.rows_scanned()), (8, 10));
    let scan = view.scan(&series[0], &["i"], TimeRange::ALL, Direction::Descending);
    let scan = scan.where_field("f", Compare::GreaterOrEqual, Number::Float(4990.0 * 1e6)).limit(3);
    let times: Vec<i64> = scan.flat_map(|block| block.unwrap().timestamps).collect();
    assert_eq!(times, [4999 * SECOND, 4998 * SECOND, 4997 * SECOND]);
}
