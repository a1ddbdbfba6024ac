//! Sheets: pages whose content somebody else puts together, as a row of frames.
//!
//! Where [`Site`]'s other pages ask a source for what they show, a sheet is told: charts of what is in memory, tables, facts,
//! gauges. The name of a frame says how it is drawn, its tag `title` what stands above it:
//!
//! | frame | drawn as | columns | other tags |
//! | --- | --- | --- | --- |
//! | `crumbs` | the way here | `name`, `href` | |
//! | `section` | a heading | | |
//! | `facts` | a list of names and values | `name`, `value` | |
//! | `links` | links in a row | `name`, `href` | |
//! | `gauges` | a gauge each, marked from 75 % and from 90 % | `name`, `percent`, `text` | |
//! | `bars` | a bar each | `name`, `used`, `capacity`, `text` | |
//! | `stacks` | one bar of parts | `name`, `value` | `total` |
//! | `choice` | links that set a parameter of the page | `value` | `parameter`, `current` |
//! | `series` | a line; those that follow one another with one `title` share a chart | `time`, numbers | `series`: its name |
//! | `table` | a table; numbers with their units | any; `href` is where the first leads | `all`: rows there would be |
//! | `note` | a paragraph | `text` | |
//!
//! Any other frame is left out. All text is escaped; an `href` is a path of the same site, or it is no link.

use stripchart_core::{Column, Frame, TimeRange, Timestamp, Unit, Values};

use super::html::{esc, put};
use super::layout::Content;
use super::panel::{put_legend_of, value_text};
use super::{Page, PageRequest, Site, View};
use crate::{Chart, LabelTemplate, Legend, Theme};

/// Chart sizes, as those of panels.
const WIDE: (u32, u32) = (600, 210);
const NARROW: (u32, u32) = (360, 190);
/// Shortest time that a chart shows: a single sample would have none.
const RANGE_NS_MIN: i64 = 60_000_000_000;
/// Percent from which a gauge is marked.
const WARNING: f64 = 75.0;
const CRITICAL: f64 = 90.0;

/// A page put together by somebody else.
#[derive(Debug, Clone, Copy)]
pub struct Sheet<'a> {
    /// HTTP's status code.
    pub status: u16,
    /// The page's title.
    pub title: &'a str,
    /// The path of the page, after the site's base.
    pub path: &'a str,
    /// What stands on it, in order; see the module's table.
    pub frames: &'a [Frame],
}

impl Site {
    /// Draws `sheet`: a page like the others, but without a choice of time, for it shows what there is.
    ///
    /// What stands on it is told by frames; those that are of no kind known here are left out:
    ///
    /// | frame | drawn as | columns | other tags |
    /// | --- | --- | --- | --- |
    /// | `crumbs` | the way here | `name`, `href` | |
    /// | `section` | a heading | | |
    /// | `facts` | a list | `name`, `value` | |
    /// | `links` | links in a row | `name`, `href` | |
    /// | `gauges` | a gauge each | `name`, `percent`, `text` | |
    /// | `bars` | a bar each | `name`, `used`, `capacity`, `text` | |
    /// | `stacks` | one bar of parts | `name`, `value` | `total` |
    /// | `choice` | links that set a parameter | `value` | `parameter`, `current` |
    /// | `series` | a line; neighbours with one `title` share a chart | `time`, numbers | `series` |
    /// | `table` | a table | any; `href` is where the first leads | `all` |
    /// | `note` | a paragraph | `text` | |
    ///
    /// ```
    /// use stripchart_core::{Frame, Timestamp};
    /// use stripchart_render::page::{PageRequest, Sheet, Site};
    ///
    /// let request = PageRequest::from_query("", Timestamp::from_secs(1_700_000_000));
    /// let frames = [Frame::new("section").tag("title", "Limits & more")];
    /// let sheet = Sheet { status: 200, title: "A container", path: "/containers/a", frames: &frames };
    /// let page = Site::default().sheet(&sheet, &request);
    /// assert!(page.body.contains("<h2>Limits &amp; more</h2>"));
    /// ```
    #[must_use]
    pub fn sheet(&self, sheet: &Sheet<'_>, request: &PageRequest) -> Page {
        let path = super::url::encode_path(&self.at(sheet.path));
        let mut view = View::new(request, path, RANGE_NS_MIN);
        view.range = range_of(sheet.frames, request.now);
        let mut main = String::with_capacity(128 * 1024);
        let is_crumbs = |frame: &&Frame| frame.name == "crumbs";
        for crumbs in sheet.frames.iter().filter(is_crumbs) {
            put_crumbs(&mut main, crumbs);
        }
        put!(main, "<h1 class=\"path\">{}</h1>\n", esc(sheet.title));
        let mut rest = sheet.frames;
        while let Some(first) = rest.first() {
            let charts = rest.iter().take_while(|frame| frame.name == "series").count();
            if charts > 0 {
                put_charts(&mut main, view.range, &rest[..charts], sheet.frames.len() - rest.len());
            } else {
                put_frame(&mut main, &view, first);
            }
            rest = &rest[charts.max(1)..];
        }
        let content =
            Content { status: sheet.status, title: sheet.title, section: "Containers", main };
        self.framed_sheet(&view, &content)
    }
}

/// From the first point to the last.
fn range_of(frames: &[Frame], now: Timestamp) -> TimeRange {
    let times = || frames.iter().filter(|frame| frame.name == "series").filter_map(Frame::times);
    let first =
        times().filter_map(<[i64]>::first).min().map_or(now, |at| Timestamp::from_nanos(*at));
    let last = times().filter_map(<[i64]>::last).max().map_or(now, |at| Timestamp::from_nanos(*at));
    let start = first.min(last.saturating_sub(RANGE_NS_MIN));
    // The end does not belong to a range, the last point does.
    TimeRange::new(start, last.saturating_add(1).max(start))
}

fn title_of(frame: &Frame) -> &str {
    frame.tag_value("title").unwrap_or_default()
}

fn put_frame(out: &mut String, view: &View<'_>, frame: &Frame) {
    match frame.name.as_str() {
        "section" => put!(out, "<h2>{}</h2>\n", esc(title_of(frame))),
        "facts" => put_facts(out, frame),
        "links" => put_links(out, frame),
        "gauges" => put_gauges(out, frame),
        "bars" => put_bars(out, frame),
        "stacks" => put_stacks(out, frame),
        "choice" => put_choice(out, view, frame),
        "table" => put_table(out, view, frame),
        "note" => put!(out, "<p class=\"note\">{}</p>\n", esc(&text(frame, "text", 0))),
        _ => {}
    }
}

/// The text in a column.
fn text(frame: &Frame, column: &str, row: usize) -> String {
    match frame.get(column).map(Column::values) {
        Some(Values::String(texts)) => texts.get(row).unwrap_or_default().to_owned(),
        _ => String::new(),
    }
}

fn number(frame: &Frame, column: &str, row: usize) -> Option<f64> {
    frame.get(column)?.get_f64(row).filter(|value| value.is_finite())
}

/// `target` if it is a path of this site.
fn safe(target: &str) -> Option<&str> {
    // Two slashes would name another host, and some browsers take a backslash for a slash.
    let is_path = target.starts_with('/') && !target.starts_with("//") && !target.contains('\\');
    is_path.then_some(target)
}

fn put_link(out: &mut String, target: &str, name: &str) {
    match safe(target) {
        Some(target) => put!(out, "<a href=\"{}\">{}</a>", esc(target), esc(name)),
        None => put!(out, "{}", esc(name)),
    }
}

fn put_crumbs(out: &mut String, frame: &Frame) {
    out.push_str("<nav class=\"crumbs\" aria-label=\"Breadcrumb\"><ol>");
    let last = frame.row_count().saturating_sub(1);
    for row in 0..frame.row_count() {
        let (name, target) = (text(frame, "name", row), text(frame, "href", row));
        out.push_str("<li>");
        match row == last {
            true => put!(out, "<span aria-current=\"page\">{}</span>", esc(&name)),
            false => put_link(out, &target, &name),
        }
        out.push_str("</li>");
    }
    out.push_str("</ol></nav>\n");
}

fn put_facts(out: &mut String, frame: &Frame) {
    put!(out, "<section class=\"facts\"><h3>{}</h3><dl>", esc(title_of(frame)));
    for row in 0..frame.row_count() {
        let (name, value) = (text(frame, "name", row), text(frame, "value", row));
        put!(out, "<div><dt>{}</dt><dd>{}</dd></div>", esc(&name), esc(&value));
    }
    out.push_str("</dl></section>\n");
}

fn put_links(out: &mut String, frame: &Frame) {
    out.push_str("<ul class=\"links\">");
    for row in 0..frame.row_count() {
        out.push_str("<li>");
        put_link(out, &text(frame, "href", row), &text(frame, "name", row));
        out.push_str("</li>");
    }
    out.push_str("</ul>\n");
}

/// Half circles, with the percentage inside and in words below.
fn put_gauges(out: &mut String, frame: &Frame) {
    put!(out, "<ul class=\"tiles gauges\" aria-label=\"{}\">\n", esc(title_of(frame)));
    for row in 0..frame.row_count() {
        let percent = number(frame, "percent", row).unwrap_or(0.0).clamp(0.0, 100.0);
        let (class, word) = match percent {
            p if p >= CRITICAL => (" critical", ", critical"),
            p if p >= WARNING => (" warning", ", high"),
            _ => ("", ""),
        };
        // The length of the half circle is 100.
        put!(
            out,
            "<li class=\"tile gauge{class}\"><h3>{name}</h3><svg viewBox=\"0 0 80 46\" role=\"img\" aria-label=\"{name}: {percent:.0} percent{word}\"><path d=\"M8 40a32 32 0 0 1 64 0\" class=\"rail\"/><path d=\"M8 40a32 32 0 0 1 64 0\" class=\"fill\" pathLength=\"100\" stroke-dasharray=\"{percent:.1} 200\"/><text x=\"40\" y=\"39\" text-anchor=\"middle\">{percent:.0}%</text></svg><p>{text}</p></li>\n",
            name = esc(&text(frame, "name", row)),
            text = esc(&text(frame, "text", row)),
        );
    }
    out.push_str("</ul>\n");
}

fn put_bars(out: &mut String, frame: &Frame) {
    out.push_str("<ul class=\"bars\">\n");
    for row in 0..frame.row_count() {
        let used = number(frame, "used", row).unwrap_or(0.0);
        let of = number(frame, "capacity", row).filter(|of| *of > 0.0);
        let percent = of.map_or(0.0, |of| (used / of * 100.0).clamp(0.0, 100.0));
        put!(
            out,
            "<li><span class=\"what\">{}</span><span>{}</span>",
            esc(&text(frame, "name", row)),
            esc(&text(frame, "text", row))
        );
        put_bar(out, &[percent]);
        out.push_str("</li>\n");
    }
    out.push_str("</ul>\n");
}

/// One bar; each part begins where the one before ended.
fn put_bar(out: &mut String, percents: &[f64]) {
    out.push_str("<svg class=\"bar\" viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect width=\"100\" height=\"4\" class=\"rail\"/>");
    let mut at = 0.0;
    for (part, percent) in percents.iter().enumerate() {
        let width = percent.clamp(0.0, 100.0 - at);
        put!(
            out,
            "<rect x=\"{at:.1}\" width=\"{width:.1}\" height=\"4\" class=\"fill part{}\"/>",
            part.min(1)
        );
        at += width;
    }
    out.push_str("</svg>");
}

fn put_stacks(out: &mut String, frame: &Frame) {
    let parts: Vec<f64> =
        (0..frame.row_count()).map(|row| number(frame, "value", row).unwrap_or(0.0)).collect();
    let told = frame.tag_value("total").and_then(|total| total.parse::<f64>().ok());
    let total = told.filter(|total| *total > 0.0).unwrap_or_else(|| parts.iter().sum());
    let unit = frame.get("value").and_then(|column| column.unit).unwrap_or_default();
    let percents: Vec<f64> =
        parts.iter().map(|part| if total > 0.0 { part / total * 100.0 } else { 0.0 }).collect();
    put!(
        out,
        "<ul class=\"bars stack\"><li><span class=\"what\">{}</span><span>",
        esc(title_of(frame))
    );
    for (row, part) in parts.iter().enumerate() {
        put!(
            out,
            "<span class=\"key part{}\">{} {}</span> ",
            row.min(1),
            esc(&text(frame, "name", row)),
            esc(&value_text(Some(*part), unit))
        );
    }
    out.push_str("</span>");
    put_bar(out, &percents);
    out.push_str("</li></ul>\n");
}

fn put_choice(out: &mut String, view: &View<'_>, frame: &Frame) {
    let title = esc(title_of(frame)).to_string();
    let (Some(parameter), current) = (frame.tag_value("parameter"), frame.tag_value("current"))
    else {
        return;
    };
    put!(out, "<nav class=\"choice\" aria-label=\"{title}\"><span>{title}</span>");
    for row in 0..frame.row_count() {
        let value = text(frame, "value", row);
        let mark = if current == Some(&*value) { " aria-current=\"true\"" } else { "" };
        let link = view.here(&[(parameter, Some(&value))]);
        put!(out, "<a href=\"{}\"{mark}>{}</a>", esc(&link), esc(&value));
    }
    out.push_str("</nav>\n");
}

fn put_table(out: &mut String, view: &View<'_>, frame: &Frame) {
    let rows = frame.row_count();
    put!(
        out,
        "<div class=\"scroll\" role=\"region\" aria-label=\"{0}\" tabindex=\"0\"><table class=\"usage\"><caption>{0}",
        esc(title_of(frame))
    );
    let all = frame.tag_value("all").and_then(|all| all.parse().ok()).unwrap_or(rows);
    if rows < all {
        put!(out, ", {rows} of {all}");
    }
    out.push_str("</caption>\n<thead><tr>");
    let shown: Vec<&Column> = frame.columns.iter().filter(|column| column.name != "href").collect();
    for column in &shown {
        let class = if is_text(column) { "" } else { " class=\"n\"" };
        put!(out, "<th scope=\"col\"{class}>{}</th>", esc(&column.name));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in 0..rows {
        out.push_str("<tr>");
        for (at, column) in shown.iter().enumerate() {
            put_cell(out, frame, column, row, at == 0);
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    if rows < all {
        let link = view.here(&[("rows", Some("all"))]);
        put!(out, "<p class=\"note\"><a href=\"{}\">Show all</a></p>\n", esc(&link));
    }
}

const fn is_text(column: &Column) -> bool {
    matches!(column.values(), Values::String(_))
}

fn put_cell(out: &mut String, frame: &Frame, column: &Column, row: usize, first: bool) {
    if !is_text(column) {
        let value = column.get_f64(row).filter(|value| value.is_finite());
        let text = value_text(value, column.unit.unwrap_or_default());
        put!(out, "<td class=\"n\">{}</td>", esc(&text));
        return;
    }
    let content = text(frame, &column.name, row);
    match first {
        true => {
            out.push_str("<th scope=\"row\">");
            put_link(out, &text(frame, "href", row), &content);
            out.push_str("</th>");
        }
        false => put!(out, "<td>{}</td>", esc(&content)),
    }
}

/// Charts of lines, as a grid. `at` makes their ids different from those of other grids.
fn put_charts(out: &mut String, range: TimeRange, frames: &[Frame], at: usize) {
    out.push_str("<div class=\"grid\">\n");
    let charts = frames.chunk_by(|a, b| title_of(a) == title_of(b));
    for (index, lines) in charts.enumerate() {
        let title = title_of(&lines[0]);
        let id = format!("s{at}-{index}");
        let chart = |size: (u32, u32), prefix: &str| {
            Chart::line(title)
                .range(range)
                .size(size.0, size.1)
                .theme(Theme::Page)
                .id_prefix(prefix)
                .heading(false)
                .legend(Legend::Hidden)
                .soft_min(0.0)
                .frames(lines, &LabelTemplate::new("$tag_series"))
        };
        let wide = chart(WIDE, &id);
        put!(
            out,
            "<section class=\"panel\" aria-labelledby=\"{id}-h\">\n<div class=\"head\"><h3 id=\"{id}-h\">{}</h3></div>\n",
            esc(title)
        );
        put!(out, "<div class=\"plot wide\">{}</div>", wide.to_svg());
        let narrow = chart(NARROW, &format!("{id}-n"));
        put!(out, "<div class=\"plot narrow\">{}</div>\n", narrow.to_svg());
        let unit: Unit = wide.value_unit();
        put_legend_of(out, title, &wide.legend_rows(), unit, |_| false);
        out.push_str("</section>\n");
    }
    out.push_str("</div>\n");
}
