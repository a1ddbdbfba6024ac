//! A source of made-up but plausible data: smooth curves, chosen by measurement, field and tags.

pub(crate) mod markup;

use std::ops::ControlFlow;

use stripchart_core::{Column, Frame, FrameRequest, FrameSource, SourceError, Strings, Values};

/// Answers every statement that the pages ask, without parsing more of it than they vary.
#[derive(Debug, Clone, Default)]
pub(crate) struct Synthetic {
    /// Measurements whose statements fail.
    pub(crate) failing: Vec<&'static str>,
    /// A control group more.
    pub(crate) extra_group: Option<String>,
    /// No data after this instant, in nanoseconds.
    pub(crate) ends_ns: Option<i64>,
    /// Instants without data, in nanoseconds.
    pub(crate) gap_ns: Option<(i64, i64)>,
    /// How long ago the history began; a day if not given.
    pub(crate) age_ns: Option<i64>,
    /// Nothing was stored in this database.
    pub(crate) empty_database: Option<&'static str>,
}

const GROUPS: [(&str, f64, f64); 12] = [
    ("/", 1.9, 6.1e9),
    ("/init.scope", 0.002, 2.1e7),
    ("/system.slice", 0.9, 3.9e9),
    ("/system.slice/cron.service", 0.001, 6.0e6),
    (
        "/system.slice/docker-4fa2c1d0b3a59687766554433221100ffeeddccbbaa998877665544332211000.scope",
        0.42,
        1.4e9,
    ),
    ("/system.slice/nginx.service", 0.13, 1.9e8),
    ("/system.slice/postgresql.service", 0.31, 2.2e9),
    ("/system.slice/ssh.service", 0.004, 1.2e7),
    ("/user.slice", 1.0, 2.0e9),
    ("/user.slice/user-1000.slice", 1.0, 2.0e9),
    ("/user.slice/user-1000.slice/session-3.scope", 0.72, 1.3e9),
    ("/user.slice/user-1000.slice/user@1000.service", 0.21, 6.4e8),
];

const PODS: [(&str, &str, &str, f64); 9] = [
    ("kube-system", "coredns-5d78c9869d-4xk2p", "node-1", 12.0),
    ("kube-system", "coredns-5d78c9869d-z9qvn", "node-2", 11.0),
    ("kube-system", "metrics-server-7b4f8b595-hq2lm", "node-1", 8.0),
    ("shop", "cart-6c9f8d7b54-8j2mn", "node-1", 240.0),
    ("shop", "checkout-7f5d9c6b8-lk4wd", "node-2", 410.0),
    ("shop", "frontend-59c8d4f7b9-2v7xq", "node-3", 620.0),
    ("shop", "frontend-59c8d4f7b9-r5tnh", "node-2", 580.0),
    ("monitoring", "stripchart-0", "node-3", 3.0),
    ("default", "debug", "node-3", 0.4),
];

impl FrameSource for Synthetic {
    fn stream(
        &self,
        request: &FrameRequest<'_>,
        each: &mut dyn FnMut(Frame) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        let statement = request.statement;
        let from = quoted_after(statement, "FROM ").unwrap_or_default();
        if self.empty_database == Some(request.database) {
            return Err(SourceError::new(format!("database not found: {}", request.database)));
        }
        if self.failing.contains(&from) {
            return Err(SourceError::new(format!("disk on fire while reading <{from}>")));
        }
        let frames = if statement.starts_with("SHOW") {
            let hosts: Strings = ["node-a"].into_iter().collect();
            let keys: Strings = ["host"].into_iter().collect();
            vec![
                Frame::new("system")
                    .column(Column::new("key", Values::String(keys)))
                    .column(Column::new("value", Values::String(hosts))),
            ]
        } else if statement.contains("SELECT first(") {
            let at = request.now.nanos() - self.age_ns.unwrap_or(86_400_000_000_000);
            vec![
                Frame::new(from)
                    .column(Column::new("time", Values::Time(vec![at])))
                    .column(Column::new("first", Values::Float(vec![0.0]))),
            ]
        } else if statement.contains("SELECT last(") {
            let field = quoted_after(statement, "last(").unwrap_or_default();
            let at = self.ends_ns.unwrap_or_else(|| request.now.nanos() - 3_000_000_000);
            let value = value(from, field, "", 1.0, 0.0);
            vec![
                Frame::new(from)
                    .column(Column::new("time", Values::Time(vec![at])))
                    .column(Column::new(field, Values::Float(vec![value]))),
            ]
        } else {
            self.select(statement, from)
        };
        for frame in frames {
            if each(frame).is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl Synthetic {
    /// Full, but for `database`, which does not exist.
    pub(crate) fn empty(database: &'static str) -> Self {
        Synthetic { empty_database: Some(database), ..Synthetic::default() }
    }

    fn select(&self, statement: &str, from: &str) -> Vec<Frame> {
        let number = |before: &str| {
            let rest = &statement[statement.find(before).expect(before) + before.len()..];
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            rest[..digits].parse::<i64>().expect(before)
        };
        let (start, end) = (number("time >= ") * 1_000_000, number("time < ") * 1_000_000);
        let step = statement.split("time(").nth(1).expect("GROUP BY time(...)");
        let step: stripchart_core::DurationLiteral =
            step[..step.find(')').expect(")")].parse().expect("a duration");
        let times: Vec<i64> = (0..)
            .map(|index| start + index * step.nanos())
            .take_while(|at| *at < end.min(self.ends_ns.unwrap_or(i64::MAX)))
            .filter(|at| self.gap_ns.is_none_or(|(from, to)| *at < from || *at >= to))
            .collect();
        let fields: Vec<(&str, &str)> = statement[..statement.find(" FROM ").expect("FROM")]
            .split("\", ")
            .filter_map(|part| {
                // Of an expression, its first field stands for the whole.
                let field = quoted_after(part, "mean(")?;
                let alias = part.split(" AS \"").nth(1).unwrap_or(field);
                Some((field, alias.trim_end_matches('"')))
            })
            .collect();
        let frame = |tags: &[(&str, &str)], scale: f64| {
            let mut frame = Frame::new(from);
            let mut seed = 0.0;
            for (key, value) in tags {
                frame = frame.tag(*key, *value);
                seed += value.bytes().map(f64::from).sum::<f64>();
            }
            frame = frame.column(Column::new("time", Values::Time(times.clone())));
            for (field, alias) in &fields {
                let tag = tags.first().map_or("", |tag| tag.1);
                let values = times
                    .iter()
                    .map(|at| value(from, field, tag, scale, seed + *at as f64 / 6e11))
                    .collect();
                frame = frame.column(Column::new(*alias, Values::Float(values)));
            }
            frame
        };
        self.tags(statement, from).iter().map(|(tags, scale)| frame(tags, *scale)).collect()
    }

    fn tags<'a>(&'a self, statement: &str, from: &str) -> Vec<(Vec<(&'a str, &'a str)>, f64)> {
        let by = statement.split(" GROUP BY ").nth(1).unwrap_or_default();
        let wanted = |text: &str| statement.contains(text);
        let simple = |key: &'static str, values: &[(&'static str, f64)]| {
            values.iter().map(|(value, scale)| (vec![(key, *value)], *scale)).collect()
        };
        match from {
            "net" => simple("interface", &[("eth0", 1.0), ("wlan0", 0.2)]),
            "diskio" => simple("name", &[("nvme0n1", 1.0), ("sda", 0.3)]),
            "pressure" => simple("resource", &[("cpu", 1.0), ("io", 0.7), ("memory", 0.05)]),
            "disk" if by.contains("path") => simple("path", &[("/", 0.71), ("/home", 0.44)]),
            from if from.starts_with("container_") && by.contains("cgroup") => {
                let scale = |cpu: f64, memory: f64| {
                    if from == "container_cpu" { cpu } else { memory / 1e9 }
                };
                let groups = GROUPS.iter().map(|(path, cpu, memory)| (*path, scale(*cpu, *memory)));
                let extra = self.extra_group.iter().map(|path| (path.as_str(), scale(0.6, 5e8)));
                groups.chain(extra).map(|(path, scale)| (vec![("cgroup", path)], scale)).collect()
            }
            from if from.contains('/') => {
                let nodes = [("node-1", 1.0), ("node-2", 1.4), ("node-3", 0.8)];
                if from.ends_with("/limit") || from.ends_with("/request") {
                    Vec::new()
                } else if wanted("'pod'") {
                    let pods = PODS.iter().map(|(namespace, pod, _, cpu)| {
                        (vec![("namespace_name", *namespace), ("pod_name", *pod)], cpu / 900.0)
                    });
                    pods.collect()
                } else if wanted("'pod_container'") {
                    simple("container_name", &[("app", 0.3), ("sidecar", 0.05)])
                } else {
                    simple("nodename", &nodes)
                }
            }
            _ => vec![(Vec::new(), 1.0)],
        }
    }
}

/// A smooth curve of the size that the field usually has.
fn value(from: &str, field: &str, tag: &str, scale: f64, x: f64) -> f64 {
    let wave = 1.0
        + 0.35 * (x * 1.7).sin()
        + 0.22 * (x * 5.3 + 1.0).sin()
        + 0.12 * (x * 23.0).sin()
        + 0.06 * (x * 131.0).sin();
    let level = match (from, field) {
        ("cpu", "usage_user") => 22.0,
        ("cpu", "usage_system") => 7.0,
        ("cpu", "usage_iowait") => 1.5,
        ("cpu", "usage_irq") => 0.4,
        ("cpu", _) => return 0.0,
        ("mem", "used_percent") => return 41.0 + 2.0 * wave,
        ("mem", "total") => return 16_544_399_360.0,
        ("mem", "used") => return 6.2e9 + 4e8 * wave,
        ("mem", "available") => return 4.1e9 + 2e8 * (x * 0.7).sin(),
        ("mem", "free") => return 5.5e9 - 4e8 * wave,
        ("disk", _) => return 100.0 * if tag.is_empty() { 0.71 } else { scale },
        ("system", "uptime") => return 1_052_340.0,
        ("system", "n_cpus") => return 8.0,
        ("system", "load1") => 1.4,
        ("system", "load5") => return 1.3 + 0.2 * (x * 1.7).sin(),
        ("system", "load15") => return 1.25,
        ("net", "bytes_recv") => 1.4e6,
        ("net", _) => 3.2e5,
        ("diskio", "read_bytes") => 9.0e5,
        ("diskio", _) => 4.4e6,
        ("pressure", _) => 6.0,
        ("processes", "running") => 2.0,
        ("processes", "blocked") => 0.3,
        ("processes", _) => return 240.0,
        ("container_cpu", "throttled_nanoseconds_total") => 0.01,
        ("container_cpu", "user_nanoseconds_total") => 700.0,
        ("container_cpu", "system_nanoseconds_total") => 300.0,
        ("container_cpu", "limit_millicores") => return 2000.0,
        (_, "pressure_some_avg10") => 3.0,
        ("container_cpu", _) => 1000.0,
        ("container_memory", "rss_bytes") => return 0.6e9 * scale * (1.0 + 0.05 * wave),
        ("container_memory", "cache_bytes") => return 0.3e9 * scale,
        ("container_memory", "limit_bytes") => return 2e9,
        ("container_memory", _) => return 1e9 * scale * (1.0 + 0.05 * wave),
        ("container_io", _) => 3e5,
        ("container_pids", _) => return 14.0,
        ("cpu/usage_rate", _) => 900.0,
        ("cpu/node_capacity", _) => return 4000.0,
        ("memory/node_capacity", _) => return 16e9,
        ("memory/working_set", _) => return 4e9 * scale * (1.0 + 0.05 * wave),
        ("memory/usage", _) => return 5e9 * scale * (1.0 + 0.05 * wave),
        ("filesystem/usage", _) => return 4.1e10 * scale,
        ("network/rx_rate", _) => 8e5,
        ("network/tx_rate", _) => 5e5,
        _ => 1.0,
    };
    (level * scale * wave).max(0.0)
}

fn quoted_after<'t>(text: &'t str, marker: &str) -> Option<&'t str> {
    let rest = &text[text.find(marker)? + marker.len()..];
    let rest = rest.strip_prefix('"')?;
    Some(&rest[..rest.find('"')?])
}
