//! One number, large, with its recent course below.

use stripchart_core::{TimeRange, Timestamp, Unit};

use super::draw::{header, inside};
use super::line::{self, Style};
use super::plot::role_of;
use super::prepare::{Prepared, prepare};
use super::{SIZES, Threshold, id_of};
use crate::scale::{TimeScale, ValueScale, tenths};
use crate::svg::Svg;
use crate::theme::Role;
use crate::units::{Family, format_or_dash, format_value};
use crate::{MaxGap, NullPolicy, Series, Theme, text};

/// Room at the sides, and sizes of the title and of the smallest and largest number, in pixels.
const SIDE_PX: u32 = 12;
const TITLE_PX: u32 = 12;
const NUMBER_PX: std::ops::RangeInclusive<u32> = 12..=40;

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
        let window = self.range.map(inside);
        let course = self
            .sparkline
            .as_ref()
            .map(|series| prepare(series, window, NullPolicy::Gap, MaxGap::Auto));
        let value = self.value.or_else(|| course.as_ref().and_then(|one| one.summary.last));
        let value = value.filter(|value| !value.is_nan());
        let reached = self.reached(value);
        let mut svg = Svg::new(out, self.theme);
        let title = if self.title.is_empty() { "Value" } else { &self.title };
        let size = (self.width, self.height);
        header(
            &mut svg,
            self.theme,
            &self.id_prefix,
            size,
            title,
            &self.description(value, course.as_ref()),
        );
        if let Some(course) = &course {
            self.draw_sparkline(&mut svg, course);
        }
        self.draw_texts(&mut svg, value, reached);
        svg.raw("</svg>\n");
    }

    /// The highest threshold that `value` is not below.
    fn reached(&self, value: Option<f64>) -> Option<&Threshold> {
        let value = value?;
        self.thresholds
            .iter()
            .filter(|threshold| value >= threshold.value)
            .max_by(|a, b| a.value.total_cmp(&b.value))
    }

    fn description(&self, value: Option<f64>, course: Option<&Prepared<'_>>) -> String {
        let Some(value) = value else { return "No data.".to_owned() };
        let mut text = format_value(value, self.unit);
        if let Some(threshold) = self.reached(Some(value)) {
            text.push_str(", ");
            text.push_str(&threshold.label);
        }
        text.push('.');
        if let Some((min, max)) = course.and_then(|one| one.summary.min.zip(one.summary.max)) {
            let (min, max) = (format_value(min, self.unit), format_value(max, self.unit));
            text.push_str(&format!(" Its course: min {min}, max {max}."));
        }
        text
    }

    /// Title and number above, the name of the threshold reached at the right.
    fn draw_texts(&self, svg: &mut Svg<'_>, value: Option<f64>, reached: Option<&Threshold>) {
        let inner = self.width.saturating_sub(2 * SIDE_PX);
        let mark =
            reached.map(|threshold| (text::fit(&threshold.label, TITLE_PX, inner / 2), threshold));
        let taken = mark.as_ref().map_or(0, |(label, _)| text::width(label, TITLE_PX) + 8);
        let title = text::fit(&self.title, TITLE_PX, inner.saturating_sub(taken));
        svg.raw("<text x=\"12\" y=\"20\" font-size=\"12\"").fill(Role::Muted).raw(">");
        svg.text(&title).raw("</text>");
        let role = reached.map_or(Role::Text, |threshold| role_of(threshold.level));
        if let Some((label, _)) = mark {
            svg.raw("<text y=\"20\" font-size=\"12\" font-weight=\"600\" text-anchor=\"end\"");
            svg.fill(role).raw(" x=\"").tenths(tenths(self.width.saturating_sub(SIDE_PX)));
            svg.raw("\">").text(&label).raw("</text>");
        }
        let number = format_or_dash(value, self.unit);
        let size = self.number_size(&number, inner);
        svg.raw("<text x=\"12\" y=\"").tenths(tenths(26 + size)).raw("\" font-size=\"");
        svg.tenths(tenths(size)).raw("\" font-weight=\"600\"").fill(role).raw(">");
        svg.text(&number).raw("</text>");
    }

    /// As large as fits.
    fn number_size(&self, number: &str, inner: u32) -> u32 {
        let by_height = if self.sparkline.is_some() {
            self.height * 3 / 10
        } else {
            (self.height / 2).min(self.height.saturating_sub(38))
        };
        let by_width = inner * 100 / text::width(number, 100).max(1);
        by_height.min(by_width).clamp(*NUMBER_PX.start(), *NUMBER_PX.end())
    }

    /// The course, on the lower part, from edge to edge.
    fn draw_sparkline(&self, svg: &mut Svg<'_>, course: &Prepared<'_>) {
        let (Some(min), Some(max)) = (course.summary.min, course.summary.max) else { return };
        let range = self.range.or_else(|| {
            let (first, last) = (course.times.first()?, course.times.last()?);
            Some(TimeRange::new(Timestamp::from_nanos(*first), Timestamp::from_nanos(*last)))
        });
        let Some(range) = range else { return };
        let height = (self.height * 3 / 8).max(5);
        let low = if Family::of(self.unit).begins_at_zero() { min.min(0.0) } else { min };
        let (low, high) = if low < max { (low, max) } else { (low - 1.0, max + 1.0) };
        let (low, high) = (low.max(-1e300), high.min(1e300));
        let x = TimeScale::new(range, 0, self.width);
        let y = ValueScale::new(low, high, self.height - height + 2, height - 4);
        svg.raw("<g transform=\"scale(.1)\" fill=\"none\" stroke-width=\"15\" stroke-linejoin=\"round\">");
        let role = self.sparkline.as_ref().and_then(|series| series.color);
        let role = role.map_or(Role::Series(0), Role::Own);
        let style = Style { role, dash: &[], step: false, fill_to: Some(tenths(self.height)) };
        line::draw(svg, course, &x, &y, style, &self.title);
        svg.raw("</g>");
    }
}
