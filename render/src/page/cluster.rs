//! A Kubernetes cluster: nodes, namespaces and pods, in Heapster's measurements.

use std::collections::BTreeMap;

use stripchart_core::{FrameSource, Unit};

use super::html::{esc, put};
use super::layout::Content;
use super::panel::Shown;
use super::table::{self, Course, Layout, Metric, Row, Rows, put_errors, put_table};
use super::{Page, Site, View};
use crate::dashboard::{self, Dashboard, VariableValue};

/// Rows of a table before one asks for all.
const ROWS: usize = 15;

/// The columns of every table here; `statements` are those of the four metrics.
fn metrics(statements: &[String; 4]) -> [Metric<'_>; 4] {
    let metric = |name, heading, unit, index: usize| Metric {
        name,
        heading,
        unit,
        statement: &statements[index],
        mean: false,
        course: index == 0,
        full: None,
    };
    [
        metric("cpu", "CPU", Unit::Millicores, 0),
        metric("memory", "memory", Unit::Bytes, 1),
        metric("rx", "received", Unit::BytesPerSecond, 2),
        metric("tx", "sent", Unit::BytesPerSecond, 3),
    ]
}

/// The four metrics of objects of `kind`, restricted by `and`, one series for each value of the tags `by`.
fn statements(kind: &str, and: &str, by: &str) -> [String; 4] {
    ["cpu/usage_rate", "memory/working_set", "network/rx_rate", "network/tx_rate"].map(|from| {
        format!(
            r#"SELECT mean("value") AS "value" FROM "{from}" WHERE "type" = '{kind}'{and} AND $timeFilter GROUP BY time($interval), {by} fill(none)"#
        )
    })
}

impl Site {
    pub(super) fn nodes(&self, source: &dyn FrameSource, view: &View<'_>) -> Page {
        if let Some(node) = view.get("node").or(view.get("nodename")) {
            return self.one(
                source,
                view,
                &One {
                    dashboard: dashboard::node(),
                    variables: &[("nodename".to_owned(), VariableValue::one(node))],
                    title: node,
                    section: "Nodes",
                    crumbs: &[("/nodes", &[], "Nodes")],
                },
            );
        }
        let statements = statements("node", "", "\"nodename\"");
        let metrics = metrics(&statements);
        let Rows { mut rows, errors } = self.usage(source, view, &[], &["nodename"], &metrics);
        let mut main = String::with_capacity(128 * 1024);
        main.push_str("<h1>Nodes</h1>\n");
        put_errors(&mut main, &errors);
        if rows.is_empty() {
            self.put_no_cluster(&mut main, &errors);
        } else {
            let name = |out: &mut String, row: &Row| {
                let link = view.link(&self.at("/nodes"), &[("node", &row.key[0])]);
                put!(out, "<a href=\"{}\">{}</a>", esc(&link), esc(&row.key[0]));
            };
            let layout = Layout { caption: "Nodes", heading: "node", limit: ROWS, name: &name };
            put_table(&mut main, view, &layout, &metrics, &mut rows);
            self.put_dashboard(&mut main, source, view, &dashboard::cluster(), &[]);
        }
        self.framed(view, &Content { status: 200, title: "Nodes", section: "Nodes", main })
    }

    pub(super) fn pods(&self, source: &dyn FrameSource, view: &View<'_>) -> Page {
        match (view.get("namespace"), view.get("pod")) {
            (Some(namespace), Some(pod)) => self.one(
                source,
                view,
                &One {
                    dashboard: dashboard::pod(),
                    variables: &[
                        ("namespace".to_owned(), VariableValue::one(namespace)),
                        ("pod".to_owned(), VariableValue::one(pod)),
                    ],
                    title: pod,
                    section: "Pods",
                    crumbs: &[
                        ("/pods", &[], "Pods"),
                        ("/pods", &[("namespace", namespace)], namespace),
                    ],
                },
            ),
            (namespace, _) => self.pods_of(source, view, namespace),
        }
    }

    /// The pods of a namespace, or of all.
    fn pods_of(&self, source: &dyn FrameSource, view: &View<'_>, namespace: Option<&str>) -> Page {
        let chosen = namespace.map_or(VariableValue::All, VariableValue::one);
        let variables = [("namespace".to_owned(), chosen)];
        let statements = statements(
            "pod",
            r#" AND "namespace_name" =~ /^$namespace$/"#,
            "\"namespace_name\", \"pod_name\"",
        );
        let metrics = metrics(&statements);
        let keys = ["namespace_name", "pod_name"];
        let Rows { rows: mut pods, errors } = self.usage(source, view, &variables, &keys, &metrics);
        let mut main = String::with_capacity(128 * 1024);
        match namespace {
            Some(namespace) => {
                self.put_crumbs(&mut main, view, &[("/pods", &[], "Pods")], namespace);
                put!(main, "<h1>Namespace {}</h1>\n", esc(namespace));
            }
            None => main.push_str("<h1>Pods</h1>\n"),
        }
        put_errors(&mut main, &errors);
        if pods.is_empty() {
            self.put_no_cluster(&mut main, &errors);
        } else {
            if namespace.is_none() {
                self.put_namespaces(&mut main, view, &metrics, &pods);
            }
            self.put_pods(&mut main, view, &metrics, &mut pods, namespace.is_none());
            self.put_dashboard(&mut main, source, view, &dashboard::namespace(), &variables);
        }
        let title = namespace.unwrap_or("Pods");
        self.framed(view, &Content { status: 200, title, section: "Pods", main })
    }

    fn put_namespaces(
        &self,
        out: &mut String,
        view: &View<'_>,
        metrics: &[Metric<'_>],
        pods: &[Row],
    ) {
        let mut namespaces = summed(pods);
        let name = |out: &mut String, row: &Row| {
            let link = view.link(&self.at("/pods"), &[("namespace", &row.key[0])]);
            put!(out, "<a href=\"{}\">{}</a>", esc(&link), esc(&row.key[0]));
            let pods = if row.key[1] == "1" { "pod" } else { "pods" };
            put!(out, " <small>{} {pods}</small>", esc(&row.key[1]));
        };
        let layout =
            Layout { caption: "Namespaces", heading: "namespace", limit: ROWS, name: &name };
        put_table(out, view, &layout, metrics, &mut namespaces);
    }

    fn put_pods(
        &self,
        out: &mut String,
        view: &View<'_>,
        metrics: &[Metric<'_>],
        pods: &mut [Row],
        with_namespace: bool,
    ) {
        let name = |out: &mut String, row: &Row| {
            let params = [("namespace", row.key[0].as_str()), ("pod", row.key[1].as_str())];
            let link = view.link(&self.at("/pods"), &params);
            put!(out, "<a href=\"{}\">{}</a>", esc(&link), esc(&row.key[1]));
            if with_namespace {
                put!(out, " <small>{}</small>", esc(&row.key[0]));
            }
        };
        let layout = Layout { caption: "Pods", heading: "pod", limit: ROWS, name: &name };
        put_table(out, view, &layout, metrics, pods);
    }

    fn usage(
        &self,
        source: &dyn FrameSource,
        view: &View<'_>,
        variables: &[(String, VariableValue)],
        keys: &[&str],
        metrics: &[Metric<'_>],
    ) -> Rows {
        let (database, interval) = (&self.cluster_database, self.cluster_interval_ns);
        table::collect(source, view, database, interval, variables, keys, metrics)
    }

    fn put_dashboard(
        &self,
        out: &mut String,
        source: &dyn FrameSource,
        view: &View<'_>,
        dashboard: &Dashboard,
        variables: &[(String, VariableValue)],
    ) {
        let shown = Shown {
            dashboard,
            database: &self.cluster_database,
            min_interval_ns: self.cluster_interval_ns,
            variables,
            keeps_places: false,
        };
        self.put_charts(out, source, view, &shown);
    }

    /// The page of one node or pod: breadcrumb and charts.
    fn one(&self, source: &dyn FrameSource, view: &View<'_>, one: &One<'_>) -> Page {
        let mut main = String::with_capacity(128 * 1024);
        self.put_crumbs(&mut main, view, one.crumbs, one.title);
        put!(main, "<h1>{}</h1>\n", esc(one.title));
        self.put_dashboard(&mut main, source, view, &one.dashboard, one.variables);
        self.framed(view, &Content { status: 200, title: one.title, section: one.section, main })
    }

    fn put_crumbs(&self, out: &mut String, view: &View<'_>, crumbs: &[Crumb<'_>], here: &str) {
        out.push_str("<nav class=\"crumbs\" aria-label=\"Breadcrumb\"><ol>");
        for (path, params, text) in crumbs {
            let link = view.link(&self.at(path), params);
            put!(out, "<li><a href=\"{}\">{}</a></li>", esc(&link), esc(text));
        }
        put!(out, "<li><span aria-current=\"page\">{}</span></li></ol></nav>\n", esc(here));
    }

    fn put_no_cluster(&self, out: &mut String, errors: &[String]) {
        if !errors.is_empty() {
            return;
        }
        put!(
            out,
            "<section class=\"empty big\"><h2>No cluster yet</h2><p>Database <code>{}</code> has no nodes or pods in this range. To watch a Kubernetes cluster, name its kubelets when starting:</p><pre>full_stack --source=host --source=summary:http://127.0.0.1:10255/stats/summary</pre><p>Repeat <code>--source=summary:...</code> for each node; <code>--source=host</code> keeps this host. A Heapster that writes to this server works as well: its measurements are the ones shown here.</p></section>\n",
            esc(&self.cluster_database)
        );
    }
}

/// Path, parameters and text of a step on the way to a page.
type Crumb<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

/// What a page of one object shows.
struct One<'a> {
    dashboard: Dashboard,
    variables: &'a [(String, VariableValue)],
    title: &'a str,
    section: &'a str,
    crumbs: &'a [Crumb<'a>],
}

/// The pods of a namespace, added up.
#[derive(Debug, Default)]
struct Total {
    pods: usize,
    /// For each metric, the sum at each instant.
    sums: Vec<BTreeMap<i64, f64>>,
}

/// The pods of each namespace added up: a row for each, its second key the number of pods.
fn summed(pods: &[Row]) -> Vec<Row> {
    let mut namespaces: BTreeMap<&str, Total> = BTreeMap::new();
    for pod in pods {
        let total = namespaces.entry(&pod.key[0]).or_default();
        total.pods += 1;
        total.sums.resize(pod.courses.len().max(total.sums.len()), BTreeMap::new());
        for (course, sum) in pod.courses.iter().zip(&mut total.sums) {
            for (at, value) in &course.points {
                *sum.entry(*at).or_default() += value;
            }
        }
    }
    let row = |(name, total): (&str, Total)| Row {
        key: vec![name.to_owned(), total.pods.to_string()],
        courses: total
            .sums
            .into_iter()
            .map(|sum| Course { points: sum.into_iter().collect() })
            .collect(),
    };
    namespaces.into_iter().map(row).collect()
}
