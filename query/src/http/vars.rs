//! `/debug/vars`: figures about the server, in the form that Telegraf's input `influxdb` and people with a browser read.
//!
//! ```text
//! {
//! "system": {"currentTime":"2026-01-01T00:00:10Z","started":"2026-01-01T00:00:00Z","uptime":10},
//! "httpd": {"name":"httpd","tags":{},"values":{"queryReq":3,..}},
//! "database:demo": {"name":"database","tags":{"database":"demo"},"values":{"numMeasurements":1,"numSeries":2}}
//! }
//! ```
//!
//! Names are InfluxDB's where it has the figure. Times are not measured, for nothing here has a clock; what InfluxDB
//! tells of Go's memory is left out.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use http::StatusCode;
use serde_json::{Map, Value, json};
use stripchart_core::Timestamp;

use super::InfluxDb;
use super::backend::Figures;
use super::reply::Reply;

/// A number that only grows, or goes up and down.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// Adds, and tells what was there before.
    pub(super) fn add(&self, count: usize) -> u64 {
        self.0.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed)
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What happened so far.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Ids of requests that were given.
    pub(super) ids: Counter,
    pub(super) requests: Counter,
    pub(super) queries: Counter,
    pub(super) writes: Counter,
    pub(super) pings: Counter,
    pub(super) statuses: Counter,
    pub(super) written_bytes: Counter,
    pub(super) points_written: Counter,
    pub(super) points_dropped: Counter,
    pub(super) points_failed: Counter,
    pub(super) authentications_failed: Counter,
    pub(super) client_errors: Counter,
    pub(super) server_errors: Counter,
    pub(super) flux_queries: Counter,
    /// Nanoseconds since the epoch at the first request; 0 before.
    pub(super) started: Counter,
}

impl Counters {
    /// Counts an answer.
    pub(super) fn answered(&self, status: StatusCode) {
        if status.is_client_error() {
            self.client_errors.add(1);
        } else if status.is_server_error() {
            self.server_errors.add(1);
        }
    }

    /// Remembers when the first request came.
    pub(super) fn came(&self, now: Timestamp) {
        self.requests.add(1);
        let now = u64::try_from(now.nanos()).unwrap_or(0);
        let _ = self.started.0.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn figures(&self) -> Figures {
        let counters = [
            ("req", &self.requests),
            ("queryReq", &self.queries),
            ("writeReq", &self.writes),
            ("pingReq", &self.pings),
            ("statusReq", &self.statuses),
            ("writeReqBytes", &self.written_bytes),
            ("pointsWrittenOK", &self.points_written),
            ("pointsWrittenDropped", &self.points_dropped),
            ("pointsWrittenFail", &self.points_failed),
            ("authFail", &self.authentications_failed),
            ("clientError", &self.client_errors),
            ("serverError", &self.server_errors),
            ("fluxQueryReq", &self.flux_queries),
        ];
        let values =
            counters.into_iter().map(|(name, counter)| (name.to_owned(), counter.get().into()));
        Figures { name: "httpd", tags: Map::new(), values: values.collect() }
    }
}

impl InfluxDb {
    /// Answers `/debug/vars`.
    pub(super) fn vars(&self, now: Timestamp) -> Reply {
        let started = i64::try_from(self.counters.started.get()).unwrap_or(i64::MAX);
        let system = json!({
            "currentTime": now.to_string(),
            "started": Timestamp::from_nanos(started).to_string(),
            "uptime": now.nanos().saturating_sub(started).max(0) / 1_000_000_000,
        });
        let mut text = format!("{{\n\"system\": {system}");
        let mut figures = self.backend.figures();
        figures.push(self.counters.figures());
        figures.sort_by_cached_key(key);
        for of in &figures {
            let name = Value::from(key(of));
            let object = json!({"name": of.name, "tags": of.tags, "values": of.values});
            // A string takes every write.
            let _ = write!(text, ",\n{name}: {object}");
        }
        text.push_str("\n}\n");
        Reply::text(StatusCode::OK, "application/json; charset=utf-8", text.into_bytes())
    }
}

/// Under which name figures are listed: `database:demo`.
fn key(figures: &Figures) -> String {
    let which = figures.tags.values().filter_map(Value::as_str);
    std::iter::once(figures.name).chain(which).collect::<Vec<_>>().join(":")
}
