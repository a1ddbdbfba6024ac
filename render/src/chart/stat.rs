//! One number, large, with its recent course below.

use stripchart_core::{TimeRange, Unit};

use super::{SIZES, Threshold, id_of};
use crate::{Series, Theme};

/// One value with its unit, and where it comes from as a small area below.
///
/// ```
/// use stripchart_core::Unit;
/// use stripchart_render::Stat;
/// let svg = Stat::new("Load").unit(Unit::None).value(Some(0.42)).to_svg();
/// assert!(svg.contains("0.42"));
/// ```
#[derive(Debug, Clone)]
pub struct Stat<'a> {
    title: String,
    unit: Unit,
    value: Option<f64>,
    sparkline: Option<Series<'a>>,
    range: Option<TimeRange>,
    thresholds: Vec<Threshold>,
    width: u32,
    height: u32,
    theme: Theme,
    id_prefix: String,
}

impl<'a> Stat<'a> {
    /// A stat without a value yet, 220 by 110 pixels.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Stat {
            title: title.into(),
            unit: Unit::None,
            value: None,
            sparkline: None,
            range: None,
            thresholds: Vec::new(),
            width: 220,
            height: 110,
            theme: Theme::Auto,
            id_prefix: "stat".to_owned(),
        }
    }

    /// What the number means.
    #[must_use]
    pub fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// The number; `None` shows a dash.
    #[must_use]
    pub fn value(mut self, value: Option<f64>) -> Self {
        self.value = value;
        self
    }

    /// The course of the number. If no value is set, the course's last is shown.
    #[must_use]
    pub fn sparkline(mut self, series: Series<'a>) -> Self {
        self.sparkline = Some(series);
        self
    }

    /// The time that the sparkline spans. Without it, from its first point to its last.
    #[must_use]
    pub fn range(mut self, range: TimeRange) -> Self {
        self.range = Some(range);
        self
    }

    /// A threshold more; the highest one reached colours the number and shows its label.
    #[must_use]
    pub fn threshold(mut self, threshold: Threshold) -> Self {
        self.thresholds.push(threshold);
        self
    }

    /// The size in pixels, clamped to 16 to 16 384 each way.
    #[must_use]
    pub fn size(mut self, width_px: u32, height_px: u32) -> Self {
        self.width = width_px.clamp(*SIZES.start(), *SIZES.end());
        self.height = height_px.clamp(*SIZES.start(), *SIZES.end());
        self
    }

    /// Light or dark.
    #[must_use]
    pub fn theme(mut self, theme: Theme) -> Self {
        self.theme = theme;
        self
    }

    /// What the element ids begin with, as for [`Chart::id_prefix`](crate::Chart::id_prefix).
    #[must_use]
    pub fn id_prefix(mut self, prefix: &str) -> Self {
        self.id_prefix = id_of(prefix);
        self
    }

    /// The stat as the text of an SVG file.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let mut out = String::new();
        self.render(&mut out);
        out
    }

    /// Appends the stat to `out`: one `<svg>` element and a line feed.
    pub fn render(&self, out: &mut String) {
        out.push_str("<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>\n");
    }
}
