//! A batch as a record of the log.
//!
//! ```text
//! policy                                varint
//! new series                            count, keys                  numbered on from those before in this file
//! tables                                count, and for each:
//!   rows                                varint
//!   series                              integers                     numbers within this file
//!   timestamps                          integers
//!   columns                             count, and for each:
//!     field                             varint: its number within this file + 1, or 0 and then type u8, name
//!     values                            column
//! ```
//!
//! Integers and columns as in `codec`. Series and fields are named once per file, so that a file can be read without those
//! before it, which may be gone.

use std::collections::HashMap;

use stripchart_core::{Batch, BatchSeries, Column, FieldType, KeyRef, Table, Timestamp, Values};

use crate::bytes::{Bad, Reader, put_len, put_str, put_varint};
use crate::catalog::PolicyId;
use crate::codec::{
    MAX_VALUES, decode_column, decode_ints, encode_column, encode_ints, take_type, type_id,
};
use crate::plan::{Plan, TablePlan};

/// What the file being written has named so far.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// By place in the head: number + 1, or 0.
    series: Vec<u32>,
    series_count: u32,
    fields: HashMap<String, [Option<u32>; FieldType::ALL.len()]>,
    field_count: u32,
}

impl Names {
    /// Appends the rows of `batch` that `plan` takes, whose series have been resolved to `slots`.
    pub(crate) fn encode(
        &mut self,
        policy: PolicyId,
        batch: &Batch,
        plan: &Plan,
        slots: &[Option<u32>],
        out: &mut Vec<u8>,
    ) {
        put_varint(out, u64::from(policy.0));
        self.put_new_series(batch, plan, slots, out);
        let tables = || batch.tables().zip(&plan.tables).filter(|(_, plan)| plan.rows > 0);
        put_len(out, tables().count());
        for (table, plan) in tables() {
            self.put_table(table, plan, slots, out);
        }
    }

    fn put_new_series(
        &mut self,
        batch: &Batch,
        plan: &Plan,
        slots: &[Option<u32>],
        out: &mut Vec<u8>,
    ) {
        let mut new = Vec::new();
        for (table, plan) in batch.tables().zip(&plan.tables) {
            for (_, series) in plan.kept(table.series()) {
                let Some(slot) = slots[*series as usize] else { continue };
                let slot = slot as usize;
                if self.series.len() <= slot {
                    self.series.resize(slot + 1, 0);
                }
                if self.series[slot] == 0 {
                    self.series_count += 1;
                    self.series[slot] = self.series_count;
                    new.push(batch.series_entry(*series).key());
                }
            }
        }
        put_len(out, new.len());
        new.iter().for_each(|key| put_str(out, key.as_str()));
    }

    fn put_table(
        &mut self,
        table: &Table,
        plan: &TablePlan,
        slots: &[Option<u32>],
        out: &mut Vec<u8>,
    ) {
        put_len(out, plan.rows);
        let number =
            |series: &u32| slots[*series as usize].map_or(0, |slot| self.series[slot as usize] - 1);
        let series: Vec<i64> =
            plan.kept(table.series()).map(|(_, s)| i64::from(number(s))).collect();
        encode_ints(&series, out);
        let timestamps: Vec<i64> = plan.kept(table.timestamps()).map(|(_, at)| *at).collect();
        encode_ints(&timestamps, out);
        put_len(out, plan.columns.len());
        for column in &plan.columns {
            let column = &table.columns()[*column];
            self.put_field(column, out);
            if plan.rows == table.row_count() {
                encode_column(column, plan.rows, out);
            } else {
                encode_column(&kept_rows(table, column, plan), plan.rows, out);
            }
        }
    }

    fn put_field(&mut self, column: &Column, out: &mut Vec<u8>) {
        let Some(field_type) = column.values().field_type() else { return };
        if !self.fields.contains_key(&column.name) {
            self.fields.insert(column.name.clone(), Default::default());
        }
        let Some(numbers) = self.fields.get_mut(&column.name) else { return };
        let number = &mut numbers[usize::from(type_id(field_type))];
        match number {
            Some(number) => put_varint(out, u64::from(*number) + 1),
            None => {
                *number = Some(self.field_count);
                self.field_count += 1;
                put_varint(out, 0);
                out.push(type_id(field_type));
                put_str(out, &column.name);
            }
        }
    }
}

fn kept_rows(table: &Table, column: &Column, plan: &TablePlan) -> Column {
    let field_type = column.values().field_type().unwrap_or(FieldType::Float);
    let mut kept = Column::new("", Values::empty(field_type));
    for row in (0..table.row_count()).filter(|row| plan.keeps(*row)) {
        match column.get(row) {
            Some(value) => kept.push(value),
            None => kept.push_null(),
        }
    }
    kept
}

/// Turns the records of one file into batches again.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    batches: HashMap<PolicyId, Batch>,
    series: Vec<(PolicyId, BatchSeries)>,
    fields: Vec<(String, FieldType)>,
}

impl Replay {
    /// Reads a record: the policy, and its rows.
    pub(crate) fn decode(&mut self, payload: &[u8]) -> Result<(PolicyId, &Batch), Bad> {
        let mut reader = Reader::new(payload);
        let policy = reader.varint()?;
        let Ok(policy) = u32::try_from(policy).map(PolicyId) else {
            return reader.bad("a policy of 32 bits", policy.to_string());
        };
        let batch = self.batches.entry(policy).or_default();
        batch.clear();
        for _ in 0..reader.count(reader.rest())? {
            let text = reader.str()?;
            let Ok(key) = KeyRef::parse(text) else { return reader.bad("a series key", text) };
            self.series.push((policy, batch.series_of(key)));
        }
        for _ in 0..reader.count(reader.rest())? {
            take_table(&mut reader, policy, batch, &self.series, &mut self.fields)?;
        }
        reader.end()?;
        Ok((policy, batch))
    }
}

fn take_table(
    reader: &mut Reader<'_>,
    policy: PolicyId,
    batch: &mut Batch,
    known: &[(PolicyId, BatchSeries)],
    fields: &mut Vec<(String, FieldType)>,
) -> Result<(), Bad> {
    let rows = reader.count(MAX_VALUES)?;
    let mut series = Vec::new();
    for number in decode_ints(reader, rows)? {
        match usize::try_from(number).ok().and_then(|number| known.get(number)) {
            Some((of, found)) if *of == policy => series.push(*found),
            _ => return reader.bad("the number of a series of this file", number.to_string()),
        }
    }
    let timestamps = decode_ints(reader, rows)?;
    let mut columns = Vec::new();
    for _ in 0..reader.count(reader.rest())? {
        let field = take_field(reader, fields)?;
        let (name, field_type) = &fields[field];
        columns.push((field, decode_column(reader, name, *field_type, rows)?));
    }
    for (row, (series, at)) in series.into_iter().zip(timestamps).enumerate() {
        let mut writer = batch.row(series, Timestamp::from_nanos(at));
        for (_, column) in &columns {
            if let Some(value) = column.get(row) {
                writer.field(&column.name, value);
            }
        }
    }
    Ok(())
}

fn take_field(
    reader: &mut Reader<'_>,
    fields: &mut Vec<(String, FieldType)>,
) -> Result<usize, Bad> {
    let number = reader.varint()?;
    if number == 0 {
        let field_type = take_type(reader)?;
        fields.push((reader.str()?.to_owned(), field_type));
        return Ok(fields.len() - 1);
    }
    match usize::try_from(number - 1) {
        Ok(field) if field < fields.len() => Ok(field),
        _ => reader.bad("the number of a field of this file", number.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use stripchart_core::line_protocol;

    use super::*;
    use crate::catalog::Catalog;
    use crate::head::Head;

    const POLICY: PolicyId = PolicyId(3);

    fn text(batch: &Batch) -> String {
        let mut text = String::new();
        line_protocol::write_batch(batch, &mut text).unwrap();
        text
    }

    #[test]
    fn batches_come_back_with_names_given_once() {
        let mut batch = Batch::new();
        let head = Head::new(1);
        let (mut names, mut replay) = (Names::default(), Replay::default());
        let mut sizes = Vec::new();
        for round in 0..3i64 {
            batch.clear();
            for host in ["a", "b"] {
                let series = batch.series("cpu", [("host", host)]).unwrap();
                batch.row(series, Timestamp::from_secs(round)).f64("user", 0.5).str("state", "ok");
            }
            let series = batch.series("mem", []).unwrap();
            batch.row(series, Timestamp::from_secs(round)).u64("used", 77).bool("ok", true);
            let plan = Plan::new(&Catalog::default(), POLICY, &batch, i64::MIN);
            let mut slots = Vec::new();
            for (table, plan) in batch.tables().zip(&plan.tables) {
                head.inner.write().resolve(1, POLICY, &batch, table, plan, &mut slots);
            }
            let mut out = Vec::new();
            names.encode(POLICY, &batch, &plan, &slots, &mut out);
            let (policy, got) = replay.decode(&out).unwrap();
            assert_eq!((policy, text(got)), (POLICY, text(&batch)));
            for cut in 0..out.len() {
                assert!(Replay::default().decode(&out[..cut]).is_err());
            }
            sizes.push(out.len());
        }
        assert!(sizes[1] < sizes[0] * 2 / 3 && sizes[1] == sizes[2], "{sizes:?}");
    }
}
