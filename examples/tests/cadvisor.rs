//! cAdvisor's API and pages, as their clients meet them, on this host.

#![allow(clippy::unwrap_used, reason = "test code outside of test functions")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use common::Server;
use serde_json::Value;
use tempfile::tempdir;

/// A server that samples ten times a second.
fn server(data: &std::path::Path) -> Server {
    Server::start(data, &["--interval", "100ms"])
}

fn json(server: &Server, target: &str) -> Value {
    let answer = server.get(target);
    assert_eq!(answer.status, 200, "{target}: {}", answer.body);
    assert!(answer.head.contains("content-type: application/json"), "{target}: {}", answer.head);
    serde_json::from_str(&answer.body).expect(target)
}

/// Asks until the answer is as wanted; samples are taken meanwhile.
fn until(server: &Server, target: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..100_000 {
        let answer = server.get(target);
        last = serde_json::from_str(&answer.body).unwrap_or_default();
        if answer.status == 200 && wanted(&last) {
            return last;
        }
    }
    panic!("{target}: never as wanted, last {last}");
}

#[test]
fn the_api_answers_about_this_host() {
    let data = tempdir().unwrap();
    let server = server(data.path());
    assert_eq!(server.get("/healthz").body, "ok");
    assert_eq!(server.get("/api/").status, 400);
    // Kubernetes' discovery has the path without the slash.
    assert!(!server.get("/api").body.contains("Supported API versions"));

    let root = until(&server, "/api/v1.3/containers/", |root| {
        root["stats"].as_array().is_some_and(|stats| stats.len() >= 2)
    });
    assert_eq!(root["name"], "/");
    let times: Vec<&str> = root["stats"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["timestamp"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted(), "oldest first: {times:?}");
    let machine = json(&server, "/api/v1.0/machine");
    assert!(machine.get("num_cores").is_some());
    assert_eq!(json(&server, "/api/v2.0/machine")["machine_id"], machine["machine_id"]);
    let all = json(&server, "/api/v1.1/subcontainers/");
    let names: Vec<&str> =
        all.as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names[0], "/");
    let stats = json(&server, "/api/v2.1/stats/?recursive=true&count=1");
    for (name, entry) in stats.as_object().unwrap() {
        assert!(name != "/" && entry["spec"]["has_cpu"].is_boolean(), "{name}: {entry}");
        assert!(entry["stats"].as_array().is_none_or(|stats| stats.len() <= 1), "{name}: {entry}");
    }
    let here = json(&server, "/api/v2.0/ps/");
    let pid = u64::from(server.child.id());
    assert!(here.as_array().unwrap().iter().any(|p| p["pid"] == pid && p["cmd"] == "full_stack"));
    let fresh = json(&server, "/api/v2.1/machinestats?count=1&max_age=0s");
    assert_eq!(fresh.as_array().unwrap().len(), 1);
    for (target, wanted) in [
        ("/metrics", "\n# TYPE machine_cpu_cores gauge\n"),
        ("/metrics/cadvisor", "# HELP"),
        ("/metrics/resource", "# HELP"),
        ("/stats/summary", "\"node\":{\"nodeName\""),
        ("/validate/", "Kernel version: "),
    ] {
        let answer = server.get(target);
        assert!(answer.status == 200 && answer.body.contains(wanted), "{target}: {}", answer.body);
    }
    let foreign =
        server.send("GET", "/api/v1.0/machine", &[("Host", "evil.example")], b"").unwrap();
    assert_eq!(foreign.status, 403);
}

#[test]
fn pages_about_containers_are_well_formed_and_ask_for_nothing_outside() {
    let data = tempdir().unwrap();
    let server = server(data.path());
    until(&server, "/api/v1.3/containers/", |root| {
        root["stats"].as_array().is_some_and(|stats| stats.len() >= 2)
    });
    let moved = server.get("/containers");
    assert_eq!(moved.status, 301);
    assert!(moved.head.contains("location: /containers/"), "{}", moved.head);
    for target in ["/containers/", "/containers/?theme=dark&rows=all", "/docker/", "/podman/"] {
        let page = server.get(target);
        assert_eq!(page.status, 200, "{target}");
        well_formed(&page.body);
        for outside in ["src=\"http", "href=\"http", "url(http", "@import"] {
            assert!(!page.body.contains(outside), "{target} asks for something outside: {outside}");
        }
    }
    let root = server.get("/containers/").body;
    for part in
        ["<h2>CPU</h2>", "<h2>Memory</h2>", "<h2>Processes</h2>", "class=\"tile gauge", "<svg"]
    {
        assert!(root.contains(part), "{part} is not on the page");
    }
    let none = server.get("/containers/%3Cscript%3E");
    assert_eq!(none.status, 404);
    assert!(
        !none.body.contains("<script>") && none.body.contains("&lt;script&gt;"),
        "{}",
        none.body
    );
}

/// That each element is closed where it was opened.
fn well_formed(html: &str) {
    const VOID: [&str; 5] = ["meta", "link", "input", "br", "!DOCTYPE"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some((_, tag)) = rest.split_once('<') {
        let (tag, after) = tag.split_once('>').expect("a tag ends");
        rest = after;
        assert!(!tag.contains('<'), "<{tag}> holds another");
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "closed in the wrong place");
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "not closed: {open:?}");
}

/// A cgroup of this test's own, removed when dropped.
struct Cgroup(PathBuf);

impl Cgroup {
    /// One in any hierarchy; the error says why there is none.
    fn new(name: &str) -> Result<Self, String> {
        let mut why = "no cgroup file system is mounted".to_owned();
        for hierarchy in ["", "cpu", "cpu,cpuacct", "memory"] {
            let root = PathBuf::from("/sys/fs/cgroup").join(hierarchy);
            if !root.join("cgroup.procs").exists() {
                continue;
            }
            match std::fs::create_dir(root.join(name)) {
                Ok(()) => return Ok(Cgroup(root.join(name))),
                Err(error) => why = format!("{}: {error}", root.join(name).display()),
            }
        }
        Err(why)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
fn events_are_streamed_as_cgroups_come_and_go() {
    let data = tempdir().unwrap();
    let server = server(data.path());
    until(&server, "/api/v1.3/containers/", |root| root["stats"].is_array());
    let name = format!("stripchart-test-{}", std::process::id());
    let target =
        format!("/api/v1.3/events/{name}?stream=true&creation_events=true&deletion_events=true");
    let mut connection = TcpStream::connect(&server.address).unwrap();
    let head = format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    connection.write_all(head.as_bytes()).unwrap();
    let mut lines = BufReader::new(connection).lines().map(Result::unwrap);
    // The head comes at once, whether there is an event or not.
    assert_eq!(lines.next().unwrap(), "HTTP/1.1 200 OK");
    let cgroup = match Cgroup::new(&name) {
        Ok(cgroup) => cgroup,
        Err(why) => return println!("skipped: events of a cgroup: {why}"),
    };
    let mut event = || {
        let line = lines.find(|line| line.starts_with('{')).unwrap();
        serde_json::from_str::<Value>(&line).unwrap()
    };
    let created = event();
    assert_eq!(created["event_type"], "containerCreation");
    assert_eq!(created["container_name"], format!("/{name}"));
    until(&server, &format!("/api/v1.3/containers/{name}"), |found| found["spec"].is_object());
    drop(cgroup);
    assert_eq!(event()["event_type"], "containerDeletion");
    let past = json(&server, &format!("/api/v1.3/events/{name}?all_events=true"));
    assert_eq!(past.as_array().unwrap().len(), 2);
    // A stream under way does not hold up the end.
    let (clean, said) = server.end("INT");
    assert!(clean, "{said}");
}
