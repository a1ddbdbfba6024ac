//! A chart in words, for those who cannot see it.

use std::fmt::Write;

use stripchart_core::{TimeRange, Unit};

use crate::units::format_value;
use crate::{ChartKind, LegendRow, Zone};

/// Series that are described one by one, at most.
const DESCRIBED: usize = 6;

/// What the chart shows: kind, number of series, time, and the figures of the first few.
pub(crate) fn describe(
    kind: ChartKind,
    range: Option<TimeRange>,
    zone: &Zone,
    rows: &[LegendRow],
    unit: Unit,
) -> String {
    let name = match kind {
        ChartKind::Line | ChartKind::Step => "Line chart",
        ChartKind::Area => "Area chart",
        ChartKind::Bar => "Bar chart",
    };
    let mut text = format!("{name}, {} series", rows.len());
    if let Some(range) = range {
        let (start, end) = (zone.format(range.start), zone.format(range.end));
        let end = match (start.split_once(' '), end.split_once(' ')) {
            (Some((first, _)), Some((date, hour))) if first == date => hour,
            _ => end.as_str(),
        };
        // Writing to a String cannot fail.
        let offset = zone.offset_text(range.end.nanos().div_euclid(1_000_000_000));
        let _ = write!(text, ", {start} to {end} {offset}");
    }
    text.push('.');
    for row in rows.iter().take(DESCRIBED) {
        let _ = match (row.last, row.min, row.max) {
            (Some(last), Some(min), Some(max)) => write!(
                text,
                " {}: last {}, min {}, max {}.",
                row.label,
                format_value(last, unit),
                format_value(min, unit),
                format_value(max, unit)
            ),
            _ => write!(text, " {}: no data.", row.label),
        };
    }
    if rows.len() > DESCRIBED {
        let _ = write!(text, " And {} more.", rows.len() - DESCRIBED);
    }
    text
}
