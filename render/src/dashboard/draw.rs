//! From a panel and a source of frames to a picture.

use std::fmt;

use stripchart_core::{FrameSource, TimeRange, Timestamp, Unit};

use super::run::{self, Answers};
use super::{Asked, DrawStyle, Macros, Panel, PanelKind, Stacking, VariableValue};
use super::{bucket_interval_ns, snap};
use crate::{Chart, ChartKind, Legend, LegendRow, Series, Stat, Theme};

/// Where a panel's data come from and how its picture is to look.
#[derive(Clone, Copy)]
pub struct DrawContext<'a> {
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
    /// The values of the dashboard's variables.
    pub variables: &'a [(String, VariableValue)],
    /// Width and height of the picture in pixels.
    pub size: (u32, u32),
    /// Light or dark.
    pub theme: Theme,
    /// Whether the picture says all by itself: title and legend are drawn. Otherwise a page shows them around it.
    pub standalone: bool,
    /// What the ids in the picture begin with.
    pub id_prefix: &'a str,
}

impl fmt::Debug for DrawContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DrawContext")
            .field("database", &self.database)
            .field("now", &self.now)
            .field("range", &self.range)
            .field("variables", &self.variables)
            .finish_non_exhaustive()
    }
}

/// A drawn panel.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Drawing {
    /// The panel's title, variables replaced.
    pub title: String,
    /// The picture, one `<svg>` element. There is one even without data.
    pub svg: String,
    /// A row for each series.
    pub legend: Vec<LegendRow>,
    /// What the legend's numbers are.
    pub unit: Unit,
    /// The questions asked, and which of them failed.
    pub asked: Vec<Asked>,
    /// How many series were left out to keep the picture readable.
    pub left_out: usize,
    /// The width of a bucket, in nanoseconds.
    pub interval_ns: i64,
    /// The time shown, in whole buckets.
    pub range: TimeRange,
}

impl Drawing {
    /// Whether there was nothing to draw.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.legend.is_empty()
    }

    /// What went wrong, if anything did.
    pub fn errors(&self) -> impl Iterator<Item = &str> {
        self.asked.iter().filter_map(|asked| asked.error.as_deref())
    }
}

impl Panel {
    /// Puts the panel's queries and draws what is answered.
    ///
    /// Never fails as a whole: what could not be answered is in [`Drawing::asked`], the rest is drawn.
    #[must_use]
    pub fn draw(&self, context: &DrawContext<'_>) -> Drawing {
        let interval_ns =
            bucket_interval_ns(context.range, self.max_points(context), context.min_interval_ns);
        let range = snap(context.range, interval_ns);
        let macros = Macros { range, interval_ns, variables: context.variables };
        let title = macros.expand_title(&self.title);
        let answers = run::run(self, context, &macros);
        let Answers { series, asked, left_out } = answers;
        let (svg, legend) = match self.kind {
            PanelKind::Stat => self.draw_stat(context, &title, range, series),
            PanelKind::TimeSeries => self.draw_chart(context, &title, range, series),
        };
        Drawing { title, svg, legend, unit: self.unit, asked, left_out, interval_ns, range }
    }

    /// About one point for each pixel of a line; a sparkline needs fewer.
    fn max_points(&self, context: &DrawContext<'_>) -> u32 {
        match self.kind {
            PanelKind::Stat => context.size.0 / 3,
            PanelKind::TimeSeries if self.draw_style == DrawStyle::Bars => context.size.0 / 10,
            PanelKind::TimeSeries => context.size.0,
        }
    }

    fn draw_chart(
        &self,
        context: &DrawContext<'_>,
        title: &str,
        range: TimeRange,
        series: Vec<Series<'static>>,
    ) -> (String, Vec<LegendRow>) {
        let kind = match self.draw_style {
            DrawStyle::Line => ChartKind::Line,
            DrawStyle::Area => ChartKind::Area,
            DrawStyle::Bars => ChartKind::Bar,
        };
        let mut chart = Chart::new(kind, title)
            .unit(self.unit)
            .range(range)
            .size(context.size.0, context.size.1)
            .theme(context.theme)
            .id_prefix(context.id_prefix)
            .null_policy(self.null_policy)
            .stacked(self.stacking == Stacking::Normal)
            .heading(context.standalone)
            .legend(if context.standalone { Legend::Stats } else { Legend::Hidden });
        if let Some(min) = self.min {
            chart = chart.min(min);
        }
        if let Some(max) = self.max {
            chart = chart.max(max);
        }
        chart = self.thresholds.iter().cloned().fold(chart, Chart::threshold);
        chart = series.into_iter().fold(chart, Chart::series);
        (chart.to_svg(), chart.legend_rows())
    }

    fn draw_stat(
        &self,
        context: &DrawContext<'_>,
        title: &str,
        range: TimeRange,
        series: Vec<Series<'static>>,
    ) -> (String, Vec<LegendRow>) {
        let mut stat = Stat::new(title)
            .unit(self.unit)
            .range(range)
            .size(context.size.0, context.size.1)
            .theme(context.theme)
            .id_prefix(context.id_prefix);
        stat = self.thresholds.iter().cloned().fold(stat, Stat::threshold);
        // The rows come from a chart of the same series, so that both say the same of them.
        let mut rows = Vec::new();
        if let Some(series) = series.into_iter().next() {
            rows = Chart::line(title)
                .unit(self.unit)
                .range(range)
                .series(series.clone())
                .legend_rows();
            stat = stat.value(rows.first().and_then(|row| row.last)).sparkline(series);
        }
        (stat.to_svg(), rows)
    }
}
