//! Dashboards as Grafana keeps them, asked panel by panel over HTTP: variables filled, macros put in, panels and rows repeated, as
//! its InfluxQL data source does, over data of the shape that Heapster writes.
//!
//! Each query must be answered with rows that have values. With `STRIPCHART_DASHBOARDS=FOLDER` the dashboards in that folder
//! are asked, too; which of their queries have none is printed.

#![allow(clippy::unwrap_used, reason = "test code outside of test functions")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use common::{Server, percent_encoded};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

/// Seconds that a dashboard shows, and how far apart its points may be at least.
const SPAN: u64 = 1800;
const INTERVAL: &str = "10s";

/// What is chosen, by the variable's name: the text that is put into a query.
type Chosen = BTreeMap<String, String>;

/// A variable and the values that there are to choose from.
struct Variable {
    json: Value,
    values: Vec<String>,
}

/// One target of one panel, ready to be asked.
struct Target {
    panel: String,
    queries: Vec<String>,
}

fn text<'v>(of: &'v Value, member: &str) -> &'v str {
    of[member].as_str().unwrap_or_default()
}

fn list(of: &Value) -> &[Value] {
    of.as_array().map_or(&[], Vec::as_slice)
}

/// Escapes what means something in a regular expression, and the slash that would end one.
fn escaped(value: &str) -> String {
    value
        .chars()
        .flat_map(|c| {
            let operator = "\\^$*+?.()|[]{}/-".contains(c).then_some('\\');
            operator.into_iter().chain([c])
        })
        .collect()
}

impl Variable {
    /// What stands for these values in a query. What has one value at a time is put in as it is.
    fn format(&self, values: &[String]) -> String {
        let several = self.json["multi"] == true || self.json["includeAll"] == true;
        let joined = |values: Vec<String>| values.join("|");
        match (text(&self.json, "multiFormat"), values) {
            ("glob", [one]) => one.clone(),
            ("glob", many) => format!("{{{}}}", many.join(",")),
            ("pipe", many) => joined(many.to_vec()),
            (_, [one]) if !several => one.clone(),
            (_, many) => format!("({})", joined(many.iter().map(|v| escaped(v)).collect())),
        }
    }

    /// What stands for all values.
    fn all(&self) -> String {
        match text(&self.json, "allFormat") {
            "regex wildcard" => ".*".to_owned(),
            _ => self.format(&self.values),
        }
    }

    /// What is chosen when nobody has chosen: all, if that can be, else the first.
    fn preset(&self) -> String {
        match (text(&self.json, "type"), self.values.first()) {
            ("query", _) if self.json["includeAll"] == true => self.all(),
            ("query", Some(first)) => self.format(std::slice::from_ref(first)),
            ("query", None) => panic!("no value for {}", text(&self.json, "name")),
            _ => text(&self.json["current"], "value").to_owned(),
        }
    }
}

/// Puts in what is chosen, longest names first, in any of the three ways of writing a variable, and then the macros.
fn substituted(query: &str, chosen: &Chosen, filter: &str) -> String {
    let mut names: Vec<(&str, &str)> =
        chosen.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    names.extend([("timeFilter", filter), ("__timeFilter", filter)]);
    names.extend([("interval", INTERVAL), ("__interval", INTERVAL)]);
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let mut done = String::new();
    let mut rest = query;
    'next: while let Some(c) = rest.chars().next() {
        for (name, value) in &names {
            for written in [format!("${name}"), format!("${{{name}}}"), format!("[[{name}]]")] {
                if let Some(after) = rest.strip_prefix(&written) {
                    done.push_str(value);
                    rest = after;
                    continue 'next;
                }
            }
        }
        done.push(c);
        rest = &rest[c.len_utf8()..];
    }
    done
}

/// The query that a target's model stands for, as the data source writes it; `None` if it has text only.
fn of_model(target: &Value) -> Option<String> {
    if target["rawQuery"] == true || list(&target["select"]).is_empty() {
        return None;
    }
    let parameter = |part: &Value| part["params"][0].as_str().unwrap_or_default().to_owned();
    let columns = list(&target["select"]).iter().map(|parts| {
        list(parts).iter().fold(String::new(), |inner, part| match text(part, "type") {
            "field" => format!("\"{}\"", parameter(part)),
            "math" => format!("{inner}{}", parameter(part)),
            "alias" => format!("{inner} AS \"{}\"", parameter(part)),
            function if list(&part["params"]).is_empty() => format!("{function}({inner})"),
            function => format!("{function}({inner}, {})", parameter(part)),
        })
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    let policy = match text(target, "policy") {
        "" => String::new(),
        policy => format!("\"{policy}\"."),
    };
    let mut conditions = String::new();
    for (at, tag) in list(&target["tags"]).iter().enumerate() {
        if at > 0 {
            let condition = tag["condition"].as_str().unwrap_or("AND");
            conditions.push_str(&format!("{condition} "));
        }
        let (operator, value) = (text(tag, "operator"), text(tag, "value"));
        let value = match operator {
            "=~" | "!~" => value.to_owned(),
            _ => format!("'{}'", value.replace('\'', "\\'")),
        };
        conditions.push_str(&format!("\"{}\" {operator} {value} ", text(tag, "key")));
    }
    let and = if conditions.is_empty() { "" } else { "AND " };
    let (mut by, mut fill) = (Vec::new(), String::new());
    for part in list(&target["groupBy"]) {
        match text(part, "type") {
            "time" => by.push(format!("time({})", parameter(part))),
            "tag" => by.push(format!("\"{}\"", parameter(part))),
            _ => fill = format!(" fill({})", parameter(part)),
        }
    }
    let by = if by.is_empty() { String::new() } else { format!(" GROUP BY {}", by.join(", ")) };
    Some(format!(
        "SELECT {columns} FROM {policy}\"{}\" WHERE {conditions}{and}$timeFilter{by}{fill}",
        text(target, "measurement")
    ))
}

/// A dashboard over a server: its variables have been filled.
struct Dashboard<'s> {
    server: &'s Server,
    variables: Vec<Variable>,
    chosen: Chosen,
    filter: String,
    targets: Vec<Target>,
}

impl<'s> Dashboard<'s> {
    fn read(server: &'s Server, json: &Value, filter: &str) -> Dashboard<'s> {
        let json = json.get("dashboard").unwrap_or(json);
        let mut of = Dashboard {
            server,
            variables: Vec::new(),
            chosen: Chosen::new(),
            filter: filter.to_owned(),
            targets: Vec::new(),
        };
        for variable in list(&json["templating"]["list"]) {
            let values = match text(variable, "type") {
                "query" => of.values(text(variable, "query")),
                _ => text(variable, "query").split(',').map(str::to_owned).collect(),
            };
            let variable = Variable { json: variable.clone(), values };
            of.chosen.insert(text(&variable.json, "name").to_owned(), variable.preset());
            of.variables.push(variable);
        }
        for annotation in list(&json["annotations"]["list"]) {
            let query = text(annotation, "query").to_owned();
            of.add(&format!("annotation {}", text(annotation, "name")), vec![query]);
        }
        for row in list(&json["rows"]) {
            of.repeat(text(row, "repeat"), &mut |of| {
                for panel in list(&row["panels"]) {
                    of.repeat(text(panel, "repeat"), &mut |of| of.panel(panel));
                }
            });
        }
        of
    }

    /// Does something for each value of a variable, that alone being chosen; once if none is named.
    fn repeat(&mut self, variable: &str, each: &mut dyn FnMut(&mut Self)) {
        let Some(of) = self.variables.iter().find(|of| text(&of.json, "name") == variable) else {
            return each(self);
        };
        let choices: Vec<String> =
            of.values.iter().map(|value| of.format(std::slice::from_ref(value))).collect();
        let before = self.chosen.clone();
        for choice in choices {
            self.chosen.insert(variable.to_owned(), choice);
            each(self);
        }
        self.chosen = before;
    }

    fn panel(&mut self, panel: &Value) {
        for target in list(&panel["targets"]) {
            if target["hide"] == true {
                continue;
            }
            let written = Some(text(target, "query").to_owned()).filter(|query| !query.is_empty());
            let queries = written.into_iter().chain(of_model(target)).collect();
            self.add(text(panel, "title"), queries);
        }
    }

    fn add(&mut self, title: &str, queries: Vec<String>) {
        let done = |query: &String| substituted(query, &self.chosen, &self.filter);
        let panel = substituted(title, &self.chosen, "");
        let queries = queries.iter().map(done).collect();
        self.targets.push(Target { panel, queries });
    }

    /// The values that a variable's query lists.
    fn values(&self, query: &str) -> Vec<String> {
        let query = substituted(query, &self.chosen, &self.filter);
        let answer = ask(self.server, &query);
        let series = list(&answer["results"][0]["series"]);
        let rows = series.iter().flat_map(|series| list(&series["values"]));
        let last = rows.filter_map(|row| list(row).last()?.as_str());
        last.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Asks every query: how many there were, how many rows with a value came, and which had none.
    fn ask_all(&self) -> (usize, usize, Vec<&str>) {
        let (mut count, mut rows, mut silent) = (0, 0, Vec::new());
        for target in &self.targets {
            let each: Vec<Value> = target.queries.iter().map(|q| ask(self.server, q)).collect();
            for (query, answer) in target.queries.iter().zip(&each) {
                let values = valued(&answer["results"][0]);
                if values == 0 {
                    silent.push(query.as_str());
                }
                count += 1;
                rows += values;
            }
            // A panel's targets go in one request.
            let together = ask(self.server, &target.queries.join(";"));
            let results = list(&together["results"]);
            assert_eq!(results.len(), each.len(), "{}", target.panel);
            for (at, (result, alone)) in results.iter().zip(&each).enumerate() {
                assert_eq!(result["statement_id"], at);
                assert_eq!(result["series"], alone["results"][0]["series"], "{}", target.panel);
            }
        }
        (count, rows, silent)
    }
}

/// Rows of a result that have a value beside the time.
fn valued(result: &Value) -> usize {
    let series = list(&result["series"]).iter();
    let rows = series.flat_map(|series| list(&series["values"]));
    rows.filter(|row| list(row).iter().skip(1).any(|value| !value.is_null())).count()
}

/// Asks by GET and by POST, which are answered alike.
fn ask(server: &Server, query: &str) -> Value {
    let target = format!("/query?db=k8s&epoch=ms&q={}", percent_encoded(query));
    let by_get = server.get(&target);
    let form = format!("q={}", percent_encoded(query));
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let by_post = server.send("POST", "/query?db=k8s&epoch=ms", &headers, form.as_bytes());
    let by_post = by_post.unwrap();
    assert_eq!((by_get.status, by_post.status), (200, 200), "{query}: {}", by_get.body);
    let answer: Value = serde_json::from_str(&by_get.body).unwrap();
    // What is relative to now moves between the two.
    if !query.contains("now()") {
        assert_eq!(answer, serde_json::from_str::<Value>(&by_post.body).unwrap(), "{query}");
    }
    for result in list(&answer["results"]) {
        assert!(result.get("error").is_none(), "{query}: {answer}");
    }
    answer
}

/// A server with what Heapster writes of two nodes and three pods, in both of its schemas, every minute up to `now`.
fn heapster(now: u64) -> (Server, TempDir) {
    let data = tempdir().unwrap();
    let server = Server::start(data.path(), &["--source", "none", "--retention", "0s"]);
    let made = "CREATE DATABASE k8s WITH NAME \"default\"";
    assert_eq!(server.post(&format!("/query?q={}", percent_encoded(made)), "").status, 200);
    let mut things = Vec::new();
    for node in ["node-1", "node-2"] {
        things.push(format!("hostname={node},nodename={node},type=node"));
    }
    for (space, pod, containers) in [
        ("default", "web-0", &["log", "nginx"][..]),
        ("default", "web-1", &["nginx"]),
        ("kube-system", "dns.v1", &["dns"]),
    ] {
        let tags = format!("namespace_name={space},nodename=node-1,pod_name={pod}");
        things.push(format!("{tags},type=pod"));
        for name in containers {
            things.push(format!("container_name={name},{tags},type=pod_container"));
        }
    }
    let groups: [(&str, &[&str]); 4] = [
        ("cpu", &["limit", "request", "usage_rate"]),
        ("filesystem", &["limit", "usage"]),
        ("memory", &["limit", "request", "usage", "working_set"]),
        ("network", &["rx_rate", "tx_rate"]),
    ];
    let mut lines = String::new();
    for minute in 0..45_u64 {
        let at = now - minute * 60;
        for (number, tags) in (0_u64..).zip(&things) {
            lines.push_str(&format!("uptime,{tags} value={}i {at}\n", 5000 - minute));
            for (group, metrics) in groups {
                let suffix = if group == "network" { ".5" } else { "i" };
                let value = |metric: u64| 1000 * number + 100 * metric + 44 - minute;
                let mut fields = Vec::new();
                for (place, metric) in (0_u64..).zip(metrics) {
                    let value = format!("{}{suffix}", value(place));
                    lines.push_str(&format!("{group}/{metric},{tags} value={value} {at}\n"));
                    fields.push(format!("{metric}={value}"));
                }
                lines.push_str(&format!("{group},{tags} {} {at}\n", fields.join(",")));
            }
        }
    }
    for (ago, space, kind, object, severity, reason) in [
        (700, "default", "Pod", "web-0", "Normal", "Created"),
        (650, "default", "Pod", "web-1", "Warning", "BackOff"),
        (90, "kube-system", "Node", "node-1", "Warning", "OutOfDisk"),
    ] {
        let tags = format!(
            "hostname=node-1,kind={kind},namespace_name={space},object_name={object},reason={reason},type={severity}"
        );
        lines.push_str(&format!("events,{tags} message=\"{reason} of {object}\" {}\n", now - ago));
    }
    let wrote = server.post("/write?db=k8s&rp=default&precision=s", &lines);
    assert_eq!((wrote.status, wrote.body.as_str()), (204, ""));
    (server, data)
}

/// 2015-10-05T10:00:00Z.
const THEN: u64 = 1_444_039_200;

fn absolute() -> String {
    format!("time >= {}ms and time <= {}ms", (THEN - SPAN) * 1000, THEN * 1000)
}

fn fixture() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dashboards/nodes.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn every_panel_variable_and_annotation_of_a_dashboard_is_answered() {
    let (server, _data) = heapster(THEN);
    let dashboard = Dashboard::read(&server, &fixture(), &absolute());
    let chosen = |name: &str| dashboard.chosen[name].as_str();
    assert_eq!((chosen("node"), chosen("space"), chosen("step")), ("node-1", ".*", "5m"));
    assert_eq!(chosen("pod"), r"(dns\.v1|web\-0|web\-1)");

    let of = |panel: &str| -> &Target {
        dashboard.targets.iter().find(|target| target.panel == panel).expect(panel)
    };
    // Text and model of a target say the same.
    let both = dashboard.targets.iter().filter(|target| target.queries.len() == 2);
    assert_eq!(both.map(|t| assert_eq!(t.queries[0], t.queries[1])).count(), 2 + 6);
    assert_eq!(
        of("Network of node-1").queries,
        [
            "SELECT non_negative_derivative(mean(\"value\"), 1m) FROM \"network/tx_rate\" WHERE \"type\" = 'node' AND \
          \"nodename\" =~ /^node-1$/ AND time >= 1444037400000ms and time <= 1444039200000ms GROUP BY time(5m) fill(none)"
        ]
    );
    // A row for each namespace, a panel for each pod in it; those without the pod have nothing to show.
    let titles = ["(default)", "(kube\\-system)"].map(|space| {
        let with = |target: &&Target| target.panel.ends_with(&format!(" in {space}"));
        dashboard.targets.iter().filter(with).count()
    });
    assert_eq!(titles, [3, 3]);

    let answer = ask(&server, &of("All nodes").queries[0]);
    let values = list(&answer["results"][0]["series"][0]["values"]);
    assert_eq!(values.len(), 181, "a window each ten seconds, half an hour");
    // Both nodes' usage_rate: 200 + minutes, 1200 + minutes.
    assert_eq!(values[180][1], 200 + 44 + 1200 + 44);
    assert_eq!((&values[0][1], &values[1][1]), (&Value::from(200 + 14 + 1200 + 14), &Value::Null));
    let rate = ask(&server, &of("Network of node-1").queries[0]);
    assert_eq!(rate["results"][0]["series"][0]["values"][1][1], 1, "a point more a minute");
    let pod = ask(&server, &of(r"CPU of (web\-0) in (default)").queries[0]);
    let series = list(&pod["results"][0]["series"]).iter();
    let containers: Vec<&str> = series.map(|s| text(&s["tags"], "container_name")).collect();
    assert_eq!(containers, ["log", "nginx"]);
    let events = ask(&server, &of("annotation events").queries[0]);
    let values = list(&events["results"][0]["series"][0]["values"]);
    let messages: Vec<&str> = values.iter().filter_map(|row| row[1].as_str()).collect();
    assert_eq!(messages, ["Created of web-0", "BackOff of web-1", "OutOfDisk of node-1"]);
}

#[test]
fn what_a_dashboard_asks_relative_to_now_is_answered_with_values() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let (server, _data) = heapster(now);
    let mut dashboard = Dashboard::read(&server, &fixture(), "time > now() - 30m");
    // Pods of one namespace are not in the other.
    dashboard.targets.retain(|target| {
        let other =
            |pod: &str, space: &str| target.panel.contains(pod) && target.panel.contains(space);
        !other("dns", "(default)") && !other("web", "(kube")
    });
    let (queries, rows, silent) = dashboard.ask_all();
    assert_eq!(silent, [] as [&str; 0]);
    assert_eq!(queries, 1 + 4 + 1 + 2 * 3 + 2);
    assert!(rows > queries, "{rows} rows");
}

fn json_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            json_files(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "json") {
            into.push(path);
        }
    }
}

#[test]
fn other_dashboards_are_answered() {
    let Ok(folder) = std::env::var("STRIPCHART_DASHBOARDS") else {
        println!("skipped: STRIPCHART_DASHBOARDS names no folder of dashboards");
        return;
    };
    let (server, _data) = heapster(THEN);
    let mut files = Vec::new();
    json_files(Path::new(&folder), &mut files);
    assert!(!files.is_empty(), "{folder} has no dashboards");
    for file in files {
        let json = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let dashboard = Dashboard::read(&server, &json, &absolute());
        let variables = dashboard.variables.iter().map(|v| v.values.len()).collect::<Vec<_>>();
        let (queries, rows, silent) = dashboard.ask_all();
        let targets = dashboard.targets.len();
        println!(
            "{}: {targets} targets, {queries} queries, {rows} rows; values of variables {variables:?}",
            file.display()
        );
        silent.iter().for_each(|query| println!("    without values: {query}"));
    }
}
