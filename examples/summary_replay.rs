//! Plays kubelets: serves recorded summaries as if their nodes were alive, to try the Kubernetes pages without a cluster.
//!
//! ```text
//! cargo run --example summary_replay                                  one invented node
//! cargo run --example summary_replay -- --copies 5 summary.json       five nodes out of one recording
//! ```
//!
//! Each answer shows the present hour; counters have grown since the start by what the recording says of their speed, use
//! swings around the recorded values, each pod in its own rhythm, and the node's total swings along.

use std::collections::HashMap;
use std::error::Error;
use std::f64::consts::TAU;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono::DateTime;
use clap::Parser;
use serde_json::{Map, Value};
use stripchart_core::Timestamp;

/// What is served if no file is named.
const INVENTED: &str = include_str!("../collector/tests/fixtures/kubelet/birch-0.json");

/// Serve recorded kubelet summaries with moving counters.
///
/// The first node answers at /stats/summary, every node at /api/v1/nodes/NAME/proxy/stats/summary, which is where
/// `kubectl proxy` has it for a real cluster. The sources to give to a collector are printed.
#[derive(Parser)]
struct Arguments {
    /// Summaries, one node each, as a kubelet answered them; without any, an invented node is served.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:10255")]
    listen: SocketAddr,
    /// Nodes to make out of each file, under new names.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    copies: u32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match serve(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("summary_replay: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let began = now();
    let mut cluster = Cluster { began, nodes: Vec::new(), by_name: HashMap::new() };
    if arguments.files.is_empty() {
        cluster.add(INVENTED, arguments.copies)?;
    }
    for file in &arguments.files {
        let name = file.display();
        let text = std::fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
        cluster.add(&text, arguments.copies).map_err(|error| format!("{name}: {error}"))?;
    }

    let listener = tokio::net::TcpListener::bind(arguments.listen)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", arguments.listen))?;
    let address = listener.local_addr()?;
    println!("serving {} node(s); Ctrl-C ends it; sources:", cluster.nodes.len());
    for node in &cluster.nodes {
        println!(
            "--source=summary:http://{address}/api/v1/nodes/{}/proxy/stats/summary",
            node.name
        );
    }

    let routes = Router::new()
        .route("/stats/summary", get(first))
        .route("/stats/summary/", get(first))
        .route("/api/v1/nodes/{name}/proxy/stats/summary", get(named))
        .with_state(Arc::new(cluster));
    axum::serve(listener, routes)
        .with_graceful_shutdown(async {
            // Without the signal there is nothing to wait for: serve until killed.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        })
        .await?;
    Ok(())
}

async fn first(State(cluster): State<Arc<Cluster>>) -> Response {
    answer(&cluster, 0)
}

async fn named(State(cluster): State<Arc<Cluster>>, Path(name): Path<String>) -> Response {
    match cluster.by_name.get(&name) {
        Some(index) => answer(&cluster, *index),
        None => (StatusCode::NOT_FOUND, format!("no node {name:?}\n")).into_response(),
    }
}

fn answer(cluster: &Cluster, index: usize) -> Response {
    let document = cluster.nodes[index].at(now(), cluster.began);
    ([(header::CONTENT_TYPE, "application/json")], format!("{document:#}\n")).into_response()
}

/// The present whole second: kubelets tell no fractions.
fn now() -> Timestamp {
    Timestamp::from(SystemTime::now()).align_down(1_000_000_000)
}

struct Cluster {
    began: Timestamp,
    nodes: Vec<Node>,
    by_name: HashMap<String, usize>,
}

impl Cluster {
    /// Adds the node that `text` describes, `copies` times.
    fn add(&mut self, text: &str, copies: u32) -> Result<(), Box<dyn Error>> {
        let recorded: Value = serde_json::from_str(text)?;
        for copy in 1..=copies {
            let mut document = recorded.clone();
            if copy > 1 {
                rename(&mut document, copy);
            }
            let name = document["node"]["nodeName"].as_str().ok_or("expected a node.nodeName")?;
            let name = name.to_owned();
            if self.by_name.insert(name.clone(), self.nodes.len()).is_some() {
                return Err(format!("there is a node {name:?} already").into());
            }
            shift_starts(&mut document, self.began);
            self.nodes.push(Node { name, document });
        }
        Ok(())
    }
}

/// Gives the node and its pods names of their own.
fn rename(document: &mut Value, copy: u32) {
    let append = |value: &mut Value| {
        if let Value::String(text) = value {
            *text = format!("{text}-{copy}");
        }
    };
    append(&mut document["node"]["nodeName"]);
    for pod in document["pods"].as_array_mut().into_iter().flatten() {
        append(&mut pod["podRef"]["name"]);
        append(&mut pod["podRef"]["uid"]);
    }
}

/// Moves all start times by the same span, so that the recording seems to have been made at `began`.
fn shift_starts(document: &mut Value, began: Timestamp) {
    let recorded = document["node"]["cpu"]["time"].as_str().and_then(parse_time).unwrap_or(began);
    each_object(document, &mut |object| {
        if let Some(start) = object.get("startTime").and_then(Value::as_str).and_then(parse_time) {
            let start = began.saturating_sub(recorded.since(start));
            object.insert("startTime".to_owned(), start.to_string().into());
        }
    });
}

fn parse_time(text: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc3339(text).ok()?.timestamp_nanos_opt().map(Timestamp::from_nanos)
}

/// Calls `each` for every object in `value`, the outer ones first.
fn each_object(value: &mut Value, each: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            each(object);
            object.values_mut().for_each(|value| each_object(value, each));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| each_object(value, each)),
        _ => {}
    }
}

struct Node {
    name: String,
    /// As recorded, but for names and start times.
    document: Value,
}

impl Node {
    /// The document as it would be at `now`, when it was as recorded at `began`.
    fn at(&self, now: Timestamp, began: Timestamp) -> Value {
        let mut document = self.document.clone();
        let seconds = (now.since(began) as f64 / 1e9).max(0.0);
        // What the pods use above the recorded, which the node uses too.
        let mut surplus = Surplus::default();
        for pod in document["pods"].as_array_mut().into_iter().flatten() {
            let swing = Swing::new(&[&self.name, &pod["podRef"].to_string()], 0.6, seconds);
            let before = Surplus::of(pod);
            each_object(pod, &mut |object| swing.move_on(object));
            surplus.add(&Surplus::of(pod), &before, swing.steady(before.nanocores));
        }
        let node = Swing::new(&[&self.name], 0.0, seconds);
        each_object(&mut document["node"], &mut |object| node.move_on(object));
        surplus.put_on(&mut document["node"]);
        each_object(&mut document, &mut |object| {
            if object.get("time").is_some_and(Value::is_string) {
                object.insert("time".to_owned(), now.to_string().into());
            }
        });
        document
    }
}

/// A rhythm: use at a time is the recorded use times `factor`, and growth since the start is speed times `lasted`.
struct Swing {
    factor: f64,
    lasted: f64,
    seconds: f64,
    seed: u64,
}

impl Swing {
    /// The rhythm of what `names` say, swinging by `part` of the recorded use, after so many seconds.
    fn new(names: &[&str], part: f64, seconds: f64) -> Self {
        let mut hasher = DefaultHasher::new();
        names.hash(&mut hasher);
        let seed = hasher.finish();
        let period = 120.0 + (seed % 600) as f64;
        let phase = (seed / 600 % 1000) as f64 / 1000.0 * TAU;
        let angle = seconds / period * TAU + phase;
        // The factor's integral from the start on; it always grows, because the part is less than one.
        let lasted = seconds + part * period / TAU * (phase.cos() - angle.cos());
        Swing { factor: 1.0 + part * angle.sin(), lasted, seconds, seed }
    }

    /// What a constant use of so many billionths of a core would have added by now.
    fn steady(&self, nanocores: f64) -> f64 {
        nanocores * self.seconds
    }

    /// Moves on what one object of a summary counts and measures.
    fn move_on(&self, object: &mut Map<String, Value>) {
        if object.contains_key("usageCoreNanoSeconds") {
            let speed = number(object, "usageNanoCores").unwrap_or(0.0);
            grow(object, "usageCoreNanoSeconds", speed * self.lasted);
            scale(object, "usageNanoCores", self.factor);
        }
        if object.contains_key("workingSetBytes") {
            // Memory swings less than processors do.
            let factor = 1.0 + (self.factor - 1.0) / 5.0;
            for key in ["usageBytes", "workingSetBytes", "rssBytes"] {
                scale(object, key, factor);
            }
            grow(object, "pageFaults", self.speed(20.0, 400.0) * self.lasted);
            grow(object, "majorPageFaults", 0.02 * self.lasted);
        }
        grow(object, "rxBytes", self.speed(2e3, 2e5) * self.lasted);
        grow(object, "txBytes", self.speed(1e3, 1e5) * self.lasted);
        if let Some(percent) = number(object, "avg60") {
            // The kernel counts microseconds.
            grow(object, "total", percent.max(0.05) / 100.0 * 1e6 * self.lasted);
        }
        if object.contains_key("inodesUsed") {
            grow(object, "usedBytes", 500.0 * self.lasted);
        }
    }

    /// A speed of this object's own between two.
    fn speed(&self, least: f64, most: f64) -> f64 {
        least + (most - least) * (self.seed % 1009) as f64 / 1009.0
    }
}

/// Use of a pod, or by how much pods use more than was recorded.
#[derive(Default)]
struct Surplus {
    nanocores: f64,
    core_nanoseconds: f64,
    bytes: f64,
}

impl Surplus {
    fn of(pod: &Value) -> Self {
        // The first kubelets tell no totals of pods.
        let containers = pod["containers"].as_array().map_or(&[][..], Vec::as_slice);
        let whole = pod.get("cpu").is_some();
        let parts = if whole { std::slice::from_ref(pod) } else { containers };
        let sum =
            |group: &str, key: &str| parts.iter().filter_map(|p| p[group][key].as_f64()).sum();
        Surplus {
            nanocores: sum("cpu", "usageNanoCores"),
            core_nanoseconds: sum("cpu", "usageCoreNanoSeconds"),
            bytes: sum("memory", "usageBytes"),
        }
    }

    fn add(&mut self, now: &Surplus, before: &Surplus, steady: f64) {
        self.nanocores += now.nanocores - before.nanocores;
        self.core_nanoseconds += now.core_nanoseconds - before.core_nanoseconds - steady;
        self.bytes += now.bytes - before.bytes;
    }

    fn put_on(&self, node: &mut Value) {
        let mut group = |name: &str, additions: &[(&str, f64)]| {
            if let Some(object) = node[name].as_object_mut() {
                additions.iter().for_each(|(key, addition)| grow(object, key, *addition));
            }
        };
        let cpu =
            [("usageNanoCores", self.nanocores), ("usageCoreNanoSeconds", self.core_nanoseconds)];
        group("cpu", &cpu);
        group("memory", &[("usageBytes", self.bytes), ("workingSetBytes", self.bytes)]);
    }
}

fn number(object: &Map<String, Value>, key: &str) -> Option<f64> {
    object.get(key).and_then(Value::as_f64)
}

/// Adds to a count, if the object has it; counts stay whole and above zero.
fn grow(object: &mut Map<String, Value>, key: &str, addition: f64) {
    if let Some(count) = object.get_mut(key)
        && let Some(before) = count.as_u64()
    {
        #[expect(clippy::cast_possible_truncation, reason = "far below 2^63 in any one run")]
        let addition = addition as i64;
        *count = before.saturating_add_signed(addition).into();
    }
}

fn scale(object: &mut Map<String, Value>, key: &str, factor: f64) {
    if let Some(value) = number(object, key) {
        grow(object, key, value * (factor - 1.0));
    }
}
