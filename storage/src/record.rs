//! A batch as a record of the log.
//!
//! ```text
//! policy                                varint
//! new series                            count, keys                  numbered on from those before in this file
//! tables                                count, and for each:
//!   rows                                varint
//!   series                              sequence                     numbers within this file
//!   timestamps                          sequence
//!   columns                             count, and for each:
//!     field                             varint: its number within this file + 1, or 0 and then type u8, name
//!     values                            of numbers: 0 every row has one, frames of 32
//!                                                   1 bitmap of rows, frames of 32 of those that have one
//!                                       of others: column
//! ```
//!
//! Sequences and frames as in [`crate::frame`], columns as in `codec`. Series and fields are named once per file, so that a file
//! can be read without those before it, which may be gone. Rows of a table all belong to one measurement.

use std::borrow::Cow;

use hashbrown::HashMap;
use stripchart_core::{Bitmap, Column, FieldType, KeyRef, Values};

use crate::bytes::{Bad, Reader, put_len, put_str, put_varint};
use crate::catalog::PolicyId;
use crate::codec::{MAX_VALUES, decode_column, encode_column, take_type, type_id};
use crate::frame::{
    Decimals, FRAME, put_floats, put_ints, put_sequence, take_floats, take_ints, take_sequence,
};
use crate::head::{HeadInner, Incoming};

const ALL_ROWS: u8 = 0;
const SOME_ROWS: u8 = 1;

/// Values, of all columns together, that a record may have: what it is decoded to takes about a gibibyte then.
pub(crate) const MAX_CELLS: usize = 1 << 27;

/// Rows of one measurement that are taken into log and head.
#[derive(Debug)]
pub(crate) struct Taken<'a> {
    /// The head's number of the measurement.
    pub(crate) table: u32,
    /// For each row the head's number of its series.
    pub(crate) series: Vec<u32>,
    pub(crate) timestamps: Cow<'a, [i64]>,
    pub(crate) columns: Vec<Cow<'a, Column>>,
}

impl Taken<'_> {
    /// Adds the rows to a head, as part of batch `number`.
    pub(crate) fn add_to(&self, head: &mut HeadInner, number: u32) {
        let columns: Vec<&Column> = self.columns.iter().map(|column| &**column).collect();
        let (series, timestamps) = (&self.series[..], &*self.timestamps);
        head.add(self.table, Incoming { series, timestamps, columns: &columns }, number);
    }
}

/// What the file being written has named so far.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// By the head's number: number in the file + 1, or 0.
    series: Vec<u32>,
    series_count: u32,
    fields: HashMap<String, [Option<u32>; FieldType::ALL.len()]>,
    /// By the field's number in the file.
    decimals: Vec<Decimals>,
    /// Bytes that names take in the file.
    pub(crate) bytes: u64,
    scratch: Vec<i64>,
}

impl Names {
    /// Appends the rows of `tables`, whose series `head` knows.
    pub(crate) fn encode(
        &mut self,
        policy: PolicyId,
        tables: &[Taken<'_>],
        head: &HeadInner,
        out: &mut Vec<u8>,
    ) {
        put_varint(out, u64::from(policy.0));
        self.put_new_series(tables, head, out);
        let tables = || tables.iter().filter(|table| !table.series.is_empty());
        put_len(out, tables().count());
        for table in tables() {
            self.put_table(table, out);
        }
    }

    fn put_new_series(&mut self, tables: &[Taken<'_>], head: &HeadInner, out: &mut Vec<u8>) {
        self.series.resize(head.series_count().max(self.series.len()), 0);
        let mut new = Vec::new();
        for series in tables.iter().flat_map(|table| &table.series) {
            let number = &mut self.series[*series as usize];
            if *number == 0 {
                self.series_count += 1;
                *number = self.series_count;
                new.push(*series);
            }
        }
        put_len(out, new.len());
        for series in new {
            let key = head.key(series);
            put_str(out, key);
            self.bytes += key.len() as u64 + 2;
        }
    }

    fn put_table(&mut self, table: &Taken<'_>, out: &mut Vec<u8>) {
        let rows = table.series.len();
        put_len(out, rows);
        let mut numbers = std::mem::take(&mut self.scratch);
        numbers.clear();
        let number = |series: &u32| i64::from(self.series[*series as usize]) - 1;
        numbers.extend(table.series.iter().map(number));
        put_sequence(&numbers, out);
        self.scratch = numbers;
        put_sequence(&table.timestamps, out);
        put_len(out, table.columns.len());
        for column in &table.columns {
            let Some(field) = self.put_field(column, out) else { continue };
            put_values(column, rows, &mut self.decimals[field], out);
        }
    }

    fn put_field(&mut self, column: &Column, out: &mut Vec<u8>) -> Option<usize> {
        let field_type = column.values().field_type()?;
        let numbers = self.fields.entry_ref(column.name.as_str()).or_default();
        let number = &mut numbers[usize::from(type_id(field_type))];
        match number {
            Some(number) => {
                put_varint(out, u64::from(*number) + 1);
                Some(*number as usize)
            }
            None => {
                let fresh = self.decimals.len();
                *number = Some(crate::rows::index(fresh));
                self.decimals.push(Decimals::default());
                put_varint(out, 0);
                out.push(type_id(field_type));
                put_str(out, &column.name);
                Some(fresh)
            }
        }
    }
}

fn put_values(column: &Column, rows: usize, known: &mut Decimals, out: &mut Vec<u8>) {
    let dense = column.validity().is_none() && column.len() == rows;
    let present = |row: &usize| column.is_valid(*row);
    match column.values() {
        Values::Float(values) => {
            if !put_presence(column, rows, dense, out) {
                let some: Vec<f64> = (0..rows).filter(present).map(|row| values[row]).collect();
                return some.chunks(FRAME).for_each(|frame| put_floats(frame, known, out));
            }
            values.chunks(FRAME).for_each(|frame| put_floats(frame, known, out));
        }
        Values::Integer(values) => {
            if !put_presence(column, rows, dense, out) {
                let some: Vec<i64> = (0..rows).filter(present).map(|row| values[row]).collect();
                return some.chunks(FRAME).for_each(|frame| put_ints(frame, out));
            }
            values.chunks(FRAME).for_each(|frame| put_ints(frame, out));
        }
        Values::Unsigned(values) => {
            put_presence(column, rows, dense, out);
            let some: Vec<i64> =
                (0..rows).filter(present).map(|row| values[row].cast_signed()).collect();
            some.chunks(FRAME).for_each(|frame| put_ints(frame, out));
        }
        _ => encode_column(column, rows, out),
    }
}

/// Says which rows have a value; gives `dense` back.
fn put_presence(column: &Column, rows: usize, dense: bool, out: &mut Vec<u8>) -> bool {
    if dense {
        out.push(ALL_ROWS);
        return true;
    }
    out.push(SOME_ROWS);
    let start = out.len();
    out.resize(start + rows.div_ceil(8), 0);
    for row in (0..rows).filter(|row| column.is_valid(*row)) {
        out[start + row / 8] |= 1 << (row % 8);
    }
    false
}

/// Turns the records of one file into rows again.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    /// Whether what is named is new to the head: then it is appended, not looked for.
    appends: bool,
    series: Vec<Named>,
    fields: Vec<(String, FieldType)>,
}

/// The head's numbers of a series that the file has named, and of its table; `NONE` if the policy is gone.
#[derive(Debug, Clone, Copy)]
struct Named {
    series: u32,
    table: u32,
}

/// The number of a series, or of a table, that no head has.
const NONE: u32 = u32::MAX;

/// Bytes that a series is named with at the least, to judge by how many there is room for.
const NAME_BYTES: usize = 16;

/// About how many series a record names: what it claims, but no more than its bytes are likely to.
fn named_in(payload: &[u8]) -> usize {
    let mut reader = Reader::new(payload);
    let claimed = reader.varint().and_then(|_| reader.varint()).unwrap_or(0);
    usize::try_from(claimed).unwrap_or(usize::MAX).min(payload.len() / NAME_BYTES)
}

impl Replay {
    /// Reads a file's records into a head that has none of its series, if `appends`, or may have some.
    pub(crate) fn new(appends: bool) -> Self {
        Replay { appends, ..Replay::default() }
    }

    /// Makes room, here and in `head`, for the series that the records of a file name.
    pub(crate) fn reserve<'p>(
        &mut self,
        payloads: impl Iterator<Item = &'p [u8]>,
        head: &mut HeadInner,
    ) {
        let named = payloads.map(named_in).sum();
        self.series.reserve(named);
        head.reserve(named);
    }

    /// Reads a record: the policy, and its rows, whose series are entered into `head` if the policy is `known`; no rows if it
    /// is not.
    pub(crate) fn decode(
        &mut self,
        payload: &[u8],
        head: &mut HeadInner,
        known: impl Fn(PolicyId) -> bool,
    ) -> Result<(PolicyId, Vec<Taken<'static>>), Bad> {
        let mut reader = Reader::new(payload);
        let policy = reader.varint()?;
        let Ok(policy) = u32::try_from(policy).map(PolicyId) else {
            return reader.bad("a policy of 32 bits", policy.to_string());
        };
        let known = known(policy);
        let mut last: Option<(&str, u32)> = None;
        for _ in 0..reader.count(reader.rest())? {
            let text = reader.str()?;
            let Ok(key) = KeyRef::parse(text) else { return reader.bad("a series key", text) };
            self.series.push(if known {
                let measurement = key.measurement();
                let table = match last {
                    Some((name, table)) if name == measurement => table,
                    _ => head.table(policy, measurement),
                };
                last = Some((measurement, table));
                let appended = self.appends.then(|| head.append(table, key));
                Named { series: appended.unwrap_or_else(|| head.enter(table, key)), table }
            } else {
                Named { series: NONE, table: NONE }
            });
        }
        let mut cells = 0;
        let mut tables = Vec::new();
        for _ in 0..reader.count(reader.rest())? {
            let taken = self.take_table(&mut reader, &mut cells)?;
            if known && !taken.series.is_empty() {
                let of_policy = head.tables().get(taken.table as usize);
                if of_policy.is_none_or(|table| table.policy != policy) {
                    return several(&reader);
                }
                tables.push(taken);
            }
        }
        reader.end()?;
        Ok((policy, tables))
    }

    /// The rows of a table.
    fn take_table(
        &mut self,
        reader: &mut Reader<'_>,
        cells: &mut usize,
    ) -> Result<Taken<'static>, Bad> {
        let rows = reader.count(MAX_VALUES)?;
        let mut count = |reader: &Reader<'_>, more: usize| {
            *cells += more;
            if *cells > MAX_CELLS { reader.bad("fewer values", cells.to_string()) } else { Ok(()) }
        };
        count(reader, 2 * rows)?;
        let (table, series) = self.take_series(reader, rows)?;
        let timestamps = Cow::Owned(take_sequence(reader, rows)?);
        let mut columns = Vec::new();
        for _ in 0..reader.count(reader.rest())? {
            count(reader, rows)?;
            let field = take_field(reader, &mut self.fields)?;
            let (name, field_type) = &self.fields[field];
            columns.push(Cow::Owned(take_column(reader, name, *field_type, rows)?));
        }
        Ok(Taken { table, series, timestamps, columns })
    }

    /// The series of `rows` rows, and the table that they are all in.
    fn take_series(&self, reader: &mut Reader<'_>, rows: usize) -> Result<(u32, Vec<u32>), Bad> {
        let numbers = take_sequence(reader, rows)?;
        let mut series = Vec::with_capacity(rows);
        let (mut rest, mut of) = (&numbers[..], None);
        while let Some(first) = rest.first() {
            // Whoever collects sends series in the order in which they were named.
            let run =
                rest.windows(2).take_while(|two| two[1].wrapping_sub(two[0]) == 1).count() + 1;
            let from = usize::try_from(*first).ok();
            let Some(named) = from.and_then(|from| self.series.get(from..)?.get(..run)) else {
                return reader.bad("the number of a series of this file", first.to_string());
            };
            let table = *of.get_or_insert(named[0].table);
            if named.iter().any(|named| named.table != table) {
                return several(reader);
            }
            series.extend(named.iter().map(|named| named.series));
            rest = &rest[run..];
        }
        Ok((of.unwrap_or(NONE), series))
    }
}

#[cold]
fn several<T>(reader: &Reader<'_>) -> Result<T, Bad> {
    reader.bad("series of one measurement", "those of several, or of another policy")
}

fn take_column(
    reader: &mut Reader<'_>,
    name: &str,
    field_type: FieldType,
    rows: usize,
) -> Result<Column, Bad> {
    if matches!(field_type, FieldType::Boolean | FieldType::String) {
        return decode_column(reader, name, field_type, rows);
    }
    let present = match reader.u8()? {
        ALL_ROWS => None,
        SOME_ROWS => {
            let bytes = reader.take(rows.div_ceil(8))?;
            Some((0..rows).map(|row| bytes[row / 8] >> (row % 8) & 1 == 1).collect::<Bitmap>())
        }
        other => return reader.bad("0 or 1", other.to_string()),
    };
    let count = present.as_ref().map_or(rows, Bitmap::count_ones);
    let mut values = Values::empty(field_type);
    take_values(reader, count, &mut values)?;
    let Some(present) = present else { return Ok(Column::new(name, values)) };
    Ok(Column::with_validity(name, scatter(&values, &present), present))
}

fn take_values(reader: &mut Reader<'_>, count: usize, values: &mut Values) -> Result<(), Bad> {
    let (mut ints, mut floats) = ([0; FRAME], [0.0; FRAME]);
    for from in (0..count).step_by(FRAME) {
        let n = FRAME.min(count - from);
        match values {
            Values::Float(v) => v.extend_from_slice(take_floats(reader, n, &mut floats)?),
            Values::Integer(v) => v.extend_from_slice(take_ints(reader, n, &mut ints)?),
            Values::Unsigned(v) => {
                v.extend(take_ints(reader, n, &mut ints)?.iter().map(|v| v.cast_unsigned()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The values in the rows whose bits are set, others in between.
fn scatter(values: &Values, present: &Bitmap) -> Values {
    fn place<T: Copy + Default>(values: &[T], present: &Bitmap) -> Vec<T> {
        let mut values = values.iter().copied();
        let value =
            |row| if present.get(row) { values.next().unwrap_or_default() } else { T::default() };
        (0..present.len()).map(value).collect()
    }
    match values {
        Values::Float(v) => Values::Float(place(v, present)),
        Values::Integer(v) => Values::Integer(place(v, present)),
        Values::Unsigned(v) => Values::Unsigned(place(v, present)),
        other => other.clone(),
    }
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
    use stripchart_core::{Batch, Timestamp};

    use super::*;
    use crate::catalog::Catalog;
    use crate::head::Head;
    use crate::ingest::take;
    use crate::plan::Plan;

    const POLICY: PolicyId = PolicyId(3);

    /// Writes `batch` as a record that goes on in a file with `names`.
    fn encode(head: &Head, names: &mut Names, batch: &Batch) -> Vec<u8> {
        let plan = Plan::new(&Catalog::default(), POLICY, batch, i64::MIN, |_| false);
        let mut inner = head.inner.write();
        let tables = take(&mut inner, head.generation, POLICY, batch, &plan, false);
        let mut out = Vec::new();
        names.encode(POLICY, &tables, &inner, &mut out);
        out
    }

    /// Rows as text, those of `tables` or those that `batch` has.
    fn text_of(tables: &[Taken<'_>], head: &HeadInner) -> Vec<String> {
        let mut lines = Vec::new();
        for table in tables {
            for (row, series) in table.series.iter().enumerate() {
                let mut line = format!("{:?} {}", head.key(*series), table.timestamps[row]);
                for column in &table.columns {
                    line += &format!(" {}={:?}", column.name, column.get(row));
                }
                lines.push(line);
            }
        }
        lines
    }

    fn text_of_batch(batch: &Batch) -> Vec<String> {
        let mut lines = Vec::new();
        for table in batch.tables() {
            for (row, series) in table.series().iter().enumerate() {
                let key = batch.series_entry(*series).key();
                let mut line = format!("{:?} {}", key.as_str(), table.timestamps()[row]);
                for column in table.columns() {
                    line += &format!(" {}={:?}", column.name, column.get(row));
                }
                lines.push(line);
            }
        }
        lines
    }

    #[test]
    fn batches_come_back_with_names_given_once() {
        let mut batch = Batch::new();
        let (head, other) = (Head::new(1), Head::new(1));
        let (mut names, mut replay) = (Names::default(), Replay::default());
        let mut sizes = Vec::new();
        for round in 0..3i64 {
            batch.clear();
            for host in ["a", "b"] {
                let series = batch.series("cpu", [("host", host)]).unwrap();
                let row = batch.row(series, Timestamp::from_secs(round));
                let row = row.f64("user", 0.5).str("state", "ok");
                if host == "b" {
                    row.i64("n", -1).u64("u", u64::MAX).f64("nan", f64::INFINITY);
                }
            }
            let series = batch.series("mem", []).unwrap();
            batch.row(series, Timestamp::from_secs(round)).u64("used", 77).bool("ok", true);
            let out = encode(&head, &mut names, &batch);
            let mut inner = other.inner.write();
            let (policy, got) = replay.decode(&out, &mut inner, |_| true).unwrap();
            assert_eq!((policy, text_of(&got, &inner)), (POLICY, text_of_batch(&batch)));
            assert!(Replay::default().decode(&[], &mut inner, |_| true).is_err());
            for cut in 0..out.len() {
                assert!(Replay::default().decode(&out[..cut], &mut inner, |_| true).is_err());
                let mut damaged = out.clone();
                damaged[cut] ^= 0x55;
                let _ = Replay::default().decode(&damaged, &mut inner, |_| true);
            }
            sizes.push(out.len());
        }
        assert!(sizes[1] < sizes[0] * 2 / 3 && sizes[1] == sizes[2], "{sizes:?}");
    }

    #[test]
    fn a_row_of_the_usual_shapes_is_a_few_bytes() {
        let head = Head::new(1);
        let mut names = Names::default();
        let mut random = 1u64;
        let mut next = move || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            random >> 33
        };
        for (field, decimals, limit) in [(10, false, 1050), (10, true, 1950), (1, true, 260)] {
            let mut batch = Batch::new();
            let mut len = 0;
            for round in 0..2 {
                batch.clear();
                for host in 0..1000 {
                    let host = host.to_string();
                    let series =
                        batch.series(&format!("m{field}"), [("host", host.as_str())]).unwrap();
                    let mut row = batch.row(series, Timestamp::from_secs(round * 10));
                    for n in 0..field {
                        let value = next() % 10_000;
                        if decimals {
                            row.field(&format!("f{n}"), value as f64 / 100.0);
                        } else {
                            row.field(&format!("i{n}"), i64::try_from(value / 100).unwrap());
                        }
                    }
                }
                len = encode(&head, &mut names, &batch).len();
            }
            assert!(len < limit * 10, "{field} {decimals}: {len} bytes for 1000 rows");
        }
    }

    #[test]
    fn rows_of_a_policy_that_is_gone_are_passed_over() {
        let head = Head::new(1);
        let mut batch = Batch::new();
        let series = batch.series("m", [("a", "b")]).unwrap();
        batch.row(series, Timestamp::from_secs(1)).i64("n", 1);
        let out = encode(&head, &mut Names::default(), &batch);
        let other = Head::new(1);
        let mut inner = other.inner.write();
        let (_, tables) = Replay::default().decode(&out, &mut inner, |_| false).unwrap();
        assert!(tables.is_empty() && inner.series_count() == 0);
    }
}
