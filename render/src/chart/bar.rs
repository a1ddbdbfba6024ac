//! Bars over time, each from its instant to the next.

use super::line::Style;
use super::plot::Plot;
use super::stack::{Grid, Layer};
use crate::decimate::{each_column, extremes};
use crate::scale::{TimeScale, tenths};
use crate::svg::{Path, Svg};

/// Tenths of a pixel: the narrowest bar, the widest, and the room between them where there is any.
const NARROWEST: i32 = 10;
const WIDEST: i32 = 600;
const ROOM: i32 = 20;
/// The width of a bar that has no neighbours to tell its width.
const LONE: i32 = 240;

/// Where the bars of one chart stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slots {
    /// Tenths of a pixel from one instant's bars to the next's.
    pitch: i32,
    /// Left and right edge of the plot in tenths.
    left: i32,
    right: i32,
    /// Bars that stand side by side.
    beside: i32,
}

impl Slots {
    /// Slots `interval` nanoseconds wide for `beside` series; if nothing is known of the interval, for a lone bar.
    pub(crate) fn new(plot: &Plot<'_>, interval: u64, beside: usize) -> Self {
        let (left, right) = (tenths(plot.rect.x), tenths(plot.rect.right()));
        let pitch = if interval == 0 { LONE } else { plot.x.length(interval).max(NARROWEST) };
        let beside = i32::try_from(beside).unwrap_or(i32::MAX).clamp(1, 1000);
        Slots { pitch, left, right, beside }
    }

    /// Left and right edge of the `index`th bar at `x`; none if nothing of it is inside the plot.
    fn edges(&self, x: i32, index: usize) -> Option<(i32, i32)> {
        let index = i32::try_from(index).unwrap_or(i32::MAX).min(self.beside - 1);
        let room = if self.pitch >= 5 * ROOM { ROOM } else { self.pitch / 5 };
        let width = (self.pitch - room).min(WIDEST * self.beside).max(NARROWEST);
        let from = x + (self.pitch - width) / 2;
        let (left, right) =
            (from + width * index / self.beside, from + width * (index + 1) / self.beside);
        let (left, right) = (left.max(self.left), right.min(self.right));
        (left < right).then_some((left, right))
    }
}

/// Rows that are worth drawing: where bars would be narrower than a pixel, the largest of each column.
pub(crate) fn visible_rows(grid: &Grid, layers: &[Layer], x: &TimeScale) -> Vec<usize> {
    if grid.times.len() <= usize::try_from(x.columns()).unwrap_or(usize::MAX) {
        return (0..grid.times.len()).collect();
    }
    let size = |row: usize| {
        layers
            .iter()
            .map(|layer| layer.high[row].abs().max(layer.low[row].abs()))
            .fold(0.0, f64::max)
    };
    let sizes: Vec<f64> = (0..grid.times.len()).map(size).collect();
    let mut rows = Vec::new();
    each_column(&grid.times, x, |_, column| {
        let largest = extremes(&sizes[column.clone()]).into_iter();
        let row = largest.map(|i| column.start + i).max_by(|a, b| sizes[*a].total_cmp(&sizes[*b]));
        rows.extend(row);
    });
    rows
}

/// Draws the bars of one series, given as the instant's position, the bar's foot and its head in tenths of a pixel;
/// `place` is the series' place among the bars of one instant.
pub(crate) fn draw(
    svg: &mut Svg<'_>,
    slots: Slots,
    place: usize,
    bars: impl Iterator<Item = (i32, i32, i32)>,
    style: Style,
    label: &str,
) {
    let mut path = Path::default();
    for (x, low, high) in bars {
        let Some((left, right)) = slots.edges(x, place) else { continue };
        // A value that is there but small still shows, as a hair.
        let high = if (low - high).abs() < 5 { low - 5 } else { high };
        path.polyline(&[(left, low), (left, high), (right, high), (right, low)]);
        path.close();
    }
    if !path.is_empty() {
        let paler = !style.dash.is_empty();
        svg.raw("<path stroke=\"none\"").raw(if paler { " fill-opacity=\".35\"" } else { "" });
        svg.fill(style.role).path_data(&path).raw("><title>").text(label).raw("</title></path>");
        if paler {
            svg.raw("<path stroke-width=\"10\"").stroke(style.role).dash(style.dash, 10);
            svg.path_data(&path).raw("/>");
        }
    }
}
