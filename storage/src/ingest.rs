//! The way of a batch: decide, log, apply, make durable, acknowledge.
//!
//! The order of the log is the order of the head, because one lock is held over both; so a replay of the log gives the same
//! rows. A batch can be read a moment before it is durable, as soon as it is in the head; it is acknowledged only afterwards.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use stripchart_core::{Accepted, Batch, SeriesEntry, Values, error_chain};

use crate::DbError;
use crate::catalog::{Change, PolicyId, file};
use crate::codec::{MAX_TEXT, MAX_VALUES};
use crate::db::Shared;
use crate::head::HeadInner;
use crate::limits::Asked;
use crate::log::{Kind, Log, MAX_RECORD};
use crate::options::SyncPolicy;
use crate::plan::Plan;
use crate::record::{MAX_CELLS, Names, Taken};

/// What only one writer at a time has.
#[derive(Debug)]
pub(crate) struct Ingest {
    pub(crate) closed: bool,
    pub(crate) log: Log,
    pub(crate) names: Names,
    /// When the first row came into the active head.
    pub(crate) head_since: Option<i64>,
    /// When a writer last synced by interval.
    last_sync: i64,
    payload: Vec<u8>,
}

impl Ingest {
    pub(crate) fn new(log: Log, head_since: Option<i64>) -> Self {
        Ingest {
            closed: false,
            log,
            names: Names::default(),
            head_since,
            last_sync: i64::MIN,
            payload: Vec::new(),
        }
    }
}

impl Ingest {
    /// A new file of the log was begun, which explains its own names.
    pub(crate) fn resumed(&mut self) {
        self.names = Names::default();
    }
}

impl Shared {
    /// Changes the catalog, durably whatever the sync policy.
    pub(crate) fn change(&self, change: &Change) -> Result<(), DbError> {
        self.change_if(change, || true)
    }

    /// The same if `allowed`, which is asked while nobody writes.
    pub(crate) fn change_if(
        &self,
        change: &Change,
        allowed: impl FnOnce() -> bool,
    ) -> Result<(), DbError> {
        let mut ingest = self.ingest.lock();
        if ingest.closed {
            return Err(DbError::Closed);
        }
        self.commit.check()?;
        self.resume_log(&mut ingest)?;
        if !allowed() {
            return Ok(());
        }
        let Some(next) = self.catalog().after(change)? else { return Ok(()) };
        let mut payload = Vec::new();
        file::encode(&next, &mut payload);
        let seq = self.append(&mut ingest, Kind::Catalog, &payload)?;
        *self.catalog.write() = Arc::new(next);
        drop(ingest);
        self.wake.notify();
        self.commit.wait(seq)
    }

    pub(crate) fn write(&self, policy: PolicyId, batch: &Batch) -> Result<Accepted, DbError> {
        self.write_batch(policy, batch, false)
    }

    /// Writes a batch that none but this database has ever had, so that the hints in it are its own.
    pub(crate) fn write_own(&self, policy: PolicyId, batch: &Batch) -> Result<Accepted, DbError> {
        self.write_batch(policy, batch, true)
    }

    fn write_batch(&self, policy: PolicyId, batch: &Batch, own: bool) -> Result<Accepted, DbError> {
        self.make_room()?;
        let mut ingest = self.ingest.lock();
        if ingest.closed {
            return Err(DbError::Closed);
        }
        self.commit.check()?;
        self.check_room(&mut ingest)?;
        let now = self.options.clock.now().nanos();
        let catalog = self.catalog();
        let retention = catalog.policy_by_id(policy).ok_or_else(|| DbError::PolicyNotFound {
            name: "the writer's, which was dropped".to_owned(),
        })?;
        let generation = self.version.read().active.generation;
        let known = |hint: u64| own && hint >> 32 == u64::from(generation);
        let mut plan = Plan::new(&catalog, policy, batch, retention.horizon(now), known);
        {
            let (limits, catalog) = (&self.options.limits, &*catalog);
            let tags = &*Arc::clone(&self.version.read().active);
            let head = &tags.inner.read();
            Asked { limits, catalog, policy, batch, head, tags }.apply(&mut plan);
        }
        let seq = if plan.rows > 0 {
            Some(self.log_and_apply(&mut ingest, policy, (batch, own), &plan, now)?)
        } else {
            None
        };
        let sync = self.sync_due(&mut ingest, now);
        drop(ingest);
        self.rows_written.fetch_add(plan.rows as u64, Ordering::Relaxed);
        self.rows_rejected.fetch_add(plan.rejected.len() as u64, Ordering::Relaxed);
        match seq {
            Some(seq) if sync => self.commit.wait(seq)?,
            _ => {}
        }
        Ok(Accepted { rows: plan.rows, rejected: plan.rejected })
    }

    fn log_and_apply(
        &self,
        ingest: &mut Ingest,
        policy: PolicyId,
        (batch, own): (&Batch, bool),
        plan: &Plan,
        now: i64,
    ) -> Result<u64, DbError> {
        check_size(batch, plan)?;
        let head = Arc::clone(&self.version.read().active);
        let tables = take(&mut head.inner.write(), head.generation, policy, batch, plan, own);
        let mut payload = std::mem::take(&mut ingest.payload);
        payload.clear();
        // Nobody else writes to the head, and readers are not in the way.
        ingest.names.encode(policy, &tables, &head.inner.read(), &mut payload);
        let seq = self.append(ingest, Kind::Batch, &payload)?;
        if let Some(next) = plan.catalog_after(&self.catalog(), policy) {
            *self.catalog.write() = Arc::new(next);
        }
        {
            let mut inner = head.inner.write();
            let number = inner.begin_batch();
            tables.iter().for_each(|table| table.add_to(&mut inner, number));
            inner.logged(payload.len());
            inner.end_batch(number);
        }
        ingest.head_since.get_or_insert(now);
        // One large batch must not hold memory for ever.
        if payload.capacity() <= 1 << 20 {
            ingest.payload = payload;
        }
        Ok(seq)
    }

    fn append(&self, ingest: &mut Ingest, kind: Kind, payload: &[u8]) -> Result<u64, DbError> {
        if payload.len() > MAX_RECORD {
            // Names were given numbers that the file will not explain.
            ingest.names = Names::default();
            self.rotate(ingest)?;
            return Err(DbError::TooLarge { bytes: payload.len(), max: MAX_RECORD });
        }
        let durable = self.commit.durable();
        let written = ingest.log.append(kind, payload, durable);
        let seq = written.map_err(|error| self.log_failed(ingest, &error))?;
        self.commit.wrote(seq);
        self.disk.wrote(payload.len());
        // A file in which names are most of the bytes would be followed by one that repeats them.
        let full = self.options.log_file_bytes.max(4 * ingest.names.bytes);
        if ingest.log.current_bytes() >= full {
            match self.rotate(ingest) {
                // This record is written.
                Ok(()) | Err(DbError::DiskFull { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(seq)
    }

    /// Begins a new file of the log, if this one has records; all of them are durable then.
    pub(crate) fn rotate(&self, ingest: &mut Ingest) -> Result<(), DbError> {
        // By whoever leads the syncs, and never beside him: the system tells of a failure once, and only one of two would hear it.
        self.commit.sync_all()?;
        let before = ingest.log.files.len();
        if let Err(error) = ingest.log.rotate(self.vfs()) {
            return Err(self.log_failed(ingest, &error));
        }
        if ingest.log.files.len() > before {
            ingest.names = Names::default();
            self.commit.rotated(&ingest.log.file, ingest.log.next_seq - 1);
        }
        Ok(())
    }

    /// Whether this writer is to sync.
    fn sync_due(&self, ingest: &mut Ingest, now: i64) -> bool {
        match self.options.sync {
            SyncPolicy::Always => true,
            SyncPolicy::Never => false,
            // Somebody else does.
            SyncPolicy::Interval(_) if self.drivers.load(Ordering::Relaxed) > 0 => false,
            SyncPolicy::Interval(interval) => {
                let interval = i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX);
                // A clock that went back must not put it off.
                let since = now.saturating_sub(ingest.last_sync);
                let due = since >= interval || since < 0;
                if due {
                    ingest.last_sync = now;
                }
                due
            }
        }
    }

    /// Seals the head if it is full and nobody else does; refuses the write if that fails again and again.
    fn make_room(&self) -> Result<(), DbError> {
        let fill = || self.version.read().active.inner.read().fill(self.options.head_bytes);
        let driven = self.drivers.load(Ordering::Relaxed) > 0;
        let full = fill();
        if full < 100 {
            return Ok(());
        }
        if driven && full < 200 {
            self.wake.notify();
            return Ok(());
        }
        match self.seal_if(|| fill() >= 100) {
            Ok(()) => Ok(()),
            // The rows are safe in the log, and there is some room yet.
            Err(_) if fill() < 200 => Ok(()),
            Err(error) => Err(DbError::ReadOnly {
                reason: format!("memory is full, and sealing it fails: {}", error_chain(&error)),
            }),
        }
    }
}

/// The rows of `batch` that `plan` takes, with the numbers that `head` has for their series, which are entered if new.
///
/// Of the hints in the batch those are believed that are `own`; others are compared with the key, for other sinks leave hints too.
pub(crate) fn take<'a>(
    head: &mut HeadInner,
    generation: u32,
    policy: PolicyId,
    batch: &'a Batch,
    plan: &Plan,
    own: bool,
) -> Vec<Taken<'a>> {
    let mut known = Vec::new();
    // Few rows of a batch that has had many series look at each row's series again.
    let few = batch.row_count() < batch.series_count() / 4;
    if !own && !few {
        known.resize(batch.series_count(), 0);
    }
    let mut tables = Vec::with_capacity(plan.tables.len());
    for (table, plan) in batch.tables().zip(&plan.tables) {
        let number = head.table(policy, table.measurement());
        let mut series = Vec::with_capacity(plan.rows);
        // Nearly always: the batch is this database's own, and has had these series before.
        if own && plan.rows == table.row_count() {
            let numbers = table.series().iter().map_while(|index| {
                head.hinted(generation, number, batch.series_entry(*index).hint())
            });
            series.extend(numbers);
        }
        let done = series.len();
        for (_, index) in plan.kept(table.series()).skip(done) {
            let found = match known.get_mut(*index as usize) {
                Some(0) | None => {
                    let entry = batch.series_entry(*index);
                    let found = resolve(head, generation, number, entry, own);
                    if let Some(known) = known.get_mut(*index as usize) {
                        *known = found + 1;
                    }
                    found
                }
                Some(known) => *known - 1,
            };
            series.push(found);
        }
        let (timestamps, columns) = plan.taken(table);
        tables.push(Taken { table: number, series, timestamps, columns });
    }
    tables
}

/// The number of a series; entered if new.
fn resolve(
    head: &mut HeadInner,
    generation: u32,
    table: u32,
    entry: SeriesEntry<'_>,
    own: bool,
) -> u32 {
    if let Some(number) = head.hinted(generation, table, entry.hint())
        && (own || head.key(number) == entry.key().as_str())
    {
        return number;
    }
    let number = head.enter(table, entry.key());
    entry.set_hint((u64::from(generation) << 32) | (u64::from(number) + 1));
    number
}

/// Refuses what could be written and not be read again.
fn check_size(batch: &Batch, plan: &Plan) -> Result<(), DbError> {
    let refuse = |bytes, max| Err(DbError::TooLarge { bytes, max });
    let mut cells = 0;
    for (table, plan) in batch.tables().zip(&plan.tables) {
        if plan.rows > MAX_VALUES {
            return refuse(plan.rows * size_of::<i64>(), MAX_VALUES * size_of::<i64>());
        }
        cells += plan.rows * (2 + plan.columns.len());
        if cells > MAX_CELLS {
            return refuse(cells * size_of::<i64>(), MAX_CELLS * size_of::<i64>());
        }
        for column in &plan.columns {
            let Values::String(texts) = table.columns()[*column].values() else { continue };
            let bytes = texts.iter().map(str::len).sum();
            if bytes > MAX_TEXT {
                return refuse(bytes, MAX_TEXT);
            }
        }
    }
    Ok(())
}
