//! Out to Parquet files and in again.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use stripchart_core::{Batch, FieldValue, Precision, Sink, TimeRange, Timestamp};

use crate::{
    Db, Direction, Export, ExportError, Import, ImportError, PolicySpec, Progress, SyncPolicy,
    TagFilter, View,
};

const GO_ON: fn(&Progress) -> ControlFlow<()> = |_| ControlFlow::Continue(());

fn open(path: &Path) -> Db {
    Db::builder()
        .sync(SyncPolicy::Never)
        .clock(|| Timestamp::from_secs(1_700_000_000))
        .open(path)
        .unwrap()
}

/// Every value, floats as their bits, by series, time and field.
fn values(view: &View) -> BTreeMap<(String, i64, String), String> {
    let mut all = BTreeMap::new();
    for measurement in view.measurements().unwrap() {
        let fields = view.fields(&measurement);
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        for series in view.series(&measurement, &TagFilter::All).unwrap() {
            for block in view.scan(&series, &names, TimeRange::ALL, Direction::Ascending) {
                let block = block.unwrap();
                for (row, at) in block.timestamps.iter().enumerate() {
                    for (column, name) in block.columns.iter().zip(&names) {
                        let Some(value) = column.get(row).and_then(|value| value.to_field_value())
                        else {
                            continue;
                        };
                        let text = match value {
                            FieldValue::Float(value) => format!("{:x}", value.to_bits()),
                            other => format!("{other:?}"),
                        };
                        all.insert(
                            (series.key().as_str().to_owned(), *at, (*name).to_owned()),
                            text,
                        );
                    }
                }
            }
        }
    }
    all
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]", Just("A/b=c%d \"e\".f".to_owned()), Just("ünï☃".to_owned())]
}

fn value() -> impl Strategy<Value = FieldValue> {
    prop_oneof![
        any::<u64>().prop_map(|bits| FieldValue::Float(f64::from_bits(bits))),
        prop_oneof![Just(0.0), Just(-0.0), Just(f64::NAN), Just(f64::NEG_INFINITY)]
            .prop_map(FieldValue::Float),
        prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX)].prop_map(FieldValue::Integer),
        prop_oneof![any::<u64>(), Just(u64::MAX)].prop_map(FieldValue::Unsigned),
        any::<bool>().prop_map(FieldValue::Boolean),
        ".{0,9}".prop_map(FieldValue::String),
    ]
}

type Row = (String, Vec<(String, String)>, i64, Vec<(String, FieldValue)>);

fn row() -> impl Strategy<Value = Row> {
    const DAY: i64 = 86_400_000_000_000;
    let at = prop_oneof![-50i64..50, -3 * DAY..3 * DAY, Just(i64::MIN + 2), Just(i64::MAX - 1)];
    let tags = proptest::collection::btree_map(name(), name(), 0..3);
    let tags = tags.prop_map(|tags| tags.into_iter().collect());
    (name(), tags, at, proptest::collection::vec((name(), value()), 1..4))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_stored_comes_back_bit_for_bit(rows in proptest::collection::vec(row(), 0..30)) {
        let folder = tempfile::tempdir().unwrap();
        let db = open(&folder.path().join("a"));
        db.create_database("a:b", None).unwrap();
        let mut batch = Batch::new();
        for (measurement, tags, at, fields) in &rows {
            let tags = tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
            let series = batch.series(measurement, tags).unwrap();
            let mut row = batch.row(series, Timestamp::from_nanos(*at));
            for (name, value) in fields {
                // One type for a field; the first is called like a tag.
                let suffix = match value.field_type() {
                    stripchart_core::FieldType::Float => "",
                    other => other.name(),
                };
                row.field(&format!("{name}{suffix}"), value.as_ref());
            }
        }
        db.writer("a:b", None).unwrap().write(&batch).unwrap();
        let want = values(&db.view("a:b", None).unwrap());

        let out = folder.path().join("files");
        let report = Export::new().parquet(&db, &out, "me", GO_ON).unwrap();
        prop_assert_eq!(report.values, want.len() as u64);
        if rows.is_empty() {
            return Ok(());
        }
        let bytes: u64 = files(&out).iter().map(|path| path.metadata().unwrap().len()).sum();
        prop_assert_eq!(report.bytes, bytes);
        let copy = open(&folder.path().join("b"));
        for _ in 0..2 {
            let read = Import::new().parquet(&copy, &out, GO_ON).unwrap();
            prop_assert_eq!(&read.refused, &[]);
            prop_assert_eq!((read.rows, read.lines, read.bytes), (report.rows, report.rows, bytes));
        }
        prop_assert_eq!(values(&copy.view("a:b", None).unwrap()), want);
    }
}

/// Two days of three hosts, of which one has a tag more.
fn sample(db: &Db) {
    let hour =
        PolicySpec { duration_ns: Some(400 * 86_400_000_000_000), ..PolicySpec::named("year") };
    db.create_database("demo", Some(hour)).unwrap();
    let mut lines = String::new();
    for minute in 0..2 * 24 * 60 {
        let at = 1_699_833_600 + minute * 60;
        for host in ["a", "b", "c,rack=r/1"] {
            lines += &format!(
                "cpu,host={host} usage={}.5,count={minute}i,big={}u,on={},host=\"x\" {at}\n",
                minute % 90,
                u64::MAX - minute,
                minute % 7 == 0
            );
        }
    }
    lines += "mem used=1 0\n";
    let report = db
        .writer("demo", None)
        .unwrap()
        .write_lines(lines.as_bytes(), Precision::Seconds, Timestamp::EPOCH)
        .unwrap();
    assert_eq!(report.rejected.len(), 1, "the row of 1970 is past its retention");
}

#[test]
fn the_layout_is_that_of_a_partitioned_table() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder.path().join("db"));
    sample(&db);
    let out = folder.path().join("out");
    let report = Export::new().parquet(&db, &out, "node 1", GO_ON).unwrap();
    assert_eq!((report.series, report.rows, report.values), (3, 8640, 43_200));
    let names: Vec<String> = files(&out)
        .iter()
        .map(|path| path.strip_prefix(&out).unwrap().to_string_lossy().into_owned())
        .collect();
    let dates = ["2023-11-13", "2023-11-14"];
    let want = dates.iter().flat_map(|date| {
        let folder = format!("database=demo/policy=year/measurement=cpu/date={date}");
        // Here three row groups make a file.
        ["0000", "0001"].map(|number| format!("{folder}/part-node_1-{number}.parquet"))
    });
    assert_eq!(names, want.collect::<Vec<_>>());
    assert!(report.bytes < 8640 * 5 * 4, "{} bytes of files", report.bytes);

    let copy = open(&folder.path().join("copy"));
    Import::new().parquet(&copy, &out, GO_ON).unwrap();
    assert_eq!(
        copy.catalog().database("demo").unwrap().policies(),
        db.catalog().database("demo").unwrap().policies()
    );
    let one = Import::new()
        .into_database("else", None)
        .parquet(&copy, files(&out)[0].clone(), GO_ON)
        .unwrap();
    assert_eq!(one.rows, 1024 + 2 * 1440);
    assert_eq!(copy.view("else", None).unwrap().measurements().unwrap(), ["cpu"]);

    let day =
        TimeRange::new(Timestamp::from_secs(1_699_920_000), Timestamp::from_secs(1_699_920_060));
    let part = Export::new()
        .range(day)
        .series(TagFilter::Equal { key: "rack".into(), value: "r/1".into() });
    let few = folder.path().join("few");
    assert_eq!(part.parquet(&db, &few, "x", GO_ON).unwrap().rows, 1);
    assert_eq!(files(&few).len(), 1);
}

#[test]
fn what_was_begun_and_not_finished_is_not_left() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder.path().join("db"));
    sample(&db);
    let out = folder.path().join("out");
    let mut steps = 0;
    let stop = |_: &Progress| {
        steps += 1;
        if steps == 9 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let error = Export::new().parquet(&db, &out, "x", stop).unwrap_err();
    assert!(matches!(error, ExportError::Cancelled), "{error}");
    assert!(
        files(&folder.path().join("out")).iter().all(|path| path.extension().unwrap() == "parquet")
    );

    let blocked = folder.path().join("blocked");
    std::fs::write(&blocked, "").unwrap();
    let error = Export::new().parquet(&db, &blocked, "x", GO_ON).unwrap_err();
    assert!(
        std::error::Error::source(&error).unwrap().to_string().contains("blocked"),
        "{error:?}"
    );
}

#[test]
fn rows_that_cannot_be_taken_are_told_by_number() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder.path().join("db"));
    sample(&db);
    let out = folder.path().join("out");
    Export::new().parquet(&db, &out, "x", GO_ON).unwrap();
    let copy = open(&folder.path().join("copy"));
    copy.create_database("d", None).unwrap();
    let clash = b"cpu usage=1i";
    copy.writer("d", None)
        .unwrap()
        .write_lines(clash, Precision::Seconds, Timestamp::EPOCH)
        .unwrap();
    let report = Import::new().into_database("d", None).parquet(&copy, &out, GO_ON).unwrap();
    assert_eq!((report.rows, report.refused_count), (0, 8640));
    assert_eq!(report.refused[1].line, 2);
    assert!(
        report.refused[0].reason.contains("field type conflict"),
        "{}",
        report.refused[0].reason
    );
}

#[test]
fn damaged_files_are_errors_or_values_and_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder.path().join("db"));
    db.create_database("demo", None).unwrap();
    let lines = b"m,t=a f=1.5,i=1i,u=1u,b=true,s=\"x\" 1\nm f=2.5 2\nm,t=b s=\"y\" 3";
    db.writer("demo", None)
        .unwrap()
        .write_lines(lines, Precision::Seconds, Timestamp::EPOCH)
        .unwrap();
    let out = folder.path().join("out");
    Export::new().parquet(&db, &out, "x", GO_ON).unwrap();
    let path = files(&out).remove(0);
    let good = std::fs::read(&path).unwrap();
    let copy = open(&folder.path().join("copy"));
    let mut refused = 0;
    let mut check = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        match Import::new().into_database("d", None).parquet(&copy, &path, GO_ON) {
            Err(ImportError::File { path: named, .. }) => {
                assert_eq!(named, path);
                refused += 1;
            }
            Err(error) => assert!(matches!(error, ImportError::Write { .. }), "{error}"),
            Ok(_) => {}
        }
    };
    (0..good.len()).step_by(7).for_each(|cut| check(&good[..cut]));
    for at in (0..good.len()).step_by(3) {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        check(&bytes);
    }
    assert!(refused >= good.len() / 7, "every cut, at least: {refused}");

    std::fs::write(&path, "no such thing").unwrap();
    let error = Import::new().parquet(&copy, &path, GO_ON).unwrap_err();
    assert!(error.to_string().contains("part-x-0000.parquet"), "{error}");
    let empty = tempfile::tempdir().unwrap();
    let error = Import::new().parquet(&copy, empty.path(), GO_ON).unwrap_err();
    assert!(error.to_string().contains("found none"), "{error}");
}

/// Other programs read the files: DuckDB, or else Arrow.
#[test]
fn other_programs_read_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder.path().join("db"));
    sample(&db);
    let out = folder.path().join("out");
    Export::new().parquet(&db, &out, "x", GO_ON).unwrap();
    let script = r#"
import sys
try:
    import duckdb
    rows = duckdb.sql(f"SELECT count(*), sum(count), max(big), min(usage), count(rack), count(distinct date), "
                      f"epoch_ns(min(time)) FROM read_parquet('{sys.argv[1]}/**/*.parquet', hive_partitioning=true)").fetchall()
    print(*[str(cell) for cell in rows[0]])
except ImportError:
    import pyarrow.dataset as ds
    import pyarrow.compute as pc
    t = ds.dataset(sys.argv[1], partitioning="hive").to_table()
    print(t.num_rows, pc.sum(t["count"]), pc.max(t["big"]), pc.min(t["usage"]), t.num_rows - t["rack"].null_count,
          len(pc.unique(t["date"])), pc.min(t["time"]).value)
"#;
    let answer = Command::new("python3").args(["-c", script, out.to_str().unwrap()]).output();
    let Ok(answer) = answer else {
        println!("skipped: reading Parquet files with another program: no python3");
        return;
    };
    let error = String::from_utf8_lossy(&answer.stderr);
    if error.contains("ModuleNotFoundError") {
        println!(
            "skipped: reading Parquet files with another program: python3 has neither duckdb nor pyarrow"
        );
        return;
    }
    assert!(answer.status.success(), "{error}");
    let sum: u64 = (0..2880).sum::<u64>() * 3;
    let want = format!("8640 {sum} {} 0.5 2880 2 1699833600000000000", u64::MAX);
    assert_eq!(String::from_utf8_lossy(&answer.stdout).trim(), want);
}
