//! A process that writes and says what was acknowledged, and who checks that it was kept.
//!
//! The process is the test's own program again, running a test that is otherwise ignored, with a folder in its environment. It
//! prints a line after each acknowledgement; what has come through the pipe has been acknowledged.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use stripchart_core::{Batch, Sink, TimeRange, Timestamp};
use stripchart_storage::{Db, DbBuilder, Direction, SyncPolicy, TagFilter};

use super::DB;

/// Writers that write at the same time.
pub const WRITERS: usize = 4;
/// Rows of a batch.
const ROWS: i64 = 7;
const FOLDER: &str = "STRIPCHART_ACKS_FOLDER";
const ROUND: &str = "STRIPCHART_ACKS_ROUND";

/// Small options, so that files are begun, sealed and merged all the time.
pub fn options(sync: SyncPolicy) -> DbBuilder {
    Db::builder().sync(sync).head_bytes(64 << 10).log_file_bytes(8 << 10).merge_bytes(256 << 10)
}

/// What the policy of a round is.
pub fn sync_of(round: u64) -> SyncPolicy {
    match round % 3 {
        0 => SyncPolicy::Always,
        1 => SyncPolicy::Interval(Duration::from_millis(5)),
        _ => SyncPolicy::Never,
    }
}

fn value(writer: usize, n: i64, row: i64) -> i64 {
    n * 1000 + row * 10 + writer as i64
}

/// Batches of a writer that are there, from the first on, all whole.
pub fn batches(db: &Db, writer: usize) -> i64 {
    let Ok(view) = db.view(DB, None) else { return 0 };
    let host = TagFilter::Equal { key: "writer".into(), value: writer.to_string() };
    let mut rows = 0;
    for series in view.series("m", &host).unwrap() {
        for block in view.scan(&series, &["v"], TimeRange::ALL, Direction::Ascending) {
            let block = block.unwrap();
            for (at, got) in block.timestamps.iter().enumerate() {
                let (n, row) = (rows / ROWS, rows % ROWS);
                assert_eq!(*got, n * ROWS + row, "a row is missing");
                assert_eq!(block.columns[0].get(at), Some(value(writer, n, row).into()));
                rows += 1;
            }
        }
    }
    assert_eq!(rows % ROWS, 0, "a batch in part");
    rows / ROWS
}

/// Writes batch `n` of a writer; whether it was acknowledged.
pub fn write(db: &Db, writer: usize, n: i64) -> Result<(), String> {
    let mut batch = Batch::new();
    let series = batch.series("m", [("writer", writer.to_string().as_str())]).unwrap();
    for row in 0..ROWS {
        let at = Timestamp::from_nanos(n * ROWS + row);
        batch.row(series, at).i64("v", value(writer, n, row));
    }
    let sink = db.writer(DB, None).map_err(|error| error.to_string())?;
    let accepted = sink.write(&batch).map_err(|error| error.to_string())?;
    assert_eq!(accepted.rows, ROWS as usize);
    Ok(())
}

/// The process that writes, until it is killed or a write fails. Does nothing unless it is run by [`Acks::start`].
pub fn child() {
    let (Ok(folder), Ok(round)) = (std::env::var(FOLDER), std::env::var(ROUND)) else { return };
    say("opening");
    let round: u64 = round.parse().unwrap();
    let db = options(sync_of(round)).open(folder).expect("the database opens");
    db.create_database(DB, None).unwrap();
    let _background = db.spawn().unwrap();
    std::thread::scope(|scope| {
        if round % 10 == 3 || round % 10 == 7 {
            scope.spawn(|| while db.seal().is_ok() && db.compact(|_| ()).is_ok() {});
        }
        for writer in 0..WRITERS {
            let db = &db;
            scope.spawn(move || {
                for n in batches(db, writer).. {
                    if let Err(error) = write(db, writer, n) {
                        say(&format!("failed {error}"));
                        break;
                    }
                    say(&format!("ack {writer} {n}"));
                }
            });
        }
    });
}

/// One call, so that lines of two writers do not mix.
fn say(line: &str) {
    // Nobody may be listening any more.
    let _ = std::io::stdout().write_all(format!("\n{line}\n").as_bytes());
}

/// What a process has been told.
#[derive(Debug, Clone)]
pub struct Acks {
    /// By writer, the last batch acknowledged; -1 for none.
    pub last: [i64; WRITERS],
    pub total: u64,
}

impl Default for Acks {
    fn default() -> Self {
        Acks { last: [-1; WRITERS], total: 0 }
    }
}

impl Acks {
    /// Starts the process, of which test `child` is the body, and calls `stop` once: after so many acknowledgements, or for 0
    /// when it begins to open the database. Returns when it has ended. `stop` says whether what is heard from then on counts.
    pub fn run(
        &mut self,
        folder: &Path,
        round: u64,
        after: u64,
        mut stop: impl FnMut(&mut Child) -> bool,
    ) -> std::process::ExitStatus {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "child", "--nocapture", "--test-threads", "1"])
            .env(FOLDER, folder)
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let (mut seen, mut counts) = (0, true);
        for line in lines {
            if after == 0 && line == "opening" {
                counts = stop(&mut child);
            }
            let Some(ack) = line.strip_prefix("ack ") else { continue };
            // The last line may be cut; a cut number is smaller than the whole one, and so claims less.
            let Some((writer, n)) = ack.split_once(' ') else { continue };
            let (Ok(writer), Ok(n)) = (writer.parse::<usize>(), n.parse::<i64>()) else { continue };
            if !counts {
                continue;
            }
            self.last[writer] = self.last[writer].max(n);
            (seen, self.total) = (seen + 1, self.total + 1);
            if seen == after {
                counts = stop(&mut child);
            }
        }
        child.wait().unwrap()
    }

    /// Everything acknowledged is there, and nothing is taken for damaged.
    pub fn check(&self, db: &Db, what: &str) {
        assert!(!db.health().is_degraded(), "{what}: {:?}", db.health());
        for (writer, last) in self.last.into_iter().enumerate() {
            let found = batches(db, writer);
            assert!(found > last, "{what}, writer {writer}: {found} batches, {last} acknowledged");
        }
    }
}

/// Looks random, and follows from what came before.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// How many rounds are asked for by an environment variable.
pub fn rounds(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}
