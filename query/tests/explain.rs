//! `EXPLAIN` names what a query leaves alone: shards, files, series and blocks, by figures that can be checked by hand.

mod common;

use std::sync::Arc;

use stripchart_core::{Precision, Timestamp};
use stripchart_query::Engine;
use stripchart_storage::vfs::sim::SimVfs;
use stripchart_storage::{Db, PolicySpec};

const DAY: i64 = 86_400;
const NOW: Timestamp = Timestamp::from_secs(10 * DAY);

/// A database whose shards span a day each.
fn database() -> Db {
    let db = Db::builder().clock(|| NOW).vfs(Arc::new(SimVfs::new())).open("/data");
    let db = db.expect("a database");
    let policy =
        PolicySpec { shard_duration_ns: Some(DAY * 1_000_000_000), ..PolicySpec::named("daily") };
    db.create_database("db", Some(policy)).expect("a database");
    db
}

fn write(db: &Db, lines: &str) {
    let writer = db.writer("db", None).expect("a writer");
    let report = writer.write_lines(lines.as_bytes(), Precision::Seconds, NOW).expect("writable");
    assert_eq!(report.rows, lines.lines().count());
}

/// Two hosts, a row every ten minutes for three days, a file for each day; then five rows of host a that are in memory only.
fn engine() -> Engine {
    let db = database();
    for day in 0..3 {
        let row = |ten: i64, host| {
            format!("cpu,host={host} busy={},idle=1i {}\n", ten / 6, day * DAY + ten * 600)
        };
        let lines: String = (0..144).flat_map(|ten| [row(ten, "a"), row(ten, "b")]).collect();
        write(&db, &lines);
        db.seal().expect("sealed");
    }
    let late: String =
        (0..5).map(|second| format!("cpu,host=a busy=7 {}\n", 4 * DAY + second)).collect();
    write(&db, &late);
    write(&db, "mem,host=a used=1 1");
    Engine::new(db)
}

/// The lines of an answer, without the spaces before them.
fn lines(engine: &Engine, query: &str) -> Vec<String> {
    common::explained(engine, query, NOW)
}

/// What is told of `what`, each time it is.
fn told<'a>(lines: &'a [String], what: &str) -> Vec<&'a str> {
    lines.iter().filter_map(|line| line.strip_prefix(what)?.strip_prefix(": ")).collect()
}

#[test]
fn shards_and_files_outside_the_time_range_are_pruned_and_named() {
    let engine = engine();
    let query = "EXPLAIN SELECT mean(busy) FROM cpu WHERE host = 'b' AND time >= '1970-01-02T06:00:00Z' \
                 AND time < '1970-01-03T06:00:00Z' GROUP BY time(6h)";
    let lines = lines(&engine, query);
    let of = |what| told(&lines, what);
    // The second and the third day are read; the first and the fifth are not.
    assert_eq!(of("NUMBER OF SHARDS"), ["2"]);
    assert_eq!(of("SHARDS PRUNED"), ["2"]);
    let shards = of("SHARD");
    assert!(
        shards[0].starts_with("from 1970-01-02T00:00:00Z to 1970-01-03T00:00:00Z, 1 file of "),
        "{shards:?}"
    );
    assert!(
        shards[1].starts_with("from 1970-01-03T00:00:00Z to 1970-01-04T00:00:00Z, 1 file of "),
        "{shards:?}"
    );
    assert_eq!((of("NUMBER OF FILES"), of("FILES PRUNED")), (vec!["2"], vec!["1"]));
    assert_eq!((of("NUMBER OF SERIES"), of("SERIES PRUNED")), (vec!["1"], vec!["1"]));
    assert_eq!(of("NUMBER OF BLOCKS"), ["2"], "one a day of one field");
    assert_eq!(of("ROWS OF BLOCKS"), ["288"]);
    assert_eq!(of("CACHED VALUES"), ["0"]);
}

#[test]
fn what_is_in_memory_is_counted_by_values_inside_the_range() {
    let engine = engine();
    let all = lines(&engine, "EXPLAIN SELECT busy, idle FROM cpu");
    assert_eq!(told(&all, "CACHED VALUES"), ["5"], "idle has none there");
    assert_eq!(told(&all, "NUMBER OF SHARDS"), ["4"]);
    assert_eq!(told(&all, "SHARDS PRUNED"), ["0"]);
    assert_eq!(
        told(&all, "SHARD")[3],
        "from 1970-01-05T00:00:00Z to 1970-01-06T00:00:00Z, in memory"
    );
    let query = "EXPLAIN SELECT last(busy) FROM cpu WHERE time >= '1970-01-05T00:00:03Z'";
    let late = lines(&engine, query);
    assert_eq!(told(&late, "CACHED VALUES"), ["2"]);
    assert_eq!(
        (told(&late, "NUMBER OF FILES"), told(&late, "NUMBER OF BLOCKS")),
        (vec!["0"], vec!["0"])
    );
    assert_eq!(told(&late, "SHARDS PRUNED"), ["3"]);
    // Of another measurement only its own is read.
    let mem = lines(&engine, "EXPLAIN SELECT used FROM mem");
    assert_eq!(
        (told(&mem, "NUMBER OF SHARDS"), told(&mem, "SHARDS PRUNED")),
        (vec!["1"], vec!["3"])
    );
    assert_eq!(told(&mem, "AUXILIARY FIELDS"), ["used::float"]);
    assert_eq!(told(&mem, "EXPRESSION"), ["<nil>"]);
}

#[test]
fn many_shards_are_counted_and_the_first_ten_listed() {
    let db = database();
    let lines_of: String = (0..14).map(|day| format!("m v=1 {}\n", day * DAY)).collect();
    write(&db, &lines_of);
    db.seal().expect("sealed");
    let lines = lines(&Engine::new(db), "EXPLAIN SELECT v FROM m");
    assert_eq!(told(&lines, "NUMBER OF SHARDS"), ["14"]);
    let shards = told(&lines, "SHARD");
    assert_eq!((shards.len(), shards[10]), (11, "and 4 more"));
}

#[test]
fn an_analysis_tells_what_statistics_answered_what_was_decoded_and_what_skipped() {
    let engine = engine();
    let figures = |query: &str| {
        let lines = lines(&engine, &format!("EXPLAIN ANALYZE {query}"));
        let of = |what| told(&lines, what)[0].parse::<u64>().expect("a number");
        (of("blocks_from_statistics"), of("blocks_decoded"), of("blocks_skipped"))
    };
    // Three days of whole blocks, one for each day and host; what is in memory is no block.
    assert_eq!(figures("SELECT count(busy) FROM cpu"), (6, 0, 0));
    // Nothing busy is above 23, as the statistics of each block show.
    assert_eq!(figures("SELECT * FROM cpu WHERE busy > 30"), (0, 0, 6));
    let (described, decoded, _) =
        figures("SELECT sum(busy) FROM cpu WHERE host = 'a' AND time >= 43200s AND time < 172800s");
    assert_eq!((described, decoded), (1, 1), "half of the first day, all of the second");
}

#[test]
fn rollups_that_serve_are_named_and_their_rows_counted() {
    let db = database();
    db.create_retention_policy("db", PolicySpec::named("minutes")).expect("a policy");
    db.create_rollup("db", None, "minutes", 60_000_000_000).expect("a rollup");
    let rows: String = (0..60_000).map(|second| format!("m v={} {second}\n", second % 9)).collect();
    write(&db, &rows);
    db.seal().expect("sealed");
    db.step(NOW);
    let engine = Engine::new(db);
    let query =
        "EXPLAIN ANALYZE SELECT sum(v) FROM m WHERE time >= 0s AND time < 54000s GROUP BY time(1h)";
    let lines = lines(&engine, query);
    let rollup = "1m0s, from 1970-01-01T00:00:00Z to 1970-01-01T14:59:59.999999999Z";
    assert_eq!(told(&lines, "ROLLUP"), [rollup]);
    assert_eq!(told(&lines, "rows_read"), ["900"], "a row a minute, instead of 54 000");
    assert_eq!(told(&lines, "blocks_decoded"), ["0"], "{lines:?}");
}
