//! The API as clients meet it, over a node filled by hand.

mod fixture;

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::Value;

use super::{Body, CadvisorApi, Piece};
use crate::Node;
use crate::cgroup::Runtime;
use crate::node::{About, ContainerSample, EventKind};
use fixture::{APP, AT, DOCKER, POD, node, put};

fn filled() -> Arc<Node> {
    Arc::new(node())
}

fn ask(api: &CadvisorApi, target: &str) -> (StatusCode, String) {
    ask_with(api, target, "")
}

fn ask_with(api: &CadvisorApi, target: &str, body: &'static str) -> (StatusCode, String) {
    let request = Request::get(target).body(Bytes::from(body)).unwrap();
    let response: Response<Body> = api.answer(&request, AT).expect(target);
    let status = response.status();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    let text = String::from_utf8(response.into_body().into_bytes().to_vec()).unwrap();
    let wanted = if status == StatusCode::OK && target.starts_with("/api/") {
        "application/json"
    } else {
        "text/plain; charset=utf-8"
    };
    assert_eq!(kind, wanted, "{target}: {text}");
    (status, text)
}

fn json(api: &CadvisorApi, target: &str) -> Value {
    let (status, text) = ask(api, target);
    assert_eq!(status, StatusCode::OK, "{target}: {text}");
    serde_json::from_str(&text).expect(target)
}

#[test]
fn versions_and_request_types_are_told_and_the_paths_of_others_left() {
    let api = CadvisorApi::new(filled());
    let cases = [
        ("/api/", 400, "Supported API versions: v1.0,v1.1,v1.2,v1.3,v2.0,v2.1\n"),
        ("/api/v1.0", 400, "Supported request types: \"containers,machine\"\n"),
        (
            "/api/v1.3/",
            400,
            "Supported request types: \"containers,docker,events,machine,subcontainers\"\n",
        ),
        ("/api/v3.0/machine", 500, "unsupported API version \"v3.0\"\n"),
        ("/api/v1.0/docker/x", 500, "unknown request type \"docker\"\n"),
        ("/api/v2.0/machinestats", 500, "unknown request type \"machinestats\"\n"),
        (
            "/api/v1.3/containers/no",
            500,
            "failed to get container \"/no\" with error: unknown container \"/no\"\n",
        ),
        ("/api/v2.1/stats/no", 500, "unknown container \"/no\"\n"),
        ("/api/v2.0/spec/x?type=pod", 500, "unknown 'type' \"pod\"\n"),
        ("/healthz", 200, "ok"),
    ];
    for (target, status, text) in cases {
        let (found, body) = ask(&api, target);
        assert_eq!((found.as_u16(), body.as_str()), (status, text), "{target}");
    }
    for other in ["/api", "/apis", "/api/v1/model", "/api/v2/write", "/", "/metrics", "/query"] {
        let request = Request::get(other).body(Bytes::new()).unwrap();
        assert!(api.answer(&request, AT).is_none(), "{other}");
    }
    let delete = Request::delete("/api/v1.0/machine").body(Bytes::new()).unwrap();
    assert_eq!(api.answer(&delete, AT).unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[test]
fn a_container_of_version_1_is_written_to_the_byte() {
    let api = CadvisorApi::new(filled());
    let (_, text) = ask_with(&api, &format!("/api/v1.3/containers{APP}"), r#"{"num_stats":1}"#);
    golden("v1_container.json", &text);
    // Of cgroups of version 1 more is known, and no limit is another number.
    let (_, text) = ask_with(&api, &format!("/api/v1.3/containers{DOCKER}"), r#"{"num_stats":1}"#);
    golden("v1_container_of_v1.json", &text);
}

#[test]
fn statistics_of_version_2_are_written_to_the_byte() {
    let api = CadvisorApi::new(filled());
    golden("v2_stats.json", &ask(&api, &format!("/api/v2.1/stats{DOCKER}?count=1")).1);
    golden("v2_0_stats.json", &ask(&api, &format!("/api/v2.0/stats{APP}?count=1")).1);
    golden("machine.json", &ask(&api, "/api/v1.0/machine").1);
    golden("machinestats.json", &ask(&api, "/api/v2.1/machinestats?count=1").1);
}

/// Compares with a file, a line of which ends after each brace of the document; `UPDATE_GOLDEN=1` writes it.
fn golden(name: &str, text: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cadvisor_api/");
    let text = format!("{}\n", text.replace(",\"", ",\n\""));
    let path = format!("{folder}{name}");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let want = std::fs::read_to_string(&path).expect(&path);
    assert!(want == text, "{path}: expected\n{want}\nfound\n{text}");
}

#[test]
fn subcontainers_are_the_container_and_all_below_it() {
    let api = CadvisorApi::new(filled());
    let all = json(&api, "/api/v1.1/subcontainers");
    assert_eq!(all.as_array().unwrap().len(), 8);
    let pod = json(&api, &format!("/api/v1.1/subcontainers{POD}/"));
    let names: Vec<&str> =
        pod.as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names[..2], [POD, APP]);
    assert_eq!(names.len(), 3);
    let inside: Vec<&str> = pod[0]["subcontainers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!(inside, names[1..]);
}

#[test]
fn samples_are_the_newest_inside_the_times_asked_for() {
    let node = filled();
    {
        let mut containers = node.containers_mut();
        let samples = &mut containers.get_mut(APP).unwrap().samples;
        for secs in 1..=5 {
            let at = AT.saturating_add(secs * 1_000_000_000);
            *samples.next_place() = ContainerSample { at, ..ContainerSample::default() };
        }
    }
    let api = CadvisorApi::new(node);
    let times = |body| {
        let (_, text) = ask_with(&api, &format!("/api/v1.0/containers{APP}"), body);
        let found: Value = serde_json::from_str(&text).unwrap();
        let Some(stats) = found.get("stats") else { return Vec::new() };
        let stats = stats.as_array().unwrap();
        stats
            .iter()
            .map(|s| s["timestamp"].as_str().unwrap()[17..19].to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(times(r#"{"num_stats":2}"#), ["24", "25"]);
    assert_eq!(times(r#"{"num_stats":-1}"#).len(), 7);
    assert_eq!(times(r#"{"num_stats":0}"#), Vec::<String>::new());
    let between = r#"{"num_stats":2,"start":"2023-11-14T22:13:20Z","end":"2023-11-14T22:13:22Z"}"#;
    assert_eq!(times(between), ["21", "22"]);
}

#[test]
fn docker_is_found_by_name_id_and_the_beginning_of_its_id() {
    let node = filled();
    let api = CadvisorApi::new(Arc::clone(&node));
    for name in ["", "web", "4567", &"4567".repeat(16)] {
        let found = json(&api, &format!("/api/v1.2/docker/{name}"));
        assert_eq!(found.as_object().unwrap().keys().collect::<Vec<_>>(), [DOCKER], "{name:?}");
        assert_eq!(found[DOCKER]["namespace"], "docker");
        let target = format!("/api/v2.0/spec/{name}?type=docker&recursive={}", name.is_empty());
        assert_eq!(json(&api, &target)[DOCKER]["image"], "nginx:<latest>");
    }
    let (status, text) = ask(&api, "/api/v1.2/docker/app-alias");
    assert_eq!((status.as_u16(), text.contains("unable to find docker container")), (500, true));
    put(
        &node,
        "/docker/two",
        About {
            container_id: Some("4568".into()),
            runtime: Some(Runtime::Docker),
            ..About::default()
        },
        1,
    );
    let (status, text) = ask(&api, "/api/v1.2/docker/456");
    assert!(status == 500 && text.contains("the beginning of several ids"), "{text}");
    assert_eq!(ask(&api, "/api/v2.1/stats/web?type=docker&recursive=true").0, 500);
    assert_eq!(json(&api, "/api/v2.1/stats/?type=podman&recursive=true"), serde_json::json!({}));
}

#[test]
fn version_2_names_containers_and_leaves_the_root_to_machinestats() {
    let api = CadvisorApi::new(filled());
    let all = json(&api, "/api/v2.1/stats/?recursive=true&count=1");
    assert_eq!(all.as_object().unwrap().len(), 7);
    assert!(all.get("/").is_none() && all[APP]["stats"].as_array().unwrap().len() == 1);
    assert_eq!(json(&api, "/api/v2.0/stats?recursive=true").as_object().unwrap().len(), 8);
    let inst = &json(&api, "/api/v2.1/machinestats")[1]["cpu_inst"]["usage"]["total"];
    assert_eq!(inst, 250_000_000);
    assert_eq!(json(&api, "/api/v2.0/version"), super::VERSION);
    assert_eq!(json(&api, "/api/v2.0/attributes")["kernel_version"], "6.1.0");
    assert_eq!(json(&api, "/api/v2.0/appmetrics/"), serde_json::json!({}));
    let storage = json(&api, "/api/v2.0/storage?label=root");
    assert_eq!(storage[0]["mountpoint"], "/");
    assert_eq!(storage[0]["labels"], serde_json::json!(["root", "docker-images"]));
    assert_eq!(json(&api, "/api/v2.0/storage").as_array().unwrap().len(), 3);
    assert_eq!(ask(&api, "/api/v2.0/storage?label=none").0, 500);
    let summary = json(&api, &format!("/api/v2.0/summary{APP}"));
    assert_eq!(summary[APP]["latest_usage"]["cpu"], 250);
    assert_eq!(summary[APP]["minute_usage"]["percent_complete"], 0);
}

#[test]
fn a_long_list_comes_in_pieces_and_holds_up_no_sample() {
    let node = filled();
    for i in 0..200 {
        put(&node, &format!("/many/{i:03}"), About::default(), i);
    }
    let api = CadvisorApi::new(Arc::clone(&node));
    let request = Request::get("/api/v1.1/subcontainers/").body(Bytes::new()).unwrap();
    let mut body = api.answer(&request, AT).unwrap().into_body();
    assert_eq!((body.len(), body.is_stream()), (None, false));
    let mut text = Vec::new();
    let first = body.next().unwrap();
    text.extend_from_slice(&first);
    // In between a container may go.
    node.containers_mut().remove("/many/199");
    for piece in body {
        assert!(!piece.is_empty());
        text.extend_from_slice(&piece);
    }
    let found: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(found.as_array().unwrap().len(), 207);
}

fn happen(node: &Node, secs: i64, path: &str, kind: EventKind) {
    node.events().add(AT.saturating_add(secs * 1_000_000_000), path.into(), kind);
}

#[test]
fn events_that_were_are_given_by_kind_container_and_time() {
    let node = filled();
    happen(&node, 1, APP, EventKind::Created);
    let oom =
        EventKind::OomKill { pid: 7, process: "a<b".into(), constraint: "CONSTRAINT_MEMCG".into() };
    happen(&node, 2, APP, oom);
    happen(&node, 3, "/elsewhere", EventKind::Deleted { exit_code: None });
    let api = CadvisorApi::new(node);
    let count = |target: &str| json(&api, target).as_array().unwrap().len();
    assert_eq!(count("/api/v1.3/events/"), 0);
    assert_eq!(count("/api/v1.3/events/?all_events=true"), 0);
    assert_eq!(count("/api/v1.3/events/?all_events=true&subcontainers=true"), 3);
    assert_eq!(count("/api/v1.3/events/?all_events=1&subcontainers=1&max_events=2"), 2);
    assert_eq!(count(&format!("/api/v2.0/events{APP}?creation_events=true")), 1);
    assert_eq!(
        count("/api/v1.3/events?all_events=1&subcontainers=1&start_time=2023-11-14T22:13:22Z"),
        2
    );
    let (_, text) = ask(&api, &format!("/api/v1.3/events{APP}?oom_kill_events=true"));
    let want = concat!(
        r#"[{"container_name":"/kubepods.slice/kubepods-podaa.slice/cri-containerd-app.scope","timestamp":"2023-11-14T22:13:22Z","#,
        r#""event_type":"oomKill","event_data":{"oom":{"pid":7,"process_name":"a\u003cb","constraint":"CONSTRAINT_MEMCG"}}}]"#
    );
    assert_eq!(text, want);
    let (_, text) = ask(&api, "/api/v1.3/events/elsewhere?deletion_events=true");
    assert!(text.contains(r#""event_data":{"container_deletion":{"exit_code":-1}}"#), "{text}");
    let (status, text) = ask(&api, "/api/v1.3/events/?stream=true&start_time=2023-11-14T22:13:22Z");
    assert!(status == 500 && text.contains("start_time"), "{text}");
}

#[test]
fn a_stream_gives_events_as_they_happen_until_it_is_ended() {
    let node = filled();
    happen(&node, 0, APP, EventKind::Created);
    let api = CadvisorApi::new(Arc::clone(&node));
    let target = "/api/v1.3/events/?stream=true&all_events=true&subcontainers=true";
    let request = Request::get(target).body(Bytes::new()).unwrap();
    let mut body = api.answer(&request, AT).unwrap().into_body();
    assert!(body.is_stream());
    assert_eq!(body.poll(), Piece::NotYet);
    happen(&node, 1, "/a", EventKind::Created);
    happen(&node, 2, "/b", EventKind::Deleted { exit_code: Some(3) });
    let piece = body.next().unwrap();
    let lines: Vec<Value> = piece
        .split_inclusive(|b| *b == b'\n')
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["event_data"]["container_deletion"]["exit_code"], 3);
    assert_eq!(body.poll(), Piece::NotYet);
    // Somebody who waits is woken by the event, or told that it is over.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(move || (body.next(), body));
        happen(&node, 3, "/c", EventKind::Created);
        let (piece, mut body) = waiting.join().unwrap();
        assert!(piece.unwrap().starts_with(b"{\"container_name\":\"/c\""));
        api.end_streams();
        assert_eq!(body.next(), None);
        assert_eq!(body.poll(), Piece::Over);
    });
}

#[test]
fn the_report_names_what_can_be_watched() {
    let api = CadvisorApi::new(filled());
    let (_, text) = ask(&api, "/validate/");
    assert!(text.contains("Kernel version: Recommended\n\tKernel version is 6.1.0."), "{text}");
    assert!(text.contains("Container runtimes: Supported"), "{text}");
    let (_, empty) = ask(&CadvisorApi::new(Arc::default()), "/validate/");
    assert!(empty.contains("Cgroup setup: Unknown"), "{empty}");
}

#[test]
fn an_empty_node_answers_too() {
    let api = CadvisorApi::new(Arc::default());
    assert_eq!(json(&api, "/api/v1.0/machine")["topology"], Value::Null);
    assert_eq!(json(&api, "/api/v2.0/storage"), Value::Null);
    assert_eq!(ask(&api, "/api/v1.0/containers/").0, 500);
    assert_eq!(ask(&api, "/api/v2.1/machinestats").0, 500);
    assert_eq!(json(&api, "/api/v1.2/docker/"), serde_json::json!({}));
    let unset = json(&api, "/api/v1.0/machine");
    assert_eq!(unset["timestamp"], "0001-01-01T00:00:00Z");
}

fn page(api: &CadvisorApi, path: &str, query: &str) -> super::ContainerPage {
    api.page(path, query, AT).expect(path)
}

/// The texts in a column of the first frame called `name`.
fn texts(page: &super::ContainerPage, name: &str, column: &str) -> Vec<String> {
    let frame = page.frames.iter().find(|frame| frame.name == name).expect(name);
    let column = frame.get(column).unwrap();
    let text = |row| match column.get(row) {
        Some(stripchart_core::ValueRef::String(text)) => text.to_owned(),
        other => panic!("{other:?}"),
    };
    (0..frame.row_count()).map(text).collect()
}

/// Titles and lines of the charts.
fn lines(page: &super::ContainerPage) -> Vec<String> {
    let series = page.frames.iter().filter(|frame| frame.name == "series");
    let line = |frame: &stripchart_core::Frame| {
        format!("{}: {}", frame.tag_value("title").unwrap(), frame.tag_value("series").unwrap())
    };
    series.map(line).collect()
}

#[test]
fn a_page_leads_up_and_down_and_shows_what_is_used() {
    let api = CadvisorApi::new(filled());
    let page = page(&api, &format!("/containers{DOCKER}"), "interface=ens3");
    assert_eq!((page.status, page.title.as_str()), (200, "web"));
    assert_eq!(texts(&page, "crumbs", "name"), ["/", "system.slice", "docker-web.scope"]);
    assert_eq!(texts(&page, "crumbs", "href")[1], "/containers/system.slice");
    assert_eq!(
        texts(&page, "gauges", "text"),
        ["0.25 of 4 cores", "96.0 MiB of 16.0 GiB", "70 B of 1000 B"]
    );
    assert_eq!(texts(&page, "choice", "value"), ["eth0", "ens3"]);
    let lines = lines(&page);
    for line in [
        "Total usage: total",
        "Usage per core: core 1",
        "Usage breakdown: kernel",
        "Throttled: cores held back",
        "Memory: hot (working set)",
        "Throughput of ens3: received",
        "Errors of ens3: sending",
        "Disk throughput: written",
    ] {
        assert!(lines.iter().any(|found| found == line), "{line} is not in {lines:?}");
    }
    let total = page.frames.iter().find(|frame| frame.name == "series").unwrap();
    assert_eq!((total.row_count(), total.get("value").unwrap().get_f64(0)), (1, Some(0.25)));
}

#[test]
fn the_page_of_the_root_lists_what_is_below_it_by_use() {
    let api = CadvisorApi::new(filled()).roots(crate::Roots::below("/nowhere"));
    let page = page(&api, "/containers/", "");
    assert_eq!(texts(&page, "links", "href"), ["/docker/"]);
    assert_eq!(
        texts(&page, "table", "href"),
        ["/containers/kubepods.slice", "/containers/system.slice"]
    );
    let top: Vec<String> =
        lines(&page).into_iter().filter(|l| l.starts_with("Top memory")).collect();
    // The innermost only, the largest first.
    assert_eq!(top[0], "Top memory usage: /system.slice/a<b>&.service");
    assert!(top.iter().all(|line| !line.ends_with(".slice")), "{top:?}");
    let docker = super::tests::page(&api, "/docker/", "");
    assert_eq!(texts(&docker, "table", "Name"), ["web"]);
    let escaped = super::tests::page(&api, "/containers/system.slice/a%3Cb%3E&.service", "");
    assert_eq!((escaped.status, escaped.title.as_str()), (200, "/system.slice/a<b>&.service"));
    assert_eq!(super::tests::page(&api, "/docker/we", "").status, 404);
    assert_eq!(super::tests::page(&api, "/podman/", "").title, "Podman containers");
    assert!(api.page("/dockers/", "", AT).is_none());
}
