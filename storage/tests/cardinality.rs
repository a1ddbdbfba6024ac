//! Series, measurements and values of tags are counted exactly: those that have a row left, whatever was deleted and merged.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::BTreeSet;

use common::{DB, clock, open, options};
use proptest::prelude::*;
use stripchart_core::{Batch, Sink, TimeRange, Timestamp};
use stripchart_storage::vfs::sim::SimVfs;
use stripchart_storage::{Db, TagFilter};

#[derive(Debug, Clone)]
enum Step {
    /// Measurement, host, rack (3: none), and times.
    Write(u8, u8, u8, Vec<i64>),
    /// Of a host or all, from, and how long.
    Delete(Option<u8>, i64, i64),
    Seal,
    Compact,
}

/// Measurement, host, rack, time.
type Row = (String, String, String, i64);

fn names(measurement: u8, host: u8, rack: u8) -> (String, String, String) {
    let rack = if rack == 3 { String::new() } else { format!("r{rack}") };
    (format!("m{measurement}"), format!("h{host}"), rack)
}

fn take(db: &Db, step: &Step, rows: &mut BTreeSet<Row>) {
    match step {
        Step::Write(measurement, host, rack, times) => {
            let (measurement, host, rack) = names(*measurement, *host, *rack);
            let mut batch = Batch::new();
            let tags = [("host", host.as_str()), ("rack", rack.as_str())];
            let series = batch.series(&measurement, tags).unwrap();
            for at in times {
                batch.row(series, Timestamp::from_nanos(*at)).i64("v", *at);
                rows.insert((measurement.clone(), host.clone(), rack.clone(), *at));
            }
            db.writer(DB, None).unwrap().write(&batch).unwrap();
        }
        Step::Delete(host, from, len) => {
            let range =
                TimeRange::new(Timestamp::from_nanos(*from), Timestamp::from_nanos(from + len));
            let host = host.map(|host| format!("h{host}"));
            let filter = host
                .clone()
                .map_or(TagFilter::All, |value| TagFilter::Equal { key: "host".into(), value });
            db.delete(DB, None, None, &filter, range).unwrap();
            rows.retain(|row| {
                host.as_ref().is_some_and(|host| *host != row.1)
                    || !(*from..from + len).contains(&row.3)
            });
        }
        Step::Seal => db.seal().unwrap(),
        Step::Compact => db.compact(|_| {}).unwrap(),
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let times = prop::collection::vec(0..100i64, 1..6);
    let step = prop_oneof![
        4 => (0..2u8, 0..4u8, 0..4u8, times).prop_map(|(m, h, r, t)| Step::Write(m, h, r, t)),
        2 => (prop::option::of(0..4u8), 0..100i64, 1..60i64).prop_map(|(h, from, len)| Step::Delete(h, from, len)),
        1 => Just(Step::Seal),
        1 => Just(Step::Compact),
    ];
    prop::collection::vec(step, 1..25)
}

proptest! {
    #[test]
    fn counts_are_of_what_has_rows_left(steps in steps()) {
        let db = open(&SimVfs::new(), options(&clock())).unwrap();
        db.create_database(DB, None).unwrap();
        let mut rows = BTreeSet::new();
        for step in &steps {
            take(&db, step, &mut rows);
            let view = db.view(DB, None).unwrap();
            let measurements: BTreeSet<&String> = rows.iter().map(|row| &row.0).collect();
            prop_assert!(view.measurements().unwrap().iter().eq(measurements), "{:?}", view.measurements());
            for measurement in ["m0", "m1"] {
                let left: Vec<&Row> = rows.iter().filter(|row| row.0 == measurement).collect();
                let series: BTreeSet<(&String, &String)> = left.iter().map(|row| (&row.1, &row.2)).collect();
                prop_assert_eq!(view.series_count(measurement).unwrap(), series.len() as u64, "{}", measurement);
                prop_assert_eq!(view.series(measurement, &TagFilter::All).unwrap().len(), series.len());
                let hosts: BTreeSet<&String> = left.iter().map(|row| &row.1).collect();
                let racks: BTreeSet<&String> = left.iter().map(|row| &row.2).filter(|r| !r.is_empty()).collect();
                for (key, values) in [("host", &hosts), ("rack", &racks), ("none", &BTreeSet::new())] {
                    prop_assert!(view.tag_values(measurement, key).unwrap().iter().eq(values.iter().copied()));
                    prop_assert_eq!(view.tag_value_count(measurement, key).unwrap(), values.len() as u64);
                }
                let keys = [("host", hosts.len()), ("rack", racks.len())];
                let keys: Vec<&str> = keys.iter().filter(|(_, n)| *n > 0).map(|(key, _)| *key).collect();
                prop_assert_eq!(view.tag_keys(measurement).unwrap(), keys);
            }
        }
    }
}
