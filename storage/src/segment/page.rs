//! Field pages: where the blocks of one field are, their checksums, and what is known of the values in them.
//!
//! ```text
//! page     blocks of 256 groups of rows, in order:
//!            kind u8, offset of the first block (varint), then packed (see `packed`):
//!             0 bytes of the block (0 if none)      6 row of the smallest
//!             1 rows without a value                7 row of the largest
//!             2 smallest value                      8 first row with a value
//!             3 largest  - smallest                 9 rows after the last with a value
//!             4 first    - smallest                10 sum - smallest x values
//!             5 last     - smallest                11 inner cells
//!          then a crc u32 for each block; then packed, one row for each inner cell:
//!             0 sum of the cell - smallest x its rows
//! kind     0      numbers are integers (unsigned ones by their bits), booleans 0 and 1
//!          1..10  numbers are floats: integers / 10^(kind - 1)
//!          11     numbers are floats: their bits
//!          + 64   sums are the bits of floats
//! ```
//!
//! A number is known for blocks of numeric fields in groups of one series. A block whose rows all have one and the same number is not
//! stored: the smallest is the value. Cells are spans of time, see `times`: the sum of each but the last is kept where every row
//! has a value and the sums are integers.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use stripchart_core::FieldType;

use super::packed::{Packed, put_columns, take_columns};
use super::{PAGE, Part};
use crate::bytes::{Bad, Reader, put_varint};
use crate::partials::{Number, Sum};
use crate::rows::index;

const COLUMNS: usize = 12;
const KIND_INTEGERS: u8 = 0;
const KIND_BITS: u8 = 11;
const SUMS_ARE_BITS: u8 = 64;
/// Digits after the point of numbers in a page.
const POWERS: [f64; 10] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// A block as the writer knows it.
#[derive(Debug, Clone, Default)]
pub(super) struct NewBlock {
    pub(super) len: u32,
    pub(super) crc: u32,
    pub(super) rows: u32,
    /// Rows that have a value.
    pub(super) values: u32,
    pub(super) first_row: u32,
    pub(super) last_row: u32,
    pub(super) numbers: Option<NewNumbers>,
}

/// What is known of the numbers in it.
#[derive(Debug, Clone)]
pub(super) struct NewNumbers {
    pub(super) min: (Number, u32),
    pub(super) max: (Number, u32),
    pub(super) first: Number,
    pub(super) last: Number,
    pub(super) sum: Number,
    /// Sum and rows of each inner cell but the last.
    pub(super) cells: Vec<(Number, u32)>,
}

/// How numbers of a page are written as integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    field_type: FieldType,
    /// Digits after the point; `None` for bits.
    digits: Option<u8>,
    sums_are_bits: bool,
}

impl Kind {
    fn from_byte(byte: u8, field_type: FieldType) -> Option<Kind> {
        let sums_are_bits = byte & SUMS_ARE_BITS != 0;
        let digits = match (byte & !SUMS_ARE_BITS, field_type) {
            (KIND_BITS, FieldType::Float) => None,
            (kind @ 1..=10, FieldType::Float) => Some(kind - 1),
            (KIND_INTEGERS, FieldType::Float) => return None,
            (KIND_INTEGERS, _) if !sums_are_bits => Some(0),
            _ => return None,
        };
        Some(Kind { field_type, digits, sums_are_bits })
    }

    fn byte(self) -> u8 {
        let kind = match (self.field_type, self.digits) {
            (FieldType::Float, Some(digits)) => digits + 1,
            (FieldType::Float, None) => KIND_BITS,
            _ => KIND_INTEGERS,
        };
        kind | if self.sums_are_bits { SUMS_ARE_BITS } else { 0 }
    }

    /// The integer that a number is written as; `None` if this kind cannot give it back.
    fn int(self, number: Number) -> Option<i64> {
        match (number, self.digits) {
            (Number::Integer(v), _) => Some(v),
            (Number::Unsigned(v), _) => Some(v.cast_signed()),
            (Number::Float(v), None) => Some(v.to_bits().cast_signed()),
            (Number::Float(v), Some(digits)) => {
                let int = rounded(v, digits)?;
                (decimal(int, digits).to_bits() == v.to_bits()).then_some(int)
            }
        }
    }

    fn number(self, int: i64) -> Number {
        match (self.field_type, self.digits) {
            (FieldType::Float, Some(digits)) => Number::Float(decimal(int, digits)),
            (FieldType::Float, None) => Number::Float(f64::from_bits(int.cast_unsigned())),
            (FieldType::Unsigned, _) => Number::Unsigned(int.cast_unsigned()),
            _ => Number::Integer(int),
        }
    }

    /// The sum of `count` numbers as an integer: of decimals that of their integers, if that is as near to the sum as the numbers
    /// are to their decimals.
    fn sum_int(self, sum: Number, count: u32, largest: f64) -> Option<i64> {
        match (sum, self.digits) {
            (Number::Float(v), Some(digits)) if !self.sums_are_bits => {
                let int = rounded(v, digits)?;
                let near = f64::from(count) * largest * f64::EPSILON;
                ((decimal(int, digits) - v).abs() <= near).then_some(int)
            }
            (Number::Float(v), _) => Some(v.to_bits().cast_signed()),
            (sum, _) => self.int(sum),
        }
    }
}

fn decimal(int: i64, digits: u8) -> f64 {
    int as f64 / POWERS[usize::from(digits)]
}

fn rounded(value: f64, digits: u8) -> Option<i64> {
    let scaled = (value * POWERS[usize::from(digits)]).round();
    // Beyond 53 bits neighbouring integers are one float.
    #[expect(clippy::cast_possible_truncation, reason = "checked to be far inside")]
    (scaled.abs() < 9e15).then_some(scaled as i64)
}

/// The kind that gives back all numbers of the blocks in the fewest digits.
fn kind_of(blocks: &[NewBlock], field_type: FieldType) -> Kind {
    let kind = |digits, sums_are_bits| Kind { field_type, digits, sums_are_bits };
    if field_type != FieldType::Float {
        return kind(Some(0), false);
    }
    let numbers = || blocks.iter().filter_map(|block| block.numbers.as_ref());
    let fits = |digits: &u8| {
        let kind = kind(Some(*digits), false);
        numbers().all(|n| {
            [n.min.0, n.max.0, n.first, n.last].iter().all(|number| kind.int(*number).is_some())
        })
    };
    let Some(digits) = (0..10).find(fits) else { return kind(None, true) };
    let sums = blocks.iter().filter(|block| block.len > 0).all(|block| {
        let kind = kind(Some(digits), false);
        block.numbers.as_ref().is_none_or(|n| {
            let largest = largest(n);
            let cells =
                n.cells.iter().all(|(sum, rows)| kind.sum_int(*sum, *rows, largest).is_some());
            cells && kind.sum_int(n.sum, block.values, largest).is_some()
        })
    });
    kind(Some(digits), !sums)
}

fn largest(numbers: &NewNumbers) -> f64 {
    numbers.min.0.as_f64().abs().max(numbers.max.0.as_f64().abs())
}

/// Appends a page. `offset` is where the first of its blocks is.
pub(super) fn put_page(blocks: &[NewBlock], field_type: FieldType, offset: u64, out: &mut Vec<u8>) {
    let kind = kind_of(blocks, field_type);
    let mut columns: [Vec<i64>; COLUMNS] = Default::default();
    let mut cells = Vec::new();
    for block in blocks {
        let mut row = [0; COLUMNS];
        row[0] = i64::from(block.len);
        row[1] = i64::from(block.rows - block.values);
        if block.values > 0 {
            row[8] = i64::from(block.first_row);
            row[9] = i64::from(block.rows - 1 - block.last_row);
        }
        if let Some(numbers) = &block.numbers {
            put_numbers(block, numbers, kind, &mut row, &mut cells);
        }
        columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
    }
    out.push(kind.byte());
    put_varint(out, offset);
    put_columns(&columns.each_ref().map(Vec::as_slice), out);
    let stored = blocks.iter().filter(|block| block.len > 0);
    stored.for_each(|block| out.extend(block.crc.to_le_bytes()));
    if !cells.is_empty() {
        put_columns(&[&cells], out);
    }
}

fn put_numbers(
    block: &NewBlock,
    numbers: &NewNumbers,
    kind: Kind,
    row: &mut [i64; COLUMNS],
    cells: &mut Vec<i64>,
) {
    let int = |number| kind.int(number).unwrap_or_default();
    let min = int(numbers.min.0);
    row[2] = min;
    for (at, number) in [(3, numbers.max.0), (4, numbers.first), (5, numbers.last)] {
        row[at] = int(number).wrapping_sub(min);
    }
    row[6] = i64::from(numbers.min.1);
    row[7] = i64::from(numbers.max.1);
    if block.len == 0 {
        return;
    }
    let largest = largest(numbers);
    let above = |sum, count: u32| {
        let sum = kind.sum_int(sum, count, largest).unwrap_or_default();
        let base = if kind.sums_are_bits { 0 } else { min.wrapping_mul(i64::from(count)) };
        sum.wrapping_sub(base)
    };
    row[10] = above(numbers.sum, block.values);
    if !kind.sums_are_bits && block.values == block.rows {
        row[11] = i64::try_from(numbers.cells.len()).unwrap_or_default();
        cells.extend(numbers.cells.iter().map(|(sum, rows)| above(*sum, *rows)));
    }
}

/// A page, where it lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FieldPage<'a> {
    kind: Kind,
    offset: u64,
    groups: usize,
    columns: [Packed<'a>; COLUMNS],
    /// What comes after the columns.
    rest: &'a [u8],
    known: Option<&'a Known>,
}

/// Groups between two marks.
const A_MARK: usize = 16;

/// Bytes and number of the blocks before every so many groups of a page: who reads a row at random would add up lengths half the time.
#[derive(Debug)]
struct Marks(Box<[(u64, usize)]>);

/// What readers find out about a page and the next need not, for as long as its segment is open.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Filled once somebody asks for a block at random.
    marks: OnceLock<Marks>,
    /// A bit for each group whose block was read and had its checksum.
    compared: [AtomicU64; PAGE / 64],
}

/// Whether the checksum of a block was compared since its segment was opened; by default it was not, and noting it is for nothing.
///
/// The bits guard no other memory: two readers that both compare do the same work twice, so the order of what they see does not matter.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Compared<'a>(Option<(&'a AtomicU64, u64)>);

impl<'a> Compared<'a> {
    /// Bit number `at` of `word`.
    pub(super) const fn new(word: &'a AtomicU64, at: usize) -> Self {
        Compared(Some((word, 1 << (at % 64))))
    }

    pub(super) fn already(self) -> bool {
        self.0.is_some_and(|(word, bit)| word.load(Ordering::Relaxed) & bit != 0)
    }

    pub(super) fn note(self) {
        if let Some((word, bit)) = self.0 {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }
}

/// Where the values of one field in one group are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Stored {
    /// No row has a value.
    Nothing,
    /// All rows have this one.
    Constant(Number),
    Block(Part),
}

impl<'a> FieldPage<'a> {
    pub(crate) fn new(bytes: &'a [u8], field_type: FieldType, groups: usize) -> Result<Self, Bad> {
        let mut reader = Reader::new(bytes);
        let byte = reader.u8()?;
        let Some(kind) = Kind::from_byte(byte, field_type) else {
            return reader.bad("a kind of page that suits the field", byte.to_string());
        };
        let offset = reader.varint()?;
        if groups > PAGE {
            return reader.bad("at most 256 groups", groups.to_string());
        }
        let columns = take_columns(&mut reader, groups)?;
        let rest = bytes.get(reader.offset()..).unwrap_or_default();
        Ok(FieldPage { kind, offset, groups, columns, rest, known: None })
    }

    /// The same page, noting in `known` what is found out about its blocks.
    pub(crate) const fn with(mut self, known: &'a Known) -> Self {
        self.known = Some(known);
        self
    }

    /// Whether the checksum of a group's block was compared, and where to note that.
    pub(crate) fn compared(&self, group: usize) -> Compared<'a> {
        let word = self.known.and_then(|known| known.compared.get(group / 64));
        word.map_or_else(Compared::default, |word| Compared::new(word, group))
    }

    /// Bytes and number of the blocks before a group.
    fn before(&self, group: usize) -> (u64, usize) {
        let mark = group / A_MARK;
        let marks = self.known.map(|known| known.marks.get_or_init(|| self.new_marks()));
        let Some((bytes, blocks)) = marks.and_then(|marks| marks.0.get(mark)) else {
            return self.columns[0].sum_before(group);
        };
        (mark * A_MARK..group).fold((*bytes, *blocks), |before, group| self.past(before, group))
    }

    fn new_marks(&self) -> Marks {
        let (mut before, mut marks) = ((0, 0), Vec::with_capacity(self.groups.div_ceil(A_MARK)));
        for group in 0..self.groups {
            if group.is_multiple_of(A_MARK) {
                marks.push(before);
            }
            before = self.past(before, group);
        }
        Marks(marks.into())
    }

    /// Bytes and number of blocks, that of `group` added.
    fn past(&self, (bytes, blocks): (u64, usize), group: usize) -> (u64, usize) {
        let len = self.len(group);
        (bytes.wrapping_add(len), blocks + usize::from(len > 0))
    }

    fn column(&self, column: usize, group: usize) -> u64 {
        self.columns[column].get(group).cast_unsigned()
    }

    /// How many of the group's `rows` have a value.
    pub(crate) fn values(&self, group: usize, rows: usize) -> usize {
        let absent = usize::try_from(self.column(1, group)).unwrap_or(usize::MAX);
        rows.saturating_sub(absent)
    }

    /// Bytes of the block.
    pub(crate) fn len(&self, group: usize) -> u64 {
        self.column(0, group)
    }

    /// Where the values of a group of `rows` rows are.
    pub(crate) fn stored(&self, group: usize, rows: usize) -> Result<Stored, Bad> {
        self.stored_after(group, rows, self.before(group.min(self.groups)))
    }

    /// The same, given bytes and number of the blocks before.
    pub(crate) fn stored_after(
        &self,
        group: usize,
        rows: usize,
        (bytes, blocks): (u64, usize),
    ) -> Result<Stored, Bad> {
        let len = self.len(group);
        if len == 0 {
            return if self.values(group, rows) == 0 {
                Ok(Stored::Nothing)
            } else if self.kind.field_type.is_numeric() {
                Ok(Stored::Constant(self.min(group)))
            } else {
                bad("a block", format!("none for {rows} rows"))
            };
        }
        let Ok(len) = u32::try_from(len) else {
            return bad("a length of 32 bits", len.to_string());
        };
        let crc = Reader::new(self.rest.get(blocks * 4..).unwrap_or_default()).u32()?;
        Ok(Stored::Block(Part { offset: self.offset.wrapping_add(bytes), len, crc }))
    }

    /// What a writer would know of a group of `rows` rows of one series, but for the block itself. `cells` are the rows that its cells but
    /// the first begin at.
    pub(super) fn described(
        &self,
        group: usize,
        rows: usize,
        cells: &[usize],
    ) -> Result<NewBlock, Bad> {
        let values = self.values(group, rows);
        let mut block = NewBlock { rows: index(rows), ..NewBlock::default() };
        if values == 0 {
            return Ok(block);
        }
        block.values = index(values);
        let (first, last) = (self.first_row(group), self.last_row(group, rows));
        let (min, max) = (self.min_row(group), self.max_row(group));
        if first.max(last).max(min).max(max) >= rows {
            return bad("statistics of the block's rows", format!("rows {first} to {last}"));
        }
        (block.first_row, block.last_row) = (index(first), index(last));
        if !self.kind.field_type.is_numeric() {
            return Ok(block);
        }
        block.numbers = Some(NewNumbers {
            min: (self.min(group), index(min)),
            max: (self.max(group), index(max)),
            first: self.first(group),
            last: self.last(group),
            sum: self.sum(group, values).total(),
            cells: self.cells_of(group, cells)?,
        });
        Ok(block)
    }

    /// Sum and rows of each inner cell of a group but the last, if they are known.
    fn cells_of(&self, group: usize, ends: &[usize]) -> Result<Vec<(Number, u32)>, Bad> {
        let inner = self.cells(group);
        if inner == 0 {
            return Ok(Vec::new());
        }
        if inner != ends.len() {
            return bad("sums of the cells of the block", format!("{inner} of {}", ends.len()));
        }
        let blocks = (0..self.groups).filter(|group| self.len(*group) > 0).count();
        let cells = |to: usize| (0..to).fold(0usize, |sum, at| sum.saturating_add(self.cells(at)));
        let sums = self.cell_sums(blocks, cells(self.groups))?;
        let before = cells(group);
        let mut from = 0;
        let cells = ends.iter().enumerate().map(|(at, to)| {
            let rows = to.saturating_sub(from);
            from = *to;
            (self.cell_sum(sums.get(before + at), group, rows).total(), index(rows))
        });
        Ok(cells.collect())
    }

    pub(crate) fn min(&self, group: usize) -> Number {
        self.kind.number(self.columns[2].get(group))
    }

    fn above_min(&self, column: usize, group: usize) -> Number {
        let value = self.columns[2].get(group).wrapping_add(self.columns[column].get(group));
        self.kind.number(value)
    }

    pub(crate) fn max(&self, group: usize) -> Number {
        self.above_min(3, group)
    }

    pub(crate) fn first(&self, group: usize) -> Number {
        self.above_min(4, group)
    }

    pub(crate) fn last(&self, group: usize) -> Number {
        self.above_min(5, group)
    }

    fn row(&self, column: usize, group: usize) -> usize {
        usize::try_from(self.column(column, group)).unwrap_or(usize::MAX)
    }

    pub(crate) fn min_row(&self, group: usize) -> usize {
        self.row(6, group)
    }

    pub(crate) fn max_row(&self, group: usize) -> usize {
        self.row(7, group)
    }

    pub(crate) fn first_row(&self, group: usize) -> usize {
        self.row(8, group)
    }

    pub(crate) fn last_row(&self, group: usize, rows: usize) -> usize {
        rows.wrapping_sub(1).wrapping_sub(self.row(9, group))
    }

    /// The sum of the group's values, of which there are `count`.
    pub(crate) fn sum(&self, group: usize, count: usize) -> Sum {
        if self.len(group) == 0 {
            return Sum::of_equal(self.min(group), count);
        }
        self.sum_of(self.columns[10].get(group), group, count)
    }

    fn sum_of(&self, stored: i64, group: usize, count: usize) -> Sum {
        if self.kind.sums_are_bits {
            return Sum::of(Number::Float(f64::from_bits(stored.cast_unsigned())));
        }
        let count = i64::try_from(count).unwrap_or_default();
        let base = self.columns[2].get(group).wrapping_mul(count);
        Sum::of(self.kind.number(base.wrapping_add(stored)))
    }

    /// How many blocks and inner cells the page has.
    pub(crate) fn totals(&self) -> (u32, u32) {
        let blocks = self.columns[0].sum_before(self.groups).1;
        // What somebody made up may be negative: more than there can be, which reading the sums refuses.
        let cells = self.columns[11].sum_before(self.groups).0;
        (u32::try_from(blocks).unwrap_or(u32::MAX), u32::try_from(cells).unwrap_or(u32::MAX))
    }

    /// Inner cells of the group, and those of the groups before it.
    pub(crate) fn cells(&self, group: usize) -> usize {
        self.row(11, group)
    }

    /// The sums of cells, given how many blocks the page has.
    pub(crate) fn cell_sums(&self, blocks: usize, cells: usize) -> Result<Packed<'a>, Bad> {
        let mut reader = Reader::new(self.rest.get(blocks * 4..).unwrap_or_default());
        let [sums]: [Packed<'a>; 1] = take_columns(&mut reader, cells)?;
        Ok(sums)
    }

    /// The sum of a cell of `rows` rows as [`FieldPage::cell_sums`] has it.
    pub(crate) fn cell_sum(&self, stored: i64, group: usize, rows: usize) -> Sum {
        self.sum_of(stored, group, rows)
    }

    /// The sum of the group's values as [`FieldPage::cell_sums`] has sums: that of the last cell is what the others leave.
    pub(crate) fn sum_stored(&self, group: usize) -> i64 {
        self.columns[10].get(group)
    }
}

fn bad<T>(expected: &'static str, found: String) -> Result<T, Bad> {
    Err(Bad { offset: 0, expected, found })
}
