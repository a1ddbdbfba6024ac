//! Values a second, bytes on disk, bytes of the log.

use benches::datasets::DataSet;
use benches::measure::{Spent, disk_bytes};
use stripchart_core::{Precision, Timestamp};
use stripchart_storage::{Db, SyncPolicy};

use crate::{Bar, Bars, Outcome, open, open_with, settle};

/// What writing a data set took.
struct Written {
    rows: usize,
    /// Until the last row was acknowledged.
    acknowledged: Spent,
    /// Until all of it was in segments, and those merged.
    settled: Spent,
    sealed_bytes: u64,
    disk_bytes: u64,
    /// After everything was compacted, whatever it costs.
    compact_bytes: u64,
    compact: Spent,
}

fn write(set: DataSet, scale: f64) -> Outcome<Written> {
    let folder = tempfile::tempdir()?;
    let (db, writer) = open(folder.path())?;
    let mut bodies = set.bodies(scale);
    let (mut rows, mut spent) = (0, Spent::default());
    while let Some(body) = bodies.next_body() {
        rows += spent.on(|| {
            let report =
                writer.write_lines(body.as_bytes(), Precision::Nanoseconds, Timestamp::EPOCH);
            db.step(crate::now());
            report.map(|report| report.rows)
        })?;
    }
    let acknowledged = spent;
    spent.on(|| db.seal())?;
    let sealed_bytes = disk_bytes(folder.path())?;
    spent.on(|| settle(&db));
    let hot_bytes = disk_bytes(folder.path())?;
    let mut compact = Spent::default();
    compact.on(|| db.compact(|_| {}))?;
    Ok(Written {
        rows,
        acknowledged,
        settled: spent,
        sealed_bytes,
        disk_bytes: hot_bytes,
        compact_bytes: disk_bytes(folder.path())?,
        compact,
    })
}

/// The best of some runs; the sizes are the same in all.
fn best(set: DataSet, bars: &Bars) -> Outcome<Written> {
    let mut best = write(set, bars.scale)?;
    for _ in 1..bars.repeats() {
        let next = write(set, bars.scale)?;
        if next.settled.cpu < best.settled.cpu {
            best = next;
        }
    }
    Ok(best)
}

pub(crate) fn measure(bars: &Bars) -> Outcome {
    for (set, per_row, unit, rate, megabytes) in [
        (DataSet::CpuInts, 10.0, "M values/s", Some(25.0), Some((4.5, 3.3))),
        (DataSet::CpuFloats, 10.0, "M values/s", Some(20.0), Some((13.2, 12.4))),
        (DataSet::SingleField, 1.0, "M rows/s", Some(12.0), None),
        (DataSet::Host, 1.0, "M rows/s", None, Some((0.34, 0.29))),
    ] {
        let written = best(set, bars)?;
        let per_second =
            |spent: Spent| written.rows as f64 * per_row / spent.cpu.as_secs_f64() / 1e6;
        if let Some(rate) = rate {
            let also = format!("{:.1} {unit} to acknowledged", per_second(written.acknowledged));
            let what = format!("ingest {set}, one core, all background work counted");
            bars.row(&what, per_second(written.settled), Bar::AtLeast(rate), unit, &also);
        }
        if let Some((hot, cold)) = megabytes {
            let size = |bytes: u64| bytes as f64 / 1e6;
            let also = format!("{:.3} MB once sealed", size(written.sealed_bytes));
            let what = format!("all files, {set}, after hot compaction");
            bars.row(&what, size(written.disk_bytes), Bar::AtMost(hot), "MB", &also);
            let also = format!("which took {:.2} CPU s", written.compact.cpu.as_secs_f64());
            let what = format!("all files, {set}, after `compact`");
            bars.row(&what, size(written.compact_bytes), Bar::AtMost(cold), "MB", &also);
        }
    }
    Ok(())
}

/// A head that is never full keeps all in the log.
pub(crate) fn measure_log(bars: &Bars) -> Outcome {
    for (set, most) in
        [(DataSet::CpuInts, 12.0), (DataSet::CpuFloats, 21.0), (DataSet::SingleField, 3.0)]
    {
        let folder = tempfile::tempdir()?;
        let builder = Db::builder().sync(SyncPolicy::Never).head_bytes(4 << 30);
        let (db, writer) = open_with(builder, folder.path())?;
        let before = db.stats().log_bytes;
        let mut bodies = set.bodies(bars.scale);
        let mut rows = 0;
        while let Some(body) = bodies.next_body() {
            rows +=
                writer.write_lines(body.as_bytes(), Precision::Nanoseconds, Timestamp::EPOCH)?.rows;
        }
        if db.stats().segments > 0 {
            return Err("the head was sealed while the log was measured".into());
        }
        let bytes = (db.stats().log_bytes - before) as f64 / rows as f64;
        bars.row(&format!("log bytes a row, {set}"), bytes, Bar::AtMost(most), "B", "");
    }
    Ok(())
}
