//! Lines from point to point or in steps, and the areas below them.

use std::borrow::Cow;
use std::ops::Range;

use super::prepare::Prepared;
use crate::decimate::{WORTHWHILE, trace};
use crate::scale::{TimeScale, ValueScale};
use crate::svg::{Path, Svg};
use crate::theme::Role;

/// How a series looks and which way up it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) role: Role,
    pub(crate) dash: &'static [u16],
    pub(crate) step: bool,
    /// The baseline in tenths of a pixel, where the area down to it is filled.
    pub(crate) fill_to: Option<i32>,
}

/// Draws one series; `label` shows when the pointer rests on it.
pub(crate) fn draw(
    svg: &mut Svg<'_>,
    series: &Prepared<'_>,
    x: &TimeScale,
    y: &ValueScale,
    style: Style,
    label: &str,
) {
    let columns = usize::try_from(x.columns()).unwrap_or(usize::MAX);
    let points: usize = series.segments.iter().map(ExactSizeIterator::len).sum();
    let reduce = points > columns.saturating_mul(WORTHWHILE);
    let (mut line, mut area, mut dots) = (Path::default(), Path::default(), Path::default());
    let (mut corners, mut steps) = (Vec::new(), Vec::new());
    let segments = if reduce { closed(series, x) } else { Cow::from(&series.segments) };
    for rows in segments.iter() {
        corners.clear();
        let (times, values) = (&series.times[rows.clone()], &series.values[rows.clone()]);
        trace(times, values, reduce, x, y, &mut corners);
        if corners.len() == 1 {
            dots.polyline(&corners);
            continue;
        }
        let corners = if style.step { stepped(&corners, &mut steps) } else { &corners };
        line.polyline(corners);
        if let (Some(base), [first, .., last]) = (style.fill_to, corners) {
            area.move_to((first.0, base));
            corners.iter().for_each(|corner| area.line_to(*corner));
            area.line_to((last.0, base));
            area.close();
        }
    }
    if !area.is_empty() {
        svg.raw("<path stroke=\"none\" fill-opacity=\".14\"").fill(style.role);
        svg.path_data(&area).raw("/>");
    }
    if !line.is_empty() {
        // Where every column of pixels is covered from end to end, a thinner line shows more.
        svg.raw(if reduce { "<path stroke-width=\"10\"" } else { "<path" })
            .stroke(style.role)
            .dash(style.dash, 10)
            .path_data(&line)
            .raw("><title>");
        svg.text(label).raw("</title></path>");
    }
    if !dots.is_empty() {
        // A point without neighbours, which a line of its own width would all but hide.
        svg.raw("<path stroke-width=\"40\"").stroke(style.role).path_data(&dots).raw("><title>");
        svg.text(label).raw("</title></path>");
    }
}

/// The segments; if there are more than columns, with those gaps closed that are too short to see because both of
/// their ends are in one column. That bounds the drawing of a series that is nothing but holes.
fn closed<'s>(series: &'s Prepared<'_>, x: &TimeScale) -> Cow<'s, [Range<usize>]> {
    if series.segments.len() <= usize::try_from(x.columns()).unwrap_or(usize::MAX) {
        return Cow::from(&series.segments);
    }
    let mut segments: Vec<Range<usize>> = Vec::new();
    for rows in &series.segments {
        let column = x.column(series.times[rows.start]);
        match segments.last_mut() {
            Some(last) if x.column(series.times[last.end - 1]) == column => last.end = rows.end,
            _ => segments.push(rows.clone()),
        }
    }
    segments.into()
}

/// The corners of a line that keeps its height until the next point.
fn stepped<'s>(corners: &[(i32, i32)], out: &'s mut Vec<(i32, i32)>) -> &'s [(i32, i32)] {
    out.clear();
    for corner in corners {
        if let Some(last) = out.last() {
            out.push((corner.0, last.1));
        }
        out.push(*corner);
    }
    out
}
