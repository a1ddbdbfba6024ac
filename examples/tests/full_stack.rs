//! The program as its user meets it.

#![allow(clippy::unwrap_used, reason = "test code outside of test functions")]

mod common;

use std::process::Command;

use common::{Server, command};
use tempfile::tempdir;

/// Asks until the answer contains `wanted`; the program samples ten times a second meanwhile.
fn ask_until(server: &Server, database: &str, statement: &str, wanted: &str) -> String {
    let mut answer = String::new();
    for _ in 0..100_000 {
        answer = server.query(database, statement);
        if answer.contains(wanted) {
            return answer;
        }
    }
    panic!("{statement}: never answered {wanted:?}, last {answer}");
}

#[test]
fn this_host_is_collected_stored_queried_and_drawn() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &["--interval", "100ms"]);
    let cpu = ask_until(
        &server,
        "stripchart",
        "SELECT last(usage_idle) FROM cpu WHERE cpu = 'cpu-total'",
        "values",
    );
    assert!(cpu.contains(r#""columns":["time","last"]"#), "{cpu}");
    ask_until(&server, "stripchart", "SHOW MEASUREMENTS", "[\"mem\"]");

    let page = server.get("/");
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<svg") && page.body.contains("CPU"), "{}", page.body);
    for outside in ["src=\"http", "href=\"http", "url(http", "@import"] {
        assert!(!page.body.contains(outside), "the page asks for something outside: {outside}");
    }
}

#[test]
fn containers_are_kept_in_cadvisors_layout_if_asked_for() {
    let data = tempdir().unwrap();
    let server =
        Server::start(data.path(), &["--interval", "100ms", "--storage-driver-layout=cadvisor"]);
    ask_until(&server, "stripchart", "SHOW MEASUREMENTS", "[\"mem\"]");
    let known: serde_json::Value =
        serde_json::from_str(&server.get("/api/v1.3/containers/").body).unwrap();
    if known["spec"]["has_memory"] != true {
        return println!("skipped: no cgroup of memory is mounted");
    }
    let usage = "SELECT value FROM memory_usage WHERE container_name = '/' LIMIT 1";
    let row: serde_json::Value =
        serde_json::from_str(&ask_until(&server, "stripchart", usage, "values")).unwrap();
    let series = &row["results"][0]["series"][0];
    assert_eq!(series["columns"], serde_json::json!(["time", "value"]));
    assert!(series["values"][0][1].as_u64().is_some_and(|bytes| bytes > 0), "{row}");
    for measurement in ["memory_usage", "memory_working_set", "cpu_usage_total"] {
        let keys = format!("SHOW TAG KEYS FROM {measurement}");
        let keys = ask_until(&server, "stripchart", &keys, "values");
        assert!(keys.contains("[\"container_name\"],[\"machine\"]"), "{measurement}: {keys}");
    }
    let all = server.query("stripchart", "SHOW MEASUREMENTS");
    assert!(!all.contains("container_cpu") && !all.contains("container_memory"), "{all}");

    let output = command(data.path()).args(["--storage-driver-layout", "tall"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("wide") && said.contains("cadvisor"), "{said}");
}

#[test]
fn the_history_is_there_after_a_clean_stop() {
    let data = tempdir().unwrap();
    let server = Server::start(
        data.path(),
        &["--source", "none", "--retention", "0s", "--max-disk", "1 GiB"],
    );
    assert_eq!(
        server.post("/write?db=stripchart", "room,floor=2 t=21.5 1700000000000000000").status,
        204
    );
    let (clean, said) = server.end("INT");
    assert!(clean, "{said}");

    let again = Server::start(data.path(), &["--source", "none", "--retention", "0s"]);
    let answer = again.query("stripchart", "SELECT t FROM room");
    assert!(answer.contains(r#"["2023-11-14T22:13:20Z",21.5]"#), "{answer}");
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let rounds: u64 =
        std::env::var("STRIPCHART_KILL_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(3);
    let data = tempdir().unwrap();
    let mut acknowledged = 0u64;
    for round in 0..rounds {
        let server = Server::start(data.path(), &["--source", "none", "--retention", "0s"]);
        let address = server.address.clone();
        let counted = server.query("stripchart", "SELECT count(v) FROM acks");
        if acknowledged > 0 {
            let count: u64 = counted
                .split("Z\",")
                .nth(1)
                .and_then(|t| t.split(']').next())
                .unwrap()
                .parse()
                .unwrap();
            assert!(
                count >= acknowledged,
                "round {round}: {acknowledged} were acknowledged, {count} are there"
            );
            acknowledged = count; // some may have been stored whose acknowledgement was lost
        }
        // Writes until it is killed, at a moment that depends on nothing but the scheduler.
        let first = acknowledged;
        let (tell, told) = std::sync::mpsc::channel();
        let killer = std::thread::spawn(move || {
            let mut server = server;
            let after = 20 + round * 7 % 40;
            while told.recv().is_ok_and(|n: u64| n < first + after) {}
            server.child.kill().unwrap();
            server.child.wait().unwrap();
        });
        let client = Client { address };
        while client.write(&format!("acks v={acknowledged}i {acknowledged}")) {
            acknowledged += 1;
            let _ = tell.send(acknowledged);
        }
        drop(tell);
        killer.join().unwrap();
    }
}

/// A writer that outlives its server.
struct Client {
    address: String,
}

impl Client {
    fn write(&self, line: &str) -> bool {
        use std::io::{Read, Write};
        let Ok(mut stream) = std::net::TcpStream::connect(&self.address) else { return false };
        let request = format!(
            "POST /write?db=stripchart HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{line}",
            self.address,
            line.len()
        );
        let mut answer = String::new();
        stream.write_all(request.as_bytes()).is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.starts_with("HTTP/1.1 204")
    }
}

#[test]
fn foreign_pages_can_neither_read_nor_write() {
    let data = tempdir().unwrap();
    let server =
        Server::start(data.path(), &["--source", "none", "--allow-host", "metrics.example"]);
    let origin = format!("http://{}", server.address);
    let cases: [(&[(&str, &str)], u16); 6] = [
        (&[("Host", "evil.example")], 403),
        (&[("Origin", "http://evil.example")], 403),
        (&[("Origin", "null")], 403),
        (&[("Host", "localhost:8086")], 200),
        (&[("Host", "metrics.example")], 200),
        (&[("Origin", &origin)], 200),
    ];
    for (headers, status) in cases {
        for target in ["/", "/query?q=SHOW%20DATABASES", "/nodes"] {
            let answer = server.send("GET", target, headers, b"").unwrap();
            assert_eq!(answer.status, status, "{target} {headers:?}: {}", answer.body);
        }
        let wrote = server.send("POST", "/write?db=stripchart", headers, b"m v=1").unwrap();
        assert_eq!(wrote.status, if status == 200 { 204 } else { 403 }, "{headers:?}");
    }
}

#[test]
fn mistakes_are_told_in_a_sentence() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &["--source", "none"]);
    let said = |arguments: &[&str], folder: &std::path::Path| {
        let output = command(folder).args(arguments).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };

    let other = tempdir().unwrap();
    let taken = said(&["--listen", &server.address], other.path());
    assert!(taken.contains("is taken by another program") && taken.contains("--listen"), "{taken}");
    assert_eq!(std::fs::read_dir(other.path()).unwrap().count(), 0, "the folder was touched");

    let locked = said(&["--listen", "127.0.0.1:0"], data.path());
    assert!(locked.contains(&server.child.id().to_string()), "names the holder: {locked}");

    let foreign = tempdir().unwrap();
    std::fs::write(foreign.path().join("thesis.txt"), "irreplaceable").unwrap();
    let refused = said(&["--listen", "127.0.0.1:0"], foreign.path());
    assert!(refused.contains("thesis.txt") && refused.contains("nothing was changed"), "{refused}");
    assert_eq!(std::fs::read_dir(foreign.path()).unwrap().count(), 1, "the folder was touched");

    let source = said(&["--source", "nonsense"], other.path());
    assert!(source.contains("nonsense") && source.contains("summary:"), "{source}");
    let socket = said(&["--containerd", "containerd.sock"], other.path());
    assert!(socket.contains("--containerd") && socket.contains("path of a socket"), "{socket}");
    for (size, wanted) in [("1MB", "at least 16MiB"), ("much", "10GB"), ("99999999999TB", "10GB")] {
        let refused = said(&["--max-disk", size], other.path());
        assert!(refused.contains("--max-disk") && refused.contains(wanted), "{refused}");
    }
    let interval = said(&["--interval", "10"], other.path());
    assert!(
        interval.contains("--interval") && interval.contains("expected one of the units"),
        "{interval}"
    );
}

#[test]
fn a_bad_line_is_told_with_its_place_and_the_good_ones_are_kept() {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &["--source", "none"]);
    let answer = server.post("/write?db=stripchart", "m v=1\nm v=oops\nm,t=a v=2\n");
    assert_eq!(answer.status, 400);
    assert!(
        answer.body.contains("partial write: unable to parse 'm v=oops': invalid"),
        "{}",
        answer.body
    );
    assert!(answer.body.contains("line 2"), "{}", answer.body);
    let kept = server.query("stripchart", "SELECT count(v) FROM m");
    assert!(kept.contains(",2]"), "{kept}");
}

#[test]
fn the_influx_shell_is_answered() {
    if Command::new("influx").arg("-version").output().is_err() {
        println!("skipped: the influx shell is not installed");
        return;
    }
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &["--source", "none", "--retention", "0s"]);
    let (host, port) = server.address.split_once(':').unwrap();
    let shell = |statement: &str| {
        let output = Command::new("influx")
            .args(["-host", host, "-port", port, "-database", "stripchart", "-execute", statement])
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr)
    };
    assert!(shell("SHOW DATABASES").contains("stripchart"));
    assert_eq!(shell("INSERT room,floor=2 t=21.5 10000000000").trim(), "");
    assert_eq!(shell("INSERT room,floor=2 t=22.5 19000000000").trim(), "");
    let mean = shell("SELECT mean(t) FROM room WHERE time < 30s GROUP BY time(10s), floor");
    assert!(mean.contains("tags: floor=2") && mean.contains("10000000000 22"), "{mean}");
    assert!(shell("SELECT FROM").contains("found FROM, expected"), "{}", shell("SELECT FROM"));
}

/// Twenty megabytes in `big`, more than sockets hold between two programs.
fn with_much_text() -> (Server, tempfile::TempDir) {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &["--source", "none", "--retention", "0s"]);
    let text = "x".repeat(1000);
    let lines: String = (0..20_000).map(|at| format!("big s=\"{text}\" {at}\n")).collect();
    assert_eq!(server.post("/write?db=stripchart", &lines).status, 204);
    (server, data)
}

/// A connection on which the answer to a query has begun and is not read on.
fn begun(server: &Server, target: &str) -> (std::net::TcpStream, Vec<u8>) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
    let request =
        format!("GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.address);
    stream.write_all(request.as_bytes()).unwrap();
    let mut start = vec![0; 1000];
    stream.read_exact(&mut start).unwrap();
    (stream, start)
}

#[test]
fn a_client_that_goes_away_stops_its_query() {
    let (server, _data) = with_much_text();
    let running = || server.query("stripchart", "SHOW QUERIES");
    let (slow, _) = begun(&server, "/query?db=stripchart&q=SELECT+s+FROM+big");
    assert!(running().contains("SELECT s FROM big"), "it waits for its client: {}", running());
    drop(slow);
    ask_until(&server, "stripchart", "SHOW QUERIES", "[[");
    while running().contains("SELECT s FROM big") {}

    let (slow, _) = begun(&server, "/query?db=stripchart&chunked=true&q=SELECT+s+FROM+big");
    let list = running();
    let id = list.split("[[").nth(1).and_then(|row| row.split(',').next()).unwrap();
    server.post(&format!("/query?q=KILL+QUERY+{id}"), "");
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut { slow }, &mut rest).unwrap();
    assert!(rest.contains("\"error\":\"query interrupted\""), "{}", &rest[rest.len() - 300..]);
}

#[test]
fn a_stop_lets_answers_finish() {
    let (server, _data) = with_much_text();
    let (mut stream, mut answer) = begun(&server, "/query?db=stripchart&q=SELECT+s+FROM+big");
    let reader = std::thread::spawn(move || {
        std::io::Read::read_to_end(&mut stream, &mut answer).unwrap();
        answer
    });
    let (clean, said) = server.end("INT");
    assert!(clean, "{said}");
    let answer = reader.join().unwrap();
    assert!(answer.len() > 20_000_000, "{} bytes", answer.len());
    assert!(answer.ends_with(b"]}]}]}\n\r\n0\r\n\r\n"), "the last piece, then the end of pieces");
}
