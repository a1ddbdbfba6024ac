//! What Heapster's dashboards ask: every panel and every variable, over data of the shape that Heapster writes.
//!
//! Heapster writes in either of two schemas, a measurement for each metric with the field `value`, or a measurement for each group of
//! metrics with a field for each; there are dashboards for both. A panel's query is kept twice, as text and as a model; old text says
//! `mean` where the model, which counts, says `sum`. Here all of them are asked, and what must come back is reckoned from the list of
//! points by loops that know nothing of the engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use stripchart_core::{Batch, Sink, Timestamp, ValueRef};
use stripchart_query::{Engine, ExecuteOptions};
use stripchart_storage::Db;
use stripchart_storage::vfs::sim::SimVfs;

const SECOND: i64 = 1_000_000_000;
/// When somebody looks at the dashboard: half past a minute.
const NOW: i64 = 1_500_000_030 * SECOND;
/// What it shows.
const SPAN: i64 = 1800 * SECOND;

/// Metrics of a group.
type Metrics = (&'static str, &'static [&'static str]);

const CPU: Metrics = ("cpu", &["usage_rate", "limit", "request"]);
const MEMORY: Metrics = ("memory", &["usage", "working_set", "limit", "request"]);
const NETWORK: Metrics = ("network", &["tx_rate", "rx_rate"]);
const FILESYSTEM: Metrics = ("filesystem", &["usage", "limit"]);
const ALL: [Metrics; 4] = [CPU, MEMORY, NETWORK, FILESYSTEM];

/// Something that is measured, by its tags.
type Thing = BTreeMap<&'static str, String>;

struct Point {
    group: &'static str,
    metric: &'static str,
    thing: usize,
    at: i64,
    value: Value,
}

#[derive(Clone, Copy)]
enum Value {
    Integer(i64),
    Float(f64),
}

impl Value {
    fn as_f64(self) -> f64 {
        match self {
            Value::Integer(v) => v as f64,
            Value::Float(v) => v,
        }
    }
}

struct World {
    things: Vec<Thing>,
    points: Vec<Point>,
}

fn thing(tags: &[(&'static str, &str)]) -> Thing {
    tags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect()
}

/// Two nodes, four pods of two namespaces, some with two containers.
fn things() -> Vec<Thing> {
    let mut all = vec![thing(&[("type", "cluster"), ("cluster_name", "default")])];
    for node in ["node-1", "node-2"] {
        all.push(thing(&[
            ("type", "node"),
            ("nodename", node),
            ("hostname", node),
            ("host_id", &format!("id-of-{node}")),
            ("labels", &format!("kubernetes.io/hostname:{node},zone:a b")),
        ]));
        // What runs on a node outside of pods has its name too, but is of another type.
        all.push(thing(&[
            ("type", "sys_container"),
            ("nodename", node),
            ("container_name", "kubelet"),
        ]));
    }
    for (number, (space, pod, node, containers)) in [
        ("default", "web-0", "node-1", &["nginx", "log"][..]),
        ("default", "web-1", "node-2", &["nginx", "log"][..]),
        ("kube-system", "dns-0", "node-1", &["dns"][..]),
        ("kube-system", "heapster-0", "node-2", &["heapster"][..]),
    ]
    .into_iter()
    .enumerate()
    {
        let pod_id = format!("pod-id-{number}");
        let tags = [
            ("namespace_name", space),
            ("namespace_id", if space == "default" { "ns-1" } else { "ns-2" }),
            ("pod_name", pod),
            ("pod_id", pod_id.as_str()),
            ("nodename", node),
            ("hostname", node),
        ];
        let with = |more: &[(&'static str, &str)]| thing(&[&tags[..], more].concat());
        all.push(with(&[("type", "pod"), ("labels", "app:x,tier:y")]));
        for name in containers {
            let base = format!("registry.example/{name}:1.0");
            all.push(with(&[
                ("type", "pod_container"),
                ("container_name", name),
                ("container_base_image", base.as_str()),
            ]));
        }
    }
    all
}

/// A point of every metric of everything each minute, with some left out, over more than is shown.
fn world() -> World {
    let things = things();
    let mut points = Vec::new();
    let mut state = 12345_u64;
    let mut random = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 40
    };
    for minute in -45..3 {
        let at = 1_500_000_000 * SECOND + minute * 60 * SECOND;
        for (number, _) in things.iter().enumerate() {
            for (group, metrics) in ALL {
                for metric in metrics {
                    let value = i64::try_from(random() % 5000).expect("small");
                    if random() % 7 == 0 {
                        continue;
                    }
                    let value = match *metric {
                        "tx_rate" | "rx_rate" => Value::Float(value as f64 / 8.0),
                        _ => Value::Integer(value),
                    };
                    points.push(Point { group, metric, thing: number, at, value });
                }
            }
        }
    }
    World { things, points }
}

/// Both schemas, each in a database of its own; half of the points sealed.
fn engine(world: &World) -> Engine {
    let now = Timestamp::from_nanos(NOW);
    let builder = Db::builder().clock(move || now).vfs(Arc::new(SimVfs::new()));
    let db = builder.open("/data").expect("a database");
    for name in ["k8s", "fields"] {
        db.create_database(name, None).expect("a database");
        let writer = db.writer(name, None).expect("a writer");
        for half in world.points.chunks(world.points.len().div_ceil(2)) {
            let mut batch = Batch::new();
            for point in half {
                let (measurement, field) = match name {
                    "k8s" => (format!("{}/{}", point.group, point.metric), "value"),
                    _ => (point.group.to_owned(), point.metric),
                };
                let tags =
                    world.things[point.thing].iter().map(|(key, value)| (*key, value.as_str()));
                let series = batch.series(&measurement, tags).expect("a key");
                let row = batch.row(series, Timestamp::from_nanos(point.at));
                match point.value {
                    Value::Integer(v) => row.i64(field, v),
                    Value::Float(v) => row.f64(field, v),
                };
            }
            if name == "k8s" {
                for thing in &world.things {
                    let tags = thing.iter().map(|(key, value)| (*key, value.as_str()));
                    let series = batch.series("uptime", tags).expect("a key");
                    batch.row(series, Timestamp::from_nanos(half[0].at)).i64("value", 1);
                }
            }
            let accepted = writer.write(&batch).expect("writable");
            assert!(accepted.rejected.is_empty(), "{:?}", accepted.rejected);
            if half.as_ptr() == world.points.as_ptr() {
                db.seal().expect("sealed");
            }
        }
    }
    Engine::new(db)
}

/// A panel's query.
struct Panel<'a> {
    function: &'a str,
    group: &'a str,
    metric: &'a str,
    /// The type of thing.
    of: &'a str,
    /// Tags and what their values end in.
    ends: &'a [(&'a str, &'a str)],
    by: Option<&'a str>,
    interval: i64,
}

/// Rows of a series of the answer by its tag.
type Answer = BTreeMap<String, Vec<(i64, Option<f64>)>>;

impl Panel<'_> {
    fn query(&self, schema: &str) -> String {
        let (measurement, field) = match schema {
            "k8s" => (format!("{}/{}", self.group, self.metric), "value"),
            _ => (self.group.to_owned(), self.metric),
        };
        let ends: Vec<String> =
            self.ends.iter().map(|(tag, end)| format!("\"{tag}\" =~ /{end}$/ AND ")).collect();
        let by = self.by.map_or(String::new(), |tag| format!(", \"{tag}\""));
        format!(
            "SELECT {}(\"{field}\") FROM \"{measurement}\" WHERE \"type\" = '{}' AND {}time > now() - 30m GROUP BY time({}s){by} fill(null)",
            self.function,
            self.of,
            ends.concat(),
            self.interval / SECOND,
        )
    }

    fn expected(&self, world: &World) -> Answer {
        let mut groups: BTreeMap<String, BTreeMap<i64, Vec<f64>>> = BTreeMap::new();
        for point in &world.points {
            let tag = |key: &str| world.things[point.thing].get(key).map_or("", String::as_str);
            let meant = point.group == self.group
                && point.metric == self.metric
                && tag("type") == self.of
                && self.ends.iter().all(|(key, end)| tag(key).ends_with(end))
                && point.at > NOW - SPAN
                && point.at <= NOW;
            if meant {
                let window = point.at - point.at % self.interval;
                let group = groups.entry(self.by.map_or("", tag).to_owned()).or_default();
                group.entry(window).or_default().push(point.value.as_f64());
            }
        }
        let first = (NOW - SPAN + 1) - (NOW - SPAN + 1) % self.interval;
        let of = |values: &Vec<f64>| {
            let sum: f64 = values.iter().sum();
            if self.function == "sum" { sum } else { sum / values.len() as f64 }
        };
        let rows = |windows: BTreeMap<i64, Vec<f64>>| {
            let mut rows = Vec::new();
            let mut at = first;
            while at <= NOW {
                rows.push((at, windows.get(&at).map(of)));
                at += self.interval;
            }
            rows
        };
        groups.into_iter().map(|(tag, windows)| (tag, rows(windows))).collect()
    }

    fn check(&self, world: &World, engine: &Engine) {
        let expected = self.expected(world);
        assert!(!expected.is_empty(), "a panel that shows nothing proves nothing");
        for schema in ["k8s", "fields"] {
            let query = self.query(schema);
            let options = ExecuteOptions::new(Timestamp::from_nanos(NOW)).database(schema);
            let results = engine.query(&query, &options).expect(&query);
            assert!(results[0].error.is_none(), "{query}: {:?}", results[0].error);
            let mut found = Answer::new();
            for frame in &results[0].frames {
                let tag = self.by.map_or("", |tag| frame.tag_value(tag).expect("grouped by it"));
                let column = frame.get(self.function).expect("the function's name");
                let times = frame.times().expect("times").iter().enumerate();
                let rows = times.map(|(row, at)| (*at, column.get_f64(row))).collect();
                found.insert(tag.to_owned(), rows);
            }
            assert_eq!(
                found.keys().collect::<Vec<_>>(),
                expected.keys().collect::<Vec<_>>(),
                "{query}"
            );
            for (tag, rows) in &expected {
                let close = |a: Option<f64>, b: Option<f64>| match (a, b) {
                    (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * b.abs(),
                    (a, b) => a == b,
                };
                let got = &found[tag];
                let same = got.len() == rows.len()
                    && got.iter().zip(rows).all(|(a, b)| a.0 == b.0 && close(a.1, b.1));
                assert!(same, "{query}, {tag:?}:\n{got:?}\ninstead of\n{rows:?}");
            }
        }
    }
}

/// Seconds of the windows that charts of different width ask for.
const INTERVALS: [i64; 3] = [10, 60, 300];

#[test]
fn every_panel_of_the_cluster() {
    let world = world();
    let engine = engine(&world);
    let node = [("nodename", "node-2")];
    for function in ["mean", "sum"] {
        for seconds in INTERVALS {
            for (group, metrics) in ALL {
                for metric in metrics {
                    for (ends, by) in [
                        (&[][..], None),
                        (&[][..], Some("nodename")),
                        (&node[..], Some("nodename")),
                    ] {
                        let interval = seconds * SECOND;
                        Panel { function, group, metric, of: "node", ends, by, interval }
                            .check(&world, &engine);
                    }
                }
            }
        }
    }
}

#[test]
fn every_panel_of_pods() {
    let world = world();
    let engine = engine(&world);
    let chosen = [("namespace_name", "default"), ("pod_name", "web-1")];
    for function in ["mean", "sum"] {
        for seconds in INTERVALS {
            for (group, metrics) in ALL {
                let (of, by) = match group {
                    "cpu" | "memory" => ("pod_container", Some("container_name")),
                    _ => ("pod", None),
                };
                for metric in metrics {
                    let (ends, interval) = (&chosen[..], seconds * SECOND);
                    Panel { function, group, metric, of, ends, by, interval }
                        .check(&world, &engine);
                }
            }
        }
    }
}

/// The values of a tag that a query lists.
fn values(engine: &Engine, query: &str) -> Vec<String> {
    let options = ExecuteOptions::new(Timestamp::from_nanos(NOW)).database("k8s");
    let results = engine.query(query, &options).expect(query);
    assert!(results[0].error.is_none(), "{query}: {:?}", results[0].error);
    let [frame] = results[0].frames.as_slice() else { panic!("{query}: {:?}", results[0].frames) };
    let column = frame.get("value").expect("values");
    let text = |row| column.get(row).and_then(ValueRef::as_str).expect("text").to_owned();
    (0..column.len()).map(text).collect()
}

#[test]
fn every_variable() {
    let engine = engine(&world());
    let of = |query: &str| values(&engine, query);
    assert_eq!(of("SHOW TAG VALUES FROM \"uptime\" WITH KEY = \"nodename\""), ["node-1", "node-2"]);
    assert_eq!(
        of("SHOW TAG VALUES FROM \"uptime\" WITH KEY = \"namespace_name\""),
        ["default", "kube-system"]
    );
    let pods = |space: &str| {
        of(&format!(
            "SHOW TAG VALUES FROM \"uptime\" WITH KEY = \"pod_name\" WHERE \"namespace_name\" =~ /{space}$/"
        ))
    };
    assert_eq!(pods("kube-system"), ["dns-0", "heapster-0"]);
    assert_eq!(pods("default"), ["web-0", "web-1"]);
}

/// What happened: when, in which namespace, on what kind of which name, of what type, why, and what was said.
type Event =
    (i64, &'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const EVENTS: [Event; 5] = [
    (-1700, "default", "Pod", "web-0", "Normal", "Created", "created container nginx"),
    (-1690, "default", "Pod", "web-0", "Normal", "Started", "started \"nginx\", at last"),
    (-600, "default", "Pod", "web-1", "Warning", "BackOff", "back-off\nrestarting"),
    (-590, "kube-system", "Node", "node-1", "Warning", "OutOfDisk", "no space left"),
    (-3000, "default", "Pod", "web-1", "Normal", "Killing", "too old to be shown"),
];

/// The variables of the dashboard of events, and all that may be chosen as a list of several would be written.
const CHOSEN: [(&str, &str); 5] = [
    ("namespace_name", "(default|kube-system)"),
    ("kind", "(Pod|Node)"),
    ("object_name", "(node-1|web-0|web-1)"),
    ("type", "(Normal|Warning)"),
    ("reason", ".*"),
];

fn event_engine() -> Engine {
    let engine = engine(&World {
        things: things(),
        points: vec![Point {
            group: "cpu",
            metric: "limit",
            thing: 0,
            at: NOW,
            value: Value::Integer(1),
        }],
    });
    let mut batch = Batch::new();
    for (seconds, space, kind, object, of_type, reason, message) in EVENTS {
        let tags = [
            ("namespace_name", space),
            ("kind", kind),
            ("object_name", object),
            ("type", of_type),
            ("reason", reason),
            ("hostname", "node-1"),
        ];
        let series = batch.series("events", tags).expect("a key");
        let at = Timestamp::from_nanos(NOW + seconds * SECOND);
        batch.row(series, at).str("message", message);
    }
    let writer = engine.db().writer("k8s", None).expect("a writer");
    writer.write(&batch).expect("writable");
    engine
}

#[test]
fn every_question_about_events() {
    let engine = event_engine();
    let of = |query: &str| values(&engine, query);
    let key = |tag: &str| format!("SHOW TAG VALUES FROM \"events\" WITH KEY = \"{tag}\"");
    assert_eq!(of(&key("namespace_name")), ["default", "kube-system"]);
    assert_eq!(of(&key("type")), ["Normal", "Warning"]);
    assert_eq!(of(&key("reason")), ["BackOff", "Created", "Killing", "OutOfDisk", "Started"]);
    let kinds = format!("{} WHERE \"namespace_name\" =~ /default$/ ", key("kind"));
    assert_eq!(of(&kinds), ["Pod"]);
    let objects = format!(
        "{} WHERE \"kind\" =~ /(Pod|Node)$/ AND \"namespace_name\" =~ /kube-system$/ ",
        key("object_name")
    );
    assert_eq!(of(&objects), ["node-1"]);
    let chosen: Vec<String> =
        CHOSEN.iter().map(|(tag, values)| format!("\"{tag}\" =~ /{values}$/")).collect();
    let chosen = format!("{} AND time > now() - 30m", chosen.join(" AND "));
    let options = ExecuteOptions::new(Timestamp::from_nanos(NOW)).database("k8s");
    let minutes = format!(
        "SELECT count(message) FROM \"events\" WHERE {chosen} GROUP BY time(1m) fill(null)"
    );
    let results = engine.query(&minutes, &options).expect(&minutes);
    let frame = &results[0].frames[0];
    let counts = frame.get("count").expect("a count");
    let total: f64 = (0..counts.len()).filter_map(|row| counts.get_f64(row)).sum();
    assert_eq!((counts.len(), total), (31, 4.0));
    // A count is zero where nothing happened, not null.
    assert_eq!(counts.get_f64(15), Some(0.0));
    let table = format!(
        "SELECT \"namespace_name\" as \"Namespace\", \"hostname\" as \"Node_name\", \"kind\" as \"Object_kind\", \
         \"object_name\" as \"Object_Name\", \"type\" as \"Type\", \"reason\" as \"Reason\", \"message\" as \"Message\" \
         FROM \"events\" WHERE {chosen}"
    );
    let results = engine.query(&table, &options).expect(&table);
    let [frame] = results[0].frames.as_slice() else { panic!("{:?}", results[0]) };
    let mut shown: Vec<Event> = EVENTS.into_iter().filter(|event| event.0 > -1800).collect();
    shown.sort_by_key(|event| event.0);
    assert_eq!(frame.row_count(), shown.len());
    for (row, (seconds, space, kind, object, of_type, reason, message)) in
        shown.into_iter().enumerate()
    {
        assert_eq!(frame.times().expect("times")[row], NOW + seconds * SECOND);
        for (column, want) in [
            ("Namespace", space),
            ("Node_name", "node-1"),
            ("Object_kind", kind),
            ("Object_Name", object),
            ("Type", of_type),
            ("Reason", reason),
            ("Message", message),
        ] {
            let found = frame.get(column).and_then(|column| column.get(row));
            assert_eq!(found.and_then(ValueRef::as_str), Some(want), "{column}");
        }
    }
}
