//! Charts over time: what they are made of and how to ask for one.

mod area;
mod bar;
mod describe;
mod draw;
mod legend;
mod line;
mod plot;
mod prepare;
mod stack;
mod stat;

use stripchart_core::{Frame, TimeRange, Unit};

pub use stat::Stat;

use crate::ticks::Bounds;
use crate::{LabelTemplate, LegendRow, MaxGap, NullPolicy, Series, Theme, Zone};

/// Smallest and largest width or height of a chart, in pixels.
const SIZES: std::ops::RangeInclusive<u32> = 16..=16_384;

/// How a chart draws its series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChartKind {
    /// Lines from point to point.
    Line,
    /// Lines that keep a value until the next point.
    Step,
    /// Filled areas, one upon the other unless told otherwise.
    Area,
    /// Bars that begin at their instant, side by side unless told otherwise.
    Bar,
}

/// What stands below the plot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Legend {
    /// Nothing; for pages that show [`Chart::legend_rows`] beside the chart.
    Hidden,
    /// The labels, as many to a line as fit.
    Names,
    /// A row for each series: label, minimum, mean, maximum, last value.
    #[default]
    Stats,
}

/// How bad it is to be at a threshold or beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// As it should be.
    Good,
    /// Worth a look.
    Warning,
    /// Needs a hand.
    Critical,
}

/// A value from which on a measurement means something.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// The value, in the chart's unit.
    pub value: f64,
    /// What it is called, for those who cannot tell the colour.
    pub label: String,
    /// What it means to be at it or above.
    pub level: Level,
}

impl Threshold {
    /// A threshold at `value`.
    #[must_use]
    pub fn new(value: f64, level: Level, label: impl Into<String>) -> Self {
        Threshold { value, label: label.into(), level }
    }
}

/// A chart of values over time, drawn as SVG.
///
/// The same chart gives the same bytes, always and everywhere. Nothing it is given makes it panic: values that are
/// not finite are gaps, a chart without any says "no data", sizes are clamped to what can be drawn.
///
/// ```
/// use stripchart_core::{TimeRange, Timestamp, Unit};
/// use stripchart_render::{Chart, Series};
///
/// let svg = Chart::line("Memory")
///     .unit(Unit::Bytes)
///     .range(TimeRange::new(Timestamp::from_secs(0), Timestamp::from_secs(60)))
///     .size(640, 240)
///     .series(Series::from_points("node-a", (0..6).map(|i| (i * 10_000_000_000, Some(1e9 + i as f64 * 1e7)))))
///     .to_svg();
/// assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
/// ```
#[derive(Debug, Clone)]
pub struct Chart<'a> {
    kind: ChartKind,
    title: String,
    heading: bool,
    unit: Option<Unit>,
    range: Option<TimeRange>,
    width: u32,
    height: u32,
    theme: Theme,
    zone: Zone,
    id_prefix: String,
    series: Vec<Series<'a>>,
    thresholds: Vec<Threshold>,
    null_policy: NullPolicy,
    max_gap: MaxGap,
    legend: Legend,
    stacked: bool,
    bounds: Bounds,
}

impl<'a> Chart<'a> {
    /// A chart of `kind`: 800 by 300 pixels, with its title above and a legend below, in UTC.
    #[must_use]
    pub fn new(kind: ChartKind, title: impl Into<String>) -> Self {
        Chart {
            kind,
            title: title.into(),
            heading: true,
            unit: None,
            range: None,
            width: 800,
            height: 300,
            theme: Theme::Auto,
            zone: Zone::utc(),
            id_prefix: "chart".to_owned(),
            series: Vec::new(),
            thresholds: Vec::new(),
            null_policy: NullPolicy::Gap,
            max_gap: MaxGap::Auto,
            legend: Legend::Stats,
            stacked: kind == ChartKind::Area,
            bounds: Bounds::default(),
        }
    }

    /// Lines from point to point.
    #[must_use]
    pub fn line(title: impl Into<String>) -> Self {
        Chart::new(ChartKind::Line, title)
    }

    /// Lines that keep a value until the next point.
    #[must_use]
    pub fn step(title: impl Into<String>) -> Self {
        Chart::new(ChartKind::Step, title)
    }

    /// Areas, one upon the other.
    #[must_use]
    pub fn area(title: impl Into<String>) -> Self {
        Chart::new(ChartKind::Area, title)
    }

    /// Bars, each beginning at its instant; those of several series side by side.
    #[must_use]
    pub fn bar(title: impl Into<String>) -> Self {
        Chart::new(ChartKind::Bar, title)
    }

    /// What the numbers mean. Without it, the unit of the first frame's first column that has one.
    #[must_use]
    pub fn unit(mut self, unit: Unit) -> Self {
        self.unit = Some(unit);
        self
    }

    /// The time shown. Without it, from the first point to the last.
    #[must_use]
    pub fn range(mut self, range: TimeRange) -> Self {
        self.range = Some(range);
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

    /// The zone of the time axis.
    #[must_use]
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// What the chart's element ids begin with; charts that share an HTML page need different ones. All but ASCII
    /// letters, digits, `-` and `_` is dropped.
    #[must_use]
    pub fn id_prefix(mut self, prefix: &str) -> Self {
        self.id_prefix = id_of(prefix);
        self
    }

    /// One series more.
    #[must_use]
    pub fn series(mut self, series: Series<'a>) -> Self {
        self.series.push(series);
        self
    }

    /// The series of every numeric column of every frame, called after `label`. Frames without instants are left out.
    #[must_use]
    pub fn frames(mut self, frames: &'a [Frame], label: &LabelTemplate) -> Self {
        for frame in frames {
            let Some(times) = frame.times() else { continue };
            for column in &frame.columns {
                let label = label.label(frame, &column.name);
                if let Some(series) = Series::from_column(label, times, column) {
                    self.unit = self.unit.or(column.unit);
                    self.series.push(series);
                }
            }
        }
        self
    }

    /// One threshold more: a dashed line with its label.
    #[must_use]
    pub fn threshold(mut self, threshold: Threshold) -> Self {
        self.thresholds.push(threshold);
        self
    }

    /// What to do about missing values.
    #[must_use]
    pub fn null_policy(mut self, policy: NullPolicy) -> Self {
        self.null_policy = policy;
        self
    }

    /// How much time without points is bridged.
    #[must_use]
    pub fn max_gap(mut self, max_gap: MaxGap) -> Self {
        self.max_gap = max_gap;
        self
    }

    /// What stands below the plot.
    #[must_use]
    pub fn legend(mut self, legend: Legend) -> Self {
        self.legend = legend;
        self
    }

    /// Whether the series stand upon one another. Lines never do.
    #[must_use]
    pub fn stacked(mut self, stacked: bool) -> Self {
        self.stacked = stacked;
        self
    }

    /// Whether the title is drawn; if not, it is still there for those who cannot see the chart.
    #[must_use]
    pub fn heading(mut self, shown: bool) -> Self {
        self.heading = shown;
        self
    }

    /// The lower end of the value axis, whatever the data.
    #[must_use]
    pub fn min(mut self, value: f64) -> Self {
        self.bounds.min = Some(value);
        self
    }

    /// The upper end of the value axis, whatever the data.
    #[must_use]
    pub fn max(mut self, value: f64) -> Self {
        self.bounds.max = Some(value);
        self
    }

    /// A value that the axis reaches down to even if the data do not.
    #[must_use]
    pub fn soft_min(mut self, value: f64) -> Self {
        self.bounds.soft_min = Some(value);
        self
    }

    /// A value that the axis reaches up to even if the data do not.
    #[must_use]
    pub fn soft_max(mut self, value: f64) -> Self {
        self.bounds.soft_max = Some(value);
        self
    }

    /// The title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The unit of the value axis, in which [`Chart::legend_rows`] counts.
    #[must_use]
    pub fn value_unit(&self) -> Unit {
        self.unit.unwrap_or_default()
    }

    /// One row for each series, in the order drawn: for a table beside the chart, which is also what those who cannot
    /// see it read instead.
    #[must_use]
    pub fn legend_rows(&self) -> Vec<LegendRow> {
        draw::legend_rows(self, &draw::prepared(self))
    }

    /// The chart as the text of an SVG file.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let mut out = String::new();
        self.render(&mut out);
        out
    }

    /// Appends the chart to `out`: one `<svg>` element and a line feed.
    pub fn render(&self, out: &mut String) {
        draw::draw(self, out);
    }
}

/// `prefix` without what has no place in an id.
fn id_of(prefix: &str) -> String {
    prefix.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect()
}
