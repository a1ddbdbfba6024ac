//! What a chart draws: labelled columns of instants and numbers.

use std::borrow::Cow;

use stripchart_core::{Bitmap, Column, Values};

use crate::{Color, Paint};

/// One line, area or set of bars: instants in nanoseconds since the epoch, a number for each, and a label.
///
/// A number that is not finite is a missing one. Where the columns differ in length, the shorter counts. Instants out
/// of order are sorted when drawn.
///
/// ```
/// use stripchart_render::{Color, Series};
/// let series = Series::new("node-a", vec![0, 10, 20], vec![1.0, f64::NAN, 3.0]).color(Color::rgb(0, 114, 178));
/// assert_eq!(series.label(), "node-a");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Series<'a> {
    pub(crate) label: String,
    pub(crate) times: Cow<'a, [i64]>,
    pub(crate) values: Cow<'a, [f64]>,
    pub(crate) color: Option<Color>,
    pub(crate) place: Option<usize>,
    pub(crate) dashed: bool,
    pub(crate) mirrored: bool,
}

impl<'a> Series<'a> {
    /// A series that owns its columns or borrows them.
    #[must_use]
    pub fn new(
        label: impl Into<String>,
        times: impl Into<Cow<'a, [i64]>>,
        values: impl Into<Cow<'a, [f64]>>,
    ) -> Self {
        Series {
            label: label.into(),
            times: times.into(),
            values: values.into(),
            color: None,
            place: None,
            dashed: false,
            mirrored: false,
        }
    }

    /// A series of points, some without a value.
    #[must_use]
    pub fn from_points(
        label: impl Into<String>,
        points: impl IntoIterator<Item = (i64, Option<f64>)>,
    ) -> Self {
        let (times, values): (Vec<_>, Vec<_>) =
            points.into_iter().map(|(at, value)| (at, value.unwrap_or(f64::NAN))).unzip();
        Series::new(label, times, values)
    }

    /// A series of a frame's column; `None` if the column holds no numbers. Floats without gaps are borrowed, all
    /// else is copied; true is 1 and false is 0.
    #[must_use]
    pub fn from_column(
        label: impl Into<String>,
        times: &'a [i64],
        column: &'a Column,
    ) -> Option<Self> {
        let values: Cow<'a, [f64]> = match (column.values(), column.validity()) {
            (Values::Float(values), None) => Cow::Borrowed(values),
            (Values::Float(values), bits) => masked(values.iter().copied(), bits).into(),
            (Values::Integer(values), bits) => {
                masked(values.iter().map(|v| *v as f64), bits).into()
            }
            (Values::Unsigned(values), bits) => {
                masked(values.iter().map(|v| *v as f64), bits).into()
            }
            (Values::Boolean(values), bits) => {
                masked(values.iter().map(|v| f64::from(u8::from(*v))), bits).into()
            }
            (Values::String(_) | Values::Time(_), _) => return None,
        };
        Some(Series::new(label, times, values))
    }

    /// The same in a colour of the caller's choice, in both themes.
    #[must_use]
    pub fn color(mut self, color: Color) -> Self {
        self.color = Some(color);
        self
    }

    /// The same in the colour and dashes that the series at `place` of a chart gets, so that two that belong together
    /// look alike.
    #[must_use]
    pub fn place(mut self, place: usize) -> Self {
        self.place = Some(place);
        self
    }

    /// The same with a dashed line: a limit, a forecast, last week's values.
    #[must_use]
    pub fn dashed(mut self, dashed: bool) -> Self {
        self.dashed = dashed;
        self
    }

    /// The same drawn downward from zero, as what is sent is drawn below what is received. Labels and statistics
    /// keep the sign that the values have.
    #[must_use]
    pub fn mirrored(mut self, mirrored: bool) -> Self {
        self.mirrored = mirrored;
        self
    }

    /// Whether its line is dashed.
    #[must_use]
    pub const fn is_dashed(&self) -> bool {
        self.dashed
    }

    /// The instants and the numbers.
    #[must_use]
    pub fn points(&self) -> (&[i64], &[f64]) {
        (&self.times, &self.values)
    }

    /// The label.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }
}

/// The values, with NaN where a bit is clear.
fn masked(values: impl Iterator<Item = f64>, bits: Option<&Bitmap>) -> Vec<f64> {
    match bits {
        None => values.collect(),
        Some(bits) => {
            values.enumerate().map(|(i, v)| if bits.get(i) { v } else { f64::NAN }).collect()
        }
    }
}

/// What a line does where a value is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NullPolicy {
    /// It stops, and starts again with the next value.
    #[default]
    Gap,
    /// It runs straight on to the next value, also across time without points.
    Connect,
    /// The missing value counts as zero. Time without points is still a gap.
    Zero,
}

/// How much time may pass between two points before the line between them is left out.
///
/// A line across the hours when nothing was collected would read as data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MaxGap {
    /// Three times the median distance between points.
    #[default]
    Auto,
    /// Any time.
    Unlimited,
    /// So many nanoseconds.
    Nanos(i64),
}

/// One row of a legend: how a series looks and what it amounts to, within the charted range.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LegendRow {
    /// The series' label.
    pub label: String,
    /// Its colour.
    pub color: Paint,
    /// Its place in [`PALETTE`](crate::PALETTE), that is in the classes `sc-s0`…; `None` for a colour of its own.
    pub palette_index: Option<usize>,
    /// The smallest value.
    pub min: Option<f64>,
    /// The mean of the values.
    pub mean: Option<f64>,
    /// The largest value.
    pub max: Option<f64>,
    /// The last value.
    pub last: Option<f64>,
}
