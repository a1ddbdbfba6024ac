//! How soon a database of a million series is open: closed cleanly, and killed with a full log.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use benches::datasets::BODY_LINES;
use benches::measure::Spent;
use benches::shapes::ManySeries;
use stripchart_core::{Precision, Timestamp};
use stripchart_storage::Db;

use crate::memory::scaled;
use crate::{Bar, Bars, CHILD, Outcome, open, settle};

const SERIES: f64 = 1e6;
/// Rows of each series in the database that is closed; and, at most, in the one that is killed.
const CLEAN_ROUNDS: usize = 4;
const MOST_ROUNDS: usize = 40;

pub(crate) fn measure(bars: &Bars) -> Outcome {
    let work = tempfile::tempdir()?;
    let folder = work.path().join("clean");
    spawn("clean", bars, &folder)?;
    let mut best = time_open(&folder)?.0;
    for _ in 1..5 {
        best = best.least(time_open(&folder)?.0);
    }
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let also = format!("by the clock; {:.1} ms of the CPU", milliseconds(best.cpu));
    let what = "open, 1 M series, closed cleanly";
    bars.row(what, milliseconds(best.wall), Bar::AtMost(50.0), "ms", &also);

    let folder = work.path().join("killed");
    let log_bytes = spawn("killed", bars, &folder)?;
    let (mut best, mut rows): (Option<Spent>, u64) = (None, 0);
    for _ in 0..bars.repeats() {
        // Opening replays the log and may empty it, so each time it is another copy.
        let copy = work.path().join("copy");
        copy_folder(&folder, &copy)?;
        let (spent, head_rows) = time_open(&copy)?;
        (best, rows) = (Some(best.map_or(spent, |best| best.least(spent))), head_rows);
        fs::remove_dir_all(&copy)?;
    }
    let best = best.ok_or("no run")?;
    let also = format!(
        "by the clock; {:.0} ms of the CPU, {:.1} MB of log, {:.2} M rows",
        milliseconds(best.cpu),
        log_bytes.trim().parse::<f64>()? / 1e6,
        rows as f64 / 1e6
    );
    let what = "open, 1 M series, after kill -9 with a full log";
    bars.row(what, milliseconds(best.wall), Bar::AtMost(500.0), "ms", &also);
    Ok(())
}

/// What it took, and how many rows came back into memory.
fn time_open(folder: &Path) -> Outcome<(Spent, u64)> {
    let mut spent = Spent::default();
    let db = spent.on(|| Db::open(folder))?;
    Ok((spent, db.stats().head_rows))
}

/// Lets a child fill `folder`; one that is to be killed says so and waits for it. What it said.
fn spawn(what: &str, bars: &Bars, folder: &Path) -> Outcome<String> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([CHILD, "open", what, &bars.scale.to_string()]).arg(folder);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut said = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut said)?;
    if what == "killed" && !said.is_empty() {
        child.kill()?; // SIGKILL where there are signals
    }
    let status = child.wait()?;
    if said.is_empty() || (what == "clean" && !status.success()) {
        return Err(format!("the child that fills {} ended with {status}", folder.display()).into());
    }
    Ok(said)
}

/// Writes until every series has some rows; or, to be killed, until the log is about as long as it gets.
pub(crate) fn child(what: &str, scale: &str, folder: &Path) -> Outcome {
    let series = scaled(SERIES, scale.parse()?);
    let (db, writer) = open(folder)?;
    let (mut source, mut body) = (ManySeries::new(series), String::new());
    let rounds = if what == "clean" { CLEAN_ROUNDS } else { MOST_ROUNDS };
    let (mut longest, mut sealed) = (0, false);
    for at in 0..series * rounds / BODY_LINES {
        body.clear();
        source.rows(BODY_LINES, &mut body);
        writer.write_lines(body.as_bytes(), Precision::Nanoseconds, Timestamp::EPOCH)?;
        db.step(crate::now());
        let log_bytes = db.stats().log_bytes;
        sealed |= log_bytes < longest / 2;
        longest = longest.max(log_bytes);
        let all_seen = at * BODY_LINES > series;
        if what == "killed" && sealed && all_seen && log_bytes > longest / 20 * 19 {
            break;
        }
    }
    if what == "killed" {
        println!("{}", db.stats().log_bytes);
        // Until it is killed; its parent's end would end it too.
        std::io::stdin().read_to_end(&mut Vec::new())?;
        return Err("it was to be killed".into());
    }
    db.seal()?;
    settle(&db);
    db.close()?;
    println!("closed");
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> Outcome {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
