//! Writing: a sink for one retention policy.

use std::sync::Arc;

use stripchart_core::{Accepted, Batch, FieldDescriptor, Sink, SinkError};

use crate::DbError;
use crate::catalog::{Change, PolicyId};
use crate::db::Shared;

/// Writes batches to a retention policy. Cheap to clone; may be used from several threads.
///
/// When [`Sink::write`] returns `Ok`, the accepted rows are in the log, as durable as the
/// [`SyncPolicy`](crate::SyncPolicy) says, and every [`View`](crate::View) taken from then on has them.
/// A batch becomes visible, and survives a crash, whole or not at all. Writing the same rows again is harmless.
#[derive(Debug, Clone)]
pub struct Writer {
    shared: Arc<Shared>,
    policy: PolicyId,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, policy: PolicyId) -> Self {
        Writer { shared, policy }
    }
}

impl Sink for Writer {
    fn write(&self, batch: &Batch) -> Result<Accepted, SinkError> {
        self.shared.write(self.policy, batch).map_err(sink_error)
    }

    fn describe(&self, fields: &[FieldDescriptor]) -> Result<(), SinkError> {
        let change = Change::Describe { policy: self.policy, fields: fields.to_vec() };
        self.shared.change(&change).map_err(sink_error)
    }
}

pub(crate) fn sink_error(error: DbError) -> SinkError {
    match error {
        DbError::Closed => SinkError::Closed,
        DbError::ReadOnly { reason } => SinkError::ReadOnly { reason },
        error => SinkError::Other { what: error.to_string(), source: Box::new(error) },
    }
}
