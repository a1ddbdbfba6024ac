//! What of a batch is taken, decided before anything is written.
//!
//! The decision depends on the catalog alone (and, for age, on the hour), so that a batch read back from the log is
//! decided alike.

use std::borrow::Cow;
use std::collections::HashSet;

use stripchart_core::{
    Batch, Column, FieldType, KeyRef, RejectReason, RejectedRow, Table, Timestamp, Values,
};

use crate::catalog::{Catalog, PolicyId};

/// The name that no field and no tag may have, for it is the time column's.
const TIME: &str = "time";

/// What of a batch is taken.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// One for each of the batch's tables.
    pub(crate) tables: Vec<TablePlan>,
    pub(crate) rejected: Vec<RejectedRow>,
    /// Fields that have no type yet: measurement, field, type.
    pub(crate) new_fields: Vec<(String, String, FieldType)>,
    /// Rows taken.
    pub(crate) rows: usize,
}

/// What of a table is taken.
#[derive(Debug, Default)]
pub(crate) struct TablePlan {
    /// Columns, by index.
    pub(crate) columns: Vec<usize>,
    /// For each row whether it is taken; `None` if all are.
    keep: Option<Vec<bool>>,
    /// Rows taken.
    pub(crate) rows: usize,
}

impl TablePlan {
    /// The entries of rows that are taken, with their row numbers.
    pub(crate) fn kept<'a, T>(&self, of: &'a [T]) -> impl Iterator<Item = (usize, &'a T)> {
        of.iter().enumerate().filter(move |(row, _)| self.keeps(*row))
    }

    /// Takes no row `row` of `rows`; whether it was to be taken.
    pub(crate) fn refuse(&mut self, row: usize, rows: usize) -> bool {
        if !self.keeps(row) {
            return false;
        }
        self.keep.get_or_insert_with(|| vec![true; rows])[row] = false;
        self.rows -= 1;
        true
    }

    pub(crate) fn keeps(&self, row: usize) -> bool {
        self.keep.as_ref().is_none_or(|keep| keep[row])
    }

    /// The times of the rows that are taken, and their columns.
    pub(crate) fn taken<'a>(&self, table: &'a Table) -> (Cow<'a, [i64]>, Vec<Cow<'a, Column>>) {
        let columns = self.columns.iter().map(|column| &table.columns()[*column]);
        if self.keep.is_none() {
            return (Cow::Borrowed(table.timestamps()), columns.map(Cow::Borrowed).collect());
        }
        let timestamps: Vec<i64> = self.kept(table.timestamps()).map(|(_, at)| *at).collect();
        let columns = columns.map(|column| Cow::Owned(self.kept_rows(table, column)));
        (Cow::Owned(timestamps), columns.collect())
    }

    fn kept_rows(&self, table: &Table, column: &Column) -> Column {
        let field_type = column.values().field_type().unwrap_or(FieldType::Float);
        let mut kept = Column::new(column.name.as_str(), Values::empty(field_type));
        for row in (0..table.row_count()).filter(|row| self.keeps(*row)) {
            match column.get(row) {
                Some(value) => kept.push(value),
                None => kept.push_null(),
            }
        }
        kept
    }
}

impl Plan {
    /// Decides about `batch`; rows before `horizon` are too old. Keys of series whose hint `known` accepts have been looked
    /// at before.
    pub(crate) fn new(
        catalog: &Catalog,
        policy: PolicyId,
        batch: &Batch,
        horizon: i64,
        known: impl Fn(u64) -> bool,
    ) -> Plan {
        let mut plan = Plan::default();
        for table in batch.tables() {
            let decided = Decision { catalog, policy, table, reasons: Vec::new() };
            let table = decided.decide(batch, horizon, &known, &mut plan);
            plan.rows += table.rows;
            plan.tables.push(table);
        }
        plan
    }

    /// The catalog with the new fields, if there are any.
    pub(crate) fn catalog_after(&self, catalog: &Catalog, policy: PolicyId) -> Option<Catalog> {
        if self.new_fields.is_empty() {
            return None;
        }
        let mut next = catalog.clone();
        for (measurement, field, field_type) in &self.new_fields {
            next.add_field(policy, measurement, field, *field_type);
        }
        Some(next)
    }
}

struct Decision<'a> {
    catalog: &'a Catalog,
    policy: PolicyId,
    table: &'a Table,
    reasons: Vec<(usize, RejectReason)>,
}

impl Decision<'_> {
    fn decide(
        mut self,
        batch: &Batch,
        horizon: i64,
        known: &impl Fn(u64) -> bool,
        plan: &mut Plan,
    ) -> TablePlan {
        self.check_times(horizon);
        self.check_tags(batch, known);
        let columns = self.check_fields(&mut plan.new_fields);
        let rows = self.table.row_count();
        let mut keep = None;
        // A row is reported once, for the first reason found.
        self.reasons.sort_by_key(|(row, _)| *row);
        self.reasons.dedup_by_key(|(row, _)| *row);
        for (row, reason) in self.reasons {
            keep.get_or_insert_with(|| vec![true; rows])[row] = false;
            let measurement = self.table.measurement().to_owned();
            plan.rejected.push(RejectedRow { measurement, row, reason });
        }
        let rows = keep.as_ref().map_or(rows, |keep| keep.iter().filter(|keep| **keep).count());
        TablePlan { columns, keep, rows }
    }

    fn check_times(&mut self, horizon: i64) {
        let times = self.table.timestamps();
        let possible = Timestamp::MIN.nanos()..=Timestamp::MAX.nanos();
        let earliest = times.iter().copied().fold(i64::MAX, i64::min);
        let latest = times.iter().copied().fold(i64::MIN, i64::max);
        if earliest >= *possible.start() && latest <= *possible.end() && earliest >= horizon {
            return;
        }
        for (row, at) in times.iter().enumerate() {
            if !possible.contains(at) {
                self.reasons.push((row, RejectReason::TimeOutsideRange));
            } else if *at < horizon {
                self.reasons.push((row, RejectReason::BeyondRetention));
            }
        }
    }

    fn check_tags(&mut self, batch: &Batch, known: &impl Fn(u64) -> bool) {
        // Nearly always nothing new is among them.
        if self.table.series().iter().all(|series| known(batch.series_entry(*series).hint())) {
            return;
        }
        let mut last = None;
        for (row, series) in self.table.series().iter().enumerate() {
            let reserved = match last {
                Some((before, reserved)) if before == *series => reserved,
                _ => {
                    let entry = batch.series_entry(*series);
                    !known(entry.hint()) && has_time_tag(entry.key())
                }
            };
            last = Some((*series, reserved));
            if reserved {
                self.reasons.push((row, self.reserved("tag")));
            }
        }
    }

    fn reserved(&self, kind: &'static str) -> RejectReason {
        let measurement = self.table.measurement().to_owned();
        RejectReason::ReservedName { measurement, kind, name: TIME.to_owned() }
    }

    /// Chooses the columns; refuses rows with a value of the wrong type, and those with a field `time` only.
    fn check_fields(&mut self, new_fields: &mut Vec<(String, String, FieldType)>) -> Vec<usize> {
        let table = self.table;
        let mut chosen = Vec::with_capacity(table.columns().len());
        let mut new: Vec<(&str, FieldType)> = Vec::new();
        let known = self.catalog.measurement(self.policy, table.measurement());
        for (at, column) in table.columns().iter().enumerate() {
            let Some(found) = column.values().field_type().filter(|_| !column.is_empty()) else {
                continue;
            };
            if column.name == TIME {
                continue;
            }
            let stored = known.and_then(|known| known.fields.get(column.name.as_str()).copied());
            let fixed =
                stored.or_else(|| new.iter().find(|(n, _)| *n == column.name).map(|(_, t)| *t));
            let expected = fixed.or_else(|| {
                let first = self.first_type(&column.name)?;
                new.push((&column.name, first));
                Some(first)
            });
            match expected {
                Some(expected) if found == expected => chosen.push(at),
                Some(expected) => self.refuse_values(column, found, expected),
                // Every row that has the field is refused already.
                None => {}
            }
        }
        let measurement = table.measurement();
        new_fields.extend(new.iter().map(|(n, t)| (measurement.to_owned(), (*n).to_owned(), *t)));
        self.refuse_time_only();
        chosen
    }

    /// The type of the first value of `field` in a row that is not refused yet.
    fn first_type(&self, field: &str) -> Option<FieldType> {
        let refused: HashSet<usize> = self.reasons.iter().map(|(row, _)| *row).collect();
        let usable = |column: &Column, row: &usize| column.is_valid(*row) && !refused.contains(row);
        let columns = self.table.columns().iter().filter(|column| column.name == field);
        let firsts = columns.filter_map(|column| {
            let row = (0..column.len()).find(|row| usable(column, row))?;
            Some((row, column.values().field_type()?))
        });
        firsts.min_by_key(|(row, _)| *row).map(|(_, field_type)| field_type)
    }

    fn refuse_values(&mut self, column: &Column, found: FieldType, expected: FieldType) {
        let measurement = self.table.measurement();
        for row in (0..column.len()).filter(|row| column.is_valid(*row)) {
            let reason = RejectReason::FieldType {
                measurement: measurement.to_owned(),
                field: column.name.clone(),
                found,
                expected,
            };
            self.reasons.push((row, reason));
        }
    }

    /// A field `time` is left out, as in InfluxDB; a row of nothing else is refused.
    fn refuse_time_only(&mut self) {
        let columns = self.table.columns();
        if !columns.iter().any(|column| column.name == TIME && !column.is_empty()) {
            return;
        }
        for row in 0..self.table.row_count() {
            if !columns.iter().any(|column| column.name != TIME && column.is_valid(row)) {
                self.reasons.push((row, self.reserved("field")));
            }
        }
    }
}

fn has_time_tag(key: KeyRef<'_>) -> bool {
    // Most keys do not contain the letters at all.
    key.as_str().contains("\0time\0") && key.tag(TIME).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: PolicyId = PolicyId(0);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn a_row_of_the_wrong_type_is_refused_and_the_first_value_fixes_it() {
        let mut batch = Batch::new();
        let series = batch.series("m", []).unwrap();
        batch.row(series, at(1)).f64("other", 1.0);
        batch.row(series, at(2)).i64("v", 1);
        batch.row(series, at(3)).f64("v", 1.0).f64("other", 2.0);
        let plan = Plan::new(&Catalog::default(), POLICY, &batch, i64::MIN, |_| false);
        assert_eq!(plan.rows, 2);
        let refused: Vec<_> = plan.rejected.iter().map(|r| (r.row, r.reason.to_string())).collect();
        let text = "field type conflict: input field \"v\" on measurement \"m\" is type float, already exists as type integer";
        assert_eq!(refused, [(2, text.to_owned())]);
        assert!(plan.new_fields.contains(&("m".into(), "v".into(), FieldType::Integer)));
    }

    #[test]
    fn time_is_no_field_and_no_tag() {
        let mut batch = Batch::new();
        let series = batch.series("m", []).unwrap();
        let bad = batch.series("m", [("time", "x")]).unwrap();
        batch.row(series, at(1)).f64("time", 1.0).f64("v", 1.0);
        batch.row(series, at(2)).f64("time", 1.0);
        batch.row(bad, at(3)).f64("v", 1.0);
        let plan = Plan::new(&Catalog::default(), POLICY, &batch, i64::MIN, |_| false);
        let rows: Vec<_> = plan.rejected.iter().map(|r| r.row).collect();
        assert_eq!((plan.rows, rows), (1, vec![1, 2]));
        assert_eq!(plan.tables[0].columns.len(), 1);
    }

    #[test]
    fn rows_too_old_or_impossible_are_refused() {
        let mut batch = Batch::new();
        let series = batch.series("m", []).unwrap();
        for nanos in [i64::MIN, 5, 10, i64::MAX] {
            batch.row(series, Timestamp::from_nanos(nanos)).f64("v", 1.0);
        }
        let plan = Plan::new(&Catalog::default(), POLICY, &batch, 10, |_| false);
        let reasons: Vec<_> = plan.rejected.into_iter().map(|r| r.reason).collect();
        assert_eq!(
            reasons,
            [
                RejectReason::TimeOutsideRange,
                RejectReason::BeyondRetention,
                RejectReason::TimeOutsideRange
            ]
        );
    }
}
