//! From a panel and a source of frames to pictures.

use std::fmt;

use stripchart_core::{FrameSource, TimeRange, Timestamp, Unit};

use super::run::{self, Answers};
use super::{Asked, DrawStyle, Macros, Panel, PanelKind, Stacking, VariableValue};
use super::{bucket_interval_ns, snap};
use crate::{Chart, ChartKind, Legend, LegendRow, Series, Stat, Theme};

/// Where a panel's data come from.
#[derive(Clone, Copy)]
pub struct PanelRequest<'a> {
    /// Answers the queries.
    pub source: &'a dyn FrameSource,
    /// The database of queries that name none.
    pub database: &'a str,
    /// What `now()` means in a query.
    pub now: Timestamp,
    /// The time shown; widened to whole buckets.
    pub range: TimeRange,
    /// How far samples lie apart, in nanoseconds; buckets are never narrower.
    pub min_interval_ns: i64,
    /// How many points a line should have at most, give or take: about one for each pixel of its width.
    pub max_points: u32,
    /// The values of the dashboard's variables.
    pub variables: &'a [(String, VariableValue)],
}

impl fmt::Debug for PanelRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PanelRequest")
            .field("database", &self.database)
            .field("now", &self.now)
            .field("range", &self.range)
            .field("variables", &self.variables)
            .finish_non_exhaustive()
    }
}

/// How a panel's picture is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look<'a> {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// Light or dark.
    pub theme: Theme,
    /// Whether the picture says all by itself: title and legend are drawn. Otherwise a page shows them around it.
    pub standalone: bool,
    /// What the ids in the picture begin with; pictures that share a page need different ones.
    pub id_prefix: &'a str,
}

impl Default for Look<'_> {
    /// A file of 800 by 300 pixels, light or dark as the reader prefers.
    fn default() -> Self {
        Look { size: (800, 300), theme: Theme::Auto, standalone: true, id_prefix: "panel" }
    }
}

/// A panel with the answers to its queries, ready to be drawn.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Answered<'a> {
    /// The panel.
    pub panel: &'a Panel,
    /// The panel's title, variables replaced.
    pub title: String,
    /// What is drawn.
    pub series: Vec<Series<'static>>,
    /// The questions asked, and which of them failed.
    pub asked: Vec<Asked>,
    /// How many series were left out to keep the picture readable.
    pub left_out: usize,
    /// The width of a bucket, in nanoseconds.
    pub interval_ns: i64,
    /// The time shown, in whole buckets.
    pub range: TimeRange,
}

impl Panel {
    /// Puts the panel's queries.
    ///
    /// Never fails as a whole: what could not be answered is in [`Answered::asked`], the rest can be drawn.
    #[must_use]
    pub fn ask(&self, request: &PanelRequest<'_>) -> Answered<'_> {
        let max_points = match self.draw_style {
            DrawStyle::Bars => request.max_points / 10,
            _ => request.max_points,
        };
        let interval_ns = bucket_interval_ns(request.range, max_points, request.min_interval_ns);
        let range = snap(request.range, interval_ns);
        let macros = Macros { range, interval_ns, variables: request.variables };
        let Answers { series, asked, left_out } = run::run(self, request, &macros);
        let title = macros.expand_title(&self.title);
        Answered { panel: self, title, series, asked, left_out, interval_ns, range }
    }
}

impl Answered<'_> {
    /// Whether there is nothing to draw.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// What went wrong, if anything did: the source's words.
    pub fn errors(&self) -> impl Iterator<Item = &str> {
        self.asked.iter().filter_map(|asked| asked.error.as_deref())
    }

    /// What the numbers are.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        self.panel.unit
    }

    /// A row for each series.
    #[must_use]
    pub fn legend_rows(&self) -> Vec<LegendRow> {
        self.chart(&Look::default()).legend_rows()
    }

    /// The picture, one `<svg>` element. There is one even without data, which says so.
    #[must_use]
    pub fn picture(&self, look: &Look<'_>) -> String {
        match self.panel.kind {
            PanelKind::TimeSeries => self.chart(look).to_svg(),
            PanelKind::Stat => self.stat(look),
        }
    }

    fn chart(&self, look: &Look<'_>) -> Chart<'static> {
        let kind = match self.panel.draw_style {
            DrawStyle::Line => ChartKind::Line,
            DrawStyle::Area => ChartKind::Area,
            DrawStyle::Bars => ChartKind::Bar,
        };
        let mut chart = Chart::new(kind, &*self.title)
            .unit(self.panel.unit)
            .range(self.range)
            .size(look.size.0, look.size.1)
            .theme(look.theme)
            .id_prefix(look.id_prefix)
            .null_policy(self.panel.null_policy)
            .stacked(self.panel.stacking == Stacking::Normal)
            .heading(look.standalone)
            .legend(if look.standalone { Legend::Stats } else { Legend::Hidden });
        if let Some(min) = self.panel.min {
            chart = chart.min(min);
        }
        if let Some(max) = self.panel.max {
            chart = chart.max(max);
        }
        chart = self.panel.thresholds.iter().cloned().fold(chart, Chart::threshold);
        self.series.iter().cloned().fold(chart, Chart::series)
    }

    fn stat(&self, look: &Look<'_>) -> String {
        let mut stat = Stat::new(&*self.title)
            .unit(self.panel.unit)
            .range(self.range)
            .size(look.size.0, look.size.1)
            .theme(look.theme)
            .id_prefix(look.id_prefix);
        stat = self.panel.thresholds.iter().cloned().fold(stat, Stat::threshold);
        if let Some(series) = self.series.first() {
            stat = stat.sparkline(series.clone());
        }
        stat.to_svg()
    }
}
