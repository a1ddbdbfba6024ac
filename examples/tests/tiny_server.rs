//! The smallest server: the same answers on another server crate.

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use common::{Server, program};
use tempfile::tempdir;

#[test]
fn the_same_functions_on_another_server() {
    let folder = tempdir().unwrap();
    let mut child = Command::new(program("tiny_server"))
        .arg(folder.path())
        .arg("127.0.0.1:0")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    output.read_line(&mut said).unwrap();
    let address = said.trim().rsplit('/').nth(1).unwrap().to_owned();
    let server = Server { address, child, output };

    let ping = server.get("/ping");
    assert_eq!(ping.status, 204);
    assert!(ping.head.to_ascii_lowercase().contains("x-influxdb-version: 1.8.10"), "{}", ping.head);
    assert_eq!(server.post("/query?q=CREATE%20DATABASE%20d", "").status, 200);
    let lines: String = (0..30_000).map(|at| format!("m,h=a v={at}i {at}\n")).collect();
    assert_eq!(server.post("/write?db=d", &lines).status, 204);
    let count = server.query("d", "SELECT count(v) FROM m");
    assert!(count.contains(",30000]"), "{count}");
    let all = server.get("/query?db=d&epoch=ns&q=SELECT%20v%20FROM%20m");
    assert!(all.head.to_ascii_lowercase().contains("transfer-encoding: chunked"), "{}", all.head);
    assert!(all.body.ends_with("[29999,29999]]}]}]}\n"), "{} bytes", all.body.len());
    assert_eq!((server.get("/nosuch").status, server.get("/write").status), (404, 405));
    let foreign = server.send("GET", "/ping", &[("Host", "evil.example")], b"").unwrap();
    assert_eq!(foreign.status, 403);
}
