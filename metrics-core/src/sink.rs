//! Where batches go.

use std::error::Error;
use std::fmt;

use crate::{Batch, FieldDescriptor, FieldType, KeyError};

/// Takes batches: a database, a forwarder, a terminal.
///
/// When [`Sink::write`] returns `Ok`, the rows not named as refused are the sink's to keep; what that means for a crash,
/// the sink's documentation says.
pub trait Sink: Send + Sync {
    /// Writes the rows of `batch`.
    ///
    /// Rows that cannot be taken are named in the answer; the others are taken.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if none was taken; the same batch may be offered again.
    fn write(&self, batch: &Batch) -> Result<Accepted, SinkError>;

    /// Tells what fields mean; may be called again with the same. Sinks without use for it ignore it.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if the sink keeps such things and could not.
    fn describe(&self, fields: &[FieldDescriptor]) -> Result<(), SinkError> {
        let _ = fields;
        Ok(())
    }
}

impl<S: Sink + ?Sized> Sink for &S {
    fn write(&self, batch: &Batch) -> Result<Accepted, SinkError> {
        (**self).write(batch)
    }

    fn describe(&self, fields: &[FieldDescriptor]) -> Result<(), SinkError> {
        (**self).describe(fields)
    }
}

impl<S: Sink + ?Sized> Sink for std::sync::Arc<S> {
    fn write(&self, batch: &Batch) -> Result<Accepted, SinkError> {
        (**self).write(batch)
    }

    fn describe(&self, fields: &[FieldDescriptor]) -> Result<(), SinkError> {
        (**self).describe(fields)
    }
}

/// What a sink took of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accepted {
    /// Rows taken, in whole or but for a field.
    pub rows: usize,
    /// Rows, or single fields of rows, that were not.
    pub rejected: Vec<RejectedRow>,
}

/// A row that a sink did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// Its measurement.
    pub measurement: String,
    /// Its place in that measurement's [`crate::Table`].
    pub row: usize,
    /// Why.
    pub reason: RejectReason,
}

/// Why a row was not taken. The texts are InfluxDB's.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectReason {
    /// The field is stored with another type.
    FieldType {
        /// The measurement.
        measurement: String,
        /// The field.
        field: String,
        /// The type that was offered.
        found: FieldType,
        /// The type that it has.
        expected: FieldType,
    },
    /// The row is older than the retention policy keeps.
    BeyondRetention,
    /// The instant lies outside what the database can store.
    TimeOutsideRange,
    /// Measurement and tags make no key that the database can store.
    Key(KeyError),
    /// A limit of the sink was reached.
    Limit {
        /// Which one, and its value.
        limit: String,
    },
    /// No field or tag may have this name.
    ReservedName {
        /// The measurement.
        measurement: String,
        /// `field` or `tag`.
        kind: &'static str,
        /// The name.
        name: String,
    },
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RejectReason::FieldType { measurement, field, found, expected } => write!(
                f,
                "field type conflict: input field \"{field}\" on measurement \"{measurement}\" is type {found}, \
                 already exists as type {expected}"
            ),
            RejectReason::BeyondRetention => f.write_str("points beyond retention policy"),
            RejectReason::TimeOutsideRange => {
                f.write_str("time outside range -9223372036854775806 - 9223372036854775806")
            }
            RejectReason::Key(error) => error.fmt(f),
            RejectReason::Limit { limit } => f.write_str(limit),
            RejectReason::ReservedName { measurement, kind: "tag", name } => {
                write!(
                    f,
                    "invalid tag key: input tag \"{name}\" on measurement \"{measurement}\" is invalid"
                )
            }
            RejectReason::ReservedName { measurement, kind, name } => {
                write!(
                    f,
                    "invalid {kind} name: input {kind} \"{name}\" on measurement \"{measurement}\" is invalid"
                )
            }
        }
    }
}

/// Why a sink took nothing.
#[derive(Debug)]
#[non_exhaustive]
pub enum SinkError {
    /// The sink takes no writes now, and says why; reading may go on.
    ReadOnly {
        /// Why.
        reason: String,
    },
    /// The sink has been closed.
    Closed,
    /// Anything else; the cause is the [source](Error::source).
    Other {
        /// What the sink was doing.
        what: String,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SinkError::ReadOnly { reason } => write!(f, "no writes are taken: {reason}"),
            SinkError::Closed => f.write_str("the sink is closed"),
            SinkError::Other { what, .. } => f.write_str(what),
        }
    }
}

impl Error for SinkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            SinkError::Other { source, .. } => Some(&**source),
            SinkError::ReadOnly { .. } | SinkError::Closed => None,
        }
    }
}
