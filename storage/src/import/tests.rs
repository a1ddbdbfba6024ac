//! Exports and imports, together: what goes out comes in again.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use stripchart_core::{FieldValue, TimeRange};

use super::*;
use crate::{
    Direction, Export, ExportError, ExportReport, PolicySpec, Sealed, SyncPolicy, TagFilter, View,
};

const GO_ON: fn(&Progress) -> ControlFlow<()> = |_| ControlFlow::Continue(());

fn open(path: &Path) -> Db {
    Db::builder()
        .sync(SyncPolicy::Never)
        .clock(|| Timestamp::from_secs(1_000_000))
        .open(path)
        .unwrap()
}

fn export(db: &Db, export: &Export) -> (String, ExportReport) {
    let mut out = Vec::new();
    let report = export.lines(db, &mut out, GO_ON).unwrap();
    assert_eq!(report.bytes, out.len() as u64);
    (String::from_utf8(out).unwrap(), report)
}

/// Every value of a policy, by series, time and field.
fn values(view: &View) -> BTreeMap<(String, i64, String), FieldValue> {
    let mut all = BTreeMap::new();
    for measurement in view.measurements().unwrap() {
        let fields = view.fields(&measurement);
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        for series in view.series(&measurement, &TagFilter::All).unwrap() {
            for block in view.scan(&series, &names, TimeRange::ALL, Direction::Ascending) {
                let block = block.unwrap();
                for (row, at) in block.timestamps.iter().enumerate() {
                    for (column, name) in block.columns.iter().zip(&names) {
                        let value = column.get(row).and_then(|value| value.to_field_value());
                        let key = (series.key().as_str().to_owned(), *at, (*name).to_owned());
                        value.map(|value| all.insert(key, value));
                    }
                }
            }
        }
    }
    all
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]",
        Just("with space, comma=and \"quotes\"".to_owned()),
        Just(r"back\slash\, \= \q".to_owned()),
        Just("ünï\tcode\r☃".to_owned()),
    ]
}

fn value() -> impl Strategy<Value = FieldValue> {
    prop_oneof![
        any::<f64>().prop_filter("finite", |v| v.is_finite()).prop_map(FieldValue::Float),
        prop_oneof![
            Just(0.0),
            Just(-0.0),
            Just(f64::MIN),
            Just(f64::MIN_POSITIVE / 8.0),
            Just(0.1)
        ]
        .prop_map(FieldValue::Float),
        prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX)].prop_map(FieldValue::Integer),
        prop_oneof![any::<u64>(), Just(u64::MAX)].prop_map(FieldValue::Unsigned),
        any::<bool>().prop_map(FieldValue::Boolean),
        prop_oneof![".*", Just("two\nlines\\ \"and\" more\r\n# DDL\n".to_owned())]
            .prop_map(FieldValue::String),
    ]
}

type Row = (String, Option<(String, String)>, i64, Vec<(String, FieldValue)>);

fn row() -> impl Strategy<Value = Row> {
    let at = prop_oneof![-50i64..50, Just(i64::MIN + 2), Just(i64::MAX - 1)];
    (
        name(),
        proptest::option::of((name(), name())),
        at,
        proptest::collection::vec((name(), value()), 1..4),
    )
}

fn write(db: &Db, rows: &[Row]) {
    let mut batch = Batch::new();
    for (measurement, tag, at, fields) in rows {
        let tags = tag.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let series = batch.series(measurement, tags).unwrap();
        let mut row = batch.row(series, Timestamp::from_nanos(*at));
        for (name, value) in fields {
            // One type for a field.
            row.field(&format!("{name}{}", value.field_type()), value.as_ref());
        }
    }
    db.writer("demo", None).unwrap().write(&batch).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 64 }))]

    #[test]
    fn whatever_is_stored_comes_back_bit_for_bit(
        first in proptest::collection::vec(row(), 0..20),
        second in proptest::collection::vec(row(), 0..20),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let db = open(&folder.path().join("a"));
        db.create_database("demo", None).unwrap();
        write(&db, &first);
        db.seal().unwrap();
        write(&db, &second);
        let (text, report) = export(&db, &Export::new());
        let copy = open(&folder.path().join("b"));
        // Twice: an import that was interrupted is begun again.
        for _ in 0..2 {
            let read = Import::new().lines(&copy, text.as_bytes(), GO_ON).unwrap();
            prop_assert_eq!(&read.refused, &[]);
            prop_assert_eq!(read.rows, report.rows);
            prop_assert_eq!(read.lines, text.bytes().filter(|b| *b == b'\n').count() as u64);
        }
        let want = values(&db.view("demo", None).unwrap());
        prop_assert_eq!(want.len() as u64, report.values);
        prop_assert_eq!(values(&copy.view("demo", None).unwrap()), want);
        prop_assert_eq!(export(&copy, &Export::new()).0, text);
    }
}

#[test]
fn an_export_is_the_text_that_influxdb_reads() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    db.create_database("demo", None).unwrap();
    let month =
        PolicySpec { duration_ns: Some(30 * 86_400_000_000_000), ..PolicySpec::named("a month") };
    db.create_retention_policy("demo", month).unwrap();
    let write = |policy, body: &[u8]| {
        db.writer("demo", policy)
            .unwrap()
            .write_lines(body, Precision::Seconds, Timestamp::EPOCH)
            .unwrap();
    };
    write(None, b"cpu,host=b user=1.5,sys=2i 2\ncpu,host=a user=1 3\ncpu,host=a user=2 1");
    write(Some("a month"), b"log text=\"x\",n=7u,on=t 999999");
    let (text, report) = export(&db, &Export::new());
    let want = "\
# DDL
CREATE DATABASE \"demo\" WITH DURATION INF REPLICATION 1 SHARD DURATION 1w NAME \"autogen\"
CREATE RETENTION POLICY \"a month\" ON \"demo\" DURATION 30d REPLICATION 1 SHARD DURATION 1d
# DML
# CONTEXT-DATABASE: demo
# CONTEXT-RETENTION-POLICY: autogen
cpu,host=a user=2 1000000000
cpu,host=a user=1 3000000000
cpu,host=b sys=2i,user=1.5 2000000000
# CONTEXT-DATABASE: demo
# CONTEXT-RETENTION-POLICY: a month
log n=7u,on=true,text=\"x\" 999999000000000
";
    assert_eq!(text, want);
    assert_eq!((report.policies, report.series, report.rows, report.values), (2, 3, 4, 7));

    let range = TimeRange::new(Timestamp::from_secs(2), Timestamp::from_secs(3));
    let part = Export::new().policy("autogen").range(range).without_definitions();
    assert_eq!(export(&db, &part).0.lines().last(), Some("cpu,host=b sys=2i,user=1.5 2000000000"));
    let equal = TagFilter::Equal { key: "host".into(), value: "a".into() };
    assert_eq!(export(&db, &Export::new().series(equal)).1.rows, 2);

    let missing = Export::new().policy("no").lines(&db, Vec::new(), GO_ON).unwrap_err();
    assert_eq!(missing.to_string(), "retention policy not found: no");
    let sealed = Sealed::open(folder.path()).unwrap();
    assert_eq!(
        Export::new().lines(&sealed, Vec::new(), GO_ON).unwrap().rows,
        0,
        "nothing is sealed"
    );
}

#[test]
fn what_line_protocol_cannot_say_is_counted_and_the_rest_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    db.create_database("demo", None).unwrap();
    let mut batch = Batch::new();
    let series = batch.series("m", []).unwrap();
    batch.row(series, Timestamp::EPOCH).f64("a", f64::NAN).f64("b", 1.0).f64("ends\\", 1.0);
    let series = batch.series("#m", []).unwrap();
    batch.row(series, Timestamp::EPOCH).f64("a", 1.0).i64("b", 1);
    db.writer("demo", None).unwrap().write(&batch).unwrap();
    let (text, report) = export(&db, &Export::new());
    assert_eq!(text.lines().last(), Some("m b=1 0"));
    assert_eq!((report.rows, report.left_out), (1, 4));
    assert!(report.left_out_first.unwrap().contains("\"#m\""));
}

#[test]
fn refused_lines_are_named_by_number_and_the_others_are_stored() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let text = "# a comment
CREATE DATABASE x
# DDL
CREATE DATABASE demo
DROP DATABASE demo

# DML
# CONTEXT-DATABASE:demo
m,t=a v=1i 1
m,t=a v=2.5 2
m,t=\"b s=\"two
lines\" 3
broken

m,t=a v=2i 4
m time=1i 5
";
    let error = Import::new().lines(&db, text.as_bytes(), GO_ON).unwrap_err();
    assert!(matches!(error, ImportError::NoDatabase { line: 2 }), "{error}");

    let text = text.replacen("CREATE DATABASE x\n", "\n", 1);
    let report = Import::new().lines(&db, text.as_bytes(), GO_ON).unwrap();
    let refused: Vec<String> = report.refused.iter().map(Refused::to_string).collect();
    assert_eq!(report.lines, 16);
    assert_eq!(report.refused_count, refused.len() as u64);
    let find = |line: &str| refused.iter().find(|text| text.starts_with(line)).cloned();
    assert_eq!(find("line 5:").unwrap(), "line 5: expected CREATE, found DROP");
    assert!(find("line 10:").unwrap().contains("field type conflict"), "{refused:?}");
    assert!(find("line 13:").unwrap().contains("a space and a field"), "{refused:?}");
    assert!(find("line 16:").unwrap().contains("time"), "{refused:?}");
    assert_eq!(refused.len(), 4, "{refused:?}");
    assert_eq!(values(&db.view("demo", None).unwrap()).len(), 3);
    assert_eq!(report.rows, 3);
}

#[test]
fn an_import_goes_where_the_caller_says() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let text = "# DDL\nCREATE DATABASE other\n# DML\n# CONTEXT-DATABASE: other\nm v=1 7\nm v=2\n";
    let import = Import::new().into_database("mine", None).precision(Precision::Seconds);
    let report = import.lines(&db, text.as_bytes(), GO_ON).unwrap();
    assert_eq!((report.rows, report.refused_count, db.catalog().databases().count()), (2, 0, 1));
    let times: Vec<i64> =
        values(&db.view("mine", None).unwrap()).into_keys().map(|(_, at, _)| at).collect();
    assert_eq!(times, [7_000_000_000, 1_000_000_000_000_000], "without a time: the clock's");
    let error = Import::new()
        .into_database("mine", Some("no"))
        .lines(&db, &b"\nm v=1"[..], GO_ON)
        .unwrap_err();
    assert_eq!(error.to_string(), "line 2: retention policy not found: no");
}

#[test]
fn long_texts_are_taken_in_batches_and_can_be_stopped_and_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let mut text: String =
        (0..12_345).map(|at| format!("m,t=\"q v={at}i,s=\"a\nb\" {at}\n")).collect();
    text.truncate(text.len() - 1); // the last line ends without a line feed
    let import = Import::new().into_database("demo", None);
    let mut steps = 0;
    let stop = |progress: &Progress| {
        steps += 1;
        assert!(progress.rows <= 5000 * steps, "{progress:?}");
        if steps == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let error = import.lines(&db, text.as_bytes(), stop).unwrap_err();
    assert!(matches!(error, ImportError::Cancelled));
    let report = import.lines(&db, Trickle(text.as_bytes()), GO_ON).unwrap();
    assert_eq!((report.rows, report.lines, report.bytes), (12_345, 24_690, text.len() as u64));
    let (again, count) = export(&db, &Export::new().without_definitions());
    assert_eq!(count.rows, 12_345);
    assert!(again.ends_with("m,t=\"q s=\"a\nb\",v=12344i 12344\n"));

    let mut blocks = 0;
    let stop = |_: &Progress| {
        blocks += 1;
        if blocks == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let mut part = Vec::new();
    let error = Export::new().lines(&db, &mut part, stop).unwrap_err();
    assert!(matches!(error, ExportError::Cancelled));
    assert!(part.ends_with(b"\n"), "whole lines");
}

#[test]
fn a_string_that_is_never_closed_does_not_swallow_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let mut text = b"m v=\"open\n".to_vec();
    text.resize(LINE_MAX + 3 * PIECE, b'x');
    text.extend(b"\nm v=\"good\" 7");
    let report = Import::new().into_database("demo", None).lines(&db, &text[..], GO_ON).unwrap();
    assert_eq!(report.rows, 1);
    let refused: Vec<u64> = report.refused.iter().map(|refused| refused.line).collect();
    assert_eq!(refused, [1, 2, 2], "the open string, the line that is too long, its end");
    assert_eq!((report.lines, report.bytes), (3, text.len() as u64));
}

#[test]
fn files_of_another_kind_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let error = Import::new().lines(&db, &[0x1f, 0x8b, 8][..], GO_ON).unwrap_err();
    assert_eq!(error.to_string(), "expected line protocol, found gzip; decompress it first");
}

/// A reader that yields little at a time.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = buf.len().min(self.0.len()).min(7_001);
        buf[..len].copy_from_slice(&self.0[..len]);
        self.0 = &self.0[len..];
        Ok(len)
    }
}
