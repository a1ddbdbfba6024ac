//! What a reader asked for: the parameters of an address, and what they come to.

use stripchart_core::{DurationLiteral, TimeRange, Timestamp};

use super::url;
use crate::dashboard::{RangeSpec, TimeSpec};

const SEC: i64 = 1_000_000_000;
/// Ranges longer than this are cut; no chart needs more, and every bucket of it would be looked at.
const LONGEST_NS: i64 = 20 * 366 * 86_400 * SEC;

const MINUTE_NS: i64 = 60 * SEC;
/// What is shown if nothing else is asked for.
pub(super) const HOUR_NS: i64 = 60 * MINUTE_NS;

/// What to show of a history that began `age_ns` ago: an hour, or less while that would be mostly empty.
pub(super) const fn default_range_ns(age_ns: i64) -> i64 {
    if age_ns < 4 * MINUTE_NS {
        5 * MINUTE_NS
    } else if age_ns < 12 * MINUTE_NS {
        15 * MINUTE_NS
    } else {
        HOUR_NS
    }
}

/// The ranges offered, with what stands for their `from`.
pub(super) const RANGES: [(&str, &str); 5] =
    [("15m", "now-15m"), ("1h", "now-1h"), ("6h", "now-6h"), ("24h", "now-1d"), ("7d", "now-1w")];
/// Those offered beside the form for others.
pub(super) const MORE_RANGES: [(&str, &str); 7] = [
    ("5m", "now-5m"),
    ("3h", "now-3h"),
    ("12h", "now-12h"),
    ("2d", "now-2d"),
    ("30d", "now-30d"),
    ("90d", "now-90d"),
    ("1y", "now-365d"),
];
/// The refresh intervals offered.
pub(super) const REFRESHES: [(&str, u32); 5] =
    [("off", 0), ("5s", 5), ("10s", 10), ("30s", 30), ("1m", 60)];

/// A request for a page: the decoded parameters of its address, and the time of day.
///
/// ```
/// use stripchart_core::Timestamp;
/// use stripchart_render::page::PageRequest;
/// let request = PageRequest::from_query("from=now-6h&path=%2Fuser.slice", Timestamp::from_secs(1_700_000_000));
/// assert_eq!(request.get("path"), Some("/user.slice"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// The time of day.
    pub now: Timestamp,
    /// Names and values, decoded, in the order of the address.
    pub params: Vec<(String, String)>,
}

impl PageRequest {
    /// From the part of an address after the question mark; empty if there is none.
    #[must_use]
    pub fn from_query(query: &str, now: Timestamp) -> Self {
        PageRequest { now, params: url::parse_query(query) }
    }

    /// The first value of parameter `name`; `None` also where it is empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.params.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

/// Light or dark, as the reader chose it for this page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// As the reader's system prefers.
    Auto,
    Light,
    Dark,
}

impl Scheme {
    pub(super) const ALL: [Scheme; 3] = [Scheme::Auto, Scheme::Light, Scheme::Dark];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Scheme::Auto => "auto",
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        }
    }
}

/// A request, understood: what is shown, and how links lead on from it.
#[derive(Debug)]
pub(super) struct View<'a> {
    request: &'a PageRequest,
    /// The path of the page itself, with the site's base.
    path: String,
    pub(super) now: Timestamp,
    pub(super) spec: RangeSpec,
    pub(super) range: TimeRange,
    /// 0 for never.
    pub(super) refresh_secs: u32,
    pub(super) scheme: Scheme,
    /// What was not understood, for the reader.
    pub(super) notices: Vec<String>,
}

/// The parameters that go along from page to page.
const KEPT: [&str; 5] = ["from", "to", "refresh", "theme", "host"];

impl<'a> View<'a> {
    /// Shows the last `default_ns` if the request names no range.
    pub(super) fn new(request: &'a PageRequest, path: String, default_ns: i64) -> Self {
        let mut notices = Vec::new();
        let (spec, range) = range_of(request, default_ns, &mut notices);
        let refresh_secs = refresh_of(request, spec, &mut notices);
        let scheme = Scheme::ALL.into_iter().find(|s| request.get("theme") == Some(s.name()));
        View {
            request,
            path,
            now: request.now,
            spec,
            range,
            refresh_secs,
            scheme: scheme.unwrap_or(Scheme::Auto),
            notices,
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.request.get(name)
    }

    /// This page with `changes` made to its parameters; a value of `None` takes the parameter away.
    pub(super) fn here(&self, changes: &[(&str, Option<&str>)]) -> String {
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for (name, value) in &self.request.params {
            let changed = changes.iter().any(|(known, _)| known == name);
            let repeated = pairs.iter().any(|(known, _)| known == name);
            if !changed && !repeated && !value.is_empty() {
                pairs.push((name, value));
            }
        }
        pairs.extend(changes.iter().filter_map(|(name, value)| Some((*name, (*value)?))));
        url::address(&self.path, pairs)
    }

    /// Another page at `path`, for the same range, host and looks, with `params`.
    pub(super) fn link(&self, path: &str, params: &[(&str, &str)]) -> String {
        let kept = KEPT.iter().filter_map(|name| Some((*name, self.get(name)?)));
        let kept = kept.filter(|(name, _)| params.iter().all(|(given, _)| given != name));
        url::address(path, params.iter().copied().chain(kept))
    }

    /// Parameters of this page other than `except`, to be sent along with a form.
    pub(super) fn hidden(&self, except: &[&str]) -> impl Iterator<Item = (&str, &str)> {
        let params = self.request.params.iter();
        let except: Vec<String> = except.iter().map(|&name| name.to_owned()).collect();
        params
            .filter(move |(name, value)| !except.contains(name) && !value.is_empty())
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// This page moved in time by whole ranges; never past now.
    pub(super) fn moved(&self, ranges: i64) -> String {
        let len = self.range.len_ns();
        let by = len.saturating_mul(ranges);
        let end = self.range.end.saturating_add(by);
        if end >= self.now {
            let from = TimeSpec::Now(-len).to_string();
            return self.here(&[("from", Some(&from)), ("to", None)]);
        }
        let from = TimeSpec::At(end.saturating_sub(len)).to_string();
        let to = TimeSpec::At(end).to_string();
        self.here(&[("from", Some(&from)), ("to", Some(&to))])
    }

    /// Whether the end of the range moves with the clock.
    pub(super) fn is_live(&self) -> bool {
        self.spec.to.is_relative()
    }
}

fn range_of(
    request: &PageRequest,
    default_ns: i64,
    notices: &mut Vec<String>,
) -> (RangeSpec, TimeRange) {
    let default = RangeSpec::last(default_ns);
    let mut instant = |name: &str, default: TimeSpec| {
        let Some(text) = request.get(name) else { return default };
        text.parse().unwrap_or_else(|error| {
            notices.push(format!("{name}: {error}"));
            default
        })
    };
    let spec = RangeSpec { from: instant("from", default.from), to: instant("to", default.to) };
    if let Some(mut range) = spec.resolve(request.now) {
        if range.len_ns() > LONGEST_NS {
            range.start = range.end.saturating_sub(LONGEST_NS);
            notices.push("the range was cut to twenty years".to_owned());
        }
        return (spec, range);
    }
    notices.push("the range ends before it begins; the latest samples are shown".to_owned());
    let now = request.now;
    (default, TimeRange::new(now.saturating_sub(default_ns), now))
}

fn refresh_of(request: &PageRequest, spec: RangeSpec, notices: &mut Vec<String>) -> u32 {
    // What lies in the past does not change.
    let default = if spec.to.is_relative() { 10 } else { 0 };
    let Some(text) = request.get("refresh") else { return default };
    if text == "off" || text == "0" {
        return 0;
    }
    match text.parse::<DurationLiteral>() {
        Ok(every) => u32::try_from(every.nanos() / SEC).unwrap_or(0).clamp(1, 86_400),
        Err(error) => {
            notices.push(format!("refresh: {error}"));
            default
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn with_view<T>(query: &str, look: impl Fn(&View<'_>) -> T) -> T {
        let request = PageRequest::from_query(query, NOW);
        look(&View::new(&request, "/here".to_owned(), HOUR_NS))
    }

    #[test]
    fn without_parameters_the_last_hour_is_shown_and_refreshed() {
        with_view("", |view| {
            assert_eq!(view.range.len_ns(), 3_600 * SEC);
            assert_eq!((view.range.end, view.refresh_secs), (NOW, 10));
            assert!(view.is_live() && view.notices.is_empty());
        });
    }

    #[test]
    fn nonsense_is_told_and_replaced() {
        for query in ["from=tomorrow", "to=x", "from=now&to=now-1h", "refresh=often"] {
            with_view(query, |view| {
                assert_eq!(view.notices.len(), 1, "{query}");
                assert_eq!((view.range.len_ns(), view.refresh_secs), (3_600 * SEC, 10), "{query}");
            });
        }
        with_view("from=0&to=now", |view| assert_eq!(view.range.len_ns(), LONGEST_NS));
    }

    #[test]
    fn links_keep_what_was_chosen() {
        with_view("from=now-6h&theme=dark&path=%2Fa%20b&x=%3C", |view| {
            assert_eq!(
                view.here(&[("from", Some("now-7d")), ("refresh", Some("off")), ("x", None)]),
                "/here?theme=dark&path=/a%20b&from=now-7d&refresh=off"
            );
            assert_eq!(
                view.link("/nodes", &[("node", "a&b")]),
                "/nodes?node=a%26b&from=now-6h&theme=dark"
            );
            let hidden: Vec<_> = view.hidden(&["from", "x"]).collect();
            assert_eq!(hidden, [("theme", "dark"), ("path", "/a b")]);
        });
    }

    #[test]
    fn arrows_move_by_a_range_and_come_back_to_now() {
        with_view("from=now-1h", |view| {
            assert_eq!(view.moved(-1), "/here?from=1699992800000&to=1699996400000");
            assert_eq!(view.moved(1), "/here?from=now-1h");
        });
        with_view("from=1699992800000&to=1699996400000&theme=dark", |view| {
            assert_eq!(view.refresh_secs, 0);
            assert_eq!(view.moved(1), "/here?theme=dark&from=now-1h");
        });
    }
}
