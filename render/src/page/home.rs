//! The home page: is this host well, who uses it, since when.

use stripchart_core::{Frame, FrameRequest, FrameSource, Unit};

use super::html::{esc, put};
use super::layout::Content;
use super::panel::{Shown, value_text};
use super::table::put_errors;
use super::{Page, Site, View, age_ns, length_text};
use crate::dashboard::{self, Macros, PanelRequest, VariableValue, is_absence};

/// The hosts there are data of, and the one shown.
pub(super) struct Hosts {
    pub(super) all: Vec<String>,
    /// Empty if there is none, which is also how samples without the tag are called.
    pub(super) chosen: String,
    pub(super) error: Option<String>,
}

/// What the strip on top says.
#[derive(Debug, Default)]
struct Status {
    uptime_secs: Option<f64>,
    cores: Option<f64>,
    memory_bytes: Option<f64>,
    last_sample_ns: Option<i64>,
}

impl Site {
    pub(super) fn home(&self, source: &dyn FrameSource, view: &View<'_>) -> Page {
        let hosts = self.hosts(source, view);
        let variables = [("host".to_owned(), VariableValue::one(hosts.chosen.as_str()))];
        let dashboard = dashboard::host();
        let shown = Shown {
            dashboard: &dashboard,
            database: &self.host_database,
            min_interval_ns: self.host_interval_ns,
            variables: &variables,
            keeps_places: true,
        };
        let status = self.status(source, view, &variables);
        let groups = self.groups(source, view, &hosts.chosen, None, &status.totals());

        let title = if hosts.chosen.is_empty() { "Host" } else { &hosts.chosen };
        let mut main = String::with_capacity(256 * 1024);
        self.put_strip(&mut main, view, &hosts, &status, groups.count());
        if let Some(error) = &hosts.error {
            put_errors(&mut main, std::slice::from_ref(error));
        }
        if status.last_sample_ns.is_none() && hosts.all.is_empty() && hosts.error.is_none() {
            self.put_nothing_yet(&mut main);
        } else {
            self.put_tiles(&mut main, source, view, &shown);
            self.put_charts(&mut main, source, view, &shown);
            self.put_busiest(&mut main, view, groups, &status.totals());
        }
        self.framed(view, &Content { status: 200, title, section: "Host", main })
    }

    /// Who has samples here.
    pub(super) fn hosts(&self, source: &dyn FrameSource, view: &View<'_>) -> Hosts {
        let question = PanelRequest {
            source,
            database: &self.host_database,
            now: view.now,
            range: view.range,
            min_interval_ns: self.host_interval_ns,
            max_points: 0,
            variables: &[],
        };
        let variable = dashboard::host().variables.into_iter().next().unwrap_or_default();
        let (all, error) = match variable.choices(&question) {
            Ok(all) => (all, None),
            Err(error) => (Vec::new(), Some(error.to_string()).filter(|error| !is_absence(error))),
        };
        let asked = view.get("host").map(str::to_owned);
        let chosen = asked.or_else(|| all.first().cloned()).unwrap_or_default();
        Hosts { all, chosen, error }
    }

    /// Puts one statement to the database of hosts; what fails here is not known, and charts below say why.
    fn ask(&self, source: &dyn FrameSource, view: &View<'_>, statement: &str) -> Vec<Frame> {
        let request = FrameRequest {
            database: &self.host_database,
            retention_policy: None,
            statement,
            now: view.now,
        };
        source.frames(&request).unwrap_or_default()
    }

    fn status(
        &self,
        source: &dyn FrameSource,
        view: &View<'_>,
        variables: &[(String, VariableValue)],
    ) -> Status {
        let macros = Macros { range: view.range, interval_ns: 1, variables };
        let last = |field: &str, from: &str| {
            let statement = format!(
                r#"SELECT last("{field}") AS "{field}" FROM "{from}" WHERE "host" = '$host'"#
            );
            let frames = self.ask(source, view, &macros.expand(&statement));
            let frame = frames.into_iter().next()?;
            let value = frame.get(field)?.get_f64(0)?;
            Some((frame.times()?.first().copied()?, value))
        };
        let uptime = last("uptime", "system");
        Status {
            uptime_secs: uptime.map(|(_, value)| value),
            cores: last("n_cpus", "system").map(|(_, value)| value),
            memory_bytes: last("total", "mem").map(|(_, value)| value),
            last_sample_ns: uptime.map(|(at, _)| at),
        }
    }

    fn put_strip(
        &self,
        out: &mut String,
        view: &View<'_>,
        hosts: &Hosts,
        status: &Status,
        groups: Option<usize>,
    ) {
        let name = if hosts.chosen.is_empty() { "This host" } else { &hosts.chosen };
        put!(out, "<div class=\"strip\"><h1>{}</h1>\n", esc(name));
        put_host_menu(out, view, hosts);
        out.push_str("<dl>");
        let entry = |out: &mut String, term: &str, value: String| {
            put!(out, "<div><dt>{term}</dt><dd>{}</dd></div>", esc(&value));
        };
        if let Some(secs) = status.uptime_secs {
            // Half a century in nanoseconds fits 64 bits; a host that is up longer saturates.
            #[expect(clippy::cast_possible_truncation, reason = "saturates")]
            let nanos = (secs * 1e9) as i64;
            entry(out, "up", length_text(nanos));
        }
        if let Some(cores) = status.cores {
            entry(out, "cores", format!("{cores}"));
        }
        if status.memory_bytes.is_some() {
            entry(out, "memory", value_text(status.memory_bytes, Unit::Bytes));
        }
        if let Some(groups) = groups.filter(|groups| *groups > 0) {
            let tree = view.link(&self.at("/cgroup"), &[("path", "/")]);
            put!(
                out,
                "<div><dt>control groups</dt><dd><a href=\"{}\">{groups}</a></dd></div>",
                esc(&tree)
            );
        }
        out.push_str("</dl>\n");
        self.put_age(out, view, status.last_sample_ns);
        out.push_str("</div>\n");
    }

    /// How old the newest sample is; marked when it should long have been followed by another.
    fn put_age(&self, out: &mut String, view: &View<'_>, last_sample_ns: Option<i64>) {
        let Some(at) = last_sample_ns else {
            out.push_str("<p class=\"age stale\" role=\"status\">no sample yet</p>\n");
            return;
        };
        let age = age_ns(view.now, at);
        if self.is_stale(age) {
            put!(
                out,
                "<p class=\"age stale\" role=\"status\"><strong>Stale:</strong> last sample {} ago</p>\n",
                length_text(age)
            );
        } else {
            put!(out, "<p class=\"age\">last sample {} ago</p>\n", length_text(age));
        }
    }

    /// Whether a host's newest sample is older than three of them lie apart.
    pub(super) fn is_stale(&self, age_ns: i64) -> bool {
        age_ns > self.host_interval_ns.saturating_mul(3)
    }

    fn put_nothing_yet(&self, out: &mut String) {
        put!(
            out,
            "<section class=\"empty big\"><h2>No data yet</h2><p>Database <code>{}</code> holds no samples of a host. The first comes within {} of the start; this page then fills by itself.</p><p>If it stays like this, look at what the collector wrote to its log, or at <code>SHOW MEASUREMENTS</code>.</p></section>\n",
            esc(&self.host_database),
            length_text(self.host_interval_ns)
        );
    }
}

impl Status {
    /// What a full bar is: the processors and the memory of the host.
    fn totals(&self) -> Totals {
        Totals { cores: self.cores, memory_bytes: self.memory_bytes }
    }
}

/// What a host has in all.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) cores: Option<f64>,
    pub(super) memory_bytes: Option<f64>,
}

/// The choice of hosts, where there is one.
fn put_host_menu(out: &mut String, view: &View<'_>, hosts: &Hosts) {
    if hosts.all.len() < 2 {
        return;
    }
    out.push_str("<details class=\"menu\"><summary>Other hosts</summary><nav class=\"pop list\" aria-label=\"Hosts\">");
    for host in &hosts.all {
        let mark = if *host == hosts.chosen { " aria-current=\"true\"" } else { "" };
        put!(
            out,
            "<a href=\"{}\"{mark}>{}</a>",
            esc(&view.here(&[("host", Some(host))])),
            esc(host)
        );
    }
    out.push_str("</nav></details>\n");
}
