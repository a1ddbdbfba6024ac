//! A table that is read from series to series: its cursor, and for each field asked for the page looked at last.

use super::ahead::Ahead;
use super::cursor::Cursor;
use super::packed::Packed;
use super::page::FieldPage;
use super::{PAGE, Segment};
use crate::ReadError;
use crate::rows::Wanted;
use crate::view::ViewInner;

/// Bytes that all fields of all segments of a view together are read ahead.
const AHEAD: usize = 2 << 20;

/// A table of a segment, and the pages of the fields that are read.
#[derive(Debug)]
pub(crate) struct OpenTable<'v> {
    pub(crate) segment: &'v Segment,
    /// The segment's place in the view.
    pub(crate) segment_at: u32,
    pub(crate) table: u32,
    pub(crate) cursor: Cursor<'v>,
    pub(crate) fields: Vec<OpenField<'v>>,
}

/// A field of a table.
#[derive(Debug)]
pub(crate) struct OpenField<'v> {
    /// Its number, if the table has it.
    pub(crate) number: Option<usize>,
    page: Option<OpenPage<'v>>,
    pub(crate) ahead: Ahead,
}

/// A page about a field's blocks.
#[derive(Debug)]
pub(crate) struct OpenPage<'v> {
    number: usize,
    pub(crate) page: FieldPage<'v>,
    /// Where the group asked for last is.
    place: Place,
    /// The sums of all cells of the page.
    pub(crate) cells: Packed<'v>,
}

/// A group of a page, and what comes before its block. Kept for one group: of a thousand fields in hundreds of segments, a list of all
/// groups would be the most of what a reader holds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    group: usize,
    pub(crate) bytes: u64,
    pub(crate) blocks: usize,
    pub(crate) cells: u32,
}

impl OpenPage<'_> {
    /// Goes to a group; mostly one of the next.
    pub(crate) fn place(&mut self, group: usize) -> Place {
        let mut place = if group < self.place.group { Place::default() } else { self.place };
        while place.group < group {
            let len = self.page.len(place.group);
            place.bytes = place.bytes.wrapping_add(len);
            place.blocks += usize::from(len > 0);
            let cells = u32::try_from(self.page.cells(place.group)).unwrap_or(u32::MAX);
            place.cells = place.cells.saturating_add(cells);
            place.group += 1;
        }
        self.place = place;
        place
    }
}

impl<'v> OpenTable<'v> {
    /// Where a table of a segment of a view is among `tables`, which it joins if it is not there.
    pub(crate) fn find(
        tables: &mut Vec<OpenTable<'v>>,
        view: &'v ViewInner,
        (segment_at, table): (u32, u32),
        wanted: &[Wanted],
    ) -> Result<usize, ReadError> {
        let same = |open: &OpenTable<'_>| open.segment_at == segment_at && open.table == table;
        if let Some(at) = tables.iter().position(same) {
            return Ok(at);
        }
        tables.push(Self::of(view, segment_at, table, wanted)?);
        Ok(tables.len() - 1)
    }

    /// Table number `table` of segment number `segment_at` of a view.
    fn of(
        view: &'v ViewInner,
        segment_at: u32,
        table: u32,
        wanted: &[Wanted],
    ) -> Result<Self, ReadError> {
        let segment = &view.segments[segment_at as usize];
        let readers = view.segments.len() * wanted.len();
        let ahead = u32::try_from(AHEAD / readers.max(1)).unwrap_or(u32::MAX);
        let cursor = Cursor::new(segment, table)?;
        let field = |w: &Wanted| OpenField {
            number: cursor.table.field(&w.name, w.field_type),
            page: None,
            ahead: Ahead::new(ahead),
        };
        let fields = wanted.iter().map(field).collect();
        Ok(OpenTable { segment, segment_at, table, cursor, fields })
    }

    /// The page that a group of a field is described in; `None` if the table does not have the field.
    pub(crate) fn page(
        &mut self,
        field: usize,
        group: usize,
    ) -> Result<Option<&mut OpenPage<'v>>, ReadError> {
        let place = &mut self.fields[field];
        let Some(field) = place.number else { return Ok(None) };
        let number = group / PAGE;
        if place.page.as_ref().is_none_or(|page| page.number != number) {
            let page = self.cursor.table.field_page(self.segment, field, number)?;
            let (blocks, cells) = page.totals();
            let cells = match cells {
                0 => Packed::default(),
                _ => page
                    .cell_sums(blocks as usize, cells as usize)
                    .map_err(|bad| self.segment.bad(0, bad))?,
            };
            place.page = Some(OpenPage { number, page, place: Place::default(), cells });
        }
        Ok(place.page.as_mut())
    }
}
