//! The most anonymous memory while ingesting, watched in a process that does nothing else.

use std::path::Path;
use std::process::Command;

use benches::datasets::{BODY_LINES, DataSet};
use benches::measure::{PeakMemory, anonymous_bytes};
use benches::shapes::ManySeries;
use stripchart_core::{Precision, Timestamp};

use crate::{Bar, Bars, CHILD, Outcome, open, settle};

/// How many series of one field there are, and how many rows each gets.
const SERIES: f64 = 1e6;
const ROUNDS: usize = 36;

pub(crate) fn measure(bars: &Bars) -> Outcome {
    for (what, name, most) in [
        ("cpu", "1000 hosts x 10 fields", 32.0),
        ("million", "1 M series of one field, 36 rows each", 600.0),
    ] {
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args([CHILD, "memory", what, &bars.scale.to_string()]).arg(folder.path());
        let said = command.output()?;
        if !said.status.success() {
            return Err(String::from_utf8_lossy(&said.stderr).into());
        }
        let said = String::from_utf8(said.stdout)?;
        let (peak, before) = said.trim().split_once(' ').ok_or("expected two numbers")?;
        let mib = |bytes: &str| bytes.parse::<u64>().map(|bytes| bytes as f64 / 1048576.0);
        let also = format!("{:.1} MiB of it before the first row", mib(before)?);
        let what = format!("peak anonymous memory while ingesting {name}");
        bars.row(&what, mib(peak)?, Bar::AtMost(most), "MiB", &also);
    }
    Ok(())
}

/// Ingests and prints the peak, and what there was before, in bytes.
pub(crate) fn child(what: &str, scale: &str, folder: &Path) -> Outcome {
    let scale: f64 = scale.parse()?;
    let (db, writer) = open(folder)?;
    let write = |body: &str| -> Outcome {
        writer.write_lines(body.as_bytes(), Precision::Nanoseconds, Timestamp::EPOCH)?;
        db.step(crate::now());
        Ok(())
    };
    let before;
    let peak = PeakMemory::watch();
    match what {
        "cpu" => {
            let mut bodies = DataSet::CpuInts.bodies(scale);
            before = anonymous_bytes();
            while let Some(body) = bodies.next_body() {
                write(body)?;
            }
        }
        _ => {
            let series = scaled(SERIES, scale);
            let (mut source, mut body) = (ManySeries::new(series), String::new());
            before = anonymous_bytes();
            for _ in 0..series * ROUNDS / BODY_LINES {
                body.clear();
                source.rows(BODY_LINES, &mut body);
                write(&body)?;
            }
        }
    }
    db.seal()?;
    settle(&db);
    println!("{} {before}", peak.bytes());
    Ok(())
}

/// A count times the scale.
pub(crate) fn scaled(count: f64, scale: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a million at most"
    )]
    let count = (count * scale) as usize;
    count
}
