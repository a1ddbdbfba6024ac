//! `SELECT ... INTO`: the answer becomes points.

use std::collections::HashMap;

use stripchart_core::{Batch, Frame, Sink, Timestamp, ValueRef};
use stripchart_storage::{Db, Writer};

use crate::ast::Target;
use crate::{ExecuteOptions, QueryError};

/// Rows that are written at once.
pub(crate) const ROWS: usize = 10_000;

/// Writes frames to a target. The tags grouped by stay tags, everything else becomes fields.
#[derive(Debug)]
pub(crate) struct Copy<'a> {
    writer: Writer,
    target: &'a Target,
    batch: Batch,
    written: i64,
}

impl<'a> Copy<'a> {
    pub(crate) fn new(
        db: &Db,
        target: &'a Target,
        options: &ExecuteOptions<'_>,
    ) -> Result<Self, QueryError> {
        let database = target.database.as_deref().or(options.database);
        let database = database.filter(|name| !name.is_empty());
        let database = database.ok_or(QueryError::DatabaseRequired)?;
        let policy = match (&target.policy, &target.database) {
            (Some(policy), _) => Some(policy.as_str()),
            (None, None) => options.policy,
            (None, Some(_)) => None,
        };
        let policy = policy.filter(|policy| !policy.is_empty());
        let writer = db.writer(database, policy).map_err(QueryError::from_db)?;
        Ok(Copy { writer, target, batch: Batch::new(), written: 0 })
    }

    /// Writes the rows of `frame`.
    pub(crate) fn write(&mut self, frame: &Frame) -> Result<(), QueryError> {
        let name = self.target.measurement.as_deref().unwrap_or(&frame.name);
        let tags = frame.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let series = self.batch.series(name, tags).map_err(QueryError::storage)?;
        let times = frame.times().unwrap_or_default();
        // The time column is the first; two fields of one name would be one.
        let mut names: HashMap<&str, usize> = HashMap::new();
        for (index, column) in frame.columns.iter().enumerate().skip(1) {
            names.entry(&column.name).or_insert(index);
        }
        for (row, at) in times.iter().enumerate() {
            let mut writer = self.batch.row(series, Timestamp::from_nanos(*at));
            for (index, column) in frame.columns.iter().enumerate().skip(1) {
                let value = column.get(row).filter(|v| !matches!(v, ValueRef::Time(_)));
                if let Some(value) = value
                    && names.get(column.name.as_str()) == Some(&index)
                {
                    writer.field(&column.name, value);
                }
            }
            if !writer.is_empty() {
                self.written += 1;
            }
        }
        let accepted = self.writer.write(&self.batch).map_err(QueryError::storage)?;
        self.batch.reset();
        match accepted.rejected.first() {
            Some(row) => Err(QueryError::invalid(format!(
                "partial write: {} dropped={}",
                row.reason,
                accepted.rejected.len()
            ))),
            None => Ok(()),
        }
    }

    /// Rows written so far.
    pub(crate) fn written(&self) -> i64 {
        self.written
    }
}
