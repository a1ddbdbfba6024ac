//! Names for series out of what a frame says about itself.

use stripchart_core::Frame;

/// How the label of a series is made from its frame and column.
///
/// The words are those of Grafana's aliases: `$m` or `$measurement`, `$col`, `$tag_NAME`, each also as `[[...]]`.
/// What is unknown stays as it is written. Without a template a series is called by its tags' values, by its column
/// if there are several, and by its measurement where it has no tags.
///
/// ```
/// use stripchart_core::{Column, Frame, Values};
/// use stripchart_render::LabelTemplate;
/// let frame = Frame::new("cpu").tag("host", "node-a").column(Column::new("mean", Values::Float(vec![1.0])));
/// assert_eq!(LabelTemplate::new("$tag_host ($col)").label(&frame, "mean"), "node-a (mean)");
/// assert_eq!(LabelTemplate::auto().label(&frame, "mean"), "node-a");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelTemplate {
    pattern: Option<String>,
}

impl From<&str> for LabelTemplate {
    fn from(pattern: &str) -> Self {
        LabelTemplate::new(pattern)
    }
}

impl LabelTemplate {
    /// Labels after `pattern`; an empty one is as good as none.
    #[must_use]
    pub fn new(pattern: impl Into<String>) -> Self {
        LabelTemplate { pattern: Some(pattern.into()).filter(|pattern| !pattern.is_empty()) }
    }

    /// Labels from tags, column and measurement, whichever tell series apart.
    #[must_use]
    pub fn auto() -> Self {
        LabelTemplate::default()
    }

    /// The label of the series in `column` of `frame`.
    #[must_use]
    pub fn label(&self, frame: &Frame, column: &str) -> String {
        match &self.pattern {
            Some(pattern) => expand(pattern, frame, column),
            None => automatic(frame, column),
        }
    }
}

fn automatic(frame: &Frame, column: &str) -> String {
    let values = frame.tags.iter().map(|(_, value)| value.as_str()).filter(|v| !v.is_empty());
    let mut label = values.collect::<Vec<_>>().join(" ");
    let several = frame.columns.iter().filter(|c| c.values().field_type().is_some()).count() > 1;
    if label.is_empty() && !several {
        label.push_str(&frame.name);
    }
    if several || label.is_empty() {
        label.push_str(if label.is_empty() { "" } else { " " });
        label.push_str(column);
    }
    label
}

fn expand(pattern: &str, frame: &Frame, column: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find(['$', '[']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (word, len) = word(rest);
        match resolve(word, frame, column) {
            Some(value) => out.push_str(value),
            None => out.push_str(&rest[..len]),
        }
        rest = &rest[len..];
    }
    out.push_str(rest);
    out
}

/// The word at the start of `text`, which begins with `$` or `[`, and how many bytes it takes with its marks.
fn word(text: &str) -> (&str, usize) {
    if let Some(inner) = text.strip_prefix("[[") {
        return inner.find("]]").map_or(("", 2), |end| (&inner[..end], end + 4));
    }
    let inner = &text[1..];
    if text.starts_with('[') {
        return ("", 1);
    }
    let end = inner.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(inner.len());
    (&inner[..end], end + 1)
}

fn resolve<'a>(word: &str, frame: &'a Frame, column: &'a str) -> Option<&'a str> {
    match word {
        "m" | "measurement" => Some(&frame.name),
        "col" => Some(column),
        _ => frame.tag_value(word.strip_prefix("tag_")?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stripchart_core::{Column, Values};

    fn frame() -> Frame {
        Frame::new("net")
            .tag("host", "a")
            .tag("if name", "eth0")
            .column(Column::new("time", Values::Time(vec![])))
            .column(Column::new("rx", Values::Float(vec![])))
    }

    #[test]
    fn words_are_replaced_and_the_unknown_stays() {
        let cases = [
            ("$m.$col", "net.rx"),
            ("[[measurement]] [[tag_if name]]", "net eth0"),
            ("$tag_host: $tag_none $", "a: $tag_none $"),
            ("100 $ [x] [[", "100 $ [x] [["),
            ("é$tag_hosté", "é$tag_hosté"),
        ];
        for (pattern, want) in cases {
            assert_eq!(LabelTemplate::new(pattern).label(&frame(), "rx"), want, "{pattern}");
        }
    }

    #[test]
    fn without_a_template_whatever_tells_series_apart_is_the_label() {
        let auto = LabelTemplate::new("");
        assert_eq!(auto.label(&frame(), "rx"), "a eth0");
        let two = frame().column(Column::new("tx", Values::Float(vec![])));
        assert_eq!(auto.label(&two, "tx"), "a eth0 tx");
        assert_eq!(auto.label(&Frame::new("load"), "v"), "load");
        assert_eq!(auto.label(&Frame::default(), "v"), "v");
    }
}
