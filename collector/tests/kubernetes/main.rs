//! From kubelets to Heapster's rows, as a user of the crate sees it.

#![cfg(feature = "kubernetes")]

mod failures;
#[cfg(feature = "http")]
mod http;
mod rows;
mod summary;
mod threads;

use std::path::PathBuf;

use parking_lot::Mutex;
use stripchart_collector::SummarySource;
use stripchart_core::{
    Accepted, Batch, FieldDescriptor, Sink, SinkError, Timestamp, line_protocol,
};

/// The file `name` of the summaries written for these tests.
fn fixture_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kubelet").join(name)
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(fixture_path(name)).expect(name)
}

/// 2026-03-01T10:00:00Z, when the first of the `birch` summaries was "measured".
const TEN: i64 = 1_772_359_200;

/// So many seconds after [`TEN`].
fn ten_past(secs: i64) -> Timestamp {
    Timestamp::from_secs(TEN + secs)
}

/// A summary with nothing but a node that uses so much memory.
fn tiny(node: &str, usage_bytes: u64) -> Vec<u8> {
    format!(r#"{{"node": {{"nodeName": "{node}", "memory": {{"usageBytes": {usage_bytes}}}}}}}"#)
        .into_bytes()
}

/// A source that always gives the same document.
fn constant(name: &str, document: Vec<u8>) -> SummarySource {
    SummarySource::from_fn(name, move |_| Ok(document.clone()))
}

/// Keeps what it is given, as text, or refuses everything.
#[derive(Default)]
struct Recorder {
    lines: Mutex<String>,
    described: Mutex<Vec<FieldDescriptor>>,
    refuse: bool,
}

impl Sink for Recorder {
    fn write(&self, batch: &Batch) -> Result<Accepted, SinkError> {
        if self.refuse {
            return Err(SinkError::Closed);
        }
        line_protocol::write_batch(batch, &mut self.lines.lock()).expect("printable");
        Ok(Accepted { rows: batch.row_count(), rejected: Vec::new() })
    }

    fn describe(&self, fields: &[FieldDescriptor]) -> Result<(), SinkError> {
        self.described.lock().extend_from_slice(fields);
        Ok(())
    }
}

impl Recorder {
    /// The lines since the last call.
    fn take(&self) -> String {
        std::mem::take(&mut *self.lines.lock())
    }
}
