//! The root of a segment: where everything else is. Read when a segment is first asked for anything, and kept.
//!
//! ```text
//! names    count; texts, front-coded: bytes shared with the one before, length of the rest, the rest     fields, tag keys
//! keys     count; for each tag key: number of its name, values, dictionary (part)
//! times    timestamp columns; for each 256 of them a page (part)
//! tables   count; for each, sorted: name, front-coded, and record (part)
//! part     offset, length, crc u32
//! ```
//!
//! Unmarked numbers are varints. Values of a tag key have one dictionary in a segment, whatever measurement they are of. Memory kept: the
//! names, and some forty bytes per table and per 256 timestamp columns; nothing per series.

use std::sync::OnceLock;

use super::dictionary::Dictionary;
use super::section::Section;
use super::table::{Table, put_part, take_part};
use super::times::{self, Times};
use super::{PAGE, Part, Segment};
use crate::ReadError;
use crate::bytes::{Bad, Reader, put_len};

#[derive(Debug)]
pub(crate) struct Root {
    names: Vec<Box<str>>,
    keys: Vec<Key>,
    times: usize,
    time_pages: Vec<Section>,
    tables: Vec<TableEntry>,
}

#[derive(Debug)]
struct Key {
    name: usize,
    values: usize,
    dictionary: Section,
}

#[derive(Debug)]
struct TableEntry {
    name: Box<str>,
    record: Part,
    table: OnceLock<Table>,
}

fn take_name(reader: &mut Reader<'_>, before: &str) -> Result<Box<str>, Bad> {
    let shared = reader.count(before.len())?;
    let len = reader.count(reader.rest())?;
    let mut bytes = before.as_bytes()[..shared].to_vec();
    bytes.extend_from_slice(reader.take(len)?);
    match String::from_utf8(bytes) {
        Ok(name) => Ok(name.into()),
        Err(_) => reader.bad("UTF-8 text", "other bytes"),
    }
}

fn put_name(before: &str, name: &str, out: &mut Vec<u8>) {
    let shared = before.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
    put_len(out, shared);
    put_len(out, name.len() - shared);
    out.extend_from_slice(&name.as_bytes()[shared..]);
}

/// A root as the writer has it.
#[derive(Debug, Default)]
pub(super) struct NewRoot {
    /// Sorted.
    pub(super) names: Vec<String>,
    /// Number of the name, values, dictionary.
    pub(super) keys: Vec<(usize, usize, Part)>,
    pub(super) times: usize,
    pub(super) time_pages: Vec<Part>,
    pub(super) tables: Vec<(String, Part)>,
}

impl NewRoot {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_len(&mut out, self.names.len());
        let mut before = "";
        for name in &self.names {
            put_name(before, name, &mut out);
            before = name;
        }
        put_len(&mut out, self.keys.len());
        for (name, values, dictionary) in &self.keys {
            put_len(&mut out, *name);
            put_len(&mut out, *values);
            put_part(*dictionary, &mut out);
        }
        put_len(&mut out, self.times);
        self.time_pages.iter().for_each(|page| put_part(*page, &mut out));
        put_len(&mut out, self.tables.len());
        let mut before = "";
        for (name, record) in &self.tables {
            put_name(before, name, &mut out);
            put_part(*record, &mut out);
            before = name;
        }
        out
    }
}

impl Root {
    pub(super) fn parse(bytes: &[u8]) -> Result<Root, Bad> {
        let mut reader = Reader::new(bytes);
        let mut names: Vec<Box<str>> = Vec::new();
        for _ in 0..reader.count(reader.rest())? {
            names.push(take_name(&mut reader, names.last().map_or("", |name| name))?);
        }
        let mut keys = Vec::new();
        for _ in 0..reader.count(reader.rest())? {
            let name = reader.count(names.len().saturating_sub(1))?;
            let values = reader.count(u32::MAX as usize)?;
            keys.push(Key { name, values, dictionary: Section::new(take_part(&mut reader)?) });
            if names.is_empty() {
                return reader.bad("a name for every tag key", "none");
            }
        }
        let times = reader.count(reader.rest().saturating_mul(PAGE))?;
        let pages = (0..times.div_ceil(PAGE)).map(|_| take_part(&mut reader).map(Section::new));
        let time_pages = pages.collect::<Result<_, _>>()?;
        let mut tables: Vec<TableEntry> = Vec::new();
        for _ in 0..reader.count(reader.rest())? {
            let name = take_name(&mut reader, tables.last().map_or("", |table| &table.name))?;
            let record = take_part(&mut reader)?;
            tables.push(TableEntry { name, record, table: OnceLock::new() });
        }
        reader.end()?;
        Ok(Root { names, keys, times, time_pages, tables })
    }

    /// Names of the tables, sorted.
    pub(crate) fn measurements(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().map(|table| &*table.name)
    }

    /// The number of the table of a measurement.
    pub(crate) fn find(&self, measurement: &str) -> Option<usize> {
        self.tables.binary_search_by(|table| (*table.name).cmp(measurement)).ok()
    }

    /// Name and table of a number that [`Root::find`] gave.
    pub(crate) fn table(
        &self,
        segment: &Segment,
        number: usize,
    ) -> Result<(&str, &Table), ReadError> {
        let Some(entry) = self.tables.get(number) else {
            let found = format!("number {number} of {}", self.tables.len());
            return segment.corrupt(0, "a table of the segment", found);
        };
        if let Some(table) = entry.table.get() {
            return Ok((&entry.name, table));
        }
        let bytes = segment.part(entry.record, "the record of a table")?;
        let table = Table::parse(&bytes, entry.record, &self.names, self.keys.len())
            .map_err(|bad| segment.bad(entry.record.offset, bad))?;
        Ok((&entry.name, entry.table.get_or_init(|| table)))
    }

    /// The name of tag key number `key`.
    pub(crate) fn key_name(&self, key: usize) -> &str {
        let name = self.keys.get(key).and_then(|key| self.names.get(key.name));
        name.map_or("", |name| name)
    }

    /// The values of tag key number `key`.
    pub(crate) fn dictionary<'s>(
        &'s self,
        segment: &'s Segment,
        key: usize,
    ) -> Result<Dictionary<'s>, ReadError> {
        let Some(key) = self.keys.get(key) else {
            return segment.corrupt(0, "a tag key of the segment", format!("number {key}"));
        };
        let bytes = key.dictionary.get(segment, "a dictionary of tag values")?;
        Dictionary::new(bytes, key.values)
            .map_err(|bad| segment.bad(key.dictionary.part.offset, bad))
    }

    /// Timestamp column number `at`.
    pub(crate) fn times(&self, segment: &Segment, at: usize) -> Result<Times, ReadError> {
        let Some(page) = self.time_pages.get(at / PAGE) else {
            let found = format!("number {at} of {}", self.times);
            return segment.corrupt(0, "a timestamp column of the segment", found);
        };
        let bytes = page.get(segment, "a page of timestamp columns")?;
        let columns = PAGE.min(self.times - at / PAGE * PAGE);
        times::take(bytes, columns, at % PAGE).map_err(|bad| segment.bad(page.part.offset, bad))
    }
}
