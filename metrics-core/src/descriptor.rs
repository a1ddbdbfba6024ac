//! What a field means.

use std::borrow::Cow;

use crate::{FieldType, Unit};

/// How a field's values follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// A level, which goes up and down.
    Gauge,
    /// A running total, which only grows until its source restarts.
    Cumulative,
    /// What came since the sample before.
    Delta,
}

impl MetricKind {
    /// `gauge`, `cumulative` or `delta`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            MetricKind::Gauge => "gauge",
            MetricKind::Cumulative => "cumulative",
            MetricKind::Delta => "delta",
        }
    }
}

/// A field of a measurement: its type, unit and meaning.
///
/// ```
/// use stripchart_core::{FieldDescriptor, FieldType, MetricKind, Unit};
/// const USED: FieldDescriptor = FieldDescriptor::new(
///     "mem", "used", FieldType::Integer, MetricKind::Gauge, Unit::Bytes, "memory that is neither free nor cache",
/// );
/// assert_eq!(USED.unit.id(), "bytes");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDescriptor {
    /// The measurement.
    pub measurement: Cow<'static, str>,
    /// The field.
    pub field: Cow<'static, str>,
    /// Its type.
    pub field_type: FieldType,
    /// How its values follow one another.
    pub kind: MetricKind,
    /// What one of it is.
    pub unit: Unit,
    /// A sentence for people, without a full stop.
    pub description: Cow<'static, str>,
}

impl FieldDescriptor {
    /// A descriptor out of constants.
    #[must_use]
    pub const fn new(
        measurement: &'static str,
        field: &'static str,
        field_type: FieldType,
        kind: MetricKind,
        unit: Unit,
        description: &'static str,
    ) -> Self {
        FieldDescriptor {
            measurement: Cow::Borrowed(measurement),
            field: Cow::Borrowed(field),
            field_type,
            kind,
            unit,
            description: Cow::Borrowed(description),
        }
    }
}
