//! Limits: what a flood of names may cost.
//!
//! A row that would be over a limit is refused by itself, with the others of its batch taken; what exists already is always
//! written. None is below what InfluxDB accepts as it is installed.

use std::collections::{BTreeSet, HashMap, HashSet};

use stripchart_core::{Batch, RejectReason, RejectedRow};

use crate::catalog::{Catalog, PolicyId};
use crate::head::{Head, HeadInner};
use crate::plan::Plan;

/// How many there may be; see [`DbBuilder`](crate::DbBuilder).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) series: usize,
    pub(crate) measurements: usize,
    pub(crate) fields: usize,
    pub(crate) values_per_tag: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            series: 10_000_000,
            measurements: 1_000_000,
            fields: 1_000_000,
            values_per_tag: 10_000_000,
        }
    }
}

/// What is asked about.
pub(crate) struct Asked<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) catalog: &'a Catalog,
    pub(crate) policy: PolicyId,
    pub(crate) batch: &'a Batch,
    pub(crate) head: &'a HeadInner,
    /// Which values the tags of its series have.
    pub(crate) tags: &'a Head,
}

impl Asked<'_> {
    /// Takes what is over a limit out of `plan`. Costs next to nothing while a batch could not exceed any.
    pub(crate) fn apply(&self, plan: &mut Plan) {
        if plan.rows == 0 {
            return;
        }
        let before = plan.rejected.len();
        if !plan.new_fields.is_empty() {
            self.measurements(plan);
            self.fields(plan);
        }
        let most = self.head.series_count() + self.batch.series_count();
        if most > self.limits.values_per_tag {
            self.values(plan);
        }
        if most > self.limits.series {
            self.series(plan);
        }
        if plan.rejected.len() > before {
            plan.rows = plan.tables.iter().map(|table| table.rows).sum();
            self.forget_unused(plan);
        }
    }

    /// The policies of the database that is written to.
    fn policies(&self) -> Vec<PolicyId> {
        let of_database = self
            .catalog
            .databases()
            .find(|database| database.policies().iter().any(|policy| policy.id == self.policy));
        of_database.into_iter().flat_map(|d| d.policies().iter().map(|policy| policy.id)).collect()
    }

    fn measurements(&self, plan: &mut Plan) {
        let schemas = self.policies().into_iter().filter_map(|id| self.catalog.schemas.get(&id));
        let count: usize = schemas.map(|schema| schema.measurements.len()).sum();
        let mut free = self.limits.measurements.saturating_sub(count);
        for (at, table) in self.batch.tables().enumerate() {
            let name = table.measurement();
            let is_new = plan.new_fields.iter().any(|(measurement, ..)| measurement == name)
                && self.catalog.measurement(self.policy, name).is_none();
            if !is_new {
                continue;
            }
            if free > 0 {
                free -= 1;
                continue;
            }
            let rows = (0..table.row_count()).collect();
            self.refuse(plan, at, rows, "measurements-per-database", self.limits.measurements);
        }
    }

    fn fields(&self, plan: &mut Plan) {
        for (at, table) in self.batch.tables().enumerate() {
            let name = table.measurement();
            let known = self.catalog.measurement(self.policy, name).map_or(0, |m| m.fields.len());
            let mut free = self.limits.fields.saturating_sub(known);
            let mut over: HashSet<&str> = HashSet::new();
            for (measurement, field, _) in &plan.new_fields {
                if measurement != name {
                } else if free > 0 {
                    free -= 1;
                } else {
                    over.insert(field);
                }
            }
            if over.is_empty() {
                continue;
            }
            let columns = table.columns().iter().filter(|column| over.contains(&*column.name));
            let columns: Vec<_> = columns.collect();
            let has = |row: &usize| columns.iter().any(|column| column.is_valid(*row));
            let rows = (0..table.row_count()).filter(has).collect();
            self.refuse(plan, at, rows, "fields-per-measurement", self.limits.fields);
        }
    }

    fn series(&self, plan: &mut Plan) {
        let policies: BTreeSet<PolicyId> = self.policies().into_iter().collect();
        let tables = self.head.tables().iter().filter(|table| policies.contains(&table.policy));
        let count: usize = tables.map(|table| self.head.series_in(table)).sum();
        let mut free = self.limits.series.saturating_sub(count);
        let mut entered = HashSet::new();
        for (at, table) in self.batch.tables().enumerate() {
            let number = self.head.table_number(self.policy, table.measurement());
            let mut over = Vec::new();
            for (row, series) in plan.tables[at].kept(table.series()) {
                let key = self.batch.series_entry(*series).key();
                if entered.contains(series)
                    || number.is_some_and(|number| self.head.has_series(number, key))
                {
                    continue;
                }
                if free > 0 {
                    free -= 1;
                    entered.insert(*series);
                } else {
                    over.push(row);
                }
            }
            self.refuse(plan, at, over, "series-per-database", self.limits.series);
        }
    }

    /// Values of a tag among the series of a measurement that have rows in memory.
    fn values(&self, plan: &mut Plan) {
        let limit = self.limits.values_per_tag;
        for (at, table) in self.batch.tables().enumerate() {
            let measurement = table.measurement();
            let number = self.head.table_number(self.policy, measurement);
            let known = number.and_then(|number| self.head.tables().get(number as usize));
            let known = known.map_or(0, |table| self.head.series_in(table));
            // No tag has more values than there are series.
            if known + self.batch.series_count() <= limit {
                continue;
            }
            let mut entered = HashSet::new();
            let mut new: HashMap<&str, HashSet<&str>> = HashMap::new();
            let mut over = Vec::new();
            for (row, series) in plan.tables[at].kept(table.series()) {
                let key = self.batch.series_entry(*series).key();
                if entered.contains(series)
                    || number.is_some_and(|number| self.head.has_series(number, key))
                {
                    continue;
                }
                let found = key.tags().find_map(|(name, value)| {
                    let (count, has) = number.map_or((0, false), |number| {
                        self.tags.tag_value(self.head, number, name, value)
                    });
                    let more = new.get(name);
                    let has = has || more.is_some_and(|more| more.contains(value));
                    let count = count + more.map_or(0, HashSet::len);
                    (!has && count >= limit).then_some((count, name, value))
                });
                if let Some((count, name, value)) = found {
                    over.push((row, format!(
                        "max-values-per-tag limit exceeded ({count}/{limit}): measurement={measurement:?} tag={name:?} value={value:?}"
                    )));
                    continue;
                }
                entered.insert(series);
                for (name, value) in key.tags() {
                    let known = number.is_some_and(|number| {
                        self.tags.tag_value(self.head, number, name, value).1
                    });
                    if !known {
                        new.entry(name).or_default().insert(value);
                    }
                }
            }
            over.into_iter().for_each(|(row, limit)| self.refuse_row(plan, at, row, limit));
        }
    }

    /// Refuses `rows` of a table, those that are not refused yet.
    fn refuse(&self, plan: &mut Plan, at: usize, rows: Vec<usize>, limit: &str, value: usize) {
        for row in rows {
            self.refuse_row(plan, at, row, format!("max-{limit} limit exceeded: ({value})"));
        }
    }

    fn refuse_row(&self, plan: &mut Plan, at: usize, row: usize, limit: String) {
        let Some(table) = self.batch.tables().nth(at) else { return };
        if plan.tables[at].refuse(row, table.row_count()) {
            let measurement = table.measurement().to_owned();
            let reason = RejectReason::Limit { limit };
            plan.rejected.push(RejectedRow { measurement, row, reason });
        }
    }

    /// Fields that only refused rows have get no type.
    fn forget_unused(&self, plan: &mut Plan) {
        let Plan { tables, new_fields, .. } = plan;
        let used = |measurement: &str, field: &str| {
            self.batch.tables().zip(&*tables).any(|(table, plan)| {
                let columns = table.columns().iter();
                table.measurement() == measurement
                    && columns.filter(|column| column.name == field).any(|column| {
                        (0..column.len()).any(|row| column.is_valid(row) && plan.keeps(row))
                    })
            })
        };
        new_fields.retain(|(measurement, field, _)| used(measurement, field));
        for (table, plan) in self.batch.tables().zip(tables) {
            let columns = table.columns();
            let kept: Vec<usize> = std::mem::take(&mut plan.columns);
            plan.columns = kept
                .into_iter()
                .filter(|at| {
                    let column = &columns[*at];
                    (0..column.len()).any(|row| column.is_valid(row) && plan.keeps(row))
                })
                .collect();
        }
    }
}
