//! `SHOW DIAGNOSTICS`: what runs, and where.

use stripchart_core::{Column, Frame, Timestamp, Values};

use crate::shards::rfc3339;
use crate::show::texts;

/// The module called `wanted`, or all.
pub(super) fn show(wanted: Option<&str>, now: Timestamp) -> Vec<Frame> {
    let text = |name: &str, value: &str| texts(name, [value]);
    let number = |name: &str, value: u64| {
        Column::new(name, Values::Integer(vec![i64::try_from(value).unwrap_or(i64::MAX)]))
    };
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let modules = [
        Frame::new("build")
            .column(text("Branch", "stripchart"))
            .column(text("Build Time", ""))
            .column(text("Commit", ""))
            .column(text("Version", env!("CARGO_PKG_VERSION"))),
        // InfluxDB's columns, with what they are called by.
        Frame::new("runtime")
            .column(text("GOARCH", std::env::consts::ARCH))
            .column(number("GOMAXPROCS", threads))
            .column(text("GOOS", std::env::consts::OS)),
        Frame::new("system")
            .column(number("PID", std::process::id().into()))
            .column(text("currentTime", &rfc3339(now.nanos()))),
    ];
    modules.into_iter().filter(|frame| wanted.is_none_or(|wanted| frame.name == wanted)).collect()
}
