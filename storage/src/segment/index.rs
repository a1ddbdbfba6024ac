//! The index of a segment: which series are in it.
//!
//! Arrays of fixed width, so that it is used where it lies and opening a segment builds nothing.
//!
//! ```text
//! counts    6 x u32: texts, bytes of text, tables, fields, series, tags
//! texts     (texts + 1) x u32: where each begins; then the bytes.        Sorted: names, tag keys, tag values
//! tables    tables x 3 x u32: name, first field, first series            Sorted by name; each ends where the next begins
//! fields    fields x 2 x u32: name, type                                 Numbered within their table
//! series    series x 40 B: first tag u32, record offset u64, length u32, crc u32, rows u32, first i64, last i64
//!                                                                        Sorted by key within their table
//! tags      tags x 2 x u32: key, value                                   Those of a series end where the next's begin
//! ```

use std::collections::HashMap;

use stripchart_core::FieldType;

use super::Part;
use crate::TagFilter;
use crate::bytes::{Bad, Reader};
use crate::codec::take_type;

pub(crate) const SERIES_LEN: usize = 4 + 8 + 4 + 4 + 4 + 8 + 8;
const _: () = assert!(SERIES_LEN == 40, "as drawn above and in docs/format/segment.md");

/// The index, where it lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Index<'a> {
    text_starts: &'a [u8],
    text: &'a [u8],
    tables: &'a [u8],
    fields: &'a [u8],
    series: &'a [u8],
    tags: &'a [u8],
}

/// A series, as the index knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeriesEntry {
    pub(crate) record: Part,
    pub(crate) rows: u32,
    pub(crate) bounds: (i64, i64),
}

/// The measurements of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexTable {
    fields: std::ops::Range<usize>,
    pub(crate) series: std::ops::Range<usize>,
}

fn bad<T>(expected: &'static str, found: impl Into<String>) -> Result<T, Bad> {
    Err(Bad { offset: 0, expected, found: found.into() })
}

/// The integer at place `at` of an array.
fn word(array: &[u8], at: usize) -> Result<usize, Bad> {
    let bytes = array.get(at * 4..).unwrap_or_default();
    Ok(Reader::new(bytes).u32()? as usize)
}

impl<'a> Index<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Bad> {
        let mut reader = Reader::new(bytes);
        let mut counts = [0; 6];
        for count in &mut counts {
            *count = reader.u32()? as usize;
        }
        let [texts, text_len, tables, fields, series, tags] = counts;
        let mut take = |count: usize, width: usize| match count.checked_mul(width) {
            Some(len) => reader.take(len),
            None => bad("a smaller count", count.to_string()),
        };
        Ok(Index {
            text_starts: take(texts + 1, 4)?,
            text: take(text_len, 1)?,
            tables: take(tables, 12)?,
            fields: take(fields, 8)?,
            series: take(series, SERIES_LEN)?,
            tags: take(tags, 8)?,
        })
    }

    fn text(&self, number: usize) -> Result<&'a str, Bad> {
        let (from, to) = (word(self.text_starts, number)?, word(self.text_starts, number + 1)?);
        let bytes = self.text.get(from..to);
        match bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()) {
            Some(text) => Ok(text),
            None => bad("a text of the dictionary", format!("number {number}")),
        }
    }

    /// The number of a text.
    fn find_text(&self, text: &str) -> Result<Option<usize>, Bad> {
        let (mut low, mut high) = (0, (self.text_starts.len() / 4).saturating_sub(1));
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.text(middle)?.cmp(text) {
                std::cmp::Ordering::Equal => return Ok(Some(middle)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    fn table_count(&self) -> usize {
        self.tables.len() / 12
    }

    fn table_at(&self, at: usize) -> Result<IndexTable, Bad> {
        let end = |column: usize, all: usize| {
            if at + 1 < self.table_count() {
                word(self.tables, (at + 1) * 3 + column)
            } else {
                Ok(all)
            }
        };
        let (fields, series) = (self.fields.len() / 8, self.series.len() / SERIES_LEN);
        let table = IndexTable {
            fields: word(self.tables, at * 3 + 1)?..end(1, fields)?,
            series: word(self.tables, at * 3 + 2)?..end(2, series)?,
        };
        if table.fields.end > fields || table.series.end > series {
            return bad("fields and series inside the index", format!("{table:?}"));
        }
        Ok(table)
    }

    /// The table of `measurement`.
    pub(crate) fn table(&self, measurement: &str) -> Result<Option<IndexTable>, Bad> {
        let Some(name) = self.find_text(measurement)? else { return Ok(None) };
        for at in 0..self.table_count() {
            if word(self.tables, at * 3)? == name {
                return self.table_at(at).map(Some);
            }
        }
        Ok(None)
    }

    /// Names of the measurements, sorted.
    pub(crate) fn measurements(&self) -> impl Iterator<Item = Result<&'a str, Bad>> {
        (0..self.table_count()).map(|at| self.text(word(self.tables, at * 3)?))
    }

    /// Name and type of the fields of a table, in the order of their numbers.
    pub(crate) fn fields(
        &self,
        table: &IndexTable,
    ) -> impl Iterator<Item = Result<(&'a str, FieldType), Bad>> {
        table.fields.clone().map(|at| {
            let name = self.text(word(self.fields, at * 2)?)?;
            let id = self.fields.get(at * 8 + 4..at * 8 + 5).unwrap_or_default();
            Ok((name, take_type(&mut Reader::new(id))?))
        })
    }

    pub(crate) fn series(&self, at: usize) -> Result<SeriesEntry, Bad> {
        let bytes = self.series.get(at * SERIES_LEN + 4..).unwrap_or_default();
        let mut r = Reader::new(bytes);
        let record = Part { offset: r.u64()?, len: r.u32()?, crc: r.u32()? };
        Ok(SeriesEntry { record, rows: r.u32()?, bounds: (r.i64()?, r.i64()?) })
    }

    /// The numbers of the keys and values of a series' tags.
    fn tags(
        &self,
        at: usize,
    ) -> Result<impl Iterator<Item = Result<(usize, usize), Bad>> + use<'a>, Bad> {
        let series = self.series.len() / SERIES_LEN;
        let first = |at: usize| word(self.series, at * SERIES_LEN / 4);
        let end = if at + 1 < series { first(at + 1)? } else { self.tags.len() / 8 };
        let tags = self.tags;
        Ok((first(at)?..end).map(move |tag| Ok((word(tags, tag * 2)?, word(tags, tag * 2 + 1)?))))
    }

    /// The tags of a series, sorted by key.
    pub(crate) fn tag_texts(&self, at: usize) -> Result<Vec<(&'a str, &'a str)>, Bad> {
        self.tags(at)?
            .map(|tag| {
                let (key, value) = tag?;
                Ok((self.text(key)?, self.text(value)?))
            })
            .collect()
    }

    /// The series of a table that `filter` accepts, in order of their keys.
    ///
    /// Tests are asked once per distinct value.
    pub(crate) fn select(&self, table: &IndexTable, filter: &TagFilter) -> Result<Vec<usize>, Bad> {
        let mut required = Vec::new();
        for (key, value) in filter.required() {
            match (self.find_text(key)?, self.find_text(value)?) {
                (Some(key), Some(value)) => required.push((key, value)),
                // A series that has the tag would have entered its texts.
                _ => return Ok(Vec::new()),
            }
        }
        let mut asked: HashMap<(usize, Option<usize>), bool> = HashMap::new();
        let mut selected = Vec::new();
        for series in table.series.clone() {
            let tags = self.tags(series)?.collect::<Result<Vec<_>, _>>()?;
            if required.iter().all(|tag| tags.contains(tag))
                && self.accepts(&tags, filter, &mut asked)?
            {
                selected.push(series);
            }
        }
        Ok(selected)
    }

    fn accepts(
        &self,
        tags: &[(usize, usize)],
        filter: &TagFilter,
        asked: &mut HashMap<(usize, Option<usize>), bool>,
    ) -> Result<bool, Bad> {
        let mut failed = None;
        let accepted = filter.evaluate(&mut |leaf, key, test| {
            let answer = self.value_of(tags, key).and_then(|value| {
                if let Some(answer) = asked.get(&(leaf, value)) {
                    return Ok(*answer);
                }
                let answer = test(value.map_or(Ok(""), |value| self.text(value))?);
                asked.insert((leaf, value), answer);
                Ok(answer)
            });
            answer.unwrap_or_else(|bad| {
                failed = Some(bad);
                false
            })
        });
        failed.map_or(Ok(accepted), Err)
    }

    /// The number of the value of tag `key`.
    fn value_of(&self, tags: &[(usize, usize)], key: &str) -> Result<Option<usize>, Bad> {
        for (name, value) in tags {
            if self.text(*name)? == key {
                return Ok(Some(*value));
            }
        }
        Ok(None)
    }
}

/// Gathers an index.
#[derive(Debug, Default)]
pub(crate) struct IndexBuilder {
    tables: Vec<NewTable>,
}

#[derive(Debug)]
struct NewTable {
    name: String,
    fields: Vec<(String, FieldType)>,
    series: Vec<NewSeries>,
}

#[derive(Debug)]
struct NewSeries {
    tags: Vec<(String, String)>,
    entry: SeriesEntry,
}

impl IndexBuilder {
    /// Begins a table; tables come sorted by name.
    pub(crate) fn table(&mut self, name: &str, fields: &[(String, FieldType)]) {
        let (name, fields) = (name.to_owned(), fields.to_vec());
        self.tables.push(NewTable { name, fields, series: Vec::new() });
    }

    /// Adds a series to the table begun last; series come sorted by key.
    pub(crate) fn series<'t>(
        &mut self,
        tags: impl Iterator<Item = (&'t str, &'t str)>,
        entry: SeriesEntry,
    ) {
        let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        if let Some(table) = self.tables.last_mut() {
            table.series.push(NewSeries { tags, entry });
        }
    }

    pub(crate) fn series_count(&self) -> usize {
        self.tables.iter().map(|table| table.series.len()).sum()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut texts = std::collections::BTreeSet::new();
        for NewTable { name, fields, series } in &self.tables {
            texts.insert(name.as_str());
            texts.extend(fields.iter().map(|(name, _)| name.as_str()));
            let tags = series.iter().flat_map(|series| &series.tags);
            texts.extend(tags.flat_map(|(key, value)| [key.as_str(), value.as_str()]));
        }
        let number: HashMap<&str, u32> = texts.iter().copied().zip(0..).collect();
        let (mut starts, mut text) = (Vec::new(), Vec::new());
        for entry in &texts {
            put(&mut starts, text.len());
            text.extend_from_slice(entry.as_bytes());
        }
        put(&mut starts, text.len());
        let (mut tables, mut fields, mut series, mut tags) = (vec![], vec![], vec![], vec![]);
        for table in &self.tables {
            tables.extend(number[table.name.as_str()].to_le_bytes());
            put(&mut tables, fields.len() / 8);
            put(&mut tables, series.len() / SERIES_LEN);
            for (name, field_type) in &table.fields {
                fields.extend(number[name.as_str()].to_le_bytes());
                fields.extend([crate::codec::type_id(*field_type), 0, 0, 0]);
            }
            for new in &table.series {
                put(&mut series, tags.len() / 8);
                put_entry(&mut series, &new.entry);
                for (key, value) in &new.tags {
                    tags.extend(number[key.as_str()].to_le_bytes());
                    tags.extend(number[value.as_str()].to_le_bytes());
                }
            }
        }
        let mut out = Vec::new();
        put(&mut out, texts.len());
        put(&mut out, text.len());
        for (array, width) in [(&tables, 12), (&fields, 8), (&series, SERIES_LEN), (&tags, 8)] {
            put(&mut out, array.len() / width);
        }
        for array in [starts, text, tables, fields, series, tags] {
            out.extend(array);
        }
        out
    }
}

fn put(out: &mut Vec<u8>, value: usize) {
    out.extend(crate::rows::index(value).to_le_bytes());
}

fn put_entry(out: &mut Vec<u8>, entry: &SeriesEntry) {
    out.extend(entry.record.offset.to_le_bytes());
    out.extend(entry.record.len.to_le_bytes());
    out.extend(entry.record.crc.to_le_bytes());
    out.extend(entry.rows.to_le_bytes());
    out.extend(entry.bounds.0.to_le_bytes());
    out.extend(entry.bounds.1.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn sample() -> Vec<u8> {
        let entry = |rows| SeriesEntry { record: Part::default(), rows, bounds: (1, 2) };
        let mut builder = IndexBuilder::default();
        builder
            .table("cpu", &[("user".into(), FieldType::Float), ("n".into(), FieldType::Integer)]);
        for host in ["a", "b", "c"] {
            for cpu in ["0", "1"] {
                builder.series([("cpu", cpu), ("host", host)].into_iter(), entry(7));
            }
        }
        builder.table("mem", &[("used".into(), FieldType::Unsigned)]);
        builder.series([].into_iter(), entry(9));
        builder.encode()
    }

    #[test]
    fn series_are_found_by_tags_and_tests_asked_once_per_value() {
        let bytes = sample();
        let index = Index::new(&bytes).unwrap();
        assert_eq!(index.measurements().collect::<Result<Vec<_>, _>>().unwrap(), ["cpu", "mem"]);
        let cpu = index.table("cpu").unwrap().unwrap();
        assert_eq!(index.fields(&cpu).last(), Some(Ok(("n", FieldType::Integer))));
        assert!(index.table("user").unwrap().is_none());
        let equal = |k: &str, v: &str| TagFilter::Equal { key: k.into(), value: v.into() };
        assert_eq!(index.select(&cpu, &equal("host", "b")).unwrap(), [2, 3]);
        assert!(index.select(&cpu, &equal("host", "z")).unwrap().is_empty());
        assert_eq!(index.select(&cpu, &equal("rack", "")).unwrap().len(), 6);
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let test = move |v: &str| {
            counted.fetch_add(1, Ordering::Relaxed);
            v != "c"
        };
        let filter = TagFilter::Matches { key: "host".into(), test: Arc::new(test) };
        assert_eq!(index.select(&cpu, &filter).unwrap().len(), 4);
        assert_eq!(calls.load(Ordering::Relaxed), 3);
        assert_eq!(index.tag_texts(3).unwrap(), [("cpu", "1"), ("host", "b")]);
        let mem = index.table("mem").unwrap().unwrap();
        assert_eq!(index.series(mem.series.start).unwrap().rows, 9);
    }

    #[test]
    fn a_cut_index_is_refused() {
        let bytes = sample();
        for cut in 0..bytes.len() {
            assert!(Index::new(&bytes[..cut]).is_err(), "{cut}");
        }
    }
}
