//! Any text that parses is run over a small database, within limits: it is answered or refused, and neither panics nor changes what
//! questions after it find wrong. The answer in pieces says the same as the answer at once.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use stripchart_core::{Batch, Sink, Timestamp};
use stripchart_query::ast::Statement;
use stripchart_query::{
    Engine, ExecuteOptions, FormatOptions, Limits, StreamOptions, parse_query, write_json,
};
use stripchart_storage::Db;
use stripchart_storage::vfs::sim::SimVfs;

const NOW: Timestamp = Timestamp::from_secs(1000);

/// Two measurements, tags that some lack, a field of every type; half of the rows sealed.
fn engine() -> Engine {
    let db = Db::builder()
        .clock(|| NOW)
        .vfs(Arc::new(SimVfs::new()))
        .open("/data")
        .expect("a database");
    db.create_database("db", None).expect("a database");
    let writer = db.writer("db", None).expect("a writer");
    for second in 0..20 {
        let mut batch = Batch::new();
        for (name, host, rack) in [("cpu", "a", "r1"), ("cpu", "b", ""), ("mem", "a", "r2")] {
            let series = batch.series(name, [("host", host), ("rack", rack)]).expect("a key");
            let mut row = batch.row(series, Timestamp::from_secs(second * 10));
            row.field("i", second * 7 % 11);
            if second % 3 > 0 {
                row.field("f", second as f64 / 8.0);
            }
            if second % 4 == 0 {
                row.field("s", if second % 8 == 0 { "x" } else { "y z" });
                row.field("b", second % 8 == 0);
            }
        }
        writer.write(&batch).expect("writable");
        if second == 10 {
            db.seal().expect("sealed");
        }
    }
    Engine::new(db)
}

/// Statements whose answer is of this moment, or that change what is asked next.
fn tells_of_itself(statement: &Statement) -> bool {
    !matches!(statement, Statement::Select(select) if select.target.is_none())
}

fuzz_target!(|text: &str| {
    let Ok(query) = parse_query(text) else { return };
    let engine = engine();
    let limits = Limits {
        max_series: Some(1000),
        max_points: Some(100_000),
        max_buckets: Some(10_000),
        max_memory_bytes: Some(4 << 20),
    };
    let mut options = ExecuteOptions::new(NOW).database("db");
    options.limits = limits.clone();
    let results = engine.execute(&query, &options);
    assert_eq!(results.len(), query.statements.len());
    let failed = results.iter().any(|result| result.error.is_some());
    if failed || query.statements.iter().any(tells_of_itself) {
        return;
    }
    let mut whole = Vec::new();
    write_json(&results, &FormatOptions::default(), &mut whole);
    let mut streamed = StreamOptions::new(NOW).database("db");
    streamed.limits = limits;
    let pieces: Vec<u8> = engine.stream(query, streamed).flatten().collect();
    assert_eq!(String::from_utf8_lossy(&pieces), String::from_utf8_lossy(&whole), "{text}");
});
