//! What there is of a measurement.

use stripchart_core::Timestamp;

use super::Sealed;
use crate::catalog::FieldInfo;
use crate::{Aggregates, DbError, Partials, ReadError, Series, TagFilter, View};

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
    /// Rows, counted per series and time; those that are in several segments count several times until these are merged.
    pub rows: u64,
    /// Values of all fields.
    pub values: u64,
    /// Times of the first and of the last row, both inside.
    pub bounds: Option<(Timestamp, Timestamp)>,
}

impl Sealed {
    /// What there is of each measurement of a retention policy of `database`; `None` means the default one.
    ///
    /// Costs a look at the record of every series, and no decoding but where segments overlap.
    ///
    /// # Errors
    ///
    /// As [`Sealed::view`]; [`DbError::File`] if a record or a block is damaged.
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
    let mut info = MeasurementInfo { name, fields, series: 0, rows: 0, values: 0, bounds: None };
    for series in view.series(&info.name, &TagFilter::All)? {
        info.series += 1;
        info.rows += rows(&series)?;
        for field in &info.fields {
            let mut count = Partials::new(field.field_type, 1, Aggregates::COUNT);
            view.fold(&series, &field.name, &[i64::MIN, i64::MAX], &mut count)?;
            info.values += count.count(0);
        }
        if let Some((first, last)) = view.time_bounds(&series) {
            let (a, b) = info.bounds.unwrap_or((first, last));
            info.bounds = Some((a.min(first), b.max(last)));
        }
    }
    Ok(info)
}

fn rows(series: &Series) -> Result<u64, ReadError> {
    let mut rows = 0;
    for (segment, number, _) in &series.inner.segments {
        let segment = &series.view.segments[*segment as usize];
        let runs = segment.runs(*number)?;
        rows += runs.iter().map(|run| u64::from(run.rows)).sum::<u64>();
    }
    Ok(rows)
}
