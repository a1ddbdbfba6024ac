//! From the text of a `SELECT` to what is to be computed.
//!
//! | module | does |
//! | --- | --- |
//! | `reduce` | reckons out what is constant in a select list |
//! | `refused` | which functions cannot be computed, and whether it matters |
//! | `compile` | checks the select list by its text alone |
//! | `series_limit` | SLIMIT and SOFFSET, of subqueries too |
//! | `instant` | reads instants written as texts |
//! | `time` | takes the time bounds out of the condition |
//! | `call` | tells which function is meant |
//! | `types` | reckons the types of expressions |
//! | `schema` | finds the sources' fields and tags, expands wildcards, names columns |
//! | `node` | expressions with names resolved to slots |
//! | `pattern` | what regular expressions say to an index |
//! | here | puts it together |
//!
//! The order of the checks is InfluxDB's, so that of several mistakes the same one is reported.

mod call;
mod compile;
mod instant;
mod node;
mod pattern;
mod reduce;
mod refused;
mod schema;
mod select;
mod series_limit;
pub(crate) mod time;
mod types;

use std::sync::Arc;

use stripchart_core::{FieldType, FieldValue, Unit};
use stripchart_storage::{FieldInfo, RolledView, View};

pub(crate) use node::{Condition, Node, Place, Slot, means_field};
pub(crate) use schema::Schema;
pub(crate) use select::{Planner, matching, node_type};
pub(crate) use series_limit::SeriesLimit;

use crate::ast::Expr;
use crate::functions::{Aggregate, Reducer, Transform};
use crate::window::Windows;

/// A `SELECT`, ready to run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub sources: Vec<PlannedSource>,
    /// The first instant asked for; [`time::MIN_TIME`] if there is no lower bound.
    pub start: i64,
    /// Nothing before this is read, even where a function looks back: what the outermost query is about, and as much
    /// more as its own functions need. A limit on windows moves it on.
    pub read_start: i64,
    /// The last instant asked for.
    pub last: i64,
    /// Nothing after this is read.
    pub read_last: i64,
    /// `GROUP BY time`, the outer query's for a subquery without its own.
    pub windows: Option<Windows>,
    /// The tags grouped by, sorted.
    pub dimensions: Vec<String>,
    /// Those of them that the query itself names, not one around it.
    pub own_dimensions: Vec<String>,
    pub fill: FillMode,
    pub ascending: bool,
    pub limit: Option<u64>,
    pub offset: u64,
    pub series_limit: SeriesLimit,
    /// The name of the time column.
    pub time_name: String,
    pub columns: Vec<OutputColumn>,
    /// Fields and tags selected, by themselves or beside a selector.
    pub refs: Arc<[Reference]>,
    /// The functions, each once however often it is written.
    pub calls: Vec<Call>,
    /// How each is written.
    pub call_texts: Vec<String>,
    pub condition: Option<Arc<Condition>>,
    /// Why it cannot be run, if it is.
    pub refused: Option<String>,
}

impl Plan {
    /// Whether the rows are the points that a single function selects.
    pub(crate) fn is_selector(&self) -> bool {
        matches!(self.calls.as_slice(), [call] if call.is_selector())
    }
}

/// Where rows come from.
#[derive(Debug)]
pub(crate) enum PlannedSource {
    Measurement {
        view: Arc<View>,
        name: String,
        fields: Vec<FieldInfo>,
        /// The same with its rollups, if the policy has some.
        rolled: Option<Arc<RolledView>>,
    },
    Subquery(Arc<Plan>),
}

/// What stands in windows without points.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FillMode {
    None,
    Null,
    Previous,
    Linear,
    Value(FieldValue),
}

/// A column of the answer.
#[derive(Debug)]
pub(crate) struct OutputColumn {
    pub name: String,
    pub node: Node,
    /// The type that a query around this one takes its values to have; `None` is unknown.
    pub declared: Option<FieldType>,
    pub unit: Option<Unit>,
}

/// A name in the select list, and what it turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reference {
    pub name: String,
    pub kind: ReferenceKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReferenceKind {
    /// A field, its values to be cast to this type.
    Field(FieldType),
    Tag,
    /// Neither: always null.
    Unknown,
}

impl ReferenceKind {
    /// The type of the values.
    pub(crate) fn field_type(self) -> FieldType {
        match self {
            ReferenceKind::Field(field_type) => field_type,
            ReferenceKind::Tag => FieldType::String,
            ReferenceKind::Unknown => FieldType::Float,
        }
    }
}

/// A function over a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Call {
    Aggregate {
        f: Aggregate,
        field: Reference,
    },
    Reduce {
        f: Reducer,
        field: Reference,
        /// Of `top` and `bottom`: the best of each combination of these takes part.
        tags: Vec<String>,
    },
    Transform {
        f: Transform,
        input: Box<TransformInput>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TransformInput {
    Field(Reference),
    Call(Call),
}

impl Call {
    /// Whether the answer is some of the points.
    pub(crate) fn is_selector(&self) -> bool {
        match self {
            Call::Aggregate { f, .. } => f.is_selector(),
            Call::Reduce { f, .. } => f.is_selector(),
            Call::Transform { .. } => false,
        }
    }

    /// Whether an empty window counts zero.
    pub(crate) fn is_count(&self) -> bool {
        matches!(
            self,
            Call::Aggregate { f: Aggregate::Count, .. }
                | Call::Reduce { f: Reducer::CountDistinct, .. }
        )
    }

    /// The field it is about at bottom.
    pub(crate) fn field(&self) -> &Reference {
        match self {
            Call::Aggregate { field, .. } | Call::Reduce { field, .. } => field,
            Call::Transform { input, .. } => match &**input {
                TransformInput::Field(field) => field,
                TransformInput::Call(call) => call.field(),
            },
        }
    }

    /// The type of the answer; `None` if the function does not take the field's type.
    pub(crate) fn output(&self) -> Option<FieldType> {
        match self {
            Call::Aggregate { f, field } => f.output(field.kind.field_type()),
            Call::Reduce { f, field, .. } => f.output(field.kind.field_type()),
            Call::Transform { f, input } => f.output(match &**input {
                TransformInput::Field(field) => field.kind.field_type(),
                TransformInput::Call(call) => call.output()?,
            }),
        }
    }

    /// The unit of the answer, given the field's.
    pub(crate) fn unit(&self, field: Option<Unit>) -> Option<Unit> {
        match self {
            Call::Aggregate { f: Aggregate::Count, .. } => None,
            Call::Aggregate { .. } => field,
            Call::Reduce { f: Reducer::CountDistinct, .. } => None,
            Call::Reduce { .. } => field,
            Call::Transform { f, input } => {
                let unit = match &**input {
                    TransformInput::Field(_) => field,
                    TransformInput::Call(call) => call.unit(field),
                };
                match f {
                    Transform::Derivative { unit_ns: 1_000_000_000, .. } => {
                        unit.and_then(per_second)
                    }
                    Transform::Derivative { .. }
                    | Transform::Elapsed { .. }
                    | Transform::Integral { .. } => None,
                    Transform::Technical(f) => unit.filter(|_| f.indicator.is_average()),
                    _ => unit,
                }
            }
        }
    }
}

/// The unit of a quantity's change per second, where it has a name.
fn per_second(unit: Unit) -> Option<Unit> {
    match unit {
        Unit::Bytes | Unit::DecimalBytes => Some(Unit::BytesPerSecond),
        Unit::Bits => Some(Unit::BitsPerSecond),
        Unit::Count => Some(Unit::CountPerSecond),
        Unit::Seconds => Some(Unit::Ratio),
        _ => None,
    }
}

/// The Go type of an expression, as InfluxDB's messages name it.
pub(crate) fn go_type(expr: &Expr) -> &'static str {
    match expr {
        Expr::Wildcard(_) => "*influxql.Wildcard",
        Expr::Variable(_) => "*influxql.VarRef",
        Expr::Number(_) => "*influxql.NumberLiteral",
        Expr::Integer(_) => "*influxql.IntegerLiteral",
        Expr::Unsigned(_) => "*influxql.UnsignedLiteral",
        Expr::String(_) => "*influxql.StringLiteral",
        Expr::Boolean(_) => "*influxql.BooleanLiteral",
        Expr::Duration(_) => "*influxql.DurationLiteral",
        Expr::Regex(_) => "*influxql.RegexLiteral",
        Expr::Call(_) => "*influxql.Call",
        Expr::Distinct(_) => "*influxql.Distinct",
        Expr::Binary(_) => "*influxql.BinaryExpr",
        Expr::Paren(_) => "*influxql.ParenExpr",
    }
}
