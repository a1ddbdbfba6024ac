//! Parses a file of line protocol, stores it, says how it goes, and asks for it back.

use std::error::Error;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use clap::Parser;
use stripchart_core::{Precision, TimeRange, Timestamp};
use stripchart_storage::line_protocol::whole_lines_len;
use stripchart_storage::{Db, Direction, SyncPolicy, TagFilter, Writer};

/// Store a file of InfluxDB line protocol in an embedded database, and read it back.
#[derive(Debug, Parser)]
struct Args {
    /// File to read; `-` is standard input. Without one, a few built-in lines
    file: Option<PathBuf>,
    /// Folder of the database, made if it does not exist
    #[arg(long, value_name = "DIR", default_value = "stripchart-lines")]
    data: PathBuf,
    /// Name of the database in it
    #[arg(long, default_value = "lines")]
    database: String,
    /// What the timestamps count: ns, u, ms, s, m or h
    #[arg(long, default_value = "ns", value_parser = ["ns", "u", "ms", "s", "m", "h"])]
    precision: String,
}

/// Parsed, written and acknowledged at a time.
const PIECE_BYTES: usize = 1 << 20;
/// A line may not be longer than this.
const LINE_BYTES_MAX: usize = 64 << 20;
/// Bad lines that are shown; the rest is counted.
const ERRORS_SHOWN: usize = 10;

const SAMPLE: &str = "\
weather,station=oslo temperature=-2.5,humidity=81i 1700000000000000000
weather,station=oslo temperature=-2.1,humidity=80i 1700003600000000000
weather,station=lima temperature=19.4,humidity=74i 1700000000000000000
";

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("store_lines: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let (mut input, len): (Box<dyn Read>, Option<u64>) = match args.file.as_deref() {
        None => (Box::new(SAMPLE.as_bytes()), Some(SAMPLE.len() as u64)),
        Some(path) if path == Path::new("-") => (Box::new(io::stdin()), None),
        Some(path) => {
            let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
            let len = file.metadata()?.len();
            (Box::new(file), Some(len))
        }
    };
    // One sync at the end is enough: if the machine fails before, the file is still there to be read again.
    let db = Db::builder().sync(SyncPolicy::Never).open(&args.data)?;
    db.create_database(&args.database, None)?;
    let mut load = Load {
        writer: db.writer(&args.database, None)?,
        precision: Precision::from_influxdb(&args.precision),
        started: Instant::now(),
        len,
        bytes: 0,
        lines: 0,
        rows: 0,
        refused: 0,
    };
    load.all(&mut *input)?;
    load.finish();
    show(&db, &args.database)?;
    db.close()?;
    if load.refused > 0 {
        return Err(format!("{} lines were refused", load.refused).into());
    }
    Ok(())
}

struct Load {
    writer: Writer,
    precision: Precision,
    started: Instant,
    len: Option<u64>,
    bytes: u64,
    lines: usize,
    rows: usize,
    refused: usize,
}

impl Load {
    fn all(&mut self, input: &mut dyn Read) -> Result<(), Box<dyn Error>> {
        let mut piece = Vec::new();
        loop {
            let room = u64::try_from(PIECE_BYTES)?;
            let read = input.take(room).read_to_end(&mut piece)?;
            let whole = if read == 0 { piece.len() } else { whole_lines_len(&piece) };
            if whole == 0 && piece.len() > LINE_BYTES_MAX {
                return Err(
                    format!("line {}: longer than {LINE_BYTES_MAX} bytes", self.lines + 1).into()
                );
            }
            self.piece(&piece[..whole])?;
            piece.drain(..whole);
            if read == 0 {
                return Ok(());
            }
        }
    }

    fn piece(&mut self, body: &[u8]) -> Result<(), Box<dyn Error>> {
        let now = Timestamp::from(SystemTime::now());
        let report = self.writer.write_lines(body, self.precision, now)?;
        for error in &report.parse_errors {
            if self.refused < ERRORS_SHOWN {
                eprintln!("\r{error}, {} lines into the file", self.lines);
            }
            self.refused += 1;
        }
        for row in &report.rejected {
            if self.refused < ERRORS_SHOWN {
                eprintln!("\r{}", row.reason);
            }
            self.refused += 1;
        }
        self.bytes += body.len() as u64;
        self.lines += body.iter().filter(|byte| **byte == b'\n').count();
        self.rows += report.rows;
        if io::stderr().is_terminal() {
            let part = self.len.filter(|len| *len > 0).map(|len| self.bytes * 100 / len);
            let part = part.map_or(String::new(), |part| format!("{part:3} %  "));
            eprint!("\r{part}{} rows, {:.0} MB/s ", self.rows, self.megabytes_per_second());
        }
        Ok(())
    }

    fn megabytes_per_second(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.started.elapsed().as_secs_f64().max(1e-9)
    }

    fn finish(&self) {
        if io::stderr().is_terminal() {
            eprintln!();
        }
        println!(
            "stored {} rows out of {} bytes in {:.3} s ({:.0} MB/s)",
            self.rows,
            self.bytes,
            self.started.elapsed().as_secs_f64(),
            self.megabytes_per_second()
        );
    }
}

/// What is there now, measurement by measurement.
fn show(db: &Db, database: &str) -> Result<(), Box<dyn Error>> {
    let view = db.view(database, None)?;
    for measurement in view.measurements()? {
        let fields = view.fields(&measurement);
        let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
        let series = view.series(&measurement, &TagFilter::All)?;
        println!("{measurement}: {} series, fields {}", series.len(), names.join(", "));
        let Some(first) = series.first() else { continue };
        if let Some(block) = view.scan(first, &names, TimeRange::ALL, Direction::Descending).next()
        {
            let block = block?;
            let values: Vec<_> = block.columns.iter().map(|c| format!("{:?}", c.get(0))).collect();
            println!(
                "  newest of {}: {} {}",
                first.key(),
                Timestamp::from_nanos(block.timestamps[0]),
                values.join(" ")
            );
        }
    }
    Ok(())
}
