//! Clients that are slow, silent or many, on real sockets: each costs the server little, for a while, and nobody else anything.
//!
//! The server's patience is a setting and is tiny here. Nothing is said of how long anything takes: a test waits for what must
//! happen, and would wait for ever if it did not.

#![allow(clippy::unwrap_used, reason = "test code outside of test functions")]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use common::Server;
use tempfile::{TempDir, tempdir};

fn server(arguments: &[&str]) -> (Server, TempDir) {
    let data = tempdir().unwrap();
    let all = [&["--source", "none", "--retention", "0s"], arguments].concat();
    (Server::start(data.path(), &all), data)
}

fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(&server.address).unwrap()
}

/// Sends a byte, and another, for as long as the server listens; what it said before it hung up.
fn trickle(mut stream: TcpStream, byte: u8) -> String {
    // Waiting for an answer is what makes it slow.
    stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    let mut said = Vec::new();
    let mut piece = [0; 1024];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(bytes) => said.extend_from_slice(&piece[..bytes]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if stream.write_all(&[byte]).is_err() {
                    break;
                }
            }
            Err(_reset) => break,
        }
    }
    String::from_utf8_lossy(&said).into_owned()
}

fn is_alive(server: &Server) {
    assert_eq!(server.get("/ping").status, 204);
}

#[test]
fn a_head_that_comes_byte_by_byte_is_given_up() {
    let (server, _data) = server(&["--patience", "200ms"]);
    let mut slow = connect(&server);
    slow.write_all(b"GET /ping HTTP/1.1\r\nX-Long: ").unwrap();
    let silent = connect(&server);
    is_alive(&server);
    let said = trickle(slow, b'x');
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
    // One that says nothing at all is hung up on, too.
    assert_eq!({ silent }.read(&mut [0; 16]).unwrap_or(0), 0);
    is_alive(&server);
}

#[test]
fn a_body_that_comes_byte_by_byte_is_refused_and_nothing_of_it_stored() {
    let (server, _data) = server(&["--patience", "300ms"]);
    let head = |length: usize| {
        format!(
            "POST /write?db=stripchart HTTP/1.1\r\nHost: {}\r\nContent-Length: {length}\r\n\r\n",
            server.address
        )
    };
    let mut slow = connect(&server);
    slow.write_all(head(1_000_000).as_bytes()).unwrap();
    slow.write_all(b"whole v=1 1\n").unwrap();
    let said = trickle(slow, b'#');
    assert!(said.starts_with("HTTP/1.1 408 Request Timeout"), "{said}");
    assert!(said.contains("{\"error\":\"Request Timeout\"}"), "{said}");

    let mut stopped = connect(&server);
    stopped.write_all(head(100).as_bytes()).unwrap();
    stopped.write_all(b"whole v=1 1\n").unwrap();
    let mut said = String::new();
    let _ = stopped.read_to_string(&mut said);
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
    assert!(!server.query("stripchart", "SELECT * FROM whole").contains("series"));
}

/// Bytes of memory that the server has, and the most that it had.
fn memory(server: &Server) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let line = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    };
    (line("VmRSS:"), line("VmHWM:"))
}

#[test]
fn whoever_never_reads_the_answer_holds_little_memory_and_loses_the_query() {
    let (server, data) = server(&[]);
    let text = "x".repeat(1000);
    for part in 0..3 {
        let rows = (0..20_000).map(|at| format!("big s=\"{text}\" {}\n", part * 20_000 + at));
        assert_eq!(server.post("/write?db=stripchart", &rows.collect::<String>()).status, 204);
    }
    // Started again, it has the rows in files.
    assert!(server.end("INT").0);
    let arguments = ["--source", "none", "--retention", "0s", "--patience", "2s"];
    let server = Server::start(data.path(), &arguments);
    let (before, _) = memory(&server);

    // Sixty megabytes for each of them, more than sockets hold between two programs.
    let ask = |target: &str| {
        let mut stream = connect(&server);
        let request = format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
        stream.write_all(request.as_bytes()).unwrap();
        stream.read_exact(&mut [0; 100]).unwrap();
        stream
    };
    let target = "/query?db=stripchart&q=SELECT+s+FROM+big";
    let deaf: Vec<TcpStream> = (0..4).map(|_| ask(target)).collect();
    let list = || server.query("stripchart", "SHOW QUERIES");
    assert!(list().contains("SELECT s FROM big"), "others are answered meanwhile: {}", list());
    // They give up being waited for, though they still hold their ends.
    while list().contains("SELECT s FROM big") {}
    let grown = memory(&server).1 - before;
    assert!(grown < 80_000_000, "{grown} bytes for four answers of 60 MB each");
    // What they have got is a part, and they can tell: it has no end.
    for mut stream in deaf {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(!rest.ends_with(b"\r\n0\r\n\r\n") && rest.len() < 60_000_000, "{}", rest.len());
    }
    is_alive(&server);
}

#[test]
fn more_connections_than_are_allowed_wait_until_others_end() {
    let (server, _data) = server(&["--connections", "2", "--patience", "300ms"]);
    // Two that hold their places and say nothing, and behind them some that do ask.
    let idle = [connect(&server), connect(&server)];
    let asking: Vec<TcpStream> = (0..5)
        .map(|_| {
            let mut stream = connect(&server);
            let head = format!(
                "GET /ping HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
                server.address
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    for mut stream in asking {
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert!(said.starts_with("HTTP/1.1 204"), "{said}");
    }
    for mut stream in idle {
        assert_eq!(stream.read(&mut [0; 16]).unwrap_or(0), 0, "their places were taken away");
    }
    is_alive(&server);
}

#[test]
fn who_asked_lately_is_told_by_address() {
    let (server, _data) = server(&[]);
    server.post("/write?db=stripchart", "m v=1");
    server.query("stripchart", "SHOW DATABASES");
    let told = server.get("/debug/requests?seconds=3600");
    assert_eq!(told.body, "{\n\"127.0.0.1\": {\"writes\":1,\"queries\":1}\n}\n");
}
