//! Line protocol: any bytes are read without panic; the parser that remembers series, fields and times reads what the
//! grammar alone reads, each time anew, and refuses the same with the same words, also when they come in pieces; and what
//! was read, once written, reads the same again.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use stripchart_core::line_protocol::write_batch;
use stripchart_core::{Batch, FieldValue, Precision, Timestamp};
use stripchart_storage::line_protocol::{LineFeeder, LineParser, ParseReport, Reason, lines};

const NOW: Timestamp = Timestamp::from_nanos(1_700_000_000_123_456_789);

/// Series key as text, time, fields as text.
type Point = (String, i64, BTreeMap<String, String>);

fuzz_target!(|body: &[u8]| {
    let mut want: Vec<Point> = Vec::new();
    let mut refused = 0;
    for line in lines(body) {
        let Ok(line) = line else {
            refused += 1;
            continue;
        };
        let mut batch = Batch::new();
        let tags: Vec<_> = line.tags().collect();
        let series = batch
            .series(&line.measurement(), tags.iter().map(|(key, value)| (&**key, &**value)))
            .expect("the grammar accepts no key that the model does not");
        let time = line.timestamp().unwrap_or(NOW.nanos());
        if !(Timestamp::MIN..=Timestamp::MAX).contains(&Timestamp::from_nanos(time)) {
            refused += 1;
            continue;
        }
        let fields = line
            .fields()
            .map(|(key, value)| (key.into_owned(), format!("{:?}", FieldValue::from(value))));
        want.push((batch.key(series).expect("just entered").as_str().to_owned(), time, fields.collect()));
    }
    want.sort();

    let mut slow = Batch::new();
    let slow_report = LineParser::grammar_alone().parse(body, Precision::Nanoseconds, NOW, &mut slow);
    assert_eq!(points_of(&slow), want);

    let (mut parser, mut batch) = (LineParser::new(), Batch::new());
    for round in 0..3 {
        let report = parser.parse(body, Precision::Nanoseconds, NOW, &mut batch);
        assert_eq!(points_of(&batch), want, "round {round}");
        assert_eq!(report, slow_report, "round {round}");
        assert_eq!((report.rows, report.error_count), (want.len(), refused), "round {round}");
        for error in &report.errors {
            let line = body.split(|byte| *byte == b'\n').nth(error.line - 1).expect("a line of the body");
            assert!((1..=line.len() + 1).contains(&error.column) || error.reason == Reason::InvalidUtf8);
        }
        if round == 0 { batch.clear() } else { batch.reset() }
    }

    halves_in_turn(body);
    in_pieces(body, &want, &slow_report);

    parser.parse(body, Precision::Nanoseconds, NOW, &mut batch);
    let mut text = String::new();
    if write_batch(&batch, &mut text).is_ok() {
        let mut again = Batch::new();
        let report = parser.parse(text.as_bytes(), Precision::Nanoseconds, NOW, &mut again);
        assert!(report.is_ok(), "{report}");
        assert_eq!(points_of(&again), want);
    }
});

/// Two bodies that may resemble each other: what the one taught must not be believed of the other.
fn halves_in_turn(body: &[u8]) {
    let (first, second) = body.split_at(body.len() / 2);
    let (mut parser, mut batch) = (LineParser::with_memo_bytes(8 << 10), Batch::new());
    for half in [first, second, first, second, second] {
        let mut want = Batch::new();
        let want_report = LineParser::grammar_alone().parse(half, Precision::Seconds, NOW, &mut want);
        assert_eq!(parser.parse(half, Precision::Seconds, NOW, &mut batch), want_report);
        assert_eq!(points_of(&batch), points_of(&want));
        batch.clear();
    }
}

/// The first byte says how long the pieces are.
fn in_pieces(body: &[u8], want: &[Point], want_report: &ParseReport) {
    let len = 1 + usize::from(body.first().copied().unwrap_or(0) % 64);
    let (mut feeder, mut batch) = (LineFeeder::new(), Batch::new());
    let (mut rows, mut errors) = (0, Vec::new());
    let mut add = |report: ParseReport| {
        rows += report.rows;
        errors.extend(report.errors);
    };
    for piece in body.chunks(len) {
        add(feeder.feed(piece, Precision::Nanoseconds, NOW, &mut batch));
    }
    add(feeder.finish(Precision::Nanoseconds, NOW, &mut batch));
    assert_eq!((points_of(&batch).as_slice(), rows), (want, want.len()));
    // Each report keeps a bounded number of errors, so there may be more of them here.
    assert_eq!(errors[..want_report.errors.len()], want_report.errors);
}

fn points_of(batch: &Batch) -> Vec<Point> {
    let mut points = Vec::new();
    for table in batch.tables() {
        for row in 0..table.row_count() {
            let key = batch.series_entry(table.series()[row]).key().as_str().to_owned();
            let mut fields = BTreeMap::new();
            for column in table.columns() {
                if let Some(value) = column.get(row) {
                    let before = fields.insert(column.name.clone(), format!("{value:?}"));
                    assert_eq!(before, None, "a field of two types in one row");
                }
            }
            points.push((key, table.timestamps()[row], fields));
        }
    }
    points.sort();
    points
}
