//! Tables of who uses how much: a row for each group, node or pod, with numbers, bars and courses.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use stripchart_core::{FrameRequest, FrameSource, TimeRange, Unit};

use super::View;
use super::html::{esc, put};
use super::panel::value_text;
use crate::dashboard::{Macros, VariableValue, bucket_interval_ns, is_absence, snap};

/// Points of a course: as many as a sparkline shows.
const COURSE_POINTS: u32 = 60;

/// A column of numbers to collect: its statement answers with one series for each row.
pub(super) struct Metric<'a> {
    /// What stands for it in addresses.
    pub(super) name: &'static str,
    pub(super) heading: &'static str,
    pub(super) unit: Unit,
    pub(super) statement: &'a str,
    /// Whether the mean of the range is shown, and not the last value.
    pub(super) mean: bool,
    /// Whether the course is drawn, too.
    pub(super) course: bool,
    /// What a full bar is; without it, the largest value.
    pub(super) full: Option<f64>,
}

/// The values of one metric for one row.
#[derive(Debug, Clone, Default)]
pub(super) struct Course {
    /// Instants in nanoseconds, and values.
    pub(super) points: Vec<(i64, f64)>,
}

impl Course {
    pub(super) fn last(&self) -> Option<f64> {
        self.points.last().map(|(_, value)| *value)
    }

    pub(super) fn mean(&self) -> Option<f64> {
        let sum: f64 = self.points.iter().map(|(_, value)| value).sum();
        let count = u32::try_from(self.points.len()).ok().filter(|count| *count > 0)?;
        Some(sum / f64::from(count))
    }
}

/// A row: the values of the tags that name it, and a course for each metric.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) key: Vec<String>,
    pub(super) courses: Vec<Course>,
}

impl Row {
    /// The value shown for `metric`, the `index`th.
    pub(super) fn value(&self, index: usize, metric: &Metric<'_>) -> Option<f64> {
        let course = self.courses.get(index)?;
        if metric.mean { course.mean() } else { course.last() }
    }

    /// The latest instant of any metric.
    pub(super) fn last_at(&self) -> Option<i64> {
        self.courses.iter().filter_map(|course| course.points.last()).map(|(at, _)| *at).max()
    }
}

/// What was collected: rows in the order of their keys, and what went wrong.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    pub(super) errors: Vec<String>,
}

/// Asks for every metric; a row is a distinct set of values of the tags `keys`.
pub(super) fn collect(
    source: &dyn FrameSource,
    view: &View<'_>,
    database: &str,
    min_interval_ns: i64,
    variables: &[(String, VariableValue)],
    keys: &[&str],
    metrics: &[Metric<'_>],
) -> Rows {
    let interval_ns = bucket_interval_ns(view.range, COURSE_POINTS, min_interval_ns);
    let macros = Macros { range: snap(view.range, interval_ns), interval_ns, variables };
    let mut rows: BTreeMap<Vec<String>, Vec<Course>> = BTreeMap::new();
    let mut errors = Vec::new();
    for (index, metric) in metrics.iter().enumerate() {
        let statement = macros.expand(metric.statement);
        let request =
            FrameRequest { database, retention_policy: None, statement: &statement, now: view.now };
        let frames = source.frames(&request).unwrap_or_else(|error| {
            let error = error.to_string();
            if !is_absence(&error) && !errors.contains(&error) {
                errors.push(error);
            }
            Vec::new()
        });
        for frame in &frames {
            let key = keys.iter().map(|key| frame.tag_value(key).unwrap_or_default().to_owned());
            let courses = rows.entry(key.collect()).or_default();
            courses.resize(metrics.len(), Course::default());
            let numbers = frame.columns.iter().find(|c| c.values().field_type().is_some());
            let (Some(times), Some(column)) = (frame.times(), numbers) else { continue };
            let points = times.iter().enumerate();
            let points = points.filter_map(|(row, at)| Some((*at, column.get_f64(row)?)));
            courses[index].points.extend(points.filter(|(_, value)| value.is_finite()));
        }
    }
    let rows = rows.into_iter().map(|(key, courses)| Row { key, courses });
    let rows = rows.filter(|row| row.courses.iter().any(|course| !course.points.is_empty()));
    Rows { rows: rows.collect(), errors }
}

/// How a table is laid out.
pub(super) struct Layout<'a> {
    pub(super) caption: &'a str,
    /// The heading of the first column.
    pub(super) heading: &'a str,
    /// At most so many rows, unless the address asks for all.
    pub(super) limit: usize,
    /// Appends the first cell's content.
    pub(super) name: &'a dyn Fn(&mut String, &Row),
}

/// Sorts the rows as the address asks and appends the table.
pub(super) fn put_table(
    out: &mut String,
    view: &View<'_>,
    layout: &Layout<'_>,
    metrics: &[Metric<'_>],
    rows: &mut [Row],
) {
    let sort = view.get("sort").unwrap_or_else(|| first_known(metrics, rows));
    if let Some((index, metric)) = metrics.iter().enumerate().find(|(_, m)| m.name == sort) {
        let value = |row: &Row| row.value(index, metric).unwrap_or(f64::NEG_INFINITY);
        rows.sort_by(|a, b| value(b).partial_cmp(&value(a)).unwrap_or(Ordering::Equal));
    }
    let largest: Vec<f64> = metrics.iter().enumerate().map(|(i, m)| full_bar(rows, i, m)).collect();
    let all = view.get("rows") == Some("all");
    let shown = if all { rows.len() } else { layout.limit.min(rows.len()) };

    let by =
        metrics.iter().find(|metric| metric.name == sort).map_or(layout.heading, |m| m.heading);
    put!(
        out,
        "<div class=\"scroll\" role=\"region\" aria-label=\"{0}\" tabindex=\"0\"><table class=\"usage\"><caption>{0} by {1}",
        esc(layout.caption),
        esc(by)
    );
    if shown < rows.len() {
        put!(out, ", {shown} of {}", rows.len());
    }
    out.push_str("</caption>\n<thead><tr>");
    put_heading(out, view, "name", layout.heading, sort, "");
    for metric in metrics {
        put_heading(out, view, metric.name, metric.heading, sort, "n");
        if metric.course {
            out.push_str("<th scope=\"col\" class=\"o\"><span class=\"vh\">Course</span></th>");
        }
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows.iter().take(shown) {
        out.push_str("<tr><th scope=\"row\">");
        (layout.name)(out, row);
        out.push_str("</th>");
        for (index, metric) in metrics.iter().enumerate() {
            put_cell(out, view, row, index, metric, largest[index]);
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    if rows.len() > layout.limit {
        let (text, value) = if all { ("Show fewer", None) } else { ("Show all", Some("all")) };
        put!(
            out,
            "<p class=\"note\"><a href=\"{}\">{text}</a></p>\n",
            esc(&view.here(&[("rows", value)]))
        );
    }
}

/// The first metric that any row has a value of: a host may account for memory by group and not for processors.
fn first_known(metrics: &[Metric<'_>], rows: &[Row]) -> &'static str {
    let known = |index: usize| {
        let course = |row: &Row| row.courses.get(index).is_some_and(|c| !c.points.is_empty());
        rows.iter().any(course)
    };
    let found = metrics.iter().enumerate().find(|(index, _)| known(*index));
    found.map_or("", |(_, metric)| metric.name)
}

fn full_bar(rows: &[Row], index: usize, metric: &Metric<'_>) -> f64 {
    let values = rows.iter().filter_map(|row| row.value(index, metric));
    metric.full.unwrap_or_else(|| values.fold(0.0, f64::max))
}

fn put_heading(out: &mut String, view: &View<'_>, name: &str, text: &str, sort: &str, class: &str) {
    let sorted = sort == name;
    let direction = if name == "name" { "ascending" } else { "descending" };
    put!(out, "<th scope=\"col\" class=\"{class}\"");
    if sorted {
        put!(out, " aria-sort=\"{direction}\"");
    }
    let link = view.here(&[("sort", Some(name))]);
    put!(out, "><a href=\"{}\">{}</a></th>", esc(&link), esc(text));
}

fn put_cell(
    out: &mut String,
    view: &View<'_>,
    row: &Row,
    index: usize,
    metric: &Metric<'_>,
    full: f64,
) {
    let value = row.value(index, metric);
    put!(out, "<td class=\"n\">{}", esc(&value_text(value, metric.unit)));
    let share = value.map_or(0.0, |value| if full > 0.0 { value / full } else { 0.0 });
    put!(
        out,
        "<svg class=\"bar\" viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect width=\"100\" height=\"4\" class=\"rail\"/><rect width=\"{:.1}\" height=\"4\" class=\"fill\"/></svg></td>",
        share.clamp(0.0, 1.0) * 100.0
    );
    if metric.course {
        out.push_str("<td class=\"o\">");
        put_sparkline(out, view.range, row.courses.get(index).map_or(&[], |course| &course.points));
        out.push_str("</td>");
    }
}

/// A course in 90 by 22 pixels over `range`, from zero up, with its gaps.
fn put_sparkline(out: &mut String, range: TimeRange, points: &[(i64, f64)]) {
    if points.is_empty() {
        return;
    }
    let top = points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let steps = points.windows(2).map(|pair| pair[1].0.saturating_sub(pair[0].0));
    let longest_step = steps.filter(|step| *step > 0).min().unwrap_or(0).saturating_mul(3);
    out.push_str("<svg class=\"spark\" viewBox=\"0 0 90 22\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><path d=\"");
    let mut before = None;
    for (at, value) in points {
        let x = 90.0 * at.saturating_sub(range.start.nanos()) as f64 / range.len_ns().max(1) as f64;
        let y = if top > 0.0 { 21.0 - 20.0 * (value / top).max(0.0) } else { 21.0 };
        let joined = before.is_some_and(|before| at.saturating_sub(before) <= longest_step);
        put!(out, "{}{x:.1} {y:.1}", if joined { 'L' } else { 'M' });
        before = Some(*at);
    }
    out.push_str("\"/></svg>");
}

/// What went wrong while collecting, for the reader.
pub(super) fn put_errors(out: &mut String, errors: &[String]) {
    for error in errors {
        put!(
            out,
            "<div class=\"error\" role=\"note\"><p><strong>This could not be answered:</strong> {}</p></div>\n",
            esc(error)
        );
    }
}
