//! A drawn panel as part of a page: heading, menu, picture, legend, or the reason why there is none.

use stripchart_core::{DurationLiteral, FrameSource, Timestamp, Unit};

use super::html::{esc, put};
use super::{Site, View, url};
use crate::dashboard::{Answered, Dashboard, Look, Panel, PanelKind, PanelRequest, VariableValue};
use crate::{LegendRow, PALETTE, Series, Theme, format_value};

/// Chart sizes in a page, in pixels: for a column of a wide window, and for a telephone, where the wide one would be
/// shrunk until nobody can read it. The style sheet shows one of them.
const WIDE: (u32, u32) = (600, 210);
const NARROW: (u32, u32) = (360, 190);
const TILE: (u32, u32) = (200, 104);
/// Instants at which hovering tells the values: every fifth pixel of a wide chart.
const HOVER_SLOTS: i64 = 120;

/// The database and variables that a dashboard is shown with.
pub(super) struct Shown<'a> {
    pub(super) dashboard: &'a Dashboard,
    pub(super) database: &'a str,
    pub(super) min_interval_ns: i64,
    pub(super) variables: &'a [(String, VariableValue)],
    /// Whether a chart without data keeps its place, so that the page does not jump when they come. Otherwise it is
    /// only named below the others.
    pub(super) keeps_places: bool,
}

impl Shown<'_> {
    fn ask<'p>(&self, source: &dyn FrameSource, view: &View<'_>, panel: &'p Panel) -> Answered<'p> {
        panel.ask(&PanelRequest {
            source,
            database: self.database,
            now: view.now,
            range: view.range,
            min_interval_ns: self.min_interval_ns,
            max_points: if is_tile(panel) { TILE.0 / 3 } else { WIDE.0 },
            variables: self.variables,
        })
    }
}

/// The look of a picture inside a page.
const fn inside(size: (u32, u32), id_prefix: &str) -> Look<'_> {
    Look { size, theme: Theme::Page, standalone: false, id_prefix }
}

impl Site {
    /// The panels that are no tiles, as a grid of charts. Those without data are named below it.
    pub(super) fn put_charts(
        &self,
        out: &mut String,
        source: &dyn FrameSource,
        view: &View<'_>,
        shown: &Shown<'_>,
    ) {
        out.push_str("<h2 class=\"vh\">Charts</h2>\n<div class=\"grid\">\n");
        let mut without_data = Vec::new();
        for panel in shown.dashboard.panels.iter().filter(|panel| !is_tile(panel)) {
            let drawing = shown.ask(source, view, panel);
            let is_answered = drawing.errors().next().is_none();
            if drawing.is_empty() && is_answered && !shown.keeps_places {
                without_data.push(drawing.title);
                continue;
            }
            self.put_chart(out, view, shown, panel, &drawing);
        }
        out.push_str("</div>\n");
        if !without_data.is_empty() {
            put!(
                out,
                "<p class=\"note\">Without data in this range: {}.</p>\n",
                esc(&without_data.join(", "))
            );
        }
    }

    fn put_chart(
        &self,
        out: &mut String,
        view: &View<'_>,
        shown: &Shown<'_>,
        panel: &Panel,
        drawing: &Answered<'_>,
    ) {
        let id = format!("{}-{}", shown.dashboard.uid, panel.name);
        put!(out, "<section class=\"panel\" aria-labelledby=\"{id}-h\">\n<div class=\"head\">");
        put!(out, "<h3 id=\"{id}-h\">{}</h3>", esc(&drawing.title));
        self.put_menu(out, view, shown, panel, drawing);
        out.push_str("</div>\n");
        if drawing.is_empty() {
            put_empty(out, drawing);
        } else {
            let narrow = format!("{id}-n");
            put_hover(out, drawing);
            put!(out, "<div class=\"plot wide\">{}</div>", drawing.picture(&inside(WIDE, &id)));
            put!(
                out,
                "<div class=\"plot narrow\">{}</div></div>\n",
                drawing.picture(&inside(NARROW, &narrow))
            );
            put_legend(out, drawing);
        }
        put_errors(out, drawing);
        if drawing.left_out > 0 {
            let are = if drawing.left_out == 1 { "series is" } else { "series are" };
            put!(
                out,
                "<p class=\"note\">{} smaller {are} not shown.</p>
",
                drawing.left_out
            );
        }
        out.push_str("</section>\n");
    }

    /// What the panel shows, its questions, and its data and picture to take along.
    fn put_menu(
        &self,
        out: &mut String,
        view: &View<'_>,
        shown: &Shown<'_>,
        panel: &Panel,
        drawing: &Answered<'_>,
    ) {
        put!(
            out,
            "<details class=\"menu\"><summary aria-label=\"About {title}\" title=\"About {title}\">⋯</summary><div class=\"pop\">",
            title = esc(&drawing.title)
        );
        if !panel.description.is_empty() {
            put!(out, "<p>{}</p>", esc(&panel.description));
        }
        let interval = DurationLiteral::from_nanos(drawing.interval_ns);
        put!(out, "<p>Each point is the mean of {interval}.</p>");
        let name = format!("{}/render/{}-{}.svg", self.base_path, shown.dashboard.uid, panel.name);
        let mut params: Vec<(&str, &str)> = Vec::new();
        for (name, value) in shown.variables {
            params.extend(value.values().first().map(|value| (name.as_str(), value.as_str())));
        }
        put!(out, "<p><a href=\"{}\">Picture (SVG)</a></p>", esc(&view.link(&name, &params)));
        for asked in &drawing.asked {
            put!(out, "<pre>{}</pre>", esc(&asked.statement));
            if let Some(path) = &self.query_path {
                let question =
                    [("db", asked.database.as_str()), ("epoch", "ms"), ("q", &asked.statement)];
                let address = url::address(path, question);
                put!(out, "<p><a href=\"{}\">Data (JSON)</a></p>", esc(&address));
            }
        }
        out.push_str("</div></details>");
    }

    /// The panels whose names begin with `tile-` as a row of tiles.
    pub(super) fn put_tiles(
        &self,
        out: &mut String,
        source: &dyn FrameSource,
        view: &View<'_>,
        shown: &Shown<'_>,
    ) {
        out.push_str("<ul class=\"tiles\">\n");
        for panel in shown.dashboard.panels.iter().filter(|panel| is_tile(panel)) {
            let drawing = shown.ask(source, view, panel);
            out.push_str("<li class=\"tile\">");
            let id = format!("{}-{}", shown.dashboard.uid, panel.name);
            out.push_str(&drawing.picture(&inside(TILE, &id)));
            if let Some(error) = drawing.errors().next() {
                put!(out, "<p class=\"error\" role=\"note\">{}</p>", esc(error));
            }
            out.push_str("</li>\n");
        }
        out.push_str("</ul>\n");
    }
}

fn is_tile(panel: &Panel) -> bool {
    panel.kind == PanelKind::Stat
}

/// Why there is no picture.
fn put_empty(out: &mut String, drawing: &Answered<'_>) {
    if drawing.errors().next().is_some() {
        return;
    }
    let databases: Vec<&str> = drawing.asked.iter().map(|asked| asked.database.as_str()).collect();
    put!(
        out,
        "<div class=\"empty\"><p><strong>No data yet</strong></p><p>Database {} has nothing for this chart from {} to {}; rates begin with the second sample.</p></div>\n",
        esc(databases.first().unwrap_or(&"")),
        time_text(drawing.range.start),
        time_text(drawing.range.end)
    );
}

fn put_errors(out: &mut String, drawing: &Answered<'_>) {
    for asked in drawing.asked.iter() {
        let Some(error) = &asked.error else { continue };
        put!(
            out,
            "<div class=\"error\" role=\"note\"><p><strong>This could not be answered:</strong> {}</p><pre>{}</pre></div>\n",
            esc(error),
            esc(&asked.statement)
        );
    }
}

/// The series with their colours and numbers: legend for those who see the chart, the chart's text for those who
/// do not.
fn put_legend(out: &mut String, drawing: &Answered<'_>) {
    let is_dashed = |index: usize| drawing.series.get(index).is_some_and(|s| s.is_dashed());
    put_legend_of(out, &drawing.title, &drawing.legend_rows(), drawing.unit(), is_dashed);
}

/// The same of any chart; `is_dashed` says of a series, by its place, that its line is.
pub(super) fn put_legend_of(
    out: &mut String,
    title: &str,
    rows: &[LegendRow],
    unit: Unit,
    is_dashed: impl Fn(usize) -> bool,
) {
    let title = esc(title);
    put!(out, "<table class=\"legend\"><caption class=\"vh\">{title}, by series</caption>");
    out.push_str("<thead><tr><th scope=\"col\"><span class=\"vh\">Series</span></th>");
    for (class, head) in [("o", "min"), ("o", "mean"), ("", "max"), ("", "last")] {
        put!(out, "<th scope=\"col\" class=\"n {class}\">{head}</th>");
    }
    out.push_str("</tr></thead><tbody>\n");
    for (index, row) in rows.iter().enumerate() {
        put!(out, "<tr><th scope=\"row\">");
        // Dashes also tell series apart once the colours have come round.
        put_swatch(out, row, is_dashed(index) || index >= PALETTE.len());
        put!(out, "<span class=\"ell\" title=\"{0}\">{0}</span></th>", esc(&row.label));
        for (class, value) in [("o", row.min), ("o", row.mean), ("", row.max), ("", row.last)] {
            put!(out, "<td class=\"n {class}\">{}</td>", esc(&value_text(value, unit)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table>\n");
}

/// Opens the element around a panel's pictures: its time range in milliseconds, and for the script the values at up to
/// [`HOVER_SLOTS`] instants, in the order of the legend.
fn put_hover(out: &mut String, drawing: &Answered<'_>) {
    let (start, span) = (drawing.range.start.nanos(), drawing.range.len_ns());
    let slots = (span / drawing.interval_ns.max(1)).clamp(1, HOVER_SLOTS);
    let ms = |nanos: i64| nanos.div_euclid(1_000_000);
    let (from, to) = (ms(start), ms(drawing.range.end.nanos()));
    put!(out, "<div class=\"plots\" data-from=\"{from}\" data-to=\"{to}\" data-hover=\"");
    for slot in 0..slots {
        let slot_ns = span / slots;
        let at = start.saturating_add(slot * slot_ns);
        if slot > 0 {
            out.push(';');
        }
        out.push_str(&time_text(Timestamp::from_nanos(at)));
        for series in &drawing.series {
            let value = nearest(series, at, slot_ns.max(drawing.interval_ns));
            put!(out, ",{}", esc(&value_text(value, drawing.unit())));
        }
    }
    out.push_str("\">");
}

/// The value nearest to `at`, not further away than `reach_ns`.
fn nearest(series: &Series<'_>, at: i64, reach_ns: i64) -> Option<f64> {
    let (times, values) = series.points();
    let next = times.partition_point(|time| *time < at);
    let around = [next.checked_sub(1), Some(next)].into_iter().flatten();
    let distance = |index: &usize| {
        times.get(*index).map_or(i64::MAX, |t| t.saturating_sub(at).saturating_abs())
    };
    let index = around.min_by_key(distance).filter(|index| distance(index) < reach_ns)?;
    values.get(index).copied().filter(|value| value.is_finite())
}

fn put_swatch(out: &mut String, row: &LegendRow, dashed: bool) {
    let class = row.palette_index.map_or(String::new(), |index| format!(" class=\"sc-f{index}\""));
    let shape = if dashed { "M0 3h4v4h-4zM6 3h4v4h-4z" } else { "M2 0h6l2 2v6l-2 2h-6l-2-2v-6z" };
    put!(
        out,
        "<svg class=\"sw\" width=\"10\" height=\"10\" aria-hidden=\"true\"><path d=\"{shape}\" fill=\"{}\"{class}/></svg>",
        row.color.light
    );
}

/// A number with its unit; a dash if there is none.
pub(super) fn value_text(value: Option<f64>, unit: Unit) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format_value(value, unit))
}

/// An instant to the second, without the letters of RFC 3339.
pub(super) fn time_text(at: Timestamp) -> String {
    let text = at.align_down(1_000_000_000).to_string();
    text.replace('T', " ").trim_end_matches('Z').to_owned()
}
