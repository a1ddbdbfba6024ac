//! A measurement as a table of its fields: one list from which the descriptors, the layout of the rows and the rows
//! themselves are made, so that they cannot differ.

use stripchart_core::{
    Batch, BatchSeries, FieldDescriptor, FieldType, MetricKind, RowLayout, Timestamp, Unit,
};

use crate::host::int;

/// A measurement, whose rows are made of an `S` each.
#[derive(Debug)]
pub(crate) struct Table<S: 'static> {
    pub(crate) name: &'static str,
    /// In pieces, since several measurements share some.
    pub(crate) fields: &'static [&'static [Field<S>]],
}

/// A field.
#[derive(Debug)]
pub(crate) struct Field<S> {
    pub(crate) name: &'static str,
    pub(crate) kind: MetricKind,
    pub(crate) unit: Unit,
    pub(crate) what: &'static str,
    pub(crate) get: Get<S>,
}

/// How the field's value is got; `None` is no value.
#[derive(Debug)]
pub(crate) enum Get<S> {
    /// A count, which becomes a signed integer.
    Count(fn(&S) -> Option<u64>),
    /// A float.
    Float(fn(&S) -> Option<f64>),
}

impl<S> Table<S> {
    fn fields(&self) -> impl Iterator<Item = &'static Field<S>> {
        self.fields.iter().flat_map(|piece| piece.iter())
    }

    /// The layout of this table's rows in `batch`.
    pub(crate) fn layout(&self, batch: &mut Batch) -> RowLayout {
        batch.layout(self.fields().map(|field| (field.name, field.get.field_type())))
    }

    /// Adds a row of `series`; none if no field has a value.
    pub(crate) fn add(
        &self,
        batch: &mut Batch,
        series: BatchSeries,
        layout: RowLayout,
        at: Timestamp,
        from: &S,
    ) {
        let mut row = batch.row_with(series, layout, at);
        for field in self.fields() {
            match field.get {
                Get::Count(get) => match get(from) {
                    Some(count) => row.i64(int(count)),
                    None => row.skip(),
                },
                Get::Float(get) => match get(from) {
                    Some(value) => row.f64(value),
                    None => row.skip(),
                },
            };
        }
    }

    /// What the fields mean.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = FieldDescriptor> {
        let name = self.name;
        self.fields().map(move |field| {
            let Field { name: field_name, kind, unit, what, get } = field;
            FieldDescriptor::new(name, field_name, get.field_type(), *kind, *unit, what)
        })
    }
}

impl<S> Get<S> {
    const fn field_type(&self) -> FieldType {
        match self {
            Get::Count(_) => FieldType::Integer,
            Get::Float(_) => FieldType::Float,
        }
    }
}

/// A level, a count.
pub(crate) const fn level<S>(
    name: &'static str,
    unit: Unit,
    what: &'static str,
    get: fn(&S) -> Option<u64>,
) -> Field<S> {
    Field { name, kind: MetricKind::Gauge, unit, what, get: Get::Count(get) }
}

/// A running total.
pub(crate) const fn total<S>(
    name: &'static str,
    unit: Unit,
    what: &'static str,
    get: fn(&S) -> Option<u64>,
) -> Field<S> {
    Field { name, kind: MetricKind::Cumulative, unit, what, get: Get::Count(get) }
}

/// A level, a float.
pub(crate) const fn float<S>(
    name: &'static str,
    unit: Unit,
    what: &'static str,
    get: fn(&S) -> Option<f64>,
) -> Field<S> {
    Field { name, kind: MetricKind::Gauge, unit, what, get: Get::Float(get) }
}

/// The eight fields of a pressure, which the closure finds.
macro_rules! pressure {
    ($get:expr) => {
        &[
            float(
                "pressure_full_avg10",
                Unit::Percent,
                "time in which all threads that were not idle waited for the resource, of the last 10 seconds",
                |from| Some(($get)(from)?.full?.avg10),
            ),
            float(
                "pressure_full_avg300",
                Unit::Percent,
                "time in which all threads that were not idle waited for the resource, of the last 300 seconds",
                |from| Some(($get)(from)?.full?.avg300),
            ),
            float(
                "pressure_full_avg60",
                Unit::Percent,
                "time in which all threads that were not idle waited for the resource, of the last 60 seconds",
                |from| Some(($get)(from)?.full?.avg60),
            ),
            total(
                "pressure_full_total_usec",
                Unit::Microseconds,
                "time in which all threads that were not idle waited for the resource",
                |from| Some(($get)(from)?.full?.total_usec),
            ),
            float(
                "pressure_some_avg10",
                Unit::Percent,
                "time in which at least one thread waited for the resource, of the last 10 seconds",
                |from| Some(($get)(from)?.some.avg10),
            ),
            float(
                "pressure_some_avg300",
                Unit::Percent,
                "time in which at least one thread waited for the resource, of the last 300 seconds",
                |from| Some(($get)(from)?.some.avg300),
            ),
            float(
                "pressure_some_avg60",
                Unit::Percent,
                "time in which at least one thread waited for the resource, of the last 60 seconds",
                |from| Some(($get)(from)?.some.avg60),
            ),
            total(
                "pressure_some_total_usec",
                Unit::Microseconds,
                "time in which at least one thread waited for the resource",
                |from| Some(($get)(from)?.some.total_usec),
            ),
        ]
    };
}
pub(crate) use pressure;
