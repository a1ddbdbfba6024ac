//! Why a query was not answered.

use std::any::Any;
use std::error::Error;
use std::fmt;

use stripchart_storage::ReadError;

/// Why a statement failed. Where InfluxDB has a text for it, that text is used to the letter.
#[derive(Debug)]
#[non_exhaustive]
pub enum QueryError {
    /// The statement needs a database and none was named.
    DatabaseRequired,
    /// There is no such database.
    DatabaseNotFound {
        /// Its name.
        name: String,
    },
    /// There is no such retention policy.
    PolicyNotFound {
        /// Its name.
        name: String,
    },
    /// The statement parses but means nothing; the text says why, in InfluxDB's words where it has some.
    Invalid {
        /// Why.
        message: String,
    },
    /// InfluxDB does this, this engine does not (yet).
    Unsupported {
        /// What.
        what: String,
    },
    /// An earlier statement of the same query failed.
    NotExecuted,
    /// `GROUP BY time` would make more windows than [`Limits::max_buckets`](crate::Limits::max_buckets).
    Buckets {
        /// Windows.
        found: u64,
        /// How many are allowed.
        limit: u64,
    },
    /// The statement reads more series than [`Limits::max_series`](crate::Limits::max_series).
    Series {
        /// Series.
        found: u64,
        /// How many are allowed.
        limit: u64,
    },
    /// The statement reads more rows than [`Limits::max_points`](crate::Limits::max_points).
    Points {
        /// Rows read when it was stopped.
        found: u64,
        /// How many are allowed.
        limit: u64,
    },
    /// The answer would take more memory than [`Limits::max_memory_bytes`](crate::Limits::max_memory_bytes).
    Memory {
        /// Bytes asked for, an estimate.
        found: u64,
        /// How many are allowed.
        limit: u64,
    },
    /// The deadline passed.
    Deadline,
    /// Whoever asked has gone.
    Cancelled,
    /// Storage could not read or write; the cause is the [source](Error::source).
    Storage {
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl QueryError {
    /// A statement that means nothing.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        QueryError::Invalid { message: message.into() }
    }

    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        QueryError::Unsupported { what: what.into() }
    }

    pub(crate) fn storage(source: impl Error + Send + Sync + 'static) -> Self {
        let cancelled = (&source as &dyn Any).downcast_ref::<ReadError>();
        match cancelled {
            Some(ReadError::Cancelled) => QueryError::Cancelled,
            _ => QueryError::Storage { source: Box::new(source) },
        }
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QueryError::DatabaseRequired => f.write_str("database name required"),
            QueryError::DatabaseNotFound { name } => write!(f, "database not found: {name}"),
            QueryError::PolicyNotFound { name } => write!(f, "retention policy not found: {name}"),
            QueryError::Invalid { message } => f.write_str(message),
            QueryError::Unsupported { what } => write!(f, "not supported yet: {what}"),
            QueryError::NotExecuted => f.write_str("not executed"),
            QueryError::Buckets { found, limit } => {
                write!(f, "max-select-buckets limit exceeded: ({found}/{limit})")
            }
            QueryError::Series { found, limit } => {
                write!(f, "max-select-series limit exceeded: ({found}/{limit})")
            }
            QueryError::Points { found, limit } => {
                // Sic.
                write!(f, "max-select-point limit exceeed: ({found}/{limit})")
            }
            QueryError::Memory { found, limit } => write!(
                f,
                "the answer takes more than the {limit} bytes of memory that a query may use (at least {found}); \
                 narrow the time range, group by a longer interval, or set a LIMIT"
            ),
            QueryError::Deadline => f.write_str("query-timeout limit exceeded"),
            QueryError::Cancelled => f.write_str("query interrupted"),
            QueryError::Storage { source } => source.fmt(f),
        }
    }
}

impl Error for QueryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            QueryError::Storage { source } => source.source(),
            _ => None,
        }
    }
}
