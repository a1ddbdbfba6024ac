//! `dbtool compact`.

use std::error::Error;
use std::path::Path;

use stripchart_storage::{Db, DbStats, Sealed};

use crate::Outcome;
use crate::args::CompactArgs;
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
