//! What the sampler tells its caller: the last round and the warnings.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::AtomicBool;

use parking_lot::Mutex;
use stripchart_core::Timestamp;

/// Warnings kept until they are taken.
const WARNINGS_MAX: usize = 100;

/// Something that went wrong without ending the sampling.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterWarning {
    /// When.
    pub at: Timestamp,
    /// Where: the name of a source, or `sink`.
    pub source: String,
    /// What.
    pub message: String,
}

impl fmt::Display for ClusterWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.message)
    }
}

/// What one round did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Round {
    /// The instant on its rows.
    pub timestamp: Timestamp,
    /// Sources there are.
    pub sources: usize,
    /// Nodes in the batch.
    pub nodes: usize,
    /// Sources that failed, or gave a node that another gave already.
    pub failed: usize,
    /// Sources left for the next round.
    pub not_asked: usize,
    /// Rows offered to the sink.
    pub rows: usize,
    /// Metrics that make no row; see [`Encoded::left_out`](super::Encoded::left_out).
    pub left_out: usize,
    /// Rows that the sink did not take.
    pub rejected: usize,
    /// Whether the sink took the batch.
    pub written: bool,
}

impl Round {
    pub(super) const fn new(timestamp: Timestamp, sources: usize) -> Self {
        Round {
            timestamp,
            sources,
            nodes: 0,
            failed: 0,
            not_asked: 0,
            rows: 0,
            left_out: 0,
            rejected: 0,
            written: false,
        }
    }
}

/// Shared by a sampler and the guard of its thread.
#[derive(Debug)]
pub(super) struct Report {
    /// Set when no further source should be asked.
    pub(super) stop: AtomicBool,
    pub(super) round: Mutex<Option<Round>>,
    pub(super) warnings: Mutex<VecDeque<ClusterWarning>>,
}

impl Report {
    /// Warns of `problem` unless `warned` holds that it was warned of and has not ended since.
    pub(super) fn note(
        &self,
        source: &str,
        at: Timestamp,
        problem: Option<String>,
        warned: &mut Option<String>,
    ) {
        if let Some(message) = &problem
            && problem != *warned
        {
            let mut warnings = self.warnings.lock();
            if warnings.len() == WARNINGS_MAX {
                warnings.pop_front();
            }
            let (source, message) = (source.to_owned(), message.clone());
            warnings.push_back(ClusterWarning { at, source, message });
        }
        *warned = problem;
    }

    pub(super) fn take_warnings(&self) -> Vec<ClusterWarning> {
        std::mem::take(&mut *self.warnings.lock()).into()
    }

    pub(super) fn last_round(&self) -> Option<Round> {
        self.round.lock().clone()
    }
}
