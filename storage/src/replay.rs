//! Reading the log back into the head.
//!
//! Nothing is sealed meanwhile, for until all has been read nothing in the folder is changed; and nothing need be. The log holds what no
//! segment covers: the rows of the active head, and of one that was being sealed, since a second is not taken out of use before the
//! first is written. Each took rows up to its bound (`head_bytes`, or the bytes of its log) and at most twice that, after which writing
//! is refused. Replaying puts the same rows into the same form, so it takes the memory that the process had that wrote them, and the
//! write that comes next seals. Beside that one file of the log is in memory at a time, and one record's rows.

use std::path::Path;
use std::sync::Arc;

use crate::ReadError;
use crate::bytes::Bad;
use crate::catalog::{Catalog, PolicyId, file};
use crate::head::Head;
use crate::log::{self, Kind, LogFile, RECORD_HEADER_LEN, Record};
use crate::quarantine::Keep;
use crate::record::{Replay, Taken};
use crate::recover::{Found, list_or_nothing, temporary};
use crate::vfs::Vfs;

impl Found {
    /// Replays the log into the head.
    pub(crate) fn read_log(&mut self, vfs: &dyn Vfs, folder: &Path) -> Result<(), ReadError> {
        let names = list_or_nothing(vfs, folder)?;
        self.remove.extend(temporary(folder, &names));
        let numbers = log::numbers(&names);
        if numbers.is_empty() && self.sealed_seq > 0 {
            let expected = "the files of the log";
            let error = ReadError::corrupt(folder, 0, expected, "none");
            self.damaged(folder, error, Keep::Nothing)?;
        }
        for (at, number) in numbers.iter().enumerate() {
            self.read_log_file(vfs, folder, *number, at + 1 == numbers.len())?;
        }
        Ok(())
    }

    fn read_log_file(
        &mut self,
        vfs: &dyn Vfs,
        folder: &Path,
        number: u64,
        last: bool,
    ) -> Result<(), ReadError> {
        let path = log::path_of(folder, number);
        // A last file without records is written over.
        self.next_number = number;
        let mut bytes = vfs.read(&path).map_err(|e| ReadError::io(&path, "read", e))?;
        let broken = self.damage.len();
        let scanned = self.scan(&path, number, &bytes, last)?;
        let before_is_whole =
            std::mem::replace(&mut self.log_is_whole, self.damage.len() == broken);
        let Some(first_seq) = scanned.first_seq else {
            // Its creation was interrupted, and nothing was in it; or nothing of it can be read, and there is a copy.
            if !last {
                self.remove.push(path);
            }
            return Ok(());
        };
        let end = first_seq + scanned.records.len() as u64;
        if !last && end <= self.sealed_seq + 1 {
            // Segments cover it; only its removal was interrupted, or undone by a power cut.
            self.remove.push(path);
            return Ok(());
        }
        let fits = if self.files.is_empty() {
            first_seq <= self.sealed_seq + 1 && end > self.sealed_seq
        } else {
            first_seq == self.next_seq
        };
        if !fits {
            let found =
                format!("records {first_seq} to before {end} where {} is due", self.next_seq);
            let expected = "the records of the log without a gap";
            let error = ReadError::corrupt(&path, 0, expected, found);
            if first_seq < self.next_seq {
                // Not to be applied a second time, after what came later.
                self.remove.push(path.clone());
                self.next_number = number + 1;
                return self.damaged(&path, error, Keep::Copy);
            }
            // Missing is the end of the file before, which has been noted, or a whole file.
            if before_is_whole {
                self.damaged(
                    &log::path_of(folder, number.saturating_sub(1)),
                    error,
                    Keep::Nothing,
                )?;
            }
        }
        if let Err(error) = self.replay_all(&path, &scanned.records) {
            self.damaged(&path, error, Keep::Copy)?;
            self.log_is_whole = false;
        }
        self.next_seq = self.next_seq.max(end);
        if scanned.records.is_empty() && last {
            return Ok(());
        }
        self.files.push_back(LogFile { number, first_seq, bytes: scanned.valid as u64 });
        self.next_number = number + 1;
        if last {
            let valid = scanned.valid;
            drop(scanned);
            bytes.truncate(valid);
            self.rewrite = Some((number, bytes));
        }
        Ok(())
    }

    /// The records of a file; of a damaged one those before the damage.
    ///
    /// What follows a damaged record in its file cannot be understood: it refers to names that may have been in that record.
    /// The next file explains its own.
    fn scan<'a>(
        &mut self,
        path: &Path,
        number: u64,
        bytes: &'a [u8],
        last: bool,
    ) -> Result<log::Scanned<'a>, ReadError> {
        match log::scan(path, number, bytes, last) {
            Err(ReadError::Corrupt { path, offset, expected, found }) => {
                let until = usize::try_from(offset).unwrap_or(0).min(bytes.len());
                let error = ReadError::corrupt(&path, offset, expected, found);
                self.damaged(&path, error, Keep::Copy)?;
                log::scan(&path, number, &bytes[..until], true)
            }
            other => other,
        }
    }

    /// Replays the records of a file, those before the first that is damaged.
    ///
    /// A file names a series once, so that into an empty head all are appended without a look for them. What claims to be a file and
    /// names one twice is found out at the end, and replayed again with looking.
    fn replay_all(&mut self, path: &Path, records: &[Record<'_>]) -> Result<(), ReadError> {
        if self.head.inner.read().series_count() > 0 {
            return self.replay_into(path, records, false);
        }
        let catalog = Arc::clone(&self.catalog);
        let done = self.replay_into(path, records, true);
        if self.head.inner.write().hash_appended() {
            return done;
        }
        self.catalog = catalog;
        self.head = Head::new(1);
        self.replay_into(path, records, false)
    }

    fn replay_into(
        &mut self,
        path: &Path,
        records: &[Record<'_>],
        appends: bool,
    ) -> Result<(), ReadError> {
        let mut replay = Replay::new(appends);
        let batches = records.iter().filter(|record| record.kind == Kind::Batch);
        replay.reserve(batches.map(|record| record.payload), &mut self.head.inner.write());
        for record in records {
            self.replay(&mut replay, record).map_err(|bad| {
                let offset = (record.offset + RECORD_HEADER_LEN + bad.offset) as u64;
                ReadError::corrupt(path, offset, bad.expected, bad.found)
            })?;
        }
        Ok(())
    }

    fn replay(&mut self, replay: &mut Replay, record: &Record<'_>) -> Result<(), Bad> {
        match record.kind {
            Kind::Catalog => {
                // An older one than the checkpoint would undo what came between.
                if record.seq > self.sealed_seq {
                    self.catalog = Arc::new(file::decode(record.payload)?);
                }
                Ok(())
            }
            Kind::Batch => {
                // Decoded even if covered by segments: it may name series that later records refer to.
                let mut head = self.head.inner.write();
                let catalog = &self.catalog;
                let known = |policy| catalog.policy_by_id(policy).is_some();
                let (policy, mut tables) = replay.decode(record.payload, &mut head, known)?;
                if record.seq <= self.sealed_seq {
                    return Ok(());
                }
                let number = head.begin_batch();
                for table in &mut tables {
                    let Some(of) = head.tables().get(table.table as usize) else { continue };
                    let measurement = Arc::clone(&of.measurement);
                    fix_types(&mut self.catalog, policy, &measurement, table);
                    table.add_to(&mut head, number);
                }
                head.logged(record.payload.len());
                head.end_batch(number);
                Ok(())
            }
        }
    }
}

/// Gives the fields of `table` their types in the catalog, as writing did. Values of another type than the catalog's, which writing
/// has not let through, are left out.
fn fix_types(
    catalog: &mut Arc<Catalog>,
    policy: PolicyId,
    measurement: &str,
    table: &mut Taken<'_>,
) {
    table.columns.retain(|column| {
        let Some(found) = column.values().field_type() else { return false };
        match catalog.field_type(policy, measurement, &column.name) {
            Some(expected) => found == expected,
            None => {
                Arc::make_mut(catalog).add_field(policy, measurement, &column.name, found);
                true
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use stripchart_core::{Batch, Sink, TimeRange, Timestamp};

    use super::*;
    use crate::log::Log;
    use crate::vfs::RealVfs;
    use crate::{Db, TagFilter};

    /// A log whose records repeat the names that the ones before them have given.
    #[test]
    fn a_series_that_a_file_names_twice_is_one_series() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(folder.path()).unwrap();
        db.create_database("d", None).unwrap();
        let writer = db.writer("d", None).unwrap();
        let mut batch = Batch::new();
        for host in ["a", "b"] {
            let series = batch.series("cpu", [("host", host)]).unwrap();
            batch.row(series, Timestamp::from_secs(1)).i64("n", 1);
        }
        writer.write(&batch).unwrap();
        drop((writer, db));

        let logs = folder.path().join("log");
        let number = log::numbers(&RealVfs.list(&logs).unwrap()).pop().unwrap();
        let path = log::path_of(&logs, number);
        let bytes = RealVfs.read(&path).unwrap();
        let scanned = log::scan(&path, number, &bytes, true).unwrap();
        let (first, records) = (scanned.first_seq.unwrap(), scanned.records);
        let mut again = Log::begin(&RealVfs, &logs, VecDeque::new(), number + 1, first).unwrap();
        for record in records.iter().chain(records.last()) {
            again.append(record.kind, record.payload, u64::MAX).unwrap();
        }
        std::fs::remove_file(path).unwrap();

        let db = Db::open(folder.path()).unwrap();
        assert!(db.health().quarantined.is_empty());
        let view = db.view("d", None).unwrap();
        let series = view.series("cpu", &TagFilter::All).unwrap();
        let keys: Vec<String> = series.iter().map(|series| series.key().to_string()).collect();
        assert_eq!(keys, ["cpu,host=a", "cpu,host=b"]);
        let last = view.last_values(&series, "n", TimeRange::ALL).unwrap();
        assert!(last.iter().all(Option::is_some));
    }
}
