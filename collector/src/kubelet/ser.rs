//! Serializers for what JSON from Go does.

use chrono::{DateTime, SecondsFormat};
use serde::Serializer;
use stripchart_core::Timestamp;

/// A time in RFC 3339, in UTC, with as many digits as it needs; `null` for none.
pub(super) fn time<S: Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(at) => {
            let at = DateTime::from_timestamp_nanos(at.nanos());
            serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
        }
        None => serializer.serialize_none(),
    }
}

/// A number; without a point where it needs none.
pub(super) fn float<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.fract() != 0.0 || value.abs() >= 1e9 {
        return serializer.serialize_f64(*value);
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
    serializer.serialize_i64(*value as i64)
}
