//! The program dbtool as its user meets it.

#![allow(clippy::unwrap_used, reason = "test code outside of test functions")]

mod common;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::program;
use stripchart_core::{Batch, Precision, Sink, Timestamp};
use stripchart_storage::{Db, PolicySpec, SyncPolicy};
use tempfile::tempdir;

/// Runs it; standard input is empty.
fn dbtool(arguments: &[&str]) -> Said {
    fed(b"", arguments)
}

fn fed(input: &[u8], arguments: &[&str]) -> Said {
    let mut child = Command::new(program("dbtool"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end without having read all.
    let _ = child.stdin.take().unwrap().write_all(input);
    Said::of(child.wait_with_output().unwrap())
}

/// What it said.
#[derive(Debug)]
struct Said {
    status: i32,
    out: String,
    err: String,
}

impl Said {
    fn of(output: Output) -> Said {
        Said {
            status: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What it printed, if it succeeded.
    fn done(self) -> String {
        assert_eq!(self.status, 0, "{self:?}");
        self.out
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

const LINES: &str = "\
cpu,host=a idle=1.5,on=true 1700000000000000000
cpu,host=a idle=2.5 1700000060000000000
cpu,host=b idle=3.5,note=\"two
lines\" 1700000000000000000
mem,host=a used=7i,free=8u 1700000000000000000
";

/// A database with some rows sealed, and open.
fn database(folder: &Path) -> Db {
    let db = Db::builder().sync(SyncPolicy::Never).open(folder).unwrap();
    db.create_database("demo", None).unwrap();
    let day = PolicySpec { duration_ns: None, ..PolicySpec::named("coarse \"hourly\"") };
    db.create_retention_policy("demo", day).unwrap();
    let write = |policy, body: &str| {
        let writer = db.writer("demo", policy).unwrap();
        let report = writer.write_lines(body.as_bytes(), Precision::Nanoseconds, Timestamp::EPOCH);
        assert_eq!(report.unwrap().parse_errors, []);
    };
    write(None, LINES);
    write(Some("coarse \"hourly\""), "cpu,host=a idle=2 1700000000000000000\n");
    db.seal().unwrap();
    db
}

#[test]
fn info_tells_what_is_there_beside_the_program_that_writes_it() {
    let folder = tempdir().unwrap();
    let db = database(folder.path());
    db.create_retention_policy("demo", PolicySpec::named("minutes")).unwrap();
    db.create_rollup("demo", None, "minutes", 60_000_000_000).unwrap();
    db.seal().unwrap();
    let late = b"cpu,host=c idle=1 1700000000000000000";
    db.writer("demo", None)
        .unwrap()
        .write_lines(late, Precision::Nanoseconds, Timestamp::EPOCH)
        .unwrap();

    let page = dbtool(&["info", text(folder.path())]).done();
    let has = |words: &[&str]| {
        let found = page.lines().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "{words:?} in one line of\n{page}");
    };
    has(&["open in process", &std::process::id().to_string()]);
    has(&["1 record of the log not sealed yet"]);
    has(&["database \"demo\"", "policy \"autogen\"", "kept for ever", "shards of 1w", "default"]);
    has(&["rolled up into \"minutes\" every 1m"]);
    has(&["1 segment", "4 rows", "7 values", "B/value"]);
    has(&["2023-11-14T22:13:20Z to 2023-11-14T22:14:20Z"]);
    has(&["measurement", "fields", "series", "rows", "values"]);
    has(&["cpu", "3", "2", "3", "5", "2023-11-14T22:14:20Z"]);
    has(&["policy \"coarse \\\"hourly\\\"\""]);
    has(&["segments", "2"]);
    has(&["log", "records"]);

    let json = dbtool(&["info", "--json", text(folder.path())]).done();
    let info: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(info["process"], std::process::id());
    assert_eq!(info["unsealed_records"], 1);
    assert_eq!(info["policies"][0]["rows"], 4);
    assert_eq!(info["policies"][0]["measurements"][1]["fields"]["used"], "integer");
    assert_eq!(info["damage"], serde_json::json!([]));

    let quick = dbtool(&["info", "--quick", text(folder.path())]).done();
    assert!(quick.contains("4 rows") && !quick.contains("cpu"), "{quick}");
}

#[test]
fn dump_prints_what_is_sealed_as_asked() {
    let folder = tempdir().unwrap();
    let db = database(folder.path());
    let dir = text(folder.path());
    let rows = dbtool(&["dump", dir, "--policy", "autogen"]).done();
    let want = "\
2023-11-14T22:13:20Z  cpu,host=a  idle=1.5 on=true
2023-11-14T22:14:20Z  cpu,host=a  idle=2.5
2023-11-14T22:13:20Z  cpu,host=b  idle=3.5 note=\"two
lines\"
2023-11-14T22:13:20Z  mem,host=a  free=8u used=7i
";
    assert_eq!(rows, want);
    let part = ["--measurement", "cpu", "--tag", "host=a", "--from", "2023-11-14T22:14:00Z"];
    let rows = dbtool(&[&["dump", dir, "--policy", "autogen"], &part[..]].concat()).done();
    assert_eq!(rows, "2023-11-14T22:14:20Z  cpu,host=a  idle=2.5\n");
    assert_eq!(dbtool(&["dump", dir, "--limit", "2"]).done().lines().count(), 2);
    assert_eq!(dbtool(&["dump", dir, "--to", "2023-11-14"]).done(), "");
    assert_eq!(dbtool(&["dump", dir, "--from", "1h"]).done(), "");

    let json = dbtool(&["dump", dir, "--json", "--tag", "host=b"]).done();
    let row: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(row["fields"], serde_json::json!({ "idle": 3.5, "note": "two\nlines" }));
    assert_eq!(row["tags"], serde_json::json!({ "host": "b" }));

    let segments = dbtool(&["dump", dir, "--what", "segments"]).done();
    assert_eq!(segments.lines().count(), 3, "{segments}");
    let log = dbtool(&["dump", dir, "--what", "log"]).done();
    assert!(log.contains("sealed to record"), "{log}");
    let files = dbtool(&["dump", dir, "--what", "files"]).done();
    for name in ["LOCK", "catalog", ".seg", ".log"] {
        assert!(files.contains(name), "{name} in\n{files}");
    }
    drop(db);
}

#[test]
fn what_is_exported_is_imported_alike() {
    let folder = tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    drop(database(&from));
    let file = folder.path().join("all.lp");
    let said = dbtool(&["export", text(&from), "-o", text(&file)]);
    assert_eq!(said.err, "exported 5 rows of 4 series, 559 B\n");
    said.done();
    let exported = std::fs::read_to_string(&file).unwrap();
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "the file and the database: {names:?}");

    for _ in 0..2 {
        let said = dbtool(&["import", text(&to), text(&file)]);
        assert_eq!(said.err, "imported 5 rows from 14 lines\n");
        said.done();
    }
    assert_eq!(dbtool(&["export", text(&to)]).done(), exported);

    let part = ["--measurement", "mem", "--no-definitions"];
    let lines = dbtool(&[&["export", text(&from)], &part[..]].concat()).done();
    let other = folder.path().join("other");
    let said = fed(lines.as_bytes(), &["import", text(&other), "-", "--database", "else"]);
    assert_eq!(said.status, 0, "{said:?}");
    let dump = dbtool(&["dump", text(&other), "--database", "else"]).done();
    assert_eq!(dump, "2023-11-14T22:13:20Z  mem,host=a  free=8u used=7i\n");
}

#[test]
fn refused_lines_are_told_by_number_and_the_rest_is_stored() {
    let folder = tempdir().unwrap();
    let dir = text(folder.path());
    let said =
        fed(b"m v=1i 1\nm v=x 2\nm v=2.5 3\nm v=4i 4\n", &["import", dir, "-", "--database", "d"]);
    assert_eq!(said.status, 3, "{said:?}");
    assert!(said.err.contains("line 2: column 5: expected a number"), "{}", said.err);
    assert!(said.err.contains("line 3: field type conflict"), "{}", said.err);
    assert!(said.err.contains("imported 2 rows from 4 lines, refused 2"), "{}", said.err);
    assert_eq!(dbtool(&["dump", dir]).done().lines().count(), 2);

    let many: String = (0..50).map(|at| format!("m v=no {at}\n")).collect();
    let said = fed(many.as_bytes(), &["import", dir, "-", "--database", "d"]);
    assert!(said.err.contains("and 30 lines more"), "{}", said.err);

    let said = fed(b"m v=1i 1\n", &["import", dir]);
    assert_eq!(said.status, 1);
    assert!(said.err.contains("name the database to import into, with --database"), "{}", said.err);
}

#[test]
fn a_locked_folder_names_the_process_that_holds_it() {
    let folder = tempdir().unwrap();
    let db = database(folder.path());
    let dir = text(folder.path());
    let holder = format!("the database is open in process {}", std::process::id());
    for arguments in [&["export", dir][..], &["import", dir], &["compact", dir]] {
        let said = dbtool(arguments);
        assert_eq!(said.status, 1);
        assert!(said.err.contains(&holder), "{}", said.err);
    }
    assert!(dbtool(&["export", dir]).err.contains("--sealed"));
    let sealed = dbtool(&["export", dir, "--sealed"]).done();
    assert!(sealed.contains("cpu,host=a idle=1.5,on=true 1700000000000000000\n"), "{sealed}");
    drop(db);
    assert_eq!(dbtool(&["export", dir]).done(), sealed);
}

#[test]
fn values_without_a_form_are_told_of() {
    let folder = tempdir().unwrap();
    let db = database(folder.path());
    let mut batch = Batch::new();
    let series = batch.series("odd", []).unwrap();
    batch.row(series, Timestamp::EPOCH).f64("v", f64::NAN).f64("w", 1.0);
    db.writer("demo", None).unwrap().write(&batch).unwrap();
    drop(db);
    let said = dbtool(&["export", text(folder.path()), "--measurement", "odd"]);
    assert_eq!(said.status, 3);
    assert!(said.err.contains("1 value left out"), "{}", said.err);
    assert!(said.out.contains("\nodd w=1 0\n"), "{}", said.out);
    let json = dbtool(&["dump", text(folder.path()), "--json", "--measurement", "odd"]).done();
    assert_eq!(json, "", "an export seals nothing");
}

#[test]
fn mistakes_leave_nothing_behind() {
    let folder = tempdir().unwrap();
    let missing = folder.path().join("missing");
    for command in ["info", "dump", "export", "compact", "verify", "repair"] {
        let said = dbtool(&[command, text(&missing)]);
        assert_eq!(said.status, 1, "{said:?}");
        assert!(said.err.contains("missing") && !missing.exists(), "{said:?}");
        let said = dbtool(&[command, text(folder.path())]);
        assert!(said.err.contains("expected a stripchart database"), "{said:?}");
    }
    let said = dbtool(&["import", text(&missing), "no such file"]);
    assert!(said.status == 1 && said.err.contains("no such file") && !missing.exists(), "{said:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    let db = database(&folder.path().join("db"));
    drop(db);
    let dir = folder.path().join("db");
    let said = dbtool(&["export", text(&dir), "--database", "nope"]);
    assert_eq!(said.err, "dbtool: database not found: nope\n");
    for wrong in [
        &["dump", "x", "--from", "yesterday"][..],
        &["frobnicate"],
        &["import", "x", "--policy", "p"],
    ] {
        assert_eq!(dbtool(wrong).status, 2, "{wrong:?}");
    }
}

#[test]
fn a_damaged_file_is_named_and_the_rest_is_shown() {
    let folder = tempdir().unwrap();
    drop(database(folder.path()));
    let dir = text(folder.path());
    let list = dbtool(&["dump", dir, "--what", "segments", "--json"]).done();
    let first: serde_json::Value = serde_json::from_str(list.lines().next().unwrap()).unwrap();
    let path = first["path"].as_str().unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    let end = bytes.len() - 1;
    bytes[end] ^= 1;
    std::fs::write(path, bytes).unwrap();
    let said = dbtool(&["info", dir]);
    assert_eq!(said.status, 3);
    assert!(said.err.contains(path), "{}", said.err);
    assert!(said.out.contains("coarse"), "{}", said.out);
    let said = dbtool(&["dump", dir]);
    assert!(said.status == 1 && said.err.contains(path), "{said:?}");

    let said = dbtool(&["repair", dir]);
    assert_eq!(said.status, 3, "{said:?}");
    assert!(said.out.contains("set aside: ") && said.err.contains(path), "{said:?}");
    assert_eq!(dbtool(&["dump", dir]).done().lines().count(), 1, "the rest is served");
    let said = dbtool(&["info", dir]);
    assert!(said.status == 3 && said.err.contains("in quarantine"), "{said:?}");
    std::fs::remove_dir_all(folder.path().join("quarantine")).unwrap();
    assert_eq!(dbtool(&["repair", dir]).done(), "nothing is wrong\n");
}

#[test]
fn repair_says_what_is_lost_and_keeps_the_rest() {
    let folder = tempdir().unwrap();
    drop(database(folder.path()));
    let dir = text(folder.path());
    let before = dbtool(&["dump", dir]).done().lines().count();
    let list = dbtool(&["dump", dir, "--what", "segments", "--json"]).done();
    let first: serde_json::Value = serde_json::from_str(list.lines().next().unwrap()).unwrap();
    let path = first["path"].as_str().unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    // The first part behind the header.
    bytes[17] ^= 1;
    std::fs::write(path, bytes).unwrap();
    let said = dbtool(&["repair", dir]);
    assert_eq!(said.status, 3, "{said:?}");
    assert!(said.err.contains(path) && said.out.contains("\n  lost: "), "{said:?}");
    assert!(said.out.contains("\n  as it was: "), "{said:?}");
    assert!(dbtool(&["dump", dir]).done().lines().count() <= before);
    let said = dbtool(&["verify", dir]).done();
    assert!(said.contains("nothing is wrong"), "{said}");
}

#[test]
fn compacting_makes_one_segment_of_several() {
    let folder = tempdir().unwrap();
    let db = database(folder.path());
    for minute in 1..6 {
        let line = format!("cpu,host=a idle={minute} {}", 1_700_000_000 + minute * 60);
        db.writer("demo", None)
            .unwrap()
            .write_lines(line.as_bytes(), Precision::Seconds, Timestamp::EPOCH)
            .unwrap();
        db.seal().unwrap();
    }
    drop(db);
    let dir = text(folder.path());
    let rows = dbtool(&["dump", dir]).done();
    let said = dbtool(&["compact", dir]).done();
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("before  7 segments, 10 rows, "), "{said}");
    assert!(lines[1].starts_with("after   2 segments, 9 rows, "), "{said}");
    assert_eq!(dbtool(&["dump", dir]).done(), rows);
}

#[test]
fn verifying_reads_everything_beside_the_program_that_writes() {
    let folder = tempdir().unwrap();
    let db = database(folder.path());
    let dir = text(folder.path());
    let said = dbtool(&["verify", dir]).done();
    assert!(
        said.contains("2 segments with 8 values of 4 series") && said.contains("nothing is wrong"),
        "{said}"
    );
    let list = dbtool(&["dump", dir, "--what", "segments", "--json"]).done();
    let first: serde_json::Value = serde_json::from_str(list.lines().next().unwrap()).unwrap();
    let path = first["path"].as_str().unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    bytes[30] ^= 1;
    // Not in place: the program that writes has it mapped.
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
    let said = dbtool(&["verify", dir]);
    assert_eq!(said.status, 3, "{said:?}");
    assert!(said.err.contains(path) && said.out.contains("1 file damaged"), "{said:?}");
    drop(db);
}

#[test]
fn a_snapshot_is_a_database_and_is_restored() {
    let folder = tempdir().unwrap();
    let [live, backup, back] = ["live", "backup", "back"].map(|name| folder.path().join(name));
    let db = database(&live);
    let said = dbtool(&["snapshot", text(&live), text(&backup)]);
    assert!(
        said.status == 1 && said.err.contains("is open in process") && !backup.exists(),
        "{said:?}"
    );
    drop(db);
    let rows = dbtool(&["dump", text(&live)]).done();
    let said = dbtool(&["snapshot", text(&live), text(&backup)]).done();
    assert!(said.contains("backup: ") && said.contains("shared"), "{said}");
    let said = dbtool(&["snapshot", text(&live), text(&backup)]);
    assert!(
        said.status == 1 && said.err.contains("backup"),
        "not into a folder that is not empty: {said:?}"
    );
    dbtool(&["import", text(&live), "-", "--database", "later"]).done();
    dbtool(&["restore", text(&back), text(&backup)]).done();
    for copy in [&backup, &back] {
        assert_eq!(dbtool(&["dump", text(copy)]).done(), rows);
        dbtool(&["verify", text(copy)]).done();
    }
}

#[test]
fn parquet_files_are_written_and_read() {
    let folder = tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    drop(database(&from));
    let out = folder.path().join("files");
    let said =
        dbtool(&["export", text(&from), "--format", "parquet", "-o", text(&out), "--who", "me"]);
    if cfg!(not(feature = "parquet")) {
        assert!(said.status == 1 && said.err.contains("--features parquet"), "{said:?}");
        println!("skipped: Parquet files of dbtool: built without feature parquet");
        return;
    }
    assert!(said.err.starts_with("exported 5 rows of 4 series"), "{said:?}");
    said.done();
    let file = "database=demo/policy=autogen/measurement=mem/date=2023-11-14/part-me-0000.parquet";
    assert!(out.join(file).exists());
    for source in [&out, &out.join(file)] {
        dbtool(&["import", text(&to), text(source)]).done();
    }
    assert_eq!(dbtool(&["export", text(&to)]).done(), dbtool(&["export", text(&from)]).done());
    let said = dbtool(&["export", text(&from), "--format", "parquet"]);
    assert!(said.status == 1 && said.err.contains("--output"), "{said:?}");
}

#[test]
#[cfg(unix)]
fn an_import_that_is_interrupted_stops_at_a_good_place() {
    let folder = tempdir().unwrap();
    let dir = text(folder.path());
    let mut child = Command::new(program("dbtool"))
        .args(["import", dir, "-", "--database", "d"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut lines = (0u64..).map(|at| format!("m v={at}i {at}\n"));
    let mut piece = || lines.by_ref().take(5000).collect::<String>();
    // Until the first batch is stored it may not have begun to listen.
    while !folder.path().join("log").exists() {
        input.write_all(piece().as_bytes()).unwrap();
    }
    let sent = Command::new("kill").arg("-INT").arg(child.id().to_string()).status();
    assert!(sent.unwrap().success());
    while input.write_all(piece().as_bytes()).is_ok() {}
    let said = Said::of(child.wait_with_output().unwrap());
    assert_eq!(said.status, 130, "{said:?}");
    assert!(said.err.contains("cancelled; it can be begun again"), "{said:?}");
    dbtool(&["verify", dir]).done();
    let rows = dbtool(&["dump", dir]).done();
    for (at, row) in rows.lines().enumerate() {
        assert!(row.ends_with(&format!("m  v={at}i")), "{row}");
    }
}

#[test]
fn help_shows_examples() {
    for command in
        ["info", "dump", "export", "import", "compact", "verify", "repair", "snapshot", "restore"]
    {
        let help = dbtool(&[command, "--help"]).done();
        assert!(help.contains(&format!("dbtool {command} ")) && help.contains("Example"), "{help}");
    }
    assert!(dbtool(&["--help"]).done().contains("Exit status"));
}
