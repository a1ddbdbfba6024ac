//! The metrics: Heapster's names with their types, kinds and units.

use stripchart_core::FieldType::{self, Float, Integer};
use stripchart_core::MetricKind::{self, Cumulative, Gauge};
use stripchart_core::{FieldDescriptor, Unit};

/// The one field of every measurement.
pub const VALUE_FIELD: &str = "value";

/// What the names of metrics that containers published about themselves begin with.
pub const CUSTOM_PREFIX: &str = "custom/";

macro_rules! metrics {
    ($($constant:ident = $name:literal, $field_type:ident, $kind:ident, $unit:ident, $description:literal;)*) => {
        $(
            #[doc = concat!("`", $name, "`: ", $description, ".")]
            pub const $constant: &str = $name;
        )*

        /// All metrics with a fixed name, sorted by it.
        const METRICS: &[FieldDescriptor] = &[
            $(of($constant, $field_type, $kind, Unit::$unit, $description),)*
        ];
    };
}

const fn of(
    name: &'static str,
    field_type: FieldType,
    kind: MetricKind,
    unit: Unit,
    description: &'static str,
) -> FieldDescriptor {
    FieldDescriptor::new(name, VALUE_FIELD, field_type, kind, unit, description)
}

metrics! {
    ACCELERATOR_DUTY_CYCLE = "accelerator/duty_cycle", Integer, Gauge, Percent, "share of the time in which the accelerator worked";
    ACCELERATOR_MEMORY_TOTAL = "accelerator/memory_total", Integer, Gauge, Bytes, "memory of the accelerator";
    ACCELERATOR_MEMORY_USED = "accelerator/memory_used", Integer, Gauge, Bytes, "memory of the accelerator in use";
    CPU_LIMIT = "cpu/limit", Integer, Gauge, Millicores, "processor time allowed";
    CPU_REQUEST = "cpu/request", Integer, Gauge, Millicores, "processor time asked for";
    CPU_USAGE = "cpu/usage", Integer, Cumulative, Nanoseconds, "processor time used since the start";
    CPU_USAGE_RATE = "cpu/usage_rate", Integer, Gauge, Millicores, "processor time used";
    EPHEMERAL_STORAGE_LIMIT = "ephemeral_storage/limit", Integer, Gauge, Bytes, "local disk space allowed";
    EPHEMERAL_STORAGE_REQUEST = "ephemeral_storage/request", Integer, Gauge, Bytes, "local disk space asked for";
    EPHEMERAL_STORAGE_USAGE = "ephemeral_storage/usage", Integer, Gauge, Bytes, "local disk space used";
    FILESYSTEM_AVAILABLE = "filesystem/available", Integer, Gauge, Bytes, "space left on the file system";
    FILESYSTEM_INODES = "filesystem/inodes", Integer, Gauge, Count, "inodes of the file system";
    FILESYSTEM_INODES_FREE = "filesystem/inodes_free", Integer, Gauge, Count, "inodes left on the file system";
    FILESYSTEM_LIMIT = "filesystem/limit", Integer, Gauge, Bytes, "size of the file system";
    FILESYSTEM_USAGE = "filesystem/usage", Integer, Gauge, Bytes, "space used on the file system";
    MEMORY_LIMIT = "memory/limit", Integer, Gauge, Bytes, "memory allowed";
    MEMORY_MAJOR_PAGE_FAULTS = "memory/major_page_faults", Integer, Cumulative, Count, "page faults that read from a disk, since the start";
    MEMORY_MAJOR_PAGE_FAULTS_RATE = "memory/major_page_faults_rate", Float, Gauge, CountPerSecond, "page faults that read from a disk";
    MEMORY_PAGE_FAULTS = "memory/page_faults", Integer, Cumulative, Count, "page faults since the start";
    MEMORY_PAGE_FAULTS_RATE = "memory/page_faults_rate", Float, Gauge, CountPerSecond, "page faults";
    MEMORY_REQUEST = "memory/request", Integer, Gauge, Bytes, "memory asked for";
    MEMORY_RSS = "memory/rss", Integer, Gauge, Bytes, "anonymous memory";
    MEMORY_USAGE = "memory/usage", Integer, Gauge, Bytes, "memory in use, page cache included";
    MEMORY_WORKING_SET = "memory/working_set", Integer, Gauge, Bytes, "memory in use, without page cache not touched lately";
    NETWORK_RX = "network/rx", Integer, Cumulative, Bytes, "bytes received since the start";
    NETWORK_RX_ERRORS = "network/rx_errors", Integer, Cumulative, Count, "errors while receiving, since the start";
    NETWORK_RX_ERRORS_RATE = "network/rx_errors_rate", Float, Gauge, CountPerSecond, "errors while receiving";
    NETWORK_RX_RATE = "network/rx_rate", Float, Gauge, BytesPerSecond, "bytes received";
    NETWORK_TX = "network/tx", Integer, Cumulative, Bytes, "bytes sent since the start";
    NETWORK_TX_ERRORS = "network/tx_errors", Integer, Cumulative, Count, "errors while sending, since the start";
    NETWORK_TX_ERRORS_RATE = "network/tx_errors_rate", Float, Gauge, CountPerSecond, "errors while sending";
    NETWORK_TX_RATE = "network/tx_rate", Float, Gauge, BytesPerSecond, "bytes sent";
    RESTART_COUNT = "restart_count", Integer, Cumulative, Count, "restarts of the container";
    UPTIME = "uptime", Integer, Cumulative, Milliseconds, "time since the start";
}

/// Every metric with a fixed name, sorted by it.
#[must_use]
pub fn descriptors() -> &'static [FieldDescriptor] {
    METRICS
}

/// The metric called `name`; `None` for `custom/...` and unknown ones.
#[must_use]
pub fn descriptor(name: &str) -> Option<&'static FieldDescriptor> {
    METRICS.binary_search_by(|metric| (*metric.measurement).cmp(name)).ok().map(|at| &METRICS[at])
}

/// Whether `name` is a running total by the table above.
pub(super) fn is_cumulative(name: &str) -> bool {
    descriptor(name).is_some_and(|metric| metric.kind == Cumulative)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_every_name_is_found() {
        for metric in METRICS {
            assert_eq!(descriptor(&metric.measurement), Some(metric));
        }
        assert!(METRICS.is_sorted_by(|a, b| a.measurement < b.measurement));
        assert_eq!(descriptor("custom/x"), None);
    }

    #[test]
    fn rates_are_gauges_of_what_accumulates() {
        for metric in METRICS.iter().filter(|metric| metric.measurement.ends_with("_rate")) {
            assert_eq!(metric.kind, Gauge, "{}", metric.measurement);
            assert!(is_cumulative(metric.measurement.trim_end_matches("_rate")));
        }
    }
}
