//! Writing the text formats of Prometheus.
//!
//! ```text
//! # HELP NAME TEXT                               \\ and \n, for OpenMetrics \" too
//! # TYPE NAME counter | gauge | untyped          for OpenMetrics unknown instead of untyped
//! NAME{LABEL="VALUE",...} NUMBER [TIME]          \\, \n and \" in values; labels in the order of their names
//! ...
//! # EOF                                          OpenMetrics only
//! ```
//!
//! | | Prometheus 0.0.4 | OpenMetrics 1.0 |
//! | --- | --- | --- |
//! | the family of a counter `x_total` | `x_total` | `x` |
//! | a counter of another name | counter | unknown: it asks for `_total`, and whoever queries asks for the name as it is |
//! | times | milliseconds | seconds |
//!
//! A family's head is written with its first sample, so that one without samples leaves no trace. What many samples have
//! in common is rendered once, as [`Labels`], and copied; nothing is allocated for a sample but room in the output.

use std::collections::BTreeSet;
use std::fmt;

use stripchart_core::Timestamp;

use super::number::{Value, write_value};

/// Which of the formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum TextFormat {
    /// Prometheus' own, version 0.0.4, which everything reads.
    #[default]
    Prometheus,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl TextFormat {
    /// The `Content-Type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            TextFormat::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            TextFormat::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// What the samples of a family are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A total that only grows, or begins anew. Names should end with `_total`.
    Counter,
    /// A level.
    Gauge,
    /// Nobody knows.
    Untyped,
}

/// The name of a label, checked: a letter or `_`, then letters, digits and `_`.
///
/// ```
/// use stripchart_collector::exposition::LabelName;
///
/// const DEVICE: LabelName = LabelName::from_static("device"); // checked while compiling
/// assert_eq!(DEVICE.as_str(), "device");
/// assert!(LabelName::new("io.kubernetes").is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelName<'a>(&'a str);

impl<'a> LabelName<'a> {
    /// Checks `name`.
    ///
    /// # Errors
    ///
    /// [`ExpositionError::LabelName`].
    pub fn new(name: &'a str) -> Result<Self, ExpositionError> {
        match is_name(name.as_bytes(), false) {
            true => Ok(LabelName(name)),
            false => Err(ExpositionError::LabelName { found: name.to_owned() }),
        }
    }

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

impl LabelName<'static> {
    /// A name that is known while compiling.
    ///
    /// # Panics
    ///
    /// If it is none; in a `const` that is an error of the compiler.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Self {
        assert!(is_name(name.as_bytes(), false), "a label's name is [a-zA-Z_][a-zA-Z0-9_]*");
        LabelName(name)
    }
}

/// Whether `name` is one of a label or, with `metric`, of a metric, which may have colons.
const fn is_name(name: &[u8], metric: bool) -> bool {
    let mut at = 0;
    while at < name.len() {
        let good = match name[at] {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => true,
            b'0'..=b'9' => at > 0,
            b':' => metric,
            _ => false,
        };
        if !good {
            return false;
        }
        at += 1;
    }
    !name.is_empty()
}

/// Labels that many samples have, rendered once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    /// `a="1",b="2"`, by name.
    text: String,
    spans: Vec<Span>,
}

/// Where a label is in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: usize,
    name_end: usize,
    end: usize,
}

impl Labels {
    /// No labels.
    #[must_use]
    pub const fn none() -> Self {
        Labels { text: String::new(), spans: Vec::new() }
    }

    /// These, in any order. A label with an empty value is the same as none to whoever reads it; it is written all the
    /// same, so that all samples of a family may have the same names.
    ///
    /// # Errors
    ///
    /// [`ExpositionError::LabelName`] for a name that is none, [`ExpositionError::RepeatedLabel`] for the second of a name.
    pub fn new<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, ExpositionError> {
        let mut pairs: Vec<(LabelName<'a>, &str)> = pairs
            .into_iter()
            .map(|(name, value)| Ok((LabelName::new(name)?, value)))
            .collect::<Result<_, ExpositionError>>()?;
        pairs.sort_by_key(|(name, _)| *name);
        if let Some(twice) = pairs.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(ExpositionError::RepeatedLabel { name: twice[0].0.as_str().to_owned() });
        }
        let mut labels = Labels::none();
        for (name, value) in pairs {
            labels.push(name, value);
        }
        Ok(labels)
    }

    fn push(&mut self, name: LabelName<'_>, value: &str) {
        if !self.text.is_empty() {
            self.text.push(',');
        }
        let start = self.text.len();
        write_label(&mut self.text, name, value);
        self.spans.push(Span { start, name_end: start + name.0.len(), end: self.text.len() });
    }

    fn name(&self, span: &Span) -> &str {
        &self.text[span.start..span.name_end]
    }

    /// Appends these and `more`, by name; of two of one name that of `more`.
    fn write_with(&self, out: &mut String, more: &[(LabelName<'_>, &str)]) {
        let begin = out.len();
        let mut from = 0;
        let mut last = "";
        loop {
            // A handful: to sort them would take a place to do it in.
            let left = more.iter().filter(|(name, _)| name.0 > last);
            let next = left.min_by_key(|(name, _)| *name);
            let until = next.map_or(self.spans.len(), |(name, _)| {
                self.spans.partition_point(|span| self.name(span) < name.0)
            });
            if let (Some(first), true) = (self.spans.get(from), until > from) {
                separate(out, begin);
                out.push_str(&self.text[first.start..self.spans[until - 1].end]);
                from = until;
            }
            let Some((name, value)) = next else { break };
            separate(out, begin);
            write_label(out, *name, value);
            last = name.0;
            if self.spans.get(from).is_some_and(|span| self.name(span) == last) {
                from += 1;
            }
        }
    }
}

fn separate(out: &mut String, begin: usize) {
    if out.len() > begin {
        out.push(',');
    }
}

fn write_label(out: &mut String, name: LabelName<'_>, value: &str) {
    out.push_str(name.0);
    out.push_str("=\"");
    write_escaped(out, value, true);
    out.push('"');
}

/// Appends `text` with backslash, line feed and, with `quotes`, the quotation mark escaped. All else, any other control
/// character included, stands for itself in both formats.
fn write_escaped(out: &mut String, text: &str, quotes: bool) {
    let mut rest = text;
    let special = |c: char| matches!(c, '\\' | '\n') || (quotes && c == '"');
    while let Some(at) = rest.find(special) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        out.push('\\');
        out.push(if from.starts_with('\n') { 'n' } else { char::from(from.as_bytes()[0]) });
        rest = &from[1..];
    }
    out.push_str(rest);
}

/// Writes an exposition, family by family.
///
/// ```
/// use stripchart_collector::exposition::{Kind, LabelName, Labels, TextFormat, TextWriter};
///
/// const STATE: LabelName = LabelName::from_static("state");
/// let job = Labels::new([("queue", "mail")])?;
///
/// let mut writer = TextWriter::new(TextFormat::Prometheus);
/// let mut jobs = writer.family("app_jobs", Kind::Gauge, "Jobs by state.")?;
/// jobs.sample(&job, &[(STATE, "waiting")], 3_u64);
/// jobs.sample(&job, &[(STATE, "running")], 1_u64);
/// assert_eq!(
///     writer.finish().lines().collect::<Vec<_>>(),
///     [
///         "# HELP app_jobs Jobs by state.",
///         "# TYPE app_jobs gauge",
///         "app_jobs{queue=\"mail\",state=\"waiting\"} 3",
///         "app_jobs{queue=\"mail\",state=\"running\"} 1",
///     ]
/// );
/// # Ok::<(), stripchart_collector::exposition::ExpositionError>(())
/// ```
#[derive(Debug)]
pub struct TextWriter {
    out: String,
    format: TextFormat,
    families: BTreeSet<Box<str>>,
}

impl TextWriter {
    /// An empty exposition.
    #[must_use]
    pub fn new(format: TextFormat) -> Self {
        TextWriter::with_capacity(format, 0)
    }

    /// The same with room for `bytes`.
    #[must_use]
    pub fn with_capacity(format: TextFormat, bytes: usize) -> Self {
        TextWriter { out: String::with_capacity(bytes), format, families: BTreeSet::new() }
    }

    /// Which format it is.
    #[must_use]
    pub const fn format(&self) -> TextFormat {
        self.format
    }

    /// Begins a family. `help` says what it is, in one line or more.
    ///
    /// # Errors
    ///
    /// [`ExpositionError::MetricName`] for a name that is none, [`ExpositionError::RepeatedFamily`] for one that was
    /// begun before: both formats want the samples of a family together. `x` and the counter `x_total` are of one name,
    /// as OpenMetrics has it.
    pub fn family<'w>(
        &'w mut self,
        name: &'w str,
        kind: Kind,
        help: &'w str,
    ) -> Result<Family<'w>, ExpositionError> {
        if !is_name(name.as_bytes(), true) {
            return Err(ExpositionError::MetricName { found: name.to_owned() });
        }
        let stem = match kind {
            Kind::Counter => name.strip_suffix("_total").filter(|stem| !stem.is_empty()),
            Kind::Gauge | Kind::Untyped => None,
        };
        if !self.families.insert(stem.unwrap_or(name).into()) {
            return Err(ExpositionError::RepeatedFamily { name: name.to_owned() });
        }
        Ok(Family { writer: self, name, stem, kind, help, begun: false })
    }

    /// The text.
    #[must_use]
    pub fn finish(mut self) -> String {
        if self.format == TextFormat::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }
}

/// A family that is being written.
#[derive(Debug)]
pub struct Family<'w> {
    writer: &'w mut TextWriter,
    name: &'w str,
    /// A counter's name without `_total`.
    stem: Option<&'w str>,
    kind: Kind,
    help: &'w str,
    begun: bool,
}

impl Family<'_> {
    /// Writes a sample with `labels` and `more`; of two labels of one name that of `more`. That no two samples have the
    /// same labels is the caller's to see to: readers take one of them, or refuse both.
    pub fn sample(
        &mut self,
        labels: &Labels,
        more: &[(LabelName<'_>, &str)],
        value: impl Into<Value>,
    ) {
        self.write(labels, more, value.into(), None);
    }

    /// The same with the time that it is of. Prometheus then goes on showing it for five minutes after it is gone.
    pub fn sample_at(
        &mut self,
        labels: &Labels,
        more: &[(LabelName<'_>, &str)],
        value: impl Into<Value>,
        at: Timestamp,
    ) {
        self.write(labels, more, value.into(), Some(at));
    }

    pub(super) fn write(
        &mut self,
        labels: &Labels,
        more: &[(LabelName<'_>, &str)],
        value: Value,
        at: Option<Timestamp>,
    ) {
        if !self.begun {
            self.begun = true;
            self.write_head();
        }
        let out = &mut self.writer.out;
        out.push_str(self.name);
        if !labels.spans.is_empty() || !more.is_empty() {
            out.push('{');
            match more.is_empty() {
                true => out.push_str(&labels.text),
                false => labels.write_with(out, more),
            }
            out.push('}');
        }
        out.push(' ');
        write_value(out, value);
        if let Some(at) = at {
            out.push(' ');
            write_time(out, at, self.writer.format);
        }
        out.push('\n');
    }

    fn write_head(&mut self) {
        let open_metrics = self.writer.format == TextFormat::OpenMetrics;
        let (name, kind) = match (open_metrics, self.kind, self.stem) {
            (true, Kind::Counter, Some(stem)) => (stem, "counter"),
            (true, Kind::Counter, None) | (true, Kind::Untyped, _) => (self.name, "unknown"),
            (false, Kind::Counter, _) => (self.name, "counter"),
            (false, Kind::Untyped, _) => (self.name, "untyped"),
            (_, Kind::Gauge, _) => (self.name, "gauge"),
        };
        let out = &mut self.writer.out;
        for part in ["# HELP ", name, " "] {
            out.push_str(part);
        }
        write_escaped(out, self.help, open_metrics);
        for part in ["\n# TYPE ", name, " ", kind, "\n"] {
            out.push_str(part);
        }
    }
}

fn write_time(out: &mut String, at: Timestamp, format: TextFormat) {
    let ms = at.nanos().div_euclid(1_000_000);
    match format {
        TextFormat::Prometheus => write_value(out, Value::Integer(ms)),
        TextFormat::OpenMetrics => {
            if ms < 0 {
                out.push('-');
            }
            write_value(out, Value::millis(ms.unsigned_abs()));
        }
    }
}

/// Why something cannot be written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExpositionError {
    /// A metric cannot be named so.
    MetricName {
        /// The name.
        found: String,
    },
    /// A label cannot be named so.
    LabelName {
        /// The name.
        found: String,
    },
    /// There is a family of that name already.
    RepeatedFamily {
        /// The name.
        name: String,
    },
    /// There is a label of that name already.
    RepeatedLabel {
        /// The name.
        name: String,
    },
}

impl fmt::Display for ExpositionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExpositionError::MetricName { found } => {
                write!(
                    f,
                    "expected a metric's name of letters, digits, \"_\" and \":\", not beginning with a digit, found {found:?}"
                )
            }
            ExpositionError::LabelName { found } => {
                write!(
                    f,
                    "expected a label's name of letters, digits and \"_\", not beginning with a digit, found {found:?}"
                )
            }
            ExpositionError::RepeatedFamily { name } => {
                write!(f, "metric {name:?}: expected each family once, found it a second time")
            }
            ExpositionError::RepeatedLabel { name } => {
                write!(f, "label {name:?}: expected each label once, found it a second time")
            }
        }
    }
}

impl std::error::Error for ExpositionError {}

#[cfg(test)]
mod tests {
    use super::*;

    const A: LabelName<'_> = LabelName::from_static("a");
    const C: LabelName<'_> = LabelName::from_static("c");
    const Z: LabelName<'_> = LabelName::from_static("z");

    fn one(format: TextFormat, name: &str, kind: Kind, help: &str) -> String {
        let mut writer = TextWriter::new(format);
        let mut family = writer.family(name, kind, help).unwrap();
        family.sample(&Labels::none(), &[], 1_u64);
        writer.finish()
    }

    #[test]
    fn labels_are_written_by_name_wherever_they_come_from() {
        let base = Labels::new([("d", "4"), ("b", "2")]).unwrap();
        let mut writer = TextWriter::new(TextFormat::Prometheus);
        let mut family = writer.family("m", Kind::Gauge, "h").unwrap();
        family.sample(&base, &[], 1_u64);
        family.sample(&base, &[(Z, "9"), (A, "1"), (C, "3")], 2_u64);
        family.sample(&Labels::none(), &[(Z, "9"), (A, "1")], 3_u64);
        let d = LabelName::new("d").unwrap();
        family.sample(&base, &[(d, "mine"), (d, "not mine")], 4_u64);
        assert_eq!(
            writer.finish(),
            "# HELP m h\n# TYPE m gauge\n\
             m{b=\"2\",d=\"4\"} 1\n\
             m{a=\"1\",b=\"2\",c=\"3\",d=\"4\",z=\"9\"} 2\n\
             m{a=\"1\",z=\"9\"} 3\n\
             m{b=\"2\",d=\"mine\"} 4\n"
        );
    }

    #[test]
    fn texts_are_escaped_as_each_format_has_it() {
        let text = "a \"b\" \\ \n ü \u{0} \r";
        let labels = Labels::new([("l", text)]).unwrap();
        let mut writer = TextWriter::new(TextFormat::Prometheus);
        writer.family("m", Kind::Gauge, text).unwrap().sample(&labels, &[], 1_u64);
        assert_eq!(
            writer.finish(),
            "# HELP m a \"b\" \\\\ \\n ü \u{0} \r\n# TYPE m gauge\n\
             m{l=\"a \\\"b\\\" \\\\ \\n ü \u{0} \r\"} 1\n"
        );
        let text = one(TextFormat::OpenMetrics, "m", Kind::Gauge, "say \"x\"");
        assert!(text.starts_with("# HELP m say \\\"x\\\"\n"), "{text}");
    }

    #[test]
    fn counters_have_the_names_that_their_format_wants() {
        let prometheus = |name| one(TextFormat::Prometheus, name, Kind::Counter, "h");
        assert_eq!(prometheus("x_total"), "# HELP x_total h\n# TYPE x_total counter\nx_total 1\n");
        let open = |name| one(TextFormat::OpenMetrics, name, Kind::Counter, "h");
        assert_eq!(open("x_total"), "# HELP x h\n# TYPE x counter\nx_total 1\n# EOF\n");
        assert_eq!(open("failcnt"), "# HELP failcnt h\n# TYPE failcnt unknown\nfailcnt 1\n# EOF\n");
        assert_eq!(open("_total"), "# HELP _total h\n# TYPE _total unknown\n_total 1\n# EOF\n");
    }

    #[test]
    fn times_are_milliseconds_or_seconds() {
        let timed = |format, ns| {
            let mut writer = TextWriter::new(format);
            let mut family = writer.family("m", Kind::Gauge, "h").unwrap();
            family.sample_at(&Labels::none(), &[], 1_u64, Timestamp::from_nanos(ns));
            let text = writer.finish();
            text.lines().nth(2).unwrap().to_owned()
        };
        assert_eq!(timed(TextFormat::Prometheus, 1_500_999_999), "m 1 1500");
        assert_eq!(timed(TextFormat::OpenMetrics, 1_500_999_999), "m 1 1.5");
        assert_eq!(timed(TextFormat::Prometheus, -1), "m 1 -1");
        assert_eq!(timed(TextFormat::OpenMetrics, -1_250_000_000), "m 1 -1.25");
    }

    #[test]
    fn a_family_without_samples_leaves_no_trace() {
        let mut writer = TextWriter::new(TextFormat::Prometheus);
        writer.family("m", Kind::Gauge, "h").unwrap();
        assert_eq!(writer.finish(), "");
    }

    #[test]
    fn bad_names_and_repetitions_are_refused() {
        let mut writer = TextWriter::new(TextFormat::Prometheus);
        for name in ["", "1a", "a-b", "ä", "a b", "a\n"] {
            let error = writer.family(name, Kind::Gauge, "").unwrap_err();
            assert_eq!(error, ExpositionError::MetricName { found: name.to_owned() });
            assert!(LabelName::new(name).is_err(), "{name:?}");
        }
        assert!(LabelName::new("a:b").is_err());
        writer.family("a:b_total", Kind::Counter, "").unwrap();
        let error = writer.family("a:b", Kind::Gauge, "").unwrap_err();
        assert_eq!(
            error.to_string(),
            "metric \"a:b\": expected each family once, found it a second time"
        );
        let error = Labels::new([("b", "1"), ("a", "2"), ("b", "3")]).unwrap_err();
        assert_eq!(error, ExpositionError::RepeatedLabel { name: "b".to_owned() });
    }
}
