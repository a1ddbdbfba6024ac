use std::collections::BTreeMap;

use proptest::prelude::*;
use stripchart_core::{Column, SeriesKey, ValueRef, Values};

use super::*;
use crate::TagFilter;
use crate::rows::Wanted;

const POLICY: PolicyId = PolicyId(1);
const FIELDS: [(&str, FieldType); 5] = [
    ("f", FieldType::Float),
    ("i", FieldType::Integer),
    ("u", FieldType::Unsigned),
    ("b", FieldType::Boolean),
    ("s", FieldType::String),
];

fn wanted() -> Vec<Wanted> {
    FIELDS.map(|(name, field_type)| Wanted { name: name.into(), field_type }).to_vec()
}

fn enter(head: &mut HeadInner, n: usize) -> u32 {
    let host = n.to_string();
    let key = SeriesKey::new("m", [("host", host.as_str()), ("even", ["yes", "no"][n % 2])]);
    let table = head.table(POLICY, "m");
    head.enter(table, key.unwrap().as_ref())
}

/// A number that any field can have, as the field's value.
fn put(column: &mut Column, at: usize, number: i64) {
    match FIELDS[at].1 {
        FieldType::Float => column.push((number as f64 / 4.0).into()),
        FieldType::Integer => column.push(number.into()),
        FieldType::Unsigned => column.push(number.cast_unsigned().into()),
        FieldType::Boolean => column.push((number % 2 == 0).into()),
        FieldType::String => column.push(format!("t{number}").as_str().into()),
    }
}

fn text(value: ValueRef<'_>) -> String {
    format!("{value:?}")
}

type Row = (usize, i64, [Option<i64>; 5]);

fn columns(rows: &[Row]) -> Vec<Column> {
    let column = |at: usize| {
        let mut column = Column::new(FIELDS[at].0, Values::empty(FIELDS[at].1));
        for (.., values) in rows {
            match values[at] {
                Some(number) => put(&mut column, at, number),
                None => column.push_null(),
            }
        }
        column
    };
    (0..FIELDS.len()).map(column).filter(|column| !column.is_empty()).collect()
}

fn add(head: &mut HeadInner, rows: &[Row]) {
    let table = head.table(POLICY, "m");
    let series: Vec<u32> = rows.iter().map(|(host, ..)| enter(head, *host)).collect();
    let timestamps: Vec<i64> = rows.iter().map(|(_, at, _)| *at).collect();
    let columns = columns(rows);
    let columns: Vec<&Column> = columns.iter().collect();
    let number = head.begin_batch();
    let rows = Incoming { series: &series, timestamps: &timestamps, columns: &columns };
    head.add(table, rows, number);
    head.end_batch(number);
}

/// What a map holds after the batches: time, field: value.
fn model(batches: &[Vec<Row>], host: usize) -> BTreeMap<(i64, usize), String> {
    let mut model = BTreeMap::new();
    for (of, at, values) in batches.iter().flatten() {
        for (field, number) in values.iter().enumerate().filter(|_| *of == host) {
            let Some(number) = number else { continue };
            let mut column = Column::new("", Values::empty(FIELDS[field].1));
            put(&mut column, field, *number);
            model.insert((*at, field), text(column.get(0).unwrap()));
        }
    }
    model
}

fn read(
    head: &HeadInner,
    series: u32,
    limit: u32,
    (start, end): (i64, i64),
) -> BTreeMap<(i64, usize), String> {
    let rows = head.read(series, limit, &wanted(), start, end);
    assert!(rows.timestamps.is_sorted_by(|a, b| a < b));
    let mut cells = BTreeMap::new();
    for (row, at) in rows.timestamps.iter().enumerate() {
        for (field, column) in rows.columns.iter().enumerate() {
            if let Some(value) = column.get(row) {
                cells.insert((*at, field), text(value));
            }
        }
    }
    cells
}

fn check(head: &HeadInner, batches: &[Vec<Row>], range: (i64, i64)) {
    for limit in [0, batches.len() / 2, batches.len()] {
        for host in 0..3 {
            let want = model(&batches[..limit], host);
            let known = (0..head.series_count()).map(crate::rows::index);
            let number = known.into_iter().find(|number| head.key(*number) == key_of(host));
            let Some(number) = number else {
                assert!(want.is_empty());
                continue;
            };
            let limit = u32::try_from(limit).unwrap();
            assert_eq!(read(head, number, limit, (i64::MIN, i64::MAX)), want);
            let inside = |(at, _): &(i64, usize)| (range.0..range.1).contains(at);
            let part: BTreeMap<_, _> = want.iter().filter(|(k, _)| inside(k)).collect();
            let got = read(head, number, limit, range);
            assert_eq!(got.iter().collect::<BTreeMap<_, _>>(), part);
            for end in [range.0, range.1, i64::MAX] {
                let rows = batches[..limit as usize].iter().flatten();
                let times = rows.filter(|row| row.0 == host).map(|row| row.1);
                assert_eq!(head.newest(number, limit, end), times.filter(|at| *at < end).max());
            }
            if !want.is_empty() {
                let (first, last) = head.bounds(number, limit).unwrap();
                assert!(want.keys().all(|(at, _)| (first..=last).contains(at)));
            }
        }
    }
}

fn key_of(host: usize) -> String {
    let host_text = host.to_string();
    let tags = [("host", host_text.as_str()), ("even", ["yes", "no"][host % 2])];
    SeriesKey::new("m", tags).unwrap().as_ref().as_str().to_owned()
}

#[test]
fn rows_that_come_in_rounds_share_times_and_take_a_byte_or_two_a_value() {
    let mut head = HeadInner::default();
    let number =
        |n: i64, host: usize| Some((n * 7919 + i64::try_from(host).unwrap() * 104_729) % 97);
    let batches: Vec<Vec<Row>> = (0..200)
        .map(|n| {
            let values = |host| [number(n, host), number(n, host + 3), None, None, None];
            (0..3).map(|host| (host, n * 10_000_000_000, values(host))).collect()
        })
        .collect();
    batches.iter().for_each(|batch| add(&mut head, batch));
    check(&head, &batches, (400_000_000_000, 1_900_000_000_000));
    let table = &head.tables[0];
    assert_eq!(table.times.get(5).map(|times| times.batches), Some((161, 192)));
    assert!(table.times.get(6).is_none(), "six blocks of each of three series, the same times");
    assert!(head.series.iter().all(|series| series.in_order));
    assert!(head.arena.bytes < 3 * 192 * 2 * 3 / 2, "{}", head.arena.bytes);
}

#[test]
fn a_field_asked_for_twice_comes_twice() {
    let mut head = HeadInner::default();
    let rows: Vec<Row> = (0..50).map(|at| (0, at, [None, Some(at), None, None, None])).collect();
    add(&mut head, &rows);
    let twice = [wanted()[1].clone(), wanted()[1].clone()];
    let rows = head.read(0, u32::MAX, &twice, 0, 100);
    assert_eq!((rows.len(), &rows.columns[0]), (50, &rows.columns[1]));
    assert_eq!(rows.columns[1].get(49), Some(49i64.into()));
}

#[test]
fn rows_of_many_different_fields_take_what_they_hold() {
    let mut head = HeadInner::default();
    let table = head.table(POLICY, "m");
    let series = enter(&mut head, 0);
    let n = 3000usize;
    for row in 0..n {
        let mut column = Column::new(format!("f{row}"), Values::empty(FieldType::Integer));
        column.push(7i64.into());
        let number = head.begin_batch();
        let timestamps = [i64::try_from(row).unwrap()];
        let rows = Incoming { series: &[series], timestamps: &timestamps, columns: &[&column] };
        head.add(table, rows, number);
        head.end_batch(number);
    }
    assert!(head.bytes < n * 4000, "{}", head.bytes);
    for row in [0, 63, 64, 1000, n - 1] {
        let want = Wanted { name: format!("f{row}"), field_type: FieldType::Integer };
        let rows = head.read(series, u32::MAX, &[want], i64::MIN, i64::MAX);
        let found: Vec<usize> =
            (0..rows.len()).filter(|at| rows.columns[0].is_valid(*at)).collect();
        assert_eq!(found, [row]);
    }
}

#[test]
fn filters_choose_series_that_have_rows() {
    let head = Head::new(1);
    let rows: Vec<Row> = (0..5000).map(|n| (n, 5, [Some(1), None, None, None, None])).collect();
    add(&mut head.inner.write(), &rows[..4000]);
    enter(&mut head.inner.write(), 4999);
    let select = |filter: &TagFilter, limit| {
        let mut found = Vec::new();
        head.select(POLICY, "m", filter, limit, |key, number| {
            found.push((key.tag("host").unwrap().parse::<u32>().unwrap(), number));
        });
        assert!(found.iter().all(|(host, number)| host == number));
        found.len()
    };
    let equal = |k: &str, v: &str| TagFilter::Equal { key: k.into(), value: v.into() };
    assert_eq!(select(&TagFilter::All, 1), 4000);
    assert_eq!(select(&TagFilter::All, 0), 0);
    assert_eq!(select(&equal("even", "yes"), 1), 2000);
    assert_eq!(select(&equal("host", "77"), 1), 1);
    assert_eq!(select(&equal("host", "x"), 1), 0);
    assert_eq!(select(&equal("rack", "1"), 1), 0);
    assert_eq!(select(&TagFilter::Not(Box::new(equal("host", "77"))), 1), 3999);
    assert_eq!(head.tag_keys(POLICY, "m").len(), 2);
}

#[test]
fn many_series_of_a_field_take_little_each() {
    let mut head = HeadInner::default();
    let hosts = 40_000;
    for round in 0..3 {
        let rows: Vec<Row> =
            (0..hosts).map(|n| (n, round, [Some(5), None, None, None, None])).collect();
        add(&mut head, &rows);
    }
    assert!(head.bytes < hosts * 380, "{} a series", head.bytes / hosts);
    assert!(words_of_tail(hosts, 3) == 8 * 3 && words_of_tail(1000, 12) == 32 * 12);
}

#[test]
fn more_series_than_are_packed_together_come_in_several_rounds() {
    let mut head = HeadInner::default();
    let hosts = 40_000;
    for round in 0..3 {
        let rows: Vec<Row> = (0..hosts).map(|n| (n, round, [Some(5); 5])).collect();
        add(&mut head, &rows);
    }
    assert_eq!(head.rounds.len(), 3);
    assert!(head.places.iter().all(|place| *place != Place::NONE));
    for number in (0..crate::rows::index(hosts)).step_by(997) {
        let rows = head.read(number, u32::MAX, &wanted(), i64::MIN, i64::MAX);
        assert_eq!(rows.timestamps, [0, 1, 2]);
        assert_eq!(rows.columns[4].get(2), Some("t5".into()));
    }
}

fn rows() -> impl Strategy<Value = Vec<Vec<Row>>> {
    let value = || prop::option::weighted(0.8, -9..9i64);
    let row = (0..3usize, 0..300i64, [value(), value(), value(), value(), value()]);
    let steady = (0..3usize, 0..100i64, 1..80i64).prop_map(|(host, from, n)| {
        (from..from + n).map(|at| (host, at, [Some(at), Some(at % 7), None, None, None])).collect()
    });
    let batch = prop_oneof![prop::collection::vec(row, 1..30), steady];
    prop::collection::vec(batch, 1..30)
}

/// Rounds of some series, cut into batches anywhere, with something else in between now and then.
fn rounds() -> impl Strategy<Value = Vec<Vec<Row>>> {
    let order = Just(vec![0usize, 1, 2]).prop_shuffle();
    let cut = prop::collection::vec(1..40usize, 1..12);
    let run = (order, 1..=3usize, 1..70i64, any::<bool>(), cut).prop_map(
        |(order, hosts, rounds, jitter, cuts)| {
            let row = |at: i64, host: &usize| {
                let time = at * 10 + if jitter { (at * 7 + *host as i64) % 5 } else { 0 };
                (
                    *host,
                    time,
                    [Some(at), Some(at % 7 - *host as i64), None, Some(at % 3), Some(at % 4)],
                )
            };
            let mut rows: Vec<Row> = (0..rounds)
                .flat_map(|at| order[..hosts].iter().map(move |host| (at, *host)))
                .map(|(at, host)| row(at, &host))
                .collect();
            let mut batches = Vec::new();
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let rest = rows.split_off(cut.min(rows.len()));
                batches.push(std::mem::replace(&mut rows, rest));
            }
            batches.retain(|batch| !batch.is_empty());
            batches
        },
    );
    let odd = (0..3usize, -50..700i64, any::<bool>()).prop_map(|(host, at, wide)| {
        let rest = if wide { Some(1) } else { None };
        vec![vec![(host, at, [Some(1), rest, Some(2), rest, None])]]
    });
    prop::collection::vec(prop_oneof![3 => run, 1 => odd], 1..6).prop_map(|all| all.concat())
}

#[test]
fn series_that_come_and_go_make_no_rounds_and_lose_no_row() {
    let mut head = HeadInner::default();
    let (mut batches, mut alive) = (Vec::new(), [0, 1, 2]);
    for round in 0..300i64 {
        alive.rotate_left(usize::from(round % 7 == 0));
        let values = [Some(round), None, None, None, None];
        batches.push(alive.iter().map(|host| (*host, round, values)).collect::<Vec<Row>>());
        add(&mut head, &batches[batches.len() - 1]);
    }
    check(&head, &batches, (50, 120));
    assert!(head.rounds.len() < 4, "places of rounds that ended are used again");
}

proptest! {
    #[test]
    fn rows_in_rounds_are_those_of_a_map(batches in rounds(), range in (0..200i64, 0..700i64)) {
        let mut head = HeadInner::default();
        batches.iter().for_each(|batch| add(&mut head, batch));
        check(&head, &batches, range);
    }

    #[test]
    fn reads_are_those_of_a_map(batches in rows(), range in (0..200i64, 0..350i64)) {
        let mut head = HeadInner::default();
        batches.iter().for_each(|batch| add(&mut head, batch));
        check(&head, &batches, range);
    }
}
