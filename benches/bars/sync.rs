//! What it costs to have every batch on the device before it is acknowledged.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use benches::datasets::DataSet;
use benches::measure::Spent;
use stripchart_core::{Precision, Timestamp};
use stripchart_storage::{Db, SyncPolicy};

use crate::{Bar, Bars, Outcome, open_with};

/// What writing the same batches took.
struct Written {
    spent: Spent,
    syncs: u64,
    log_bytes: u64,
}

pub(crate) fn measure(bars: &Bars) -> Outcome {
    let mut runs = Vec::new();
    for _ in 0..bars.repeats() {
        let interval = write(SyncPolicy::Interval(Duration::from_secs(1)), bars)?;
        let always = write(SyncPolicy::Always, bars)?;
        let batch = always.log_bytes / always.syncs.max(1);
        runs.push((bare_sync(usize::try_from(batch)?.max(1))?, interval, always));
    }
    let cpu = |run: &Written| run.spent.cpu.as_secs_f64();
    let least = |of: fn(&(Duration, Written, Written)) -> &Written| {
        runs.iter().map(|run| cpu(of(run))).fold(f64::INFINITY, f64::min)
    };
    let ratio = least(|run| &run.2) / least(|run| &run.1);
    let what = "CPU time under `always`, 5000-row batches, against `interval`";
    bars.row(what, ratio, Bar::AtMost(1.15), "times", "");

    // The clock on the wall: the run that comes nearest to its own bound, since all three belong together.
    let over = |(bare, interval, always): &(Duration, Written, Written)| {
        let syncs = u32::try_from(always.syncs).unwrap_or(u32::MAX);
        let bound = interval.spent.wall + (*bare * syncs).mul_f64(1.2);
        (always.spent.wall.as_secs_f64() / bound.as_secs_f64(), bound, *bare, always.syncs)
    };
    let best = runs.iter().map(over).min_by(|a, b| a.0.total_cmp(&b.0));
    let (share, bound, bare, syncs) = best.ok_or("no run")?;
    let also = format!("{syncs} syncs, a bare one {:.0} us", bare.as_secs_f64() * 1e6);
    let what = "wall time under `always`: `interval` + 1.2 x syncs x a bare fdatasync";
    let bound = bound.as_secs_f64() * 1e3;
    bars.row(what, share * bound, Bar::AtMost(bound), "ms", &also);
    Ok(())
}

fn write(sync: SyncPolicy, bars: &Bars) -> Outcome<Written> {
    let folder = tempfile::tempdir()?;
    let (db, writer) = open_with(Db::builder().sync(sync), folder.path())?;
    let before = db.stats();
    let mut bodies = DataSet::CpuInts.bodies(bars.scale);
    let (mut spent, mut log_bytes) = (Spent::default(), 0);
    while let Some(body) = bodies.next_body() {
        let log_before = db.stats().log_bytes;
        spent.on(|| {
            let report =
                writer.write_lines(body.as_bytes(), Precision::Nanoseconds, Timestamp::EPOCH);
            db.step(crate::now());
            report
        })?;
        log_bytes += db.stats().log_bytes.saturating_sub(log_before);
    }
    Ok(Written { spent, syncs: db.stats().syncs - before.syncs, log_bytes })
}

/// What forcing as much as a batch takes in the log costs without a database: the median over a file that was written
/// before, so that the length does not change; a log that keeps and reuses its files needs no more.
fn bare_sync(bytes: usize) -> Outcome<Duration> {
    const TIMES: usize = 100;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bare");
    let content = vec![7; bytes];
    fill(&path, &content, TIMES)?;
    let mut file = File::options().write(true).open(&path)?;
    let mut times = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        file.write_all(&content)?;
        let start = Instant::now();
        file.sync_data()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times[TIMES / 2])
}

fn fill(path: &Path, content: &[u8], times: usize) -> Outcome {
    let mut file = File::create(path)?;
    for _ in 0..times {
        file.write_all(content)?;
    }
    Ok(file.sync_all()?)
}
