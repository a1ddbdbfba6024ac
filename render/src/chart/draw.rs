//! A chart from its parts to the end of its `<svg>` element.

use stripchart_core::{TimeRange, Timestamp};

use super::legend::{LegendLayout, Swatch, TEXT_PX};
use super::line::Style;
use super::plot::{Plot, Rows};
use super::prepare::{Prepared, median_step, prepare};
use super::stack::{Grid, Layer, ends};
use super::{Chart, ChartKind, area, bar, describe, line};
use crate::scale::tenths;
use crate::svg::Svg;
use crate::theme::{DASHES, PALETTE, Role, Theme, embedded_style};
use crate::ticks::value_axis;
use crate::{LegendRow, Paint};

/// What a chart without any points in time spans around its only instant.
const LONE_POINT_NANOS: i64 = 30_000_000_000;

/// The series of `chart`, prepared for its range.
pub(super) fn prepared<'c>(chart: &'c Chart<'_>) -> Vec<Prepared<'c>> {
    // A bar belongs to the range as long as some of it is inside.
    let reach = if chart.kind == ChartKind::Bar { interval(chart) } else { 0 };
    let window = chart.range.map(|range| {
        let (first, last) = inside(range);
        (first.saturating_sub_unsigned(reach.saturating_sub(1)), last)
    });
    let one = |series| prepare(series, window, chart.null_policy, chart.max_gap);
    chart.series.iter().map(one).collect()
}

/// The first and the last instant of `range`, whose end lies outside.
pub(super) fn inside(range: TimeRange) -> (i64, i64) {
    (range.start.nanos(), range.end.nanos().saturating_sub(1))
}

/// The time that a bar stands for: the smallest median distance of any series.
fn interval(chart: &Chart<'_>) -> u64 {
    chart.series.iter().filter_map(|series| median_step(&series.times)).min().unwrap_or(0)
}

/// The role of the series at `index`.
fn role(chart: &Chart<'_>, index: usize) -> Role {
    let series = &chart.series[index];
    series.color.map_or(Role::Series(series.place.unwrap_or(index)), Role::Own)
}

pub(super) fn legend_rows(chart: &Chart<'_>, prepared: &[Prepared<'_>]) -> Vec<LegendRow> {
    let row = |(index, one): (usize, &Prepared<'_>)| {
        let (series, summary) = (&chart.series[index], one.summary);
        let place = series.place.unwrap_or(index) % PALETTE.len();
        let palette = PALETTE[place];
        LegendRow {
            label: series.label.clone(),
            color: series.color.map_or(palette, Paint::same),
            palette_index: series.color.is_none().then_some(place),
            min: summary.min,
            mean: summary.mean,
            max: summary.max,
            last: summary.last,
        }
    };
    prepared.iter().enumerate().map(row).collect()
}

/// What the series draw: each for itself, or on a common grid.
enum Shape {
    Lines,
    Layers(Grid, Vec<Layer>),
    Bars(Grid, Vec<Layer>),
}

pub(super) fn draw(chart: &Chart<'_>, out: &mut String) {
    let prepared = prepared(chart);
    let range = shown_range(chart, &prepared);
    let rows = legend_rows(chart, &prepared);
    let unit = chart.value_unit();
    let legend = LegendLayout::new(chart.legend, &rows, unit, chart.width, chart.height * 2 / 5);
    let heading = chart.heading && !chart.title.is_empty();
    let parts = Rows::new(chart.height, heading, legend.height);
    let shape = shape(chart, &prepared);
    let filled = matches!(chart.kind, ChartKind::Area | ChartKind::Bar);
    let mirrored = chart.series.iter().any(|series| series.mirrored);
    let data = data_ends(chart, &prepared, &shape);
    let axis = value_axis(unit, data, chart.bounds, filled, mirrored, parts.height);
    let plot = Plot::new(chart.width, parts, axis, range, &chart.zone);

    let text = describe::describe(chart.kind, range, &chart.zone, &rows, unit);
    let mut svg = Svg::new(out, chart.theme);
    open(&mut svg, chart, &text);
    plot.draw_heading(&mut svg, &chart.title, chart.width);
    plot.draw_grid(&mut svg);
    if data.is_some() {
        draw_series(&mut svg, chart, &prepared, shape, &plot);
    } else {
        plot.draw_no_data(&mut svg);
    }
    plot.draw_thresholds(&mut svg, &chart.thresholds);
    plot.draw_labels(&mut svg);
    if parts.legend {
        let swatches: Vec<_> = (0..rows.len()).map(|index| swatch(chart, index)).collect();
        legend.draw(&mut svg, chart.height - legend.height, &swatches);
    }
    svg.raw("</svg>\n");
}

/// The range asked for, or that of the points; none if there are none or nothing was asked for but nothing.
fn shown_range(chart: &Chart<'_>, prepared: &[Prepared<'_>]) -> Option<TimeRange> {
    if let Some(range) = chart.range {
        return Some(range).filter(|range| !range.is_empty());
    }
    let first = prepared.iter().filter_map(|one| one.times.first()).min()?;
    let last = prepared.iter().filter_map(|one| one.times.last()).max()?;
    let range = TimeRange::new(Timestamp::from_nanos(*first), Timestamp::from_nanos(*last));
    if chart.kind == ChartKind::Bar {
        let end = last.saturating_add_unsigned(interval(chart).max(1));
        return Some(TimeRange::new(range.start, Timestamp::from_nanos(end)));
    }
    if range.is_empty() {
        return Some(TimeRange::new(
            range.start.saturating_sub(LONE_POINT_NANOS),
            range.end.saturating_add(LONE_POINT_NANOS),
        ));
    }
    Some(range)
}

fn shape(chart: &Chart<'_>, prepared: &[Prepared<'_>]) -> Shape {
    let mirrored: Vec<bool> = chart.series.iter().map(|series| series.mirrored).collect();
    match chart.kind {
        // A stack of one is an area like any other.
        ChartKind::Area if chart.stacked && prepared.len() > 1 => {
            let grid = Grid::new(prepared, true);
            let layers = grid.stacked(&mirrored);
            Shape::Layers(grid, layers)
        }
        ChartKind::Bar => {
            let grid = Grid::new(prepared, false);
            let layers =
                if chart.stacked { grid.stacked(&mirrored) } else { grid.beside(&mirrored) };
            Shape::Bars(grid, layers)
        }
        _ => Shape::Lines,
    }
}

/// The smallest and the largest value drawn; none if there is no value.
fn data_ends(chart: &Chart<'_>, prepared: &[Prepared<'_>], shape: &Shape) -> Option<(f64, f64)> {
    if prepared.iter().all(|one| one.summary.count == 0) {
        return None;
    }
    if let Shape::Layers(_, layers) | Shape::Bars(_, layers) = shape {
        return ends(layers);
    }
    let of = |(index, one): (usize, &Prepared<'_>)| {
        let (mut min, mut max) = (one.summary.min?, one.summary.max?);
        if chart.null_policy == crate::NullPolicy::Zero && one.summary.count < one.values.len() {
            (min, max) = (min.min(0.0), max.max(0.0));
        }
        Some(if chart.series[index].mirrored { (-max, -min) } else { (min, max) })
    };
    let both = |a: (f64, f64), b: (f64, f64)| (a.0.min(b.0), a.1.max(b.1));
    prepared.iter().enumerate().filter_map(of).reduce(both)
}

/// The element, its title and description, its style sheet and its background.
fn open(svg: &mut Svg<'_>, chart: &Chart<'_>, description: &str) {
    let title = if chart.title.is_empty() { "Chart" } else { &chart.title };
    header(svg, chart.theme, &chart.id_prefix, (chart.width, chart.height), title, description);
}

/// The start of an SVG file: the element, what it shows in words, its style sheet and its background.
pub(super) fn header(
    svg: &mut Svg<'_>,
    theme: Theme,
    prefix: &str,
    (width, height): (u32, u32),
    title: &str,
    description: &str,
) {
    let (width, height) = (tenths(width) / 10, tenths(height) / 10);
    svg.raw("<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-labelledby=\"");
    svg.text(prefix).raw("-t ").text(prefix).raw("-d\" width=\"").int(width);
    svg.raw("\" height=\"").int(height).raw("\" viewBox=\"0 0 ").int(width).raw(" ").int(height);
    svg.raw("\" font-family=\"system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif\" font-size=\"");
    svg.int(i32::try_from(TEXT_PX).unwrap_or(11)).raw("\"><title id=\"").text(prefix);
    svg.raw("-t\">").text(title).raw("</title><desc id=\"").text(prefix).raw("-d\">");
    svg.text(description).raw("</desc>");
    if theme == Theme::Auto {
        svg.style(embedded_style);
    }
    if theme != Theme::Page {
        svg.raw("<rect width=\"100%\" height=\"100%\"").fill(Role::Background).raw("/>");
    }
}

fn swatch(chart: &Chart<'_>, index: usize) -> Swatch {
    let block = matches!(chart.kind, ChartKind::Area | ChartKind::Bar);
    Swatch { role: role(chart, index), dash: dash(chart, index), block }
}

/// The dash pattern of a series: its own wish, or another one after each round of colours.
fn dash(chart: &Chart<'_>, index: usize) -> &'static [u16] {
    let round = chart.series[index].place.unwrap_or(index) / PALETTE.len();
    let round = if chart.series[index].dashed { round.max(1) } else { round };
    DASHES[round % DASHES.len()]
}

fn draw_series(
    svg: &mut Svg<'_>,
    chart: &Chart<'_>,
    prepared: &[Prepared<'_>],
    shape: Shape,
    plot: &Plot<'_>,
) {
    // Only with ends set by hand can anything be outside.
    let clipped = chart.bounds.min.is_some() || chart.bounds.max.is_some();
    if clipped {
        let rect = plot.rect;
        svg.raw("<clipPath id=\"").text(&chart.id_prefix).raw("-c\"><rect x=\"");
        svg.tenths(tenths(rect.x)).raw("\" y=\"").tenths(tenths(rect.y)).raw("\" width=\"");
        svg.tenths(tenths(rect.width)).raw("\" height=\"").tenths(tenths(rect.height));
        svg.raw("\"/></clipPath><g clip-path=\"url(#").text(&chart.id_prefix).raw("-c)\">");
    }
    svg.raw("<g transform=\"scale(.1)\" fill=\"none\" stroke-width=\"15\" stroke-linejoin=\"round\" stroke-linecap=\"round\">");
    match shape {
        Shape::Lines => draw_lines(svg, chart, prepared, plot),
        Shape::Layers(grid, layers) => draw_layers(svg, chart, grid, layers, plot),
        Shape::Bars(grid, layers) => draw_bars(svg, chart, &grid, &layers, plot),
    }
    svg.raw(if clipped { "</g></g>" } else { "</g>" });
}

fn style(chart: &Chart<'_>, index: usize, plot: &Plot<'_>) -> Style {
    Style {
        role: role(chart, index),
        dash: dash(chart, index),
        step: chart.kind == ChartKind::Step,
        fill_to: (chart.kind == ChartKind::Area).then(|| plot.base()),
    }
}

fn draw_lines(svg: &mut Svg<'_>, chart: &Chart<'_>, prepared: &[Prepared<'_>], plot: &Plot<'_>) {
    for (index, one) in prepared.iter().enumerate() {
        let series = &chart.series[index];
        let y = if series.mirrored { plot.y.mirrored() } else { plot.y };
        line::draw(svg, one, &plot.x, &y, style(chart, index, plot), &series.label);
    }
}

fn draw_layers(
    svg: &mut Svg<'_>,
    chart: &Chart<'_>,
    mut grid: Grid,
    mut layers: Vec<Layer>,
    plot: &Plot<'_>,
) {
    if grid.times.len() > 2 * usize::try_from(plot.x.columns()).unwrap_or(usize::MAX / 2) {
        let mirrored: Vec<bool> = chart.series.iter().map(|series| series.mirrored).collect();
        grid.reduce(&plot.x);
        layers = grid.stacked(&mirrored);
    }
    // From the top down, so that a layer of no height hides under the edge of the one it lies on.
    for (index, layer) in layers.iter().enumerate().rev() {
        let label = &chart.series[index].label;
        area::draw(svg, &grid, index, layer, plot, style(chart, index, plot), label);
    }
}

fn draw_bars(svg: &mut Svg<'_>, chart: &Chart<'_>, grid: &Grid, layers: &[Layer], plot: &Plot<'_>) {
    let beside = if chart.stacked { 1 } else { layers.len() };
    let rows = bar::visible_rows(grid, layers, &plot.x);
    let slots = bar::Slots::new(plot, interval(chart), beside);
    for (index, layer) in layers.iter().enumerate() {
        let place = if chart.stacked { 0 } else { index };
        let present = rows.iter().filter(|row| grid.values[index][**row].is_finite());
        let bars = present.map(|row| {
            (plot.x.x(grid.times[*row]), plot.y.y(layer.low[*row]), plot.y.y(layer.high[*row]))
        });
        let style = style(chart, index, plot);
        bar::draw(svg, slots, place, bars, style, &chart.series[index].label);
    }
}
