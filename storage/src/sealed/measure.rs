//! What there is of a measurement.

use stripchart_core::Timestamp;

use super::Sealed;
use crate::catalog::FieldInfo;
use crate::segment::select::TableView;
use crate::segment::{PAGE, Segment};
use crate::{DbError, ReadError, TagFilter, View};

/// A measurement, and how much of it is sealed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MeasurementInfo {
    /// The name.
    pub name: String,
    /// Its fields, sorted by name.
    pub fields: Vec<FieldInfo>,
    /// Series.
    pub series: u64,
    /// Rows, counted per series and time, as they are stored: those that are in several segments count several times, and those that
    /// were deleted count, until segments are merged.
    pub rows: u64,
    /// Values of all fields, counted alike.
    pub values: u64,
    /// Bytes that the blocks of those values take. Times, which measurements share, and keys are not counted.
    pub value_bytes: u64,
    /// Times of the first and of the last row, both inside.
    pub bounds: Option<(Timestamp, Timestamp)>,
}

impl Sealed {
    /// What there is of each measurement of a retention policy of `database`; `None` means the default one.
    ///
    /// Costs a look at what is known of every block, and at no block.
    ///
    /// # Errors
    ///
    /// As [`Sealed::view`]; [`DbError::File`] if what is known of the blocks is damaged.
    pub fn measurements(
        &self,
        database: &str,
        policy: Option<&str>,
    ) -> Result<Vec<MeasurementInfo>, DbError> {
        let view = self.view(database, policy)?;
        let mut all = Vec::new();
        for name in view.measurements()? {
            all.push(measure(&view, name)?);
        }
        Ok(all)
    }
}

fn measure(view: &View, name: String) -> Result<MeasurementInfo, ReadError> {
    let fields = view.fields(&name);
    let mut info = MeasurementInfo {
        name,
        fields,
        series: 0,
        rows: 0,
        values: 0,
        value_bytes: 0,
        bounds: None,
    };
    for series in view.series(&info.name, &TagFilter::All)? {
        info.series += 1;
        if let Some((first, last)) = view.time_bounds(&series) {
            let (a, b) = info.bounds.unwrap_or((first, last));
            info.bounds = Some((a.min(first), b.max(last)));
        }
    }
    for segment in &view.inner().segments {
        add_segment(segment, &mut info)?;
    }
    Ok(info)
}

/// Adds what a segment has of the measurement, as its pages say.
fn add_segment(segment: &Segment, info: &mut MeasurementInfo) -> Result<(), ReadError> {
    let Some((_, TableView { table, .. })) = segment.table(&info.name)? else { return Ok(()) };
    for page in 0..table.groups.div_ceil(PAGE) {
        let groups = table.group_page(segment, page)?;
        let mut rows = Vec::with_capacity(table.page_groups(page));
        for group in 0..table.page_groups(page) {
            rows.push(groups.group(group).map_err(|bad| segment.bad(0, bad))?.rows);
        }
        // Saturating: bytes that somebody made up have passed their checksum.
        info.rows = rows.iter().fold(info.rows, |sum, rows| sum.saturating_add(*rows as u64));
        for field in 0..table.fields.len() {
            let blocks = table.field_page(segment, field, page)?;
            for (group, rows) in rows.iter().enumerate() {
                info.values = info.values.saturating_add(blocks.values(group, *rows) as u64);
                info.value_bytes = info.value_bytes.saturating_add(blocks.len(group));
            }
        }
    }
    Ok(())
}
