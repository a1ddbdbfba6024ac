//! Limits: what is over them is refused, named, and leaves no trace; what exists is always written.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{DB, clock, dump, open, options, put};
use stripchart_core::{Accepted, Precision, Timestamp};
use stripchart_storage::vfs::sim::SimVfs;
use stripchart_storage::{Db, DbBuilder, PolicySpec, TagFilter};

fn database(options: DbBuilder) -> (SimVfs, Db) {
    let vfs = SimVfs::new();
    let db = open(&vfs, options).unwrap();
    db.create_database(DB, None).unwrap();
    (vfs, db)
}

fn lines(db: &Db, policy: Option<&str>, body: &str) -> (usize, Vec<String>) {
    let writer = db.writer(DB, policy).unwrap();
    let report = writer.write_lines(body.as_bytes(), Precision::Nanoseconds, Timestamp::EPOCH);
    let report = report.unwrap();
    (report.rows, report.rejected.iter().map(|row| row.reason.to_string()).collect())
}

#[test]
fn series_beyond_the_limit_are_refused_and_the_others_written() {
    let (vfs, db) = database(options(&clock()).max_series(3));
    let over = "max-series-per-database limit exceeded: (3)";
    assert_eq!(lines(&db, None, "m,h=a v=1 1\nm,h=b v=1 1"), (2, vec![]));
    let body = "m,h=a v=2 2\nm,h=c v=2 2\nm,h=d v=2 2\nn,h=a v=2 2\nm,h=c v=3 3\nm,h=d v=3 3";
    assert_eq!(lines(&db, None, body), (3, vec![over.to_owned(); 3]));
    // Policies of a database count together; other databases by themselves.
    db.create_retention_policy(DB, PolicySpec::named("other")).unwrap();
    assert_eq!(lines(&db, Some("other"), "m,h=a v=1 1").0, 0);
    db.create_database("second", None).unwrap();
    let writer = db.writer("second", None).unwrap();
    let report = writer.write_lines(b"m,h=x v=1 1", Precision::Nanoseconds, Timestamp::EPOCH);
    assert_eq!(report.unwrap().rows, 1);
    drop(writer);
    assert_eq!(db.view(DB, None).unwrap().measurements().unwrap(), ["m"]);
    let before = dump(&db);
    assert_eq!(before.len(), 5);
    drop(db);
    let db = open(&vfs, options(&clock()).max_series(3)).unwrap();
    assert_eq!(dump(&db), before, "what was refused is not in the log either");
    assert_eq!(lines(&db, None, "m,h=b v=9 9\nm,h=e v=9 9").0, 1);
    // Sealed, they take no memory.
    db.seal().unwrap();
    assert_eq!(lines(&db, None, "m,h=e v=9 9"), (1, vec![]));
}

#[test]
fn the_limit_is_exact_whatever_the_batches() {
    for batch in [1, 7, 100] {
        let (_, db) = database(options(&clock()).max_series(50));
        let hosts: Vec<String> = (0..100).map(|n| format!("m,h=h{n} v=1 1")).collect();
        let taken: usize =
            hosts.chunks(batch).map(|lines_| lines(&db, None, &lines_.join("\n")).0).sum();
        assert_eq!(taken, 50, "{batch}");
        assert_eq!(db.view(DB, None).unwrap().series("m", &TagFilter::All).unwrap().len(), 50);
    }
}

#[test]
fn measurements_and_fields_beyond_the_limit_leave_no_trace() {
    let (vfs, db) = database(options(&clock()).max_measurements(2).max_fields(2));
    let (rows, refused) = lines(&db, None, "a v=1 1\nb v=1 1\nc v=1 1\na v=2 2");
    assert_eq!(
        (rows, refused),
        (3, vec!["max-measurements-per-database limit exceeded: (2)".into()])
    );
    let (rows, refused) = lines(&db, None, "a v=3,w=1 3\na x=1 4\na v=4,x=1 5\na w=2 6");
    assert_eq!(
        (rows, refused),
        (2, vec!["max-fields-per-measurement limit exceeded: (2)".into(); 2])
    );
    let names: Vec<String> =
        db.view(DB, None).unwrap().fields("a").into_iter().map(|field| field.name).collect();
    assert_eq!(names, ["v", "w"]);
    assert!(db.view(DB, None).unwrap().fields("c").is_empty());
    let before = dump(&db);
    drop(db);
    let db = open(&vfs, options(&clock()).max_measurements(2).max_fields(2)).unwrap();
    assert_eq!(dump(&db), before);
    // What goes makes room.
    db.drop_measurement(DB, "b").unwrap();
    assert_eq!(lines(&db, None, "c v=1 1"), (1, vec![]));
}

#[test]
fn values_of_a_tag_beyond_the_limit_are_refused_and_named() {
    let (vfs, db) = database(options(&clock()).max_values_per_tag(2));
    let over = |measurement: &str, tag: &str, value: &str| {
        format!(
            "max-values-per-tag limit exceeded (2/2): measurement=\"{measurement}\" tag=\"{tag}\" value=\"{value}\""
        )
    };
    assert_eq!(lines(&db, None, "m,h=a,z=1 v=1 1\nm,h=b,z=1 v=1 1"), (2, vec![]));
    // A new series of known values, one over, rows of what exists, another measurement, a tag that is new.
    let body = "m,h=a,z=2 v=1 2\nm,h=c,z=1 v=1 2\nm,h=a,z=1 v=2 2\nn,h=c,z=1 v=1 2\nm,k=c v=1 2\nm,h=c,z=2 v=1 3";
    assert_eq!(lines(&db, None, body), (4, vec![over("m", "h", "c"); 2]));
    assert_eq!(lines(&db, None, "m,h=b,z=3 v=1 4"), (0, vec![over("m", "z", "3")]));
    // What a refused row would have brought does not count.
    assert_eq!(
        lines(&db, None, "n,h=c,z=2 v=1 5\nn,h=d,z=3 v=1 5\nn,h=e,z=1 v=1 5"),
        (2, vec![over("n", "z", "3")])
    );
    let before = dump(&db);
    drop(db);
    let db = open(&vfs, options(&clock()).max_values_per_tag(2)).unwrap();
    assert_eq!(dump(&db), before);
    assert_eq!(lines(&db, None, "m,h=c,z=1 v=1 6").0, 0);
    // Sealed, they take no memory.
    db.seal().unwrap();
    assert_eq!(lines(&db, None, "m,h=c,z=1 v=1 6"), (1, vec![]));
}

#[test]
fn the_limit_of_values_is_exact_whatever_the_batches() {
    for batch in [1, 7, 100] {
        let (_, db) = database(options(&clock()).max_values_per_tag(50));
        let hosts: Vec<String> = (0..100).map(|n| format!("m,h=h{n},z={} v=1 1", n % 3)).collect();
        let taken: usize =
            hosts.chunks(batch).map(|lines_| lines(&db, None, &lines_.join("\n")).0).sum();
        assert_eq!(taken, 50, "{batch}");
        assert_eq!(db.view(DB, None).unwrap().tag_value_count("m", "h").unwrap(), 50);
    }
}

#[test]
fn a_type_that_only_refused_rows_have_is_not_fixed() {
    let (_, db) = database(options(&clock()).max_series(1));
    put(&db, "a", 1, &[("v", 1.0)]).unwrap();
    let Accepted { rows, rejected } = put(&db, "b", 1, &[("new", 1.0)]).unwrap();
    assert_eq!((rows, rejected.len()), (0, 1));
    assert_eq!(lines(&db, None, "m,host=a new=\"text\" 2"), (1, vec![]));
}
