//! What the tests of the database share: small writes, and all rows as text.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "every test uses a part, with small numbers"
)]

pub mod acks;

use std::path::Path;
use std::sync::Arc;

use stripchart_core::{
    Accepted, Batch, ManualClock, Sink, SinkError, TimeRange, Timestamp, ValueRef,
};
use stripchart_storage::vfs::Vfs;
use stripchart_storage::{Db, DbBuilder, Direction, OpenError, TagFilter};

/// The database that tests write to.
pub const DB: &str = "test";

/// A clock that stands at 2026-01-01.
pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_secs(1_767_225_600)))
}

/// Options with a standing clock.
pub fn options(clock: &Arc<ManualClock>) -> DbBuilder {
    let clock = Arc::clone(clock);
    Db::builder().clock(move || stripchart_core::Clock::now(&*clock))
}

/// The database in `/db` of a file system, with the clock above.
pub fn open(vfs: &(impl Vfs + Clone + 'static), options: DbBuilder) -> Result<Db, OpenError> {
    options.vfs(Arc::new(vfs.clone())).open(Path::new("/db"))
}

/// Writes one row of floats.
pub fn put(db: &Db, host: &str, at: i64, fields: &[(&str, f64)]) -> Result<Accepted, SinkError> {
    let mut batch = Batch::new();
    let series = batch.series("m", [("host", host)]).unwrap();
    let mut row = batch.row(series, Timestamp::from_nanos(at));
    fields.iter().for_each(|(name, value)| row.field(name, *value));
    drop(row);
    db.writer(DB, None).unwrap().write(&batch)
}

/// Every row of every series of the database, a line each.
pub fn dump(db: &Db) -> Vec<String> {
    let Ok(view) = db.view(DB, None) else { return Vec::new() };
    let mut lines = Vec::new();
    for measurement in view.measurements().unwrap() {
        let fields = view.fields(&measurement);
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        for series in view.series(&measurement, &TagFilter::All).unwrap() {
            let mut last = None;
            for block in view.scan(&series, &names, TimeRange::ALL, Direction::Ascending) {
                let block = block.unwrap();
                assert!(block.timestamps.len() <= 1024);
                for (row, at) in block.timestamps.iter().enumerate() {
                    assert!(last < Some(*at), "rows must ascend");
                    last = Some(*at);
                    let mut line = format!("{} {at}", series.key());
                    for (name, column) in names.iter().zip(&block.columns) {
                        assert_eq!(column.len(), block.timestamps.len());
                        if let Some(value) = column.get(row) {
                            line += &format!(" {name}={}", text(value));
                        }
                    }
                    lines.push(line);
                }
            }
        }
    }
    lines
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Float(v) => format!("{v:?}"),
        ValueRef::Integer(v) => format!("{v}i"),
        ValueRef::Unsigned(v) => format!("{v}u"),
        ValueRef::Boolean(v) => v.to_string(),
        ValueRef::String(v) => format!("{v:?}"),
        ValueRef::Time(v) => v.to_string(),
    }
}
