//! `docs/influx-shell.md`: InfluxDB's own shell at work with full_stack, typed in and written down by a program.
//!
//! The shell wants a terminal, which `script` (of util-linux) pretends to be; `TERM=dumb` keeps it from drawing. Where either is not
//! installed, or the shell is another version, nothing is checked. `UPDATE_GOLDEN=1` writes the paper anew.

#![allow(clippy::unwrap_used, reason = "test code outside of test functions")]

mod common;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use common::Server;

/// The version that the paper was written with; others print a little differently.
const VERSION: &str = "1.6.7";

/// What is typed.
const TYPED: &[&str] = &[
    "SHOW DATABASES",
    "CREATE DATABASE demo",
    "SHOW DATABASES",
    "use demo",
    "insert cpu,host=a usage=1.5,cores=4i 1500000000000000000",
    "insert cpu,host=b usage=2.5,state=\"idle\" 1500000060000000000",
    "insert cpu,host=a usage=3.5 1500000120000000000",
    "SELECT * FROM cpu",
    "precision rfc3339",
    "SELECT * FROM cpu WHERE usage > 2",
    "SELECT mean(usage), count(usage) FROM cpu WHERE time >= '2017-07-14T02:40:00Z' AND time < '2017-07-14T02:43:00Z' GROUP BY time(1m), host fill(none)",
    "precision s",
    "SELECT last(usage), host FROM cpu",
    "SELECT max(mean) FROM (SELECT mean(usage) FROM cpu GROUP BY host)",
    "SHOW MEASUREMENTS",
    "SHOW SERIES",
    "SHOW TAG KEYS",
    "SHOW TAG VALUES WITH KEY = host",
    "SHOW FIELD KEYS",
    "SHOW RETENTION POLICIES",
    "CREATE RETENTION POLICY week ON demo DURATION 7d REPLICATION 1",
    "SHOW RETENTION POLICIES",
    "CREATE SUBSCRIPTION copy ON demo.autogen DESTINATIONS ALL 'udp://127.0.0.1:9000', 'http://127.0.0.1:9001'",
    "SHOW SUBSCRIPTIONS",
    "CREATE CONTINUOUS QUERY hourly ON demo BEGIN SELECT mean(usage) INTO cpu_hourly FROM cpu GROUP BY time(1h), * END",
    "SHOW CONTINUOUS QUERIES",
    "insert cpu usage=\"text\" 1500000180",
    "insert cpu usage=",
    "SELECT nonsense(usage) FROM cpu",
    "SELECT usage FROM cpu WHERE host =",
    "SELEC usage FROM cpu",
    "SELECT usage FROM nowhere..cpu",
    "use nowhere",
    "DELETE FROM cpu WHERE host = 'b'",
    "SELECT * FROM cpu",
    "format csv",
    "SELECT * FROM cpu",
    "format json",
    "SELECT usage FROM cpu",
    "format column",
    "DROP MEASUREMENT cpu",
    "SHOW MEASUREMENTS",
    "DROP DATABASE demo",
    "exit",
];

const INTRODUCTION: &str = "\
# InfluxDB's shell

Whoever has InfluxDB's shell at hand needs no other: this is `influx` 1.6.7, as Debian packages it, speaking with the example
`full_stack` (`cargo run --release --example full_stack`). A program typed this and wrote down what came
(`examples/tests/influx_shell.rs`, which checks it too); only the port was put back to the usual one.

";

/// What the shell printed from its start to its end.
fn typed_in(server: &Server) -> Option<String> {
    let (host, port) = server.address.split_once(':').unwrap();
    let mut child = Command::new("script")
        .args(["-q", "-e", "-c", &format!("influx -host {host} -port {port}"), "/dev/null"])
        .env("TERM", "dumb")
        .env("HOME", std::env::temp_dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all((TYPED.join("\n") + "\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    Some(String::from_utf8_lossy(&output.stdout).replace('\r', ""))
}

/// The session as a person sees it: each prompt with what was typed at it, and what came.
fn session(printed: &str, address: &str) -> String {
    let from = printed.find("Connected to").unwrap_or_else(|| panic!("no shell: {printed}"));
    let (greeting, mut rest) = printed[from..].split_once("\n> ").expect("a prompt");
    let mut text = format!("{greeting}\n");
    for statement in TYPED {
        text.push_str(&format!("> {statement}\n"));
        // A statement without an answer is followed by the next prompt at once.
        let answer = match rest.strip_prefix("> ") {
            Some(after) => {
                rest = after;
                ""
            }
            None => {
                let (answer, after) = rest.split_once("\n> ").unwrap_or((rest, ""));
                rest = after;
                answer.trim_end()
            }
        };
        if !answer.is_empty() {
            text.push_str(answer);
            text.push('\n');
        }
    }
    text.replace(address, "localhost:8086")
}

#[test]
fn the_paper_shows_what_the_shell_shows() {
    let version = Command::new("influx").arg("-version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    if !version.as_ref().is_ok_and(|version| version.contains(VERSION)) {
        println!("skipped: influx {VERSION} is not installed");
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--source", "none", "--retention", "0s"]);
    let Some(printed) = typed_in(&server) else {
        println!("skipped: script, of util-linux, is not installed");
        return;
    };
    let session = session(&printed, &server.address);
    let paper = format!("{INTRODUCTION}```text\n{session}```\n");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/influx-shell.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, paper).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(path).unwrap();
    assert_eq!(paper, kept);
}
