//! `dbtool verify`, `repair`, `compact`, `snapshot` and `restore`.

use std::error::Error;
use std::path::Path;

use stripchart_storage::{Db, DbStats, Sealed, SnapshotReport, restore, verify_folder};

use crate::Outcome;
use crate::args::{CompactArgs, RepairArgs, RestoreArgs, SnapshotArgs, VerifyArgs};
use crate::text;
use crate::watch::Watch;

/// Opens a database that exists.
fn open(dir: &Path) -> Result<Db, Box<dyn Error>> {
    // Opening for good would create one.
    drop(Sealed::open(dir)?);
    Ok(Db::open(dir)?)
}

pub(crate) fn compact(args: &CompactArgs, watch: &Watch) -> Result<Outcome, Box<dyn Error>> {
    let db = open(&args.dir)?;
    // So that what it was before and after is told of the same rows.
    db.seal()?;
    let before = db.stats();
    db.compact(|progress| watch.part(progress.rows_done, progress.rows, "rows"))?;
    watch.clear();
    let after = db.stats();
    let of = |stats: &DbStats| {
        let segments = text::counted(stats.segments, "segment");
        format!(
            "{segments}, {}, {}",
            text::counted(stats.segment_rows, "row"),
            text::bytes(stats.segment_bytes)
        )
    };
    println!("before  {}\nafter   {}", of(&before), of(&after));
    Ok(Outcome::Done)
}

pub(crate) fn verify(args: &VerifyArgs, watch: &Watch) -> Result<Outcome, Box<dyn Error>> {
    let report = verify_folder(&args.dir, |progress| {
        watch.part(progress.bytes_done, progress.bytes, "bytes");
    })?;
    watch.clear();
    println!(
        "read {}, {}: {} with {} of {}, and {} of the log",
        text::counted(report.files, "file"),
        text::bytes(report.bytes),
        text::counted(report.segments, "segment"),
        text::counted(report.values, "value"),
        text::counted(report.series, "series"),
        text::counted(report.log_records, "record"),
    );
    if report.is_clean() {
        println!("nothing is wrong");
        return Ok(Outcome::Done);
    }
    report.problems.iter().for_each(|problem| eprintln!("dbtool: {problem}"));
    println!("{} damaged", text::counted(report.problems.len() as u64, "file"));
    Ok(Outcome::InPart)
}

pub(crate) fn repair(args: &RepairArgs, watch: &Watch) -> Result<Outcome, Box<dyn Error>> {
    // Opening sets aside what cannot be used at all; of the rest what can be read is written again.
    let db = open(&args.dir)?;
    let set_aside = db.health().quarantined;
    let report = db.repair(|progress| watch.part(progress.bytes_done, progress.bytes, "bytes"))?;
    watch.clear();
    for file in &set_aside {
        println!("set aside: {}, {}", file.path.display(), text::bytes(file.bytes));
        eprintln!("dbtool: {}", file.why);
    }
    for segment in &report.repaired {
        eprintln!("dbtool: {}", segment.why);
        match &segment.replaced_by {
            Some(new) => {
                println!("repaired: {}, with {}", new.display(), text::counted(segment.rows, "row"),)
            }
            None => println!("nothing can be read: {}", segment.path.display()),
        }
        println!("  as it was: {}", segment.kept_at.display());
        segment.lost.iter().for_each(|lost| println!("  lost: {lost}"));
        if segment.lost.is_empty() {
            println!("  nothing is lost: what was known of the values is computed anew");
        }
    }
    for problem in &report.remaining {
        println!("damaged and in use: {}", problem.path.display());
        eprintln!("dbtool: {problem}");
    }
    if set_aside.is_empty() && report.is_clean() {
        println!("nothing is wrong");
        return Ok(Outcome::Done);
    }
    println!(
        "the database serves all else; what is named here is missing until it is written again"
    );
    Ok(Outcome::InPart)
}

pub(crate) fn snapshot(args: &SnapshotArgs) -> Result<Outcome, Box<dyn Error>> {
    let report = open(&args.dir)?.snapshot(&args.to)?;
    tell(&report, &args.to);
    Ok(Outcome::Done)
}

pub(crate) fn run_restore(args: &RestoreArgs) -> Result<Outcome, Box<dyn Error>> {
    let report = restore(&args.from, &args.dir)?;
    tell(&report, &args.dir);
    Ok(Outcome::Done)
}

fn tell(report: &SnapshotReport, to: &Path) {
    println!(
        "{}: {}, {}, of which {} copied and the rest shared",
        to.display(),
        text::counted(report.files, "file"),
        text::bytes(report.bytes),
        text::bytes(report.bytes_copied),
    );
}
