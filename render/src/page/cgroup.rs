//! Control groups: the busiest of a host, and one with its charts and those inside it.

use stripchart_core::{FrameSource, Unit};

use super::home::Totals;
use super::html::{esc, put};
use super::layout::Content;
use super::panel::Shown;
use super::table::{self, Layout, Metric, Row, Rows, put_errors, put_table};
use super::{Page, Site, View, age_ns};
use crate::dashboard::{self, VariableValue};

/// Rows of a table before one asks for all.
const ROWS: usize = 10;

const CPU: &str = r#"SELECT mean("usage_millicores") AS "millicores" FROM "container_cpu" WHERE "host" = '$host' AND "cgroup" =~ /^$prefix/ AND $timeFilter GROUP BY time($interval), "cgroup" fill(none)"#;
const MEMORY: &str = r#"SELECT mean("working_set_bytes") AS "working_set" FROM "container_memory" WHERE "host" = '$host' AND "cgroup" =~ /^$prefix/ AND $timeFilter GROUP BY time($interval), "cgroup" fill(none)"#;

fn metrics(totals: &Totals) -> [Metric<'static>; 2] {
    [
        Metric {
            name: "cpu",
            heading: "mean CPU",
            unit: Unit::Millicores,
            statement: CPU,
            mean: true,
            course: true,
            full: totals.cores.map(|cores| cores * 1000.0),
        },
        Metric {
            name: "memory",
            heading: "memory",
            unit: Unit::Bytes,
            statement: MEMORY,
            mean: false,
            course: false,
            full: totals.memory_bytes,
        },
    ]
}

/// The control groups that a page shows.
pub(super) struct Groups(Rows);

impl Groups {
    /// How many there are; `None` if they could not be asked for.
    pub(super) fn count(&self) -> Option<usize> {
        self.0.errors.is_empty().then_some(self.0.rows.len())
    }
}

impl Site {
    /// Every group of `host`, or those below `parent`.
    pub(super) fn groups(
        &self,
        source: &dyn FrameSource,
        view: &View<'_>,
        host: &str,
        parent: Option<&str>,
        totals: &Totals,
    ) -> Groups {
        let prefix =
            parent.map_or("/".to_owned(), |path| format!("{}/", path.trim_end_matches('/')));
        let variables = [
            ("host".to_owned(), VariableValue::one(host)),
            ("prefix".to_owned(), VariableValue::one(prefix)),
        ];
        Groups(table::collect(
            source,
            view,
            &self.host_database,
            self.host_interval_ns,
            &variables,
            &["cgroup"],
            &metrics(totals),
        ))
    }

    /// The groups that hold processes themselves: a slice uses what its services use, and would stand above them.
    pub(super) fn put_busiest(
        &self,
        out: &mut String,
        view: &View<'_>,
        groups: Groups,
        totals: &Totals,
    ) {
        out.push_str("<h2>Busiest control groups</h2>\n");
        let Rows { rows, errors } = groups.0;
        put_errors(out, &errors);
        let paths: Vec<String> = rows.iter().map(|row| row.key[0].clone()).collect();
        let mut rows: Vec<Row> =
            rows.into_iter().filter(|row| is_leaf(&row.key[0], &paths)).collect();
        if rows.is_empty() && errors.is_empty() {
            put!(
                out,
                "<div class=\"empty\"><p><strong>No data yet</strong></p><p>No control group of this host has samples in this range.</p></div>\n"
            );
        } else if !rows.is_empty() {
            self.put_groups(out, view, "Innermost groups", totals, &mut rows, None);
        }
        put!(
            out,
            "<p class=\"note\"><a href=\"{}\">All groups as a tree</a></p>\n",
            esc(&view.link(&self.at("/cgroup"), &[("path", "/")]))
        );
    }

    fn put_groups(
        &self,
        out: &mut String,
        view: &View<'_>,
        caption: &str,
        totals: &Totals,
        rows: &mut [Row],
        parent: Option<&str>,
    ) {
        let name = |out: &mut String, row: &Row| {
            let path = &row.key[0];
            let link = view.link(&self.at("/cgroup"), &[("path", path)]);
            let (above, own) = display_name(path);
            put!(out, "<a href=\"{}\" title=\"{}\">{}</a>", esc(&link), esc(path), esc(&own));
            if !above.is_empty() && parent.is_none() {
                put!(out, " <small>{}</small>", esc(&above));
            }
            let age = row.last_at().map_or(i64::MAX, |at| age_ns(view.now, at));
            // A bucket's instant is its beginning: it may be a bucket older than its newest sample.
            if view.is_live() && self.is_stale(age.saturating_sub(view.range.len_ns() / 60)) {
                out.push_str(" <em class=\"gone\">gone</em>");
            }
        };
        let layout = Layout { caption, heading: "name", limit: ROWS, name: &name };
        put_table(out, view, &layout, &metrics(totals), rows);
    }

    pub(super) fn cgroup(&self, source: &dyn FrameSource, view: &View<'_>) -> Page {
        let path = view.get("path").unwrap_or("/");
        let host = self.hosts(source, view).chosen;
        let variables = [
            ("host".to_owned(), VariableValue::one(host.as_str())),
            ("cgroup".to_owned(), VariableValue::one(path)),
        ];
        let dashboard = dashboard::cgroup();
        let shown = Shown {
            dashboard: &dashboard,
            database: &self.host_database,
            min_interval_ns: self.host_interval_ns,
            variables: &variables,
            keeps_places: false,
        };
        let mut main = String::with_capacity(128 * 1024);
        self.put_breadcrumb(&mut main, view, &host, path);
        let (_, own) = display_name(path);
        put!(
            main,
            "<h1 class=\"path\">{}</h1>\n",
            esc(if path == "/" { "Control groups" } else { &own })
        );
        if own != path && path != "/" {
            put!(main, "<p class=\"note path\">{}</p>\n", esc(path));
        }
        self.put_charts(&mut main, source, view, &shown);
        self.put_children(&mut main, source, view, &host, path);
        self.framed(view, &Content { status: 200, title: path, section: "Host", main })
    }

    fn put_children(
        &self,
        out: &mut String,
        source: &dyn FrameSource,
        view: &View<'_>,
        host: &str,
        path: &str,
    ) {
        let totals = Totals::default();
        let Groups(Rows { rows, errors }) = self.groups(source, view, host, Some(path), &totals);
        put_errors(out, &errors);
        let mut rows: Vec<Row> =
            rows.into_iter().filter(|row| is_child(&row.key[0], path)).collect();
        if !rows.is_empty() {
            out.push_str("<h2>Groups inside</h2>\n");
            self.put_groups(out, view, "Groups inside", &totals, &mut rows, Some(path));
        }
    }

    fn put_breadcrumb(&self, out: &mut String, view: &View<'_>, host: &str, path: &str) {
        out.push_str("<nav class=\"crumbs\" aria-label=\"Breadcrumb\"><ol>");
        let host = if host.is_empty() { "Host" } else { host };
        put!(out, "<li><a href=\"{}\">{}</a></li>", esc(&view.link(&self.at("/"), &[])), esc(host));
        let mut so_far = String::new();
        let parts = path.split('/').filter(|part| !part.is_empty());
        let steps = std::iter::once(("/".to_owned(), "/")).chain(parts.map(|part| {
            so_far.push('/');
            so_far.push_str(part);
            (so_far.clone(), part)
        }));
        for (target, text) in steps {
            let here = if target == path { " aria-current=\"page\"" } else { "" };
            let link = view.link(&self.at("/cgroup"), &[("path", &target)]);
            put!(out, "<li><a href=\"{}\"{here}>{}</a></li>", esc(&link), esc(text));
        }
        out.push_str("</ol></nav>\n");
    }
}

/// Whether no other of `paths` lies inside `path`. `paths` are in order.
fn is_leaf(path: &str, paths: &[String]) -> bool {
    let inside = format!("{}/", path.trim_end_matches('/'));
    let at = paths.partition_point(|other| other.as_str() <= inside.as_str());
    !paths.get(at).is_some_and(|other| other.starts_with(&inside))
}

/// Whether `path` lies directly inside `parent`.
fn is_child(path: &str, parent: &str) -> bool {
    let rest =
        path.strip_prefix(parent.trim_end_matches('/')).and_then(|rest| rest.strip_prefix('/'));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
}

/// A group's parent and its own name, long container ids cut to the twelve digits that people know them by.
fn display_name(path: &str) -> (String, String) {
    let (parent, own) = path.rsplit_once('/').unwrap_or(("", path));
    if own.is_empty() {
        return (String::new(), path.to_owned());
    }
    let short = shortened(own);
    // Of a container's scope the end is only noise; of systemd's own it belongs to the name.
    let short = if short == own { short } else { short.trim_end_matches(".scope").to_owned() };
    (shortened(parent), short)
}

/// `text` with every run of 32 or more hexadecimal digits cut to twelve.
fn shortened(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        if digits >= 32 {
            out.push_str(&rest[..12]);
            rest = &rest[digits..];
            continue;
        }
        let next = rest[digits..].chars().next().map_or(digits, |c| digits + c.len_utf8());
        out.push_str(&rest[..next]);
        rest = &rest[next..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_innermost_groups_are_leaves() {
        let paths = ["/", "/a", "/a-b", "/a-b/c", "/a/b", "/z"].map(str::to_owned);
        let leaves: Vec<_> = paths.iter().filter(|path| is_leaf(path, &paths)).collect();
        assert_eq!(leaves, ["/a-b/c", "/a/b", "/z"]);
        assert!(is_leaf("/", &["/".to_owned()]));
    }

    #[test]
    fn children_are_one_step_down() {
        let cases = [
            ("/a", "/", true),
            ("/a/b", "/", false),
            ("/", "/", false),
            ("/a/b", "/a", true),
            ("/ab", "/a", false),
            ("/a/b/c", "/a", false),
        ];
        for (path, parent, want) in cases {
            assert_eq!(is_child(path, parent), want, "{path} in {parent}");
        }
    }

    #[test]
    fn container_ids_are_cut() {
        let id = "0123456789abcdef".repeat(4);
        let cases = [
            ("/init.scope".to_owned(), "", "init.scope"),
            (format!("/system.slice/docker-{id}.scope"), "/system.slice", "docker-0123456789ab"),
            (format!("/kubepods/pod1/{id}"), "/kubepods/pod1", "0123456789ab"),
            ("/user.slice".to_owned(), "", "user.slice"),
            ("/".to_owned(), "", "/"),
            ("/ünïcode/é".to_owned(), "/ünïcode", "é"),
            ("/a/deadbeef".to_owned(), "/a", "deadbeef"),
        ];
        for (path, parent, own) in cases {
            assert_eq!(display_name(&path), (parent.to_owned(), own.to_owned()), "{path}");
        }
    }
}
