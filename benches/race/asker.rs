//! Asks and times: the servers over HTTP, this suite's engine in its own process. `benches/race/ask` calls it.
//!
//! ```text
//! asker generate HOSTS FROM TO FILE       rows of `cpu` of rounds FROM to TO as line protocol; prints their number
//! asker csv FILE.lp FILE.csv              the same for those who want columns: time, hostname, fields
//! asker load FILE FOLDER                  line protocol -> a database in FOLDER, sealed and merged
//! asker embedded FOLDER                   runs the statements on standard input, one a line
//! asker http ADDRESS                      sends a GET for each path on standard input, one a line, on one connection
//! asker feed ADDRESS PATH FILE ROWS FROM TO  posts FILE for each number in FROM..TO, its times moved on by so many times
//!                                         its span; so many rows a second at most; prints rows a second
//! ```
//!
//! `embedded` and `http` print, for each line that they read, milliseconds and the bytes or rows of the answer. A time is
//! from before the request is written until the last byte of the answer is read.
//!
//! Run without a command, as `cargo bench` does, it tries the embedded part with a little data.

mod bodies;

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufWriter, Read, Write, stdin};
use std::net::TcpStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use benches::Rounds;
use benches::tsbs::{FIELDS, Hosts, Values};
use stripchart_core::{Precision, Timestamp};
use stripchart_query::{Engine, ExecuteOptions, parse_query};
use stripchart_storage::line_protocol::lines;
use stripchart_storage::{Db, SyncPolicy};

use bodies::Bodies;

type Outcome = Result<(), Box<dyn Error>>;

/// What the suite's scripts take.
const SEED: u64 = 123;

/// Two years after the suite's data begins: what `now()` means to the embedded engine.
const NOW: Timestamp = Timestamp::from_secs(1_514_764_800);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["generate", hosts, from, to, file] => generate([hosts, from, to], Path::new(file)),
        ["csv", lines, csv] => write_csv(Path::new(lines), Path::new(csv)),
        ["load", file, folder] => load(Path::new(file), Path::new(folder)),
        ["embedded", folder] => embedded(Path::new(folder), stdin().lock()),
        ["http", address] => over_http(address, stdin().lock()),
        ["feed", address, path, file, rows, from, to] => {
            feed(address, path, Path::new(file), [rows, from, to])
        }
        [] => try_all(),
        // As cargo calls it, whatever else it is given.
        _ if arguments.contains(&"--bench") || arguments.contains(&"--test") => try_all(),
        [command, ..] => {
            Err(format!("{command}: not a command, or other arguments than it takes").into())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("asker: {error}");
            ExitCode::FAILURE
        }
    }
}

fn try_all() -> Outcome {
    println!("asker: only a trial; benches/race/ask holds it against others");
    let work = tempfile::tempdir()?;
    let (file, folder) = (work.path().join("rows.lp"), work.path().join("db"));
    generate(["10", "0", "360"], &file)?;
    write_csv(&file, &work.path().join("rows.csv"))?;
    load(&file, &folder)?;
    embedded(&folder, &b"SELECT max(usage_user) FROM cpu GROUP BY hostname\n"[..])
}

fn generate([hosts, from, to]: [&str; 3], file: &Path) -> Outcome {
    let (hosts, from, to): (usize, usize, usize) = (hosts.parse()?, from.parse()?, to.parse()?);
    let mut rounds = Hosts::new(hosts, SEED).written_as(Values::Integers);
    let mut out = BufWriter::with_capacity(1 << 20, File::create(file)?);
    let mut text = String::new();
    for round in 0..to {
        text.clear();
        rounds.round(&mut text);
        if round >= from {
            out.write_all(text.as_bytes())?;
        }
    }
    out.flush()?;
    println!("{}", hosts * (to - from));
    Ok(())
}

fn write_csv(file: &Path, csv: &Path) -> Outcome {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(csv)?);
    writeln!(out, "time,hostname,{}", FIELDS.join(","))?;
    let mut bodies = Bodies::open(file)?;
    loop {
        let body = bodies.next()?;
        if body.is_empty() {
            return Ok(out.flush()?);
        }
        for line in lines(body) {
            let line = line?;
            let micros = line.timestamp().ok_or("a line without a time")? / 1000;
            let host = line.tags().find(|(key, _)| *key == "hostname");
            write!(out, "{micros},{}", host.ok_or("a line without a host")?.1)?;
            for (_, value) in line.fields() {
                let value = value.as_ref().as_f64().ok_or("a field that is no number")?;
                write!(out, ",{value}")?;
            }
            writeln!(out)?;
        }
    }
}

fn load(file: &Path, folder: &Path) -> Outcome {
    let db = Db::builder().sync(SyncPolicy::Interval(Duration::from_secs(1))).open(folder)?;
    db.create_database("race", None)?;
    let writer = db.writer("race", None)?;
    let mut bodies = Bodies::open(file)?;
    let now = || Timestamp::from(std::time::SystemTime::now());
    loop {
        let body = bodies.next()?;
        if body.is_empty() {
            break;
        }
        writer.write_lines(body, Precision::Nanoseconds, Timestamp::EPOCH)?;
        db.step(now());
    }
    db.seal()?;
    let mut at = now().nanos();
    let end = at + 300_000_000_000;
    while let Some(next) = db.step(Timestamp::from_nanos(at)).at.filter(|next| next.nanos() <= end)
    {
        at = next.nanos().max(at + 1_000_000);
    }
    Ok(db.close()?)
}

fn embedded(folder: &Path, statements: impl BufRead) -> Outcome {
    let engine = Engine::new(Db::open(folder)?);
    let options = ExecuteOptions::new(NOW).database("race");
    for statement in statements.lines() {
        let statement = statement?;
        let start = Instant::now();
        let parsed = parse_query(&statement)?.statements.pop().ok_or("no statement")?;
        let answer = engine.gather(parsed, &options);
        let took = start.elapsed();
        let answer = answer.map_err(|error| format!("{statement}: {error}"))?;
        let rows: usize = answer.iter().map(stripchart_core::Frames::row_count).sum();
        println!("{:.4} {rows}", took.as_secs_f64() * 1e3);
    }
    Ok(())
}

fn over_http(address: &str, paths: impl BufRead) -> Outcome {
    let mut connection = Connection::open(address)?;
    for path in paths.lines() {
        let path = path?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        let start = Instant::now();
        connection.send(request.as_bytes(), &[])?;
        let bytes = connection.receive().map_err(|error| format!("{path}: {error}"))?;
        println!("{:.4} {bytes}", start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(())
}

fn feed(address: &str, path: &str, file: &Path, [rows, from, to]: [&str; 3]) -> Outcome {
    let rows_a_second: f64 = rows.parse()?;
    let (from, to): (u64, u64) = (from.parse()?, to.parse()?);
    let span = span_ns(file)?;
    let mut connection = Connection::open(address)?;
    let start = Instant::now();
    let (mut rows, mut moved) = (0usize, Vec::new());
    for pass in from..to {
        let mut bodies = Bodies::open(file)?;
        loop {
            let body = bodies.next()?;
            if body.is_empty() {
                break;
            }
            rows += move_on(body, pass * span, &mut moved)?;
            let due = Duration::from_secs_f64(rows as f64 / rows_a_second);
            std::thread::sleep(due.saturating_sub(start.elapsed()));
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n",
                moved.len()
            );
            connection.send(head.as_bytes(), &moved)?;
            connection.receive()?;
        }
    }
    println!("{:.0}", rows as f64 / start.elapsed().as_secs_f64());
    Ok(())
}

/// Nanoseconds from the first row of `file` until a round after its last.
fn span_ns(file: &Path) -> Result<u64, Box<dyn Error>> {
    let mut bodies = Bodies::open(file)?;
    let (mut first, mut last) = (None, 0);
    loop {
        let body = bodies.next()?;
        let Some(end) = body.strip_suffix(b"\n") else { break };
        let lines = [memchr::memchr(b'\n', body), memchr::memrchr(b'\n', end).map(|at| at + 1)];
        first = first.or(Some(time_of(&body[..lines[0].unwrap_or(0)])?));
        last = time_of(&end[lines[1].unwrap_or(0)..])?;
    }
    Ok(last - first.unwrap_or(last) + 10_000_000_000)
}

/// The time that ends `line`.
fn time_of(line: &[u8]) -> Result<u64, Box<dyn Error>> {
    let at = memchr::memrchr(b' ', line).ok_or("a line without a time")? + 1;
    Ok(std::str::from_utf8(&line[at..])?.parse()?)
}

/// Writes `body` to `moved` with each line's time `by` later; answers how many lines there are.
fn move_on(body: &[u8], by: u64, moved: &mut Vec<u8>) -> Result<usize, Box<dyn Error>> {
    moved.clear();
    let mut rows = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let at = memchr::memrchr(b' ', line).ok_or("a line without a time")? + 1;
        moved.extend_from_slice(&line[..at]);
        writeln!(moved, "{}", time_of(line)? + by)?;
        rows += 1;
    }
    Ok(rows)
}

/// A connection that is kept.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// What of the buffer was read and not yet looked at.
    unread: std::ops::Range<usize>,
}

impl Connection {
    fn open(address: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, buffer: vec![0; 1 << 18], unread: 0..0 })
    }

    fn send(&mut self, head: &[u8], body: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(head)?;
        self.stream.write_all(body)
    }

    /// Reads an answer to its end; the bytes of its body.
    fn receive(&mut self) -> Result<usize, Box<dyn Error>> {
        let status = self.line()?;
        let (mut length, mut chunked) = (0, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(':') {
                None => break,
                Some(("content-length", value)) => length = value.trim().parse()?,
                Some(("transfer-encoding", value)) => chunked = value.trim() == "chunked",
                Some(_) => {}
            }
        }
        let code = status.split(' ').nth(1).unwrap_or_default();
        let total = if code == "204" {
            0
        } else if chunked {
            self.chunks()?
        } else {
            self.body(length)?;
            length
        };
        if !code.starts_with('2') {
            return Err(format!("answered {status}").into());
        }
        Ok(total)
    }

    fn chunks(&mut self) -> Result<usize, Box<dyn Error>> {
        let mut total = 0;
        loop {
            let size = usize::from_str_radix(self.line()?.trim(), 16)?;
            self.body(size)?;
            self.line()?;
            if size == 0 {
                return Ok(total);
            }
            total += size;
        }
    }

    fn line(&mut self) -> Result<String, Box<dyn Error>> {
        let mut line = Vec::new();
        loop {
            let unread = &self.buffer[self.unread.clone()];
            if let Some(at) = memchr::memchr(b'\n', unread) {
                line.extend_from_slice(&unread[..at]);
                self.unread.start += at + 1;
                return Ok(String::from_utf8(line)?.trim_end().to_owned());
            }
            line.extend_from_slice(unread);
            self.fill()?;
        }
    }

    /// Reads over `length` bytes. An error in the first of them is told.
    fn body(&mut self, length: usize) -> Result<(), Box<dyn Error>> {
        let mut left = length;
        while left > 0 {
            if self.unread.is_empty() {
                self.fill()?;
            }
            let here = left.min(self.unread.len());
            let bytes = &self.buffer[self.unread.start..self.unread.start + here];
            let start = &bytes[..here.min(400)];
            if left == length && memchr::memmem::find(start, b"\"error\":").is_some() {
                return Err(String::from_utf8_lossy(start).into_owned().into());
            }
            self.unread.start += here;
            left -= here;
        }
        Ok(())
    }

    fn fill(&mut self) -> Result<(), Box<dyn Error>> {
        let count = self.stream.read(&mut self.buffer)?;
        if count == 0 {
            return Err("the connection was closed".into());
        }
        self.unread = 0..count;
        Ok(())
    }
}
