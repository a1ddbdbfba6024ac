//! Deserializers for what JSON from Go does: `null` for an unset time, list or map.

use std::fmt;

use chrono::DateTime;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use stripchart_core::Timestamp;

/// A time in RFC 3339; `None` for `null` and for years that 64 bits of nanoseconds do not reach, such as Go's zero time
/// (the year 1).
pub(super) fn time<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    deserializer.deserialize_option(TimeVisitor)
}

struct TimeVisitor;

impl<'de> Visitor<'de> for TimeVisitor {
    type Value = Option<Timestamp>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time as in \"2026-01-31T12:00:00Z\"")
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let time = DateTime::parse_from_rfc3339(text)
            .map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))?;
        Ok(time.timestamp_nanos_opt().map(Timestamp::from_nanos))
    }
}

/// The value, or its default for `null`.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}
