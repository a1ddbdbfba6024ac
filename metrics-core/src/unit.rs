//! Units of measure, under the ids that Grafana gives them.

/// What one of a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Unit {
    /// A bare number.
    #[default]
    None,
    /// A count, abbreviated when large (1.2 k).
    Count,
    /// Bytes, in powers of 1024.
    Bytes,
    /// Bytes, in powers of 1000.
    DecimalBytes,
    /// Bits.
    Bits,
    /// Bytes per second, in powers of 1000.
    BytesPerSecond,
    /// Bits per second, in powers of 1000.
    BitsPerSecond,
    /// Events per second.
    CountPerSecond,
    /// Packets per second.
    PacketsPerSecond,
    /// Parts of a hundred: 45 is 45 %.
    Percent,
    /// Parts of one: 0.45 is 45 %.
    Ratio,
    /// Nanoseconds.
    Nanoseconds,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Processor cores.
    Cores,
    /// Thousandths of a processor core.
    Millicores,
    /// Billionths of a processor core.
    Nanocores,
    /// Hertz.
    Hertz,
    /// Degrees Celsius.
    Celsius,
    /// Yes or no.
    Boolean,
    /// A date and hour, as seconds since 1970.
    UnixSeconds,
}

/// Every unit with its id.
const IDS: [(Unit, &str); 22] = [
    (Unit::None, "none"),
    (Unit::Count, "short"),
    (Unit::Bytes, "bytes"),
    (Unit::DecimalBytes, "decbytes"),
    (Unit::Bits, "decbits"),
    (Unit::BytesPerSecond, "Bps"),
    (Unit::BitsPerSecond, "bps"),
    (Unit::CountPerSecond, "cps"),
    (Unit::PacketsPerSecond, "pps"),
    (Unit::Percent, "percent"),
    (Unit::Ratio, "percentunit"),
    (Unit::Nanoseconds, "ns"),
    (Unit::Microseconds, "µs"),
    (Unit::Milliseconds, "ms"),
    (Unit::Seconds, "s"),
    (Unit::Cores, "cores"),
    (Unit::Millicores, "millicores"),
    (Unit::Nanocores, "nanocores"),
    (Unit::Hertz, "hertz"),
    (Unit::Celsius, "celsius"),
    (Unit::Boolean, "bool"),
    (Unit::UnixSeconds, "dateTimeAsIso"),
];

impl Unit {
    /// The id: Grafana's where it has one, else this suite's (`cores`, `millicores`, `nanocores`).
    #[must_use]
    pub fn id(self) -> &'static str {
        IDS.iter().find(|(unit, _)| *unit == self).map_or("none", |(_, id)| id)
    }

    /// The unit of an id; `None` for one that is unknown.
    ///
    /// ```
    /// use stripchart_core::Unit;
    /// assert_eq!(Unit::from_id("Bps"), Some(Unit::BytesPerSecond));
    /// ```
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        IDS.iter().find(|(_, known)| *known == id).map(|(unit, _)| *unit)
    }

    /// All units.
    pub fn all() -> impl Iterator<Item = Unit> {
        IDS.iter().map(|(unit, _)| *unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_has_an_id_of_its_own() {
        for unit in Unit::all() {
            assert_eq!(Unit::from_id(unit.id()), Some(unit));
        }
    }
}
