//! Tables: what a segment has of one measurement.
//!
//! ```text
//! record   fields    count; and for each: number of its name, type u8
//!          counts    series, groups of rows, runs, rows
//!          keys      count; and for each: number of the tag key, distinct values, smallest number (zigzag), width u8,
//!                      form u8 (1: numbers ascend; 2: with an order), bits, order
//!          pages     1 if they are parts of the file, else 0; group pages; run pages; for each field its pages;
//!                      if parts: the first series of each group page
//!          rest      what is not a part of the file, in the order named
//! bits     per series the number of the tag's value + 1, 0 without, packed by width; where series differ in it
//! order    the numbers of the series in order of (value, number), packed; where a key has so many values that a look-up is
//!          worth it
//! group pages   256 groups, packed: first series, first run, runs, rows
//! run pages     256 runs, packed: number of the timestamp column
//! field pages   see `page`
//! parts         in the record their length (varint); as parts of the file: offset, length (varints), crc u32
//! ```
//!
//! Unmarked numbers are varints. A *group* is a run of rows that share blocks: up to 1535 of one series, or those of many short series one
//! behind the other. A *run* is what a series has in a group. Series stand in order of their keys, groups in order of series,
//! and within a series of time. Tables of up to 256 runs, as most tables of a scraped host are, have everything in the record.

use std::ops::Range;

use stripchart_core::FieldType;

use super::packed::{Packed, packed_len, take_columns};
use super::page::{FieldPage, Known};
use super::section::Section;
use super::{MAX_GROUP_ROWS, PAGE, Part, Segment};
use crate::ReadError;
use crate::bytes::{Bad, Reader, put_len, put_varint};
use crate::codec::take_type;

/// Numbers of a key's values ascend with the series.
pub(super) const ASCENDING: u8 = 1;
/// The key has its series in order of their values.
pub(super) const ORDERED: u8 = 2;

/// A measurement in a segment.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) fields: Vec<(Box<str>, FieldType)>,
    pub(crate) series: usize,
    pub(crate) groups: usize,
    runs: usize,
    pub(crate) keys: Vec<KeyColumn>,
    /// The record that pages may lie in.
    record: Section,
    /// First series of each group page.
    firsts: Vec<usize>,
    group_pages: Vec<PageRef>,
    run_pages: Vec<PageRef>,
    /// Per field.
    field_pages: Vec<Vec<FieldPageRef>>,
}

/// A page of a field, and what readers found out about its blocks.
#[derive(Debug)]
struct FieldPageRef {
    page: PageRef,
    known: Known,
}

/// The values of a tag key in a table.
#[derive(Debug)]
pub(crate) struct KeyColumn {
    /// Number of the key in the root.
    pub(crate) key: usize,
    /// Different values.
    pub(crate) distinct: usize,
    pub(crate) ascending: bool,
    base: i64,
    width: u32,
    bits: Option<PageRef>,
    order: Option<PageRef>,
}

#[derive(Debug)]
enum PageRef {
    Own(Box<Section>),
    Inline(Range<usize>),
}

/// Rows that share blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) first_series: usize,
    pub(crate) first_run: usize,
    pub(crate) runs: usize,
    pub(crate) rows: usize,
}

/// A page of groups, where it lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupPage<'a> {
    columns: [Packed<'a>; 4],
}

impl GroupPage<'_> {
    fn first_series(&self, group: usize) -> usize {
        usize::try_from(self.columns[0].get(group)).unwrap_or(usize::MAX)
    }

    pub(crate) fn group(&self, group: usize) -> Result<Group, Bad> {
        let get = |column: usize| usize::try_from(self.columns[column].get(group));
        match (get(0), get(1), get(2), get(3)) {
            (Ok(first_series), Ok(first_run), Ok(runs), Ok(rows))
                if runs > 0 && (runs..=MAX_GROUP_ROWS).contains(&rows) =>
            {
                Ok(Group { first_series, first_run, runs, rows })
            }
            found => bad("a group of rows", format!("{found:?}")),
        }
    }
}

fn bad<T>(expected: &'static str, found: impl Into<String>) -> Result<T, Bad> {
    Err(Bad { offset: 0, expected, found: found.into() })
}

pub(super) fn put_part(part: Part, out: &mut Vec<u8>) {
    put_varint(out, part.offset);
    put_varint(out, u64::from(part.len));
    out.extend(part.crc.to_le_bytes());
}

pub(super) fn take_part(reader: &mut Reader<'_>) -> Result<Part, Bad> {
    let (offset, len) = (reader.varint()?, reader.varint()?);
    let Ok(len) = u32::try_from(len) else {
        return reader.bad("a length of 32 bits", len.to_string());
    };
    Ok(Part { offset, len, crc: reader.u32()? })
}

/// Bytes that a record refers to, as the writer has them.
#[derive(Debug, Clone)]
pub(super) enum NewPage {
    Own(Part),
    Inline(Vec<u8>),
}

/// A table as the writer has it.
#[derive(Debug, Default)]
pub(super) struct NewTable {
    /// Number of the name, type.
    pub(super) fields: Vec<(usize, FieldType)>,
    pub(super) counts: [u64; 4],
    pub(super) keys: Vec<NewKey>,
    pub(super) firsts: Vec<u64>,
    pub(super) group_pages: Vec<NewPage>,
    pub(super) run_pages: Vec<NewPage>,
    pub(super) field_pages: Vec<Vec<NewPage>>,
}

#[derive(Debug)]
pub(super) struct NewKey {
    pub(super) key: usize,
    pub(super) distinct: usize,
    pub(super) base: i64,
    pub(super) width: u32,
    pub(super) form: u8,
    pub(super) bits: Option<NewPage>,
    pub(super) order: Option<NewPage>,
}

impl NewTable {
    pub(super) fn encode(&self) -> Vec<u8> {
        let (mut out, mut rest) = (Vec::new(), Vec::new());
        put_len(&mut out, self.fields.len());
        for (name, field_type) in &self.fields {
            put_len(&mut out, *name);
            out.push(crate::codec::type_id(*field_type));
        }
        self.counts.iter().for_each(|count| put_varint(&mut out, *count));
        let mut put = |page: &NewPage, out: &mut Vec<u8>| match page {
            NewPage::Own(part) => put_part(*part, out),
            NewPage::Inline(bytes) => {
                put_len(out, bytes.len());
                rest.extend_from_slice(bytes);
            }
        };
        let pages = self.group_pages.iter().chain(&self.run_pages);
        let own = pages.clone().any(|page| matches!(page, NewPage::Own(_)));
        out.push(u8::from(own));
        put_len(&mut out, self.keys.len());
        for key in &self.keys {
            put_len(&mut out, key.key);
            put_len(&mut out, key.distinct);
            crate::bytes::put_zigzag(&mut out, key.base);
            out.push(crate::bytes::low_byte(u64::from(key.width)));
            out.push(key.form);
            key.bits.iter().chain(&key.order).for_each(|page| put(page, &mut out));
        }
        pages.chain(self.field_pages.iter().flatten()).for_each(|page| put(page, &mut out));
        if own {
            self.firsts.iter().for_each(|first| put_varint(&mut out, *first));
        }
        out.append(&mut rest);
        out
    }
}

/// Takes references to pages: parts of the file, or lengths of what follows the record.
struct PageReader<'r, 'a> {
    reader: &'r mut Reader<'a>,
    own: bool,
    inline: usize,
}

impl PageReader<'_, '_> {
    fn page(&mut self) -> Result<PageRef, Bad> {
        if self.own {
            return Ok(PageRef::Own(Box::new(Section::new(take_part(self.reader)?))));
        }
        let len = self.reader.count(self.reader.rest())?;
        let from = self.inline;
        self.inline += len;
        Ok(PageRef::Inline(from..self.inline))
    }

    fn pages(&mut self, of: usize) -> Result<Vec<PageRef>, Bad> {
        (0..of.div_ceil(PAGE)).map(|_| self.page()).collect()
    }
}

impl Table {
    /// Reads a record; `names` are the root's, `keys` how many tag keys it has.
    pub(super) fn parse(
        bytes: &[u8],
        part: Part,
        names: &[Box<str>],
        keys: usize,
    ) -> Result<Table, Bad> {
        let mut reader = Reader::new(bytes);
        let count = reader.count(reader.rest())?;
        let mut fields = Vec::new();
        for _ in 0..count {
            let number = reader.count(names.len().saturating_sub(1))?;
            let Some(name) = names.get(number) else {
                return reader.bad("the name of a field", number.to_string());
            };
            fields.push((name.clone(), take_type(&mut reader)?));
        }
        // A page takes a byte at least; so much is in a table at most.
        let most = reader.rest().saturating_mul(PAGE);
        let (series, groups, runs) =
            (reader.count(most)?, reader.count(most)?, reader.count(most)?);
        if series > runs || groups > runs || series == 0 || groups == 0 {
            let found = format!("{series} series, {groups} groups, {runs} runs");
            return reader.bad("a run for each series and group", found);
        }
        // Rows: for those who look at files.
        reader.varint()?;
        let own = reader.u8()? != 0;
        let mut table = Table {
            fields,
            series,
            groups,
            runs,
            keys: Vec::new(),
            record: Section::new(part),
            firsts: vec![0],
            group_pages: Vec::new(),
            run_pages: Vec::new(),
            field_pages: Vec::new(),
        };
        let mut pages = PageReader { reader: &mut reader, own, inline: 0 };
        for _ in 0..pages.reader.count(keys)? {
            table.keys.push(KeyColumn::parse(&mut pages, keys)?);
        }
        table.group_pages = pages.pages(groups)?;
        table.run_pages = pages.pages(runs)?;
        for _ in 0..table.fields.len() {
            let pages = pages.pages(groups)?.into_iter();
            let pages = pages.map(|page| FieldPageRef { page, known: Known::default() });
            table.field_pages.push(pages.collect());
        }
        if own {
            let firsts = (0..table.group_pages.len()).map(|_| reader.count(series));
            table.firsts = firsts.collect::<Result<_, _>>()?;
        }
        table.place_inline(reader.offset());
        Ok(table)
    }

    /// What follows the record begins at `base`.
    fn place_inline(&mut self, base: usize) {
        let keys = self.keys.iter_mut().flat_map(|key| key.bits.iter_mut().chain(&mut key.order));
        let pages = self.group_pages.iter_mut().chain(&mut self.run_pages);
        let of_fields = self.field_pages.iter_mut().flatten().map(|field| &mut field.page);
        for page in keys.chain(pages).chain(of_fields) {
            if let PageRef::Inline(range) = page {
                *range = range.start + base..range.end + base;
            }
        }
    }

    /// The bytes of a page, and where in the file they begin.
    fn bytes<'s>(
        &'s self,
        segment: &'s Segment,
        page: &'s PageRef,
    ) -> Result<(&'s [u8], u64), ReadError> {
        match page {
            PageRef::Own(section) => {
                Ok((section.get(segment, "a page of a table")?, section.part.offset))
            }
            PageRef::Inline(range) => {
                let record = self.record.get(segment, "the record of a table")?;
                let at = self.record.part.offset + range.start as u64;
                match record.get(range.clone()) {
                    Some(bytes) => Ok((bytes, at)),
                    None => segment.corrupt(at, "a page inside its record", "a longer one"),
                }
            }
        }
    }

    fn read<'s, T>(
        &'s self,
        segment: &'s Segment,
        page: Option<&'s PageRef>,
        read: impl FnOnce(&'s [u8]) -> Result<T, Bad>,
    ) -> Result<T, ReadError> {
        let Some(page) = page else {
            let at = self.record.part.offset;
            return segment.corrupt(at, "as many pages as the table needs", "fewer");
        };
        let (bytes, at) = self.bytes(segment, page)?;
        read(bytes).map_err(|bad| segment.bad(at, bad))
    }

    /// Groups that page number `page` has.
    pub(crate) fn page_groups(&self, page: usize) -> usize {
        PAGE.min(self.groups.saturating_sub(page * PAGE))
    }

    pub(crate) fn group_page<'s>(
        &'s self,
        segment: &'s Segment,
        page: usize,
    ) -> Result<GroupPage<'s>, ReadError> {
        self.read(segment, self.group_pages.get(page), |bytes| {
            let columns = take_columns(&mut Reader::new(bytes), self.page_groups(page))?;
            Ok(GroupPage { columns })
        })
    }

    /// Group number `at`, which is in `page`.
    pub(crate) fn group_of(
        &self,
        segment: &Segment,
        page: &GroupPage<'_>,
        at: usize,
    ) -> Result<Group, ReadError> {
        let found = page.group(at % PAGE).map_err(|bad| self.bad(segment, bad))?;
        let inside = found.first_series.saturating_add(found.runs) <= self.series
            && found.first_run.saturating_add(found.runs) <= self.runs;
        if inside {
            Ok(found)
        } else {
            self.damaged(segment, "a group of the table's series", format!("{found:?}"))
        }
    }

    fn bad(&self, segment: &Segment, bad: Bad) -> ReadError {
        segment.bad(self.record.part.offset, bad)
    }

    pub(crate) fn damaged<T>(
        &self,
        segment: &Segment,
        expected: &'static str,
        found: impl Into<String>,
    ) -> Result<T, ReadError> {
        segment.corrupt(self.record.part.offset, expected, found)
    }

    /// The groups that rows of a series are in.
    pub(crate) fn groups_of(
        &self,
        segment: &Segment,
        series: usize,
    ) -> Result<Range<usize>, ReadError> {
        // The page before the first that begins with the series, or one after it.
        let mut at = self.firsts.partition_point(|first| *first < series).saturating_sub(1);
        let first = loop {
            if at >= self.group_pages.len() {
                return self.damaged(segment, "rows of every series", format!("none of {series}"));
            }
            let page = self.group_page(segment, at)?;
            let (mut low, mut high) = (0, self.page_groups(at));
            let all = high;
            while low < high {
                let middle = usize::midpoint(low, high);
                let group = page.group(middle).map_err(|bad| self.bad(segment, bad))?;
                if group.first_series.saturating_add(group.runs) <= series {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            if low < all {
                break at * PAGE + low;
            }
            at += 1;
        };
        // Those of the series lie together: in pages that begin with it all, of the last some.
        let mut end = first + 1;
        while end < self.groups {
            let page = self.group_page(segment, end / PAGE)?;
            let begins = end / PAGE * PAGE;
            let (mut low, mut high) = (end - begins, self.page_groups(end / PAGE));
            let all = high;
            while low < high {
                let middle = usize::midpoint(low, high);
                if page.first_series(middle) == series {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            end = begins + low;
            if low < all {
                break;
            }
        }
        Ok(first..end)
    }

    /// The numbers of the timestamp columns of the runs of a page.
    pub(crate) fn run_page<'s>(
        &'s self,
        segment: &'s Segment,
        page: usize,
    ) -> Result<Packed<'s>, ReadError> {
        let runs = PAGE.min(self.runs.saturating_sub(page * PAGE));
        self.read(segment, self.run_pages.get(page), |bytes| {
            let [times]: [Packed<'_>; 1] = take_columns(&mut Reader::new(bytes), runs)?;
            Ok(times)
        })
    }

    pub(crate) fn field_page<'s>(
        &'s self,
        segment: &'s Segment,
        field: usize,
        page: usize,
    ) -> Result<FieldPage<'s>, ReadError> {
        let found = self.field_pages.get(field).and_then(|pages| pages.get(page));
        let field_type = self.fields.get(field).map_or(FieldType::Float, |(_, t)| *t);
        let groups = self.page_groups(page);
        self.read(segment, found.map(|field| &field.page), |bytes| {
            let page = FieldPage::new(bytes, field_type, groups)?;
            Ok(found.map_or(page, |field| page.with(&field.known)))
        })
    }

    /// The number of a field.
    pub(crate) fn field(&self, name: &str, field_type: FieldType) -> Option<usize> {
        self.fields.iter().position(|(n, t)| **n == *name && *t == field_type)
    }

    /// Per series the number of the key's value + 1, or 0.
    pub(crate) fn values<'s>(
        &'s self,
        segment: &'s Segment,
        key: &'s KeyColumn,
    ) -> Result<Packed<'s>, ReadError> {
        self.packed(segment, key.bits.as_ref(), key.base, key.width)
    }

    /// The series in order of the key's values, if that is kept.
    pub(crate) fn order<'s>(
        &'s self,
        segment: &'s Segment,
        key: &'s KeyColumn,
    ) -> Result<Option<Packed<'s>>, ReadError> {
        let width = order_width(self.series);
        key.order.as_ref().map(|page| self.packed(segment, Some(page), 0, width)).transpose()
    }

    fn packed<'s>(
        &'s self,
        segment: &'s Segment,
        page: Option<&'s PageRef>,
        base: i64,
        width: u32,
    ) -> Result<Packed<'s>, ReadError> {
        let Some(page) = page else { return Ok(Packed::new(base, 0, &[])) };
        let (bytes, at) = self.bytes(segment, page)?;
        if bytes.len() != packed_len(self.series, width) {
            return segment.corrupt(
                at,
                "a number for every series",
                format!("{} bytes", bytes.len()),
            );
        }
        Ok(Packed::new(base, width, bytes))
    }
}

/// Bits of the number of a series.
pub(super) fn order_width(series: usize) -> u32 {
    usize::BITS - series.leading_zeros()
}

impl KeyColumn {
    fn parse(pages: &mut PageReader<'_, '_>, keys: usize) -> Result<KeyColumn, Bad> {
        let reader = &mut *pages.reader;
        let key = reader.count(keys.saturating_sub(1))?;
        let distinct = reader.count(usize::MAX)?;
        let base = reader.zigzag()?;
        let (width, form) = (u32::from(reader.u8()?), reader.u8()?);
        if width > 33 || form > ASCENDING | ORDERED {
            return reader.bad("a column of numbers", format!("width {width}, form {form}"));
        }
        let bits = (width > 0).then(|| pages.page()).transpose()?;
        let order = (form & ORDERED != 0).then(|| pages.page()).transpose()?;
        let ascending = form & ASCENDING != 0;
        Ok(KeyColumn { key, distinct, ascending, base, width, bits, order })
    }
}
