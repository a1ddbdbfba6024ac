//! Areas that stand upon one another.

use super::line::Style;
use super::plot::Plot;
use super::stack::{Grid, Layer};
use crate::svg::{Path, Svg};

/// Draws series `index` of `grid` as the band between the ends of `layer`.
pub(crate) fn draw(
    svg: &mut Svg<'_>,
    grid: &Grid,
    index: usize,
    layer: &Layer,
    plot: &Plot<'_>,
    style: Style,
    label: &str,
) {
    let (x, y) = (&plot.x, &plot.y);
    let (mut area, mut edge) = (Path::default(), Path::default());
    let mut upper = Vec::new();
    for rows in grid.runs(index) {
        upper.clear();
        upper.extend(rows.clone().map(|row| (x.x(grid.times[row]), y.y(layer.high[row]))));
        edge.polyline(&upper);
        area.polyline(&upper);
        for row in rows.rev() {
            area.line_to((x.x(grid.times[row]), y.y(layer.low[row])));
        }
        area.close();
    }
    if area.is_empty() {
        return;
    }
    svg.raw("<path stroke=\"none\" fill-opacity=\".45\"").fill(style.role);
    svg.path_data(&area).raw("><title>").text(label).raw("</title></path>");
    svg.raw("<path stroke-width=\"12\"").stroke(style.role).dash(style.dash, 10);
    svg.path_data(&edge).raw("/>");
}
