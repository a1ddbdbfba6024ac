//! What all pages have in common: head, navigation, time range, refresh, footer.

use stripchart_core::DurationLiteral;

use super::html::{esc, put};
use super::panel::time_text;
use super::request::{MORE_RANGES, RANGES, REFRESHES, Scheme};
use super::{Page, Site, View};
use crate::dashboard::TimeSpec;

/// A page before it is framed.
pub(super) struct Content<'a> {
    pub(super) status: u16,
    pub(super) title: &'a str,
    /// The entry of the navigation it belongs to.
    pub(super) section: &'a str,
    /// What stands inside `<main>`.
    pub(super) main: String,
}

/// The entries of the navigation: path and name.
const SECTIONS: [(&str, &str); 3] = [("/", "Host"), ("/nodes", "Nodes"), ("/pods", "Pods")];

/// A line of a strip chart.
const LOGO: &str = "<svg width=\"26\" height=\"18\" viewBox=\"0 0 26 18\" aria-hidden=\"true\"><path d=\"M1 12h5l3-9 4 13 4-10 2 6h6\" fill=\"none\" stroke-width=\"2.2\" stroke-linecap=\"round\" stroke-linejoin=\"round\"/></svg>";

impl Site {
    /// The whole page around `content`.
    pub(super) fn framed(&self, view: &View<'_>, content: &Content<'_>) -> Page {
        self.framed_with(view, content, true)
    }

    /// The same without a choice of time.
    pub(super) fn framed_sheet(&self, view: &View<'_>, content: &Content<'_>) -> Page {
        self.framed_with(view, content, false)
    }

    fn framed_with(&self, view: &View<'_>, content: &Content<'_>, ranges: bool) -> Page {
        let mut out = String::with_capacity(content.main.len() + 8 * 1024);
        self.put_head(&mut out, view, content.title);
        out.push_str(
            "<body>\n<a class=\"skip\" href=\"#main\">To the content</a>\n<header class=\"top\">\n",
        );
        self.put_navigation(&mut out, view, content.section);
        put_controls(&mut out, view, ranges);
        out.push_str("</header>\n");
        for notice in &view.notices {
            put!(out, "<p class=\"notice\" role=\"status\">{}</p>\n", esc(notice));
        }
        put!(out, "<main id=\"main\">\n{}</main>\n", content.main);
        put_footer(&mut out, view);
        out.push_str("</body>\n</html>\n");
        Page::html(content.status, out)
    }

    fn put_head(&self, out: &mut String, view: &View<'_>, title: &str) {
        out.push_str("<!DOCTYPE html>\n<html lang=\"en\"");
        if view.scheme != Scheme::Auto {
            put!(out, " data-theme=\"{}\"", view.scheme.name());
        }
        if view.refresh_secs > 0 {
            put!(out, " data-refresh=\"{}\"", view.refresh_secs);
        }
        out.push_str(">\n<head>\n<meta charset=\"utf-8\">\n");
        put!(out, "<title>{} · stripchart</title>\n", esc(title));
        out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        out.push_str("<meta name=\"color-scheme\" content=\"light dark\">\n");
        if view.refresh_secs > 0 {
            // With scripts the page renews itself in place instead.
            let every = view.refresh_secs;
            put!(out, "<noscript><meta http-equiv=\"refresh\" content=\"{every}\"></noscript>\n");
        }
        let base = esc(&self.base_path).to_string();
        put!(
            out,
            "<link rel=\"icon\" type=\"image/svg+xml\" href=\"{base}{}\">\n",
            super::asset::ICON
        );
        put!(out, "<link rel=\"stylesheet\" href=\"{base}{}\">\n", super::asset::style_address());
        put!(
            out,
            "<script src=\"{base}{}\" defer></script>\n</head>\n",
            super::asset::script_address()
        );
    }

    fn put_navigation(&self, out: &mut String, view: &View<'_>, section: &str) {
        let home = view.link(&format!("{}/", self.base_path), &[]);
        put!(
            out,
            "<a class=\"brand\" href=\"{}\" aria-label=\"stripchart\">{LOGO}<span>stripchart</span></a>\n",
            esc(&home)
        );
        out.push_str("<nav class=\"pages\" aria-label=\"Pages\">");
        for (path, name) in SECTIONS {
            let link = view.link(&format!("{}{path}", self.base_path), &[]);
            let current = if name == section { " aria-current=\"page\"" } else { "" };
            put!(out, "<a href=\"{}\"{current}>{name}</a>", esc(&link));
        }
        if let Some(path) = &self.containers_path {
            let link = view.link(&self.at(path), &[]);
            let current = if section == "Containers" { " aria-current=\"page\"" } else { "" };
            put!(out, "<a href=\"{}\"{current}>Containers</a>", esc(&link));
        }
        out.push_str("</nav>\n");
    }
}

fn put_controls(out: &mut String, view: &View<'_>, ranges: bool) {
    out.push_str("<div class=\"controls\">\n");
    if ranges {
        put_ranges(out, view);
    }
    put_refresh(out, view);
    put_scheme(out, view);
    out.push_str("</div>\n");
}

fn put_ranges(out: &mut String, view: &View<'_>) {
    out.push_str("<nav class=\"ranges\" aria-label=\"Time range\">");
    let arrow = |out: &mut String, ranges: i64, sign: &str, text: &str| {
        let link = view.moved(ranges);
        put!(out, "<a href=\"{}\" title=\"{text}\" aria-label=\"{text}\">{sign}</a>", esc(&link));
    };
    arrow(out, -1, "◀", "Earlier");
    let mut known = false;
    for (text, from) in RANGES {
        let current =
            view.is_live() && Ok(view.spec.from) == from.parse() && view.range.end == view.now;
        known |= current;
        let link = view.here(&[("from", Some(from)), ("to", None)]);
        let mark = if current { " aria-current=\"true\"" } else { "" };
        put!(out, "<a href=\"{}\"{mark}>{text}</a>", esc(&link));
    }
    put_custom(out, view, known);
    arrow(out, 1, "▶", "Later");
    out.push_str("</nav>\n");
}

/// A form for any range.
fn put_custom(out: &mut String, view: &View<'_>, known: bool) {
    let mark = if known { "" } else { " aria-current=\"true\"" };
    let text = match view.spec.from {
        TimeSpec::Now(offset) if !known && view.range.end == view.now => {
            DurationLiteral::from_nanos(offset.saturating_abs()).to_string()
        }
        _ => "Custom".to_owned(),
    };
    put!(
        out,
        "<details class=\"menu\"><summary{mark}>{text}</summary><form class=\"pop\" method=\"get\">\n"
    );
    for (name, value) in view.hidden(&["from", "to"]) {
        put!(out, "<input type=\"hidden\" name=\"{}\" value=\"{}\">", esc(name), esc(value));
    }
    for (name, text, at) in
        [("from", "From (UTC)", view.range.start), ("to", "To (UTC)", view.range.end)]
    {
        // Of this type, since browsers send what they know of forms with free text to their makers to have it filled.
        put!(
            out,
            "<label>{text} <input type=\"datetime-local\" step=\"1\" name=\"{name}\" value=\"{}\" required></label>\n",
            time_text(at).replace(' ', "T")
        );
    }
    out.push_str("<button>Show</button>\n<p class=\"more\">");
    for (text, from) in MORE_RANGES {
        let link = view.here(&[("from", Some(from)), ("to", None)]);
        put!(out, "<a href=\"{}\">{text}</a> ", esc(&link));
    }
    out.push_str("</p></form></details>");
}

fn put_refresh(out: &mut String, view: &View<'_>) {
    let every = match view.refresh_secs {
        0 => "off".to_owned(),
        secs => DurationLiteral::from_nanos(i64::from(secs) * 1_000_000_000).to_string(),
    };
    put!(
        out,
        "<details class=\"menu\"><summary aria-label=\"Refresh: {every}\" title=\"Refresh\">⟳ {every}</summary><nav class=\"pop list\" aria-label=\"Refresh\">"
    );
    for (text, secs) in REFRESHES {
        let mark = if secs == view.refresh_secs { " aria-current=\"true\"" } else { "" };
        let link = view.here(&[("refresh", Some(text))]);
        put!(out, "<a href=\"{}\"{mark}>{text}</a>", esc(&link));
    }
    out.push_str("</nav></details>\n");
}

fn put_scheme(out: &mut String, view: &View<'_>) {
    out.push_str("<details class=\"menu\"><summary aria-label=\"Colours\" title=\"Colours\">◐</summary><nav class=\"pop list\" aria-label=\"Colours\">");
    for scheme in Scheme::ALL {
        let mark = if scheme == view.scheme { " aria-current=\"true\"" } else { "" };
        let value = Some(scheme.name()).filter(|_| scheme != Scheme::Auto);
        let link = view.here(&[("theme", value)]);
        put!(out, "<a href=\"{}\"{mark}>{}</a>", esc(&link), scheme.name());
    }
    out.push_str("</nav></details>\n");
}

fn put_footer(out: &mut String, view: &View<'_>) {
    put!(
        out,
        "<footer class=\"foot\"><p>{} to {} UTC. Drawn {} UTC.</p></footer>\n",
        time_text(view.range.start),
        time_text(view.range.end),
        time_text(view.now)
    );
}
