//! What surrounds the data: where everything goes, the axes with their grid and labels, title, thresholds.

use stripchart_core::TimeRange;

use super::Threshold;
use super::legend::TEXT_PX;
use crate::scale::{TimeScale, ValueScale, tenths};
use crate::svg::{Path, Svg};
use crate::text;
use crate::theme::Role;
use crate::ticks::{TimeTick, ValueAxis, time_ticks};
use crate::{Level, Zone};

const TITLE_PX: u32 = 13;
const SIDE_PX: u32 = 12;
/// Heights of the title, of the room where there is none, and of the two lines below the plot.
const HEADING_PX: u32 = 30;
const NO_HEADING_PX: u32 = 10;
const LABELS_PX: u32 = 18;
const DATES_PX: u32 = 14;
/// Charts lower than this name no dates; plots lower than this give up title, legend and time labels.
const DATES_FROM_PX: u32 = 130;
const LOWEST_PLOT_PX: u32 = 36;
/// Charts narrower than this have no value labels.
const LABELS_FROM_PX: u32 = 120;

/// A rectangle in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rect {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Rect {
    pub(crate) fn right(&self) -> u32 {
        self.x + self.width
    }

    pub(crate) fn bottom(&self) -> u32 {
        self.y + self.height
    }
}

/// What is shown above and below the plot, decided by how much height there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) heading: bool,
    pub(crate) labels: bool,
    pub(crate) dates: bool,
    pub(crate) legend: bool,
    /// Upper edge and height of the plot.
    pub(crate) top: u32,
    pub(crate) height: u32,
}

impl Rows {
    /// Divides `height` pixels, of which `legend` go to the legend if the plot keeps enough.
    pub(crate) fn new(height: u32, heading: bool, legend: u32) -> Self {
        let mut rows = Rows {
            heading,
            labels: true,
            dates: height >= DATES_FROM_PX,
            legend: legend > 0,
            top: 0,
            height: 0,
        };
        for give_up in 0..4 {
            match give_up {
                1 => rows.legend = false,
                2 => (rows.heading, rows.dates) = (false, false),
                3 => rows.labels = false,
                _ => {}
            }
            rows.top = match (rows.heading, rows.labels) {
                (true, _) => HEADING_PX,
                (false, true) => NO_HEADING_PX,
                (false, false) => 2,
            };
            let below = if rows.legend { legend } else { 0 }
                + if rows.labels { LABELS_PX } else { 2 }
                + if rows.dates { DATES_PX } else { 0 };
            rows.height = height.saturating_sub(rows.top + below).max(1);
            if rows.height >= LOWEST_PLOT_PX {
                break;
            }
        }
        rows
    }
}

/// A plot with its axes.
#[derive(Debug)]
pub(crate) struct Plot<'c> {
    pub(crate) rect: Rect,
    pub(crate) rows: Rows,
    pub(crate) x: TimeScale,
    pub(crate) y: ValueScale,
    pub(crate) axis: ValueAxis,
    labels: bool,
    ticks: Vec<TimeTick>,
    zone: &'c Zone,
    range: Option<TimeRange>,
}

impl<'c> Plot<'c> {
    /// The plot of a chart `width` pixels wide; without a range it has no time axis.
    pub(crate) fn new(
        width: u32,
        rows: Rows,
        axis: ValueAxis,
        range: Option<TimeRange>,
        zone: &'c Zone,
    ) -> Self {
        let widest = axis.ticks.iter().map(|(_, label)| text::width(label, TEXT_PX)).max();
        let margin = SIDE_PX + widest.unwrap_or(0) + 8;
        let labels = rows.labels && width >= LABELS_FROM_PX && margin <= width / 2;
        let x = if labels { margin } else { SIDE_PX.min(width / 8) };
        let right = SIDE_PX.min(width / 8);
        let plot_width = width.saturating_sub(x + right).max(1);
        let rect = Rect { x, y: rows.top, width: plot_width, height: rows.height };
        let empty = TimeRange { start: Default::default(), end: Default::default() };
        Plot {
            rect,
            rows,
            x: TimeScale::new(range.unwrap_or(empty), x, plot_width),
            y: ValueScale::new(axis.lo, axis.hi, rows.top, rows.height),
            ticks: range.map_or_else(Vec::new, |range| time_ticks(range, zone, plot_width)),
            axis,
            labels,
            zone,
            range,
        }
    }

    /// Where the baseline is, in tenths: zero, or the edge nearest to it.
    pub(crate) fn base(&self) -> i32 {
        self.y.y(0.0f64.clamp(self.axis.lo, self.axis.hi))
    }

    /// The lines behind the data. That of the axis runs from edge to edge of the plot, which is how the script of the
    /// pages finds them.
    pub(crate) fn draw_grid(&self, svg: &mut Svg<'_>) {
        let (mut grid, mut axis) = (Path::default(), Path::default());
        let (left, right) = (tenths(self.rect.x), tenths(self.rect.right()));
        let (top, bottom) = (tenths(self.rect.y), tenths(self.rect.bottom()));
        for (value, _) in &self.axis.ticks {
            let y = crisp(self.y.y(*value));
            let path = if y == crisp(self.base()) { &mut axis } else { &mut grid };
            path.polyline(&[(left, y), (right, y)]);
        }
        for tick in &self.ticks {
            let x = crisp(self.x.x(tick.at.nanos()));
            grid.polyline(&[(x, top), (x, bottom)]);
        }
        if axis.is_empty() {
            axis.polyline(&[(left, crisp(self.base())), (right, crisp(self.base()))]);
        }
        svg.raw("<g transform=\"scale(.1)\" fill=\"none\" stroke-width=\"10\">");
        for (role, path) in [(Role::Grid, &grid), (Role::Axis, &axis)] {
            if !path.is_empty() {
                svg.raw("<path").stroke(role).path_data(path).raw("/>");
            }
        }
        svg.raw("</g>");
    }

    /// The texts at both axes.
    pub(crate) fn draw_labels(&self, svg: &mut Svg<'_>) {
        if self.labels {
            self.draw_value_labels(svg);
        }
        if self.rows.labels && !self.ticks.is_empty() {
            svg.raw("<g text-anchor=\"middle\"").fill(Role::Muted).raw(">");
            self.draw_time_labels(svg);
            svg.raw("</g>");
        }
    }

    fn draw_value_labels(&self, svg: &mut Svg<'_>) {
        svg.raw("<g text-anchor=\"end\"").fill(Role::Muted).raw(">");
        // Labels closer than a line of text would overlap: on low plots every second or third is shown.
        let count = self.axis.ticks.len();
        let fitting = usize::try_from(self.rect.height / (TEXT_PX + 3)).unwrap_or(1).max(1);
        let every = count.div_ceil(fitting).max(1);
        for (value, label) in self.axis.ticks.iter().step_by(every) {
            svg.raw("<text x=\"").tenths(tenths(self.rect.x) - 70);
            svg.raw("\" y=\"").tenths(self.y.y(*value) + 40).raw("\">").text(label).raw("</text>");
        }
        svg.raw("</g>");
    }

    fn draw_time_labels(&self, svg: &mut Svg<'_>) {
        // Labels may reach beyond the plot, but not beyond the chart; the lines below keep to the title's edges.
        let (edge_left, edge_right) = (tenths(SIDE_PX), tenths(self.rect.right() + SIDE_PX) - 20);
        let below = tenths(self.rect.bottom());
        let place = |svg: &mut Svg<'_>, at: i32, y: i32, label: &str, free: &mut i32, end: i32| {
            let half = tenths(text::width(label, TEXT_PX)) / 2;
            let x = at.max(edge_left + half).min(end - half);
            if x - half < *free {
                return;
            }
            *free = x + half + 60;
            svg.raw("<text x=\"").tenths(x).raw("\" y=\"").tenths(y).raw("\">");
            svg.text(label).raw("</text>");
        };
        let mut free = i32::MIN;
        for tick in &self.ticks {
            let x = self.x.x(tick.at.nanos());
            place(svg, x, below + 145, &tick.label, &mut free, edge_right);
        }
        let Some(range) = self.range.filter(|_| self.rows.dates) else { return };
        let zone = self.zone.offset_text(range.end.nanos().div_euclid(1_000_000_000));
        let zone_width = tenths(text::width(&zone, TEXT_PX));
        let mut free = i32::MIN;
        for tick in &self.ticks {
            if let Some(context) = &tick.context {
                let x = self.x.x(tick.at.nanos());
                let end = tenths(self.rect.right()) - zone_width - 100;
                if x <= end {
                    place(svg, x, below + 285, context, &mut free, end);
                }
            }
        }
        let end = tenths(self.rect.right());
        place(svg, end - zone_width / 2, below + 285, &zone, &mut free, end);
    }

    /// The title, above the plot.
    pub(crate) fn draw_heading(&self, svg: &mut Svg<'_>, title: &str, width: u32) {
        if !self.rows.heading {
            return;
        }
        // Bold text is wider than the table of widths knows.
        let title = text::fit(title, TITLE_PX + 2, width.saturating_sub(2 * SIDE_PX));
        svg.raw("<text x=\"12\" y=\"19\" font-size=\"13\" font-weight=\"600\"");
        svg.fill(Role::Text).raw(">").text(&title).raw("</text>");
    }

    /// The lines that mean something to cross.
    pub(crate) fn draw_thresholds(&self, svg: &mut Svg<'_>, thresholds: &[Threshold]) {
        let (left, right) = (tenths(self.rect.x), tenths(self.rect.right()));
        for threshold in thresholds {
            let value = threshold.value;
            if !value.is_finite() || value < self.axis.lo || value > self.axis.hi {
                continue;
            }
            let (role, y) = (role_of(threshold.level), crisp(self.y.y(value)));
            let mut line = Path::default();
            line.polyline(&[(left, y), (right, y)]);
            svg.raw("<path transform=\"scale(.1)\" fill=\"none\" stroke-width=\"10\"").stroke(role);
            svg.dash(&[5, 4], 10).path_data(&line).raw("/>");
            let label = text::fit(&threshold.label, TEXT_PX, self.rect.width / 2);
            let below = y < tenths(self.rect.y) + 150;
            svg.raw("<text text-anchor=\"end\"").fill(role).raw(" x=\"").tenths(right - 30);
            svg.raw("\" y=\"").tenths(if below { y + 130 } else { y - 45 }).raw("\">");
            svg.text(&label).raw("</text>");
        }
    }

    /// Says in the middle of the plot that there is nothing to see.
    pub(crate) fn draw_no_data(&self, svg: &mut Svg<'_>) {
        svg.raw("<text text-anchor=\"middle\" font-size=\"13\"").fill(Role::Muted).raw(" x=\"");
        svg.tenths(tenths(self.rect.x) + tenths(self.rect.width) / 2).raw("\" y=\"");
        svg.tenths(tenths(self.rect.y) + tenths(self.rect.height) / 2 + 45)
            .raw("\">no data</text>");
    }
}

/// The colour that goes with a level.
pub(crate) fn role_of(level: Level) -> Role {
    match level {
        Level::Good => Role::Good,
        Level::Warning => Role::Warning,
        Level::Critical => Role::Critical,
    }
}

/// The middle of the pixel that `tenths` falls into, so that a line of one pixel fills just that.
fn crisp(tenths: i32) -> i32 {
    tenths.div_euclid(10) * 10 + 5
}
