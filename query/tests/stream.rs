//! Answers that are taken piece by piece: the same text as whole ones, in memory that does not grow with them.

use std::sync::Arc;

use stripchart_core::{Batch, ManualClock, Sink, Timestamp};
use stripchart_query::{
    Engine, ExecuteOptions, FormatOptions, Message, StreamOptions, TextFormat, parse_query,
    write_csv, write_json,
};
use stripchart_storage::Db;
use stripchart_storage::vfs::sim::SimVfs;

const NOW: Timestamp = Timestamp::from_secs(100_000);

/// `hosts` hosts, a row each for `rows` seconds: an integer, a float that some rows lack, a text that few have.
fn engine(hosts: usize, rows: i64) -> Engine {
    let builder = Db::builder().clock(|| NOW).vfs(Arc::new(SimVfs::new()));
    let db = builder.open("/data").expect("a database");
    db.create_database("db", None).expect("a database");
    let writer = db.writer("db", None).expect("a writer");
    for second in 0..rows {
        let mut batch = Batch::new();
        for host in 0..hosts {
            let name = format!("h{host}");
            let rack = if host % 3 == 0 { "" } else { "r&1" };
            let series =
                batch.series("m", [("host", name.as_str()), ("rack", rack)]).expect("a key");
            let number = second * 7 % 100;
            let mut row = batch.row(series, Timestamp::from_secs(second));
            row.field("i", number);
            if second % 5 != 0 {
                row.field("f", number as f64 / 8.0);
            }
            if second % 50 == 0 {
                row.field("s", "a \"text\"");
            }
        }
        writer.write(&batch).expect("writable");
        if second == rows / 2 {
            db.seal().expect("sealed");
        }
    }
    Engine::new(db)
}

fn text(engine: &Engine, query: &str, options: StreamOptions) -> String {
    let query = parse_query(query).expect("it parses");
    let bytes: Vec<u8> = engine.stream(query, options).flatten().collect();
    String::from_utf8(bytes).expect("text")
}

fn options() -> StreamOptions {
    StreamOptions::new(NOW).database("db")
}

#[test]
fn a_stream_is_the_whole_answer_in_pieces() {
    let engine = engine(5, 400);
    let queries = [
        "SELECT * FROM m",
        "SELECT * FROM m WHERE i > 90 OR f < 1",
        "SELECT f, host, s FROM m WHERE i > 50 AND rack = '' ORDER BY time DESC LIMIT 70 OFFSET 3",
        "SELECT i * 2, f FROM m GROUP BY rack",
        "SELECT i FROM m GROUP BY * SLIMIT 2 SOFFSET 1",
        "SELECT mean(f), max(i), count(s) FROM m WHERE time < 400s GROUP BY time(30s), host",
        "SELECT last(*) FROM m; SHOW TAG VALUES WITH KEY = host; SELECT nosuch FROM m",
        "SELECT f FROM m WHERE s =~ /text/",
        "SELECT mean(f) FROM nosuch..m; SELECT i FROM m",
        "SHOW DATABASES",
    ];
    for query in queries {
        for pretty in [false, true] {
            let format = FormatOptions { pretty, ..FormatOptions::default() };
            let execute = ExecuteOptions::new(NOW).database("db");
            let results = engine.query(query, &execute).expect("it parses");
            let mut want = Vec::new();
            write_json(&results, &format, &mut want);
            let mut streamed = options();
            streamed.text = format;
            let got = text(&engine, query, streamed);
            assert_eq!(got, String::from_utf8(want).expect("text"), "{query}");
            if results.iter().all(|result| result.error.is_none()) {
                let mut want = String::new();
                write_csv(&results, &format, &mut want);
                let mut streamed = options();
                streamed.format = TextFormat::Csv;
                assert_eq!(text(&engine, query, streamed), want, "{query}");
            }
        }
    }
}

#[test]
fn chunks_are_documents_that_say_whether_more_follows() {
    let engine = engine(2, 5);
    let mut chunked = options();
    chunked.chunk_rows = Some(2);
    chunked.text.epoch = Some(stripchart_core::Precision::Seconds);
    chunked.remark = Some(|_| Some(Message::warning("careful")));
    let got = text(&engine, "SELECT i FROM m GROUP BY host; SELECT i FROM nosuch..m", chunked);
    let rows = |host: &str, values: &str, partial: bool, more: bool, remark: bool| {
        let mut text = format!(
            r#"{{"results":[{{"statement_id":0,"series":[{{"name":"m","tags":{{"host":"{host}"}},"columns":["time","i"],"values":[{values}]"#
        );
        text += if partial { r#","partial":true}]"# } else { "}]" };
        if remark {
            text += r#","messages":[{"level":"warning","text":"careful"}]"#;
        }
        text += if more { r#","partial":true}]}"# } else { "}]}" };
        text + "\n"
    };
    let want = [
        rows("h0", "[0,0],[1,7]", true, true, true),
        rows("h0", "[2,14],[3,21]", true, true, false),
        rows("h0", "[4,28]", false, true, false),
        rows("h1", "[0,0],[1,7]", true, true, false),
        rows("h1", "[2,14],[3,21]", true, true, false),
        rows("h1", "[4,28]", false, false, false),
        r#"{"results":[{"statement_id":1,"error":"database not found: nosuch"}]}"#.to_owned()
            + "\n",
    ];
    assert_eq!(got, want.concat());
    let mut windows = options();
    windows.chunk_rows = Some(2);
    let query = "SELECT count(i) FROM m WHERE time < 5s AND time >= 0s GROUP BY time(1s)";
    assert_eq!(text(&engine, query, windows).lines().count(), 3);
}

#[test]
fn memory_does_not_grow_with_the_answer() {
    let engine = engine(10, 3000);
    let mut small = options();
    // Half of what its rows take.
    small.limits.max_memory_bytes = Some(400_000);
    let got = text(&engine, "SELECT i, f FROM m", small.clone());
    assert_eq!(got.matches("],[").count() + 1, 30_000);
    let error = text(&engine, "SELECT median(i) FROM m", small);
    assert!(error.contains("the answer takes more than the 400000 bytes of memory"), "{error}");
}

#[test]
fn a_stream_that_runs_out_of_time_ends_with_the_error() {
    let engine = engine(3, 2000);
    let clock = Arc::new(ManualClock::new(NOW));
    let mut limited = options();
    limited.deadline = Some((Timestamp::from_secs(100_010), clock.clone()));
    let query = parse_query("SELECT i FROM m; SHOW DATABASES").expect("it parses");
    let mut pieces = engine.stream(query, limited);
    let mut text = pieces.next().expect("a piece");
    assert!(!text.ends_with(b"\n"), "there is more than a piece");
    clock.advance(10_000_000_000);
    text.extend(pieces.flatten());
    let text = String::from_utf8(text).expect("text");
    assert!(
        text.ends_with(concat!(
            r#"]]}],"error":"query-timeout limit exceeded"},"#,
            r#"{"statement_id":1,"error":"not executed"}]}"#,
            "\n"
        )) || text.contains(r#""partial":true}],"error":"query-timeout limit exceeded"},"#),
        "{}",
        &text[text.len() - 200..]
    );
}

#[test]
fn destinations_of_subscriptions_are_lists_as_influxdb_shows_them() {
    let engine = engine(1, 1);
    let made = text(
        &engine,
        "CREATE SUBSCRIPTION s ON db.autogen DESTINATIONS ALL 'udp://h:9000', 'http://x:1/a,\"b'",
        options(),
    );
    assert_eq!(made, "{\"results\":[{\"statement_id\":0}]}\n");
    let shown = text(&engine, "SHOW SUBSCRIPTIONS; SHOW DATABASES", options());
    let want = concat!(
        r#"{"results":[{"statement_id":0,"series":[{"name":"db","#,
        r#""columns":["retention_policy","name","mode","destinations"],"#,
        r#""values":[["autogen","s","ALL",["udp://h:9000","http://x:1/a,\"b"]]]}]},"#,
        r#"{"statement_id":1,"series":[{"name":"databases","columns":["name"],"values":[["db"]]}]}]}"#,
        "\n"
    );
    assert_eq!(shown, want);
}

/// Rows of many series are merged with their numbers side by side, where all of a block are there; elsewhere value by value.
#[test]
fn many_series_are_merged_as_few_are() {
    let engine = engine(40, 60);
    let per_host = |what: &str, rest: &str| -> Vec<String> {
        let mut rows: Vec<(u64, usize, String)> = Vec::new();
        for host in 0..40 {
            let joint = if rest.is_empty() { "WHERE" } else { "AND" };
            let query = format!("SELECT {what} FROM m {rest} {joint} host = 'h{host}'");
            let mut csv = options();
            csv.format = TextFormat::Csv;
            for line in text(&engine, &query, csv).lines().skip(1) {
                let at = line.split(',').nth(2).and_then(|at| at.parse().ok()).expect("a time");
                rows.push((at, host, line.to_owned()));
            }
        }
        rows.sort();
        rows.into_iter().map(|(_, _, line)| line).collect()
    };
    for (what, rest) in [
        ("i, host", ""),
        ("i, host", "WHERE i > 50"),
        ("host, i, rack", "WHERE i > 50 AND time < 45s"),
        // Gaps, a text, a column twice, one that is not there.
        ("i, f, host", ""),
        ("f, i, host", "WHERE f > 2"),
        ("i, s, host", "WHERE i < 20"),
        ("i, i, nosuch, host", "WHERE i > 50"),
        ("f::integer, i::float, host", "WHERE i > 50"),
    ] {
        let mut csv = options();
        csv.format = TextFormat::Csv;
        let merged = text(&engine, &format!("SELECT {what} FROM m {rest}"), csv);
        // Which of two hosts comes first at an instant is another matter.
        let mut merged: Vec<&str> = merged.lines().skip(1).collect();
        let at = |line: &&str| line.split(',').nth(2).and_then(|at| at.parse::<u64>().ok());
        assert!(merged.is_sorted_by_key(at), "{what} {rest}");
        let mut apart = per_host(what, rest);
        merged.sort_unstable();
        apart.sort_unstable();
        assert!(!merged.is_empty());
        assert_eq!(merged, apart, "{what} {rest}");
    }
}
