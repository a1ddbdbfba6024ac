//! Numbers with their units, as people read them.
use stripchart_core::Unit;
/// A single value with its unit.
#[must_use]
pub fn format_value(value: f64, unit: Unit) -> String {
    format!("{value} {}", unit.id())
}
