//! Rows of many series that meet a condition: found in one pass they are those, and in that order, that merging the series finds.

use std::sync::{Arc, OnceLock};

use proptest::prelude::*;
use stripchart_core::{Batch, Frame, Sink, Timestamp};
use stripchart_query::{Engine, ExecuteOptions, Limits, StreamOptions, parse_query};
use stripchart_storage::Db;
use stripchart_storage::vfs::sim::SimVfs;

const ROWS: i64 = 1500;
const HOSTS: i64 = 24;
const NOW: Timestamp = Timestamp::from_secs(ROWS);

/// Most hosts report at the same seconds, every fourth a moment later; `y` has gaps, `z` is another type of number. Part is sealed, part came twice, part is in memory.
fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let builder = Db::builder().clock(|| NOW).vfs(Arc::new(SimVfs::new()));
        let db = builder.open("/data").expect("a database");
        db.create_database("db", None).expect("a database");
        write(&db, 0..ROWS - 300, 1);
        db.seal().expect("sealed");
        write(&db, 700..740, 3);
        db.seal().expect("sealed");
        write(&db, ROWS - 300..ROWS, 1);
        Engine::new(db)
    })
}

fn write(db: &Db, seconds: std::ops::Range<i64>, times: i64) {
    let writer = db.writer("db", None).expect("a writer");
    let mut batch = Batch::new();
    for number in 0..HOSTS {
        let (host, rack) = (format!("h{}", number * 7 % HOSTS), format!("r{}", number % 3));
        let series = batch.series("m", [("host", &*host), ("rack", &*rack)]).expect("a key");
        for second in seconds.clone() {
            let walk = (second * 37 + number * 11).rem_euclid(101) * times;
            let late = i64::from(number % 4 == 0) * number;
            let mut row = batch.row(series, Timestamp::from_nanos(second * 1_000_000_000 + late));
            row.field("x", walk);
            if (second + number) % 7 != 3 {
                row.field("y", walk as f64 / 10.0);
            }
            row.field("z", walk.cast_unsigned() * 2);
        }
    }
    writer.write(&batch).expect("writable");
}

fn ask(query: &str) -> Vec<Frame> {
    let options = ExecuteOptions::new(NOW).database("db");
    let mut results = engine().query(query, &options).expect("it parses");
    assert!(results[0].error.is_none(), "{query}: {:?}", results[0].error);
    std::mem::take(&mut results[0].frames)
}

/// Row by row what a user sees.
fn lines(frames: &[Frame]) -> Vec<String> {
    let rows = frames.iter().flat_map(|frame| {
        (0..frame.row_count()).map(move |row| {
            let cells: Vec<_> = frame.columns.iter().map(|c| (&c.name, c.get(row))).collect();
            format!("{:?} {cells:?}", frame.tags)
        })
    });
    rows.collect()
}

fn reads_by(query: &str) -> String {
    let frames = ask(&format!("EXPLAIN {query}"));
    let column = &frames[0].columns[0];
    let mut lines = (0..column.len()).filter_map(|row| column.get(row)?.as_str());
    let line = lines.find_map(|line| line.trim().strip_prefix("READ BY: "));
    line.unwrap_or_default().to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// A condition that every row fulfils, and that storage is not asked, makes the series be merged.
    #[test]
    fn one_pass_finds_what_merging_finds(
        columns in prop::sample::subsequence(vec!["*", "x", "y", "z", "host", "rack", "nosuch"], 1..4),
        conditions in prop::sample::subsequence(vec!["x > 88", "y >= 9", "y < 9.7", "1 < x", "x = 90", "z <= 190"], 1..3),
        (start, rows) in (0..ROWS, 1..ROWS),
        descending: bool,
        by_rack: bool,
        offset in prop::option::of(0..50usize),
    ) {
        let columns = columns.join(", ");
        let text = |also: &str| {
            let bounds = format!("time >= {start}s AND time < {}s", start + rows);
            let mut text = format!("SELECT {columns} FROM m WHERE {} AND {bounds}{also}", conditions.join(" AND "));
            text += if by_rack { " GROUP BY rack" } else { "" };
            text += if descending { " ORDER BY time DESC" } else { "" };
            offset.map_or(text.clone(), |rows| format!("{text} OFFSET {rows}"))
        };
        let merged = lines(&ask(&text(" AND (x > -1000000 OR y > -1000000)")));
        prop_assert_eq!(lines(&ask(&text(""))), merged, "{}", text(""));
    }
}

#[test]
fn an_explanation_tells_the_one_pass() {
    for (query, want) in [
        ("SELECT * FROM m WHERE x > 88 AND y < 9.5", "rows that meet the condition, in one pass"),
        ("SELECT * FROM m WHERE x > 88 LIMIT 3", "rows, merged"),
        ("SELECT * FROM m WHERE x > 88 OR y < 9.5", "rows, merged"),
        ("SELECT * FROM m WHERE x != 88", "rows, merged"),
        ("SELECT x FROM m WHERE x > 88", "rows, merged"),
        ("SELECT * FROM m WHERE x > 88 AND host = 'h3'", "rows, merged"),
    ] {
        assert!(reads_by(query).starts_with(want), "{query}: {}", reads_by(query));
    }
}

/// Where many rows meet the condition the pass is given up.
#[test]
fn with_little_memory_the_series_are_merged() {
    let text = |condition: &str, limits: Limits| -> Vec<u8> {
        let mut options = StreamOptions::new(NOW).database("db");
        (options.limits, options.chunk_rows) = (limits, Some(500));
        let query = parse_query(&format!("SELECT * FROM m WHERE {condition}")).expect("it parses");
        engine().stream(query, options).flat_map(|piece| piece.to_vec()).collect()
    };
    let little = Limits { max_memory_bytes: Some(1 << 20), ..Limits::default() };
    let want = text("x >= 0 AND (x > -1 OR y > -1)", Limits::default());
    assert!(want.len() > 1 << 20);
    assert!(text("x >= 0", Limits::default()) == want);
    let got = text("x >= 0", little);
    assert!(got == want, "{}", String::from_utf8_lossy(&got[got.len().saturating_sub(300)..]));
    let points = Limits { max_points: Some(1000), ..Limits::default() };
    let refused = String::from_utf8(text("x >= 0", points)).expect("text");
    assert!(refused.contains("max-select-point limit exceeed: ("), "{refused}");
}
