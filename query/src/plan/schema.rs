//! What fields and tags the sources of a query have between them.

use std::collections::{BTreeMap, BTreeSet};

use stripchart_core::FieldType;

use super::compile::is_time;
use super::{PlannedSource, ReferenceKind};
use crate::QueryError;
use crate::ast::{Call, DataType, Expr, Field, Select, VarRef, WildcardKind};

/// Fields with their types, and tag keys. Where sources differ about a field's type, the most general one counts.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    pub fields: BTreeMap<String, FieldType>,
    pub tags: BTreeSet<String>,
    /// Columns of subqueries that have no type, since nothing is called so in what those are about.
    pub unknown: BTreeSet<String>,
    /// Whether there are no sources but subqueries, whose tags are texts like others.
    pub nested: bool,
}

/// Lower goes first where types differ.
fn rank(field_type: FieldType) -> u8 {
    match field_type {
        FieldType::Float => 0,
        FieldType::Integer => 1,
        FieldType::Unsigned => 2,
        FieldType::String => 3,
        FieldType::Boolean => 4,
    }
}

impl Schema {
    /// The union over `sources`.
    pub(crate) fn of(sources: &[PlannedSource]) -> Result<Self, QueryError> {
        let is_nested = |source: &PlannedSource| matches!(source, PlannedSource::Subquery(_));
        let nested = !sources.is_empty() && sources.iter().all(is_nested);
        let mut schema = Schema { nested, ..Schema::default() };
        for source in sources {
            match source {
                PlannedSource::Measurement { view, name, fields, .. } => {
                    for field in fields {
                        schema.add_field(&field.name, field.field_type);
                    }
                    schema.tags.extend(view.tag_keys(name).map_err(QueryError::storage)?);
                }
                PlannedSource::Subquery(plan) => {
                    // Of columns of one name the first is meant.
                    let mut seen = BTreeSet::new();
                    for column in &plan.columns {
                        if !seen.insert(&column.name) {
                            continue;
                        }
                        match column.declared {
                            Some(field_type) => schema.add_field(&column.name, field_type),
                            None => {
                                schema.unknown.insert(column.name.clone());
                            }
                        }
                    }
                    schema.tags.extend(plan.own_dimensions.iter().cloned());
                }
            }
        }
        Ok(schema)
    }

    fn add_field(&mut self, name: &str, field_type: FieldType) {
        self.fields
            .entry(name.to_owned())
            .and_modify(|known| {
                if rank(field_type) < rank(*known) {
                    *known = field_type;
                }
            })
            .or_insert(field_type);
    }

    /// What a name in the select list stands for.
    pub(crate) fn resolve(&self, variable: &VarRef) -> ReferenceKind {
        let field = self.fields.get(&variable.name).copied();
        let tag = if self.tags.contains(&variable.name) {
            ReferenceKind::Tag
        } else {
            ReferenceKind::Unknown
        };
        match variable.cast {
            None => field.map_or(tag, ReferenceKind::Field),
            Some(DataType::Tag) => tag,
            Some(to) => field.map_or(ReferenceKind::Unknown, |own| {
                ReferenceKind::Field(to.value_type().unwrap_or(own))
            }),
        }
    }

    /// The fields of a select list with wildcards and patterns written out. Tags stand in it too, save those in
    /// `without` (grouped by); `None` leaves out all of them.
    pub(crate) fn expand(
        &self,
        fields: &[Field],
        without: Option<&BTreeSet<String>>,
    ) -> Result<Vec<Field>, QueryError> {
        let fields_of = self.fields.iter().map(|(name, t)| (name.as_str(), Stands::Field(*t)));
        let mut names: Vec<(&str, Stands)> = fields_of.collect();
        let unknown = self.unknown.iter().filter(|name| !self.fields.contains_key(*name));
        names.extend(unknown.map(|name| (name.as_str(), Stands::Nothing)));
        // As in InfluxDB, where no field is there are no columns, tags or not.
        if !names.is_empty()
            && let Some(without) = without
        {
            names.extend(self.tags.difference(without).map(|name| (name.as_str(), Stands::Tag)));
        }
        // A field before the tag of the same name.
        names.sort_by_key(|(name, stands)| (*name, *stands == Stands::Tag));
        let mut expanded = Vec::new();
        for field in fields {
            expand_field(field, &names, &mut expanded)?;
        }
        Ok(expanded)
    }
}

fn expand_field(
    field: &Field,
    names: &[(&str, Stands)],
    out: &mut Vec<Field>,
) -> Result<(), QueryError> {
    let plain = |name: &str, stands: Stands| Field {
        expr: Expr::Variable(typed(name, stands)),
        alias: None,
    };
    match &field.expr {
        Expr::Wildcard(kind) => out.extend(
            names
                .iter()
                .filter(|(_, stands)| match kind {
                    None => true,
                    Some(WildcardKind::Field) => *stands != Stands::Tag,
                    Some(WildcardKind::Tag) => *stands == Stands::Tag,
                })
                .map(|(name, stands)| plain(name, *stands)),
        ),
        Expr::Regex(regex) => {
            let regex = regex.compile().map_err(|e| QueryError::invalid(e.to_string()))?;
            out.extend(
                names
                    .iter()
                    .filter(|(name, _)| regex.is_match(name))
                    .map(|(name, stands)| plain(name, *stands)),
            );
        }
        Expr::Call(call) => expand_call(field, call, names, out)?,
        _ => out.push(field.clone()),
    }
    Ok(())
}

/// What a name that a wildcard stands for stands for in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Field(FieldType),
    Tag,
    /// A column without values.
    Nothing,
}

/// A variable that means just that.
fn typed(name: &str, stands: Stands) -> VarRef {
    let cast = match stands {
        Stands::Tag => Some(DataType::Tag),
        Stands::Nothing => None,
        Stands::Field(FieldType::Float) => Some(DataType::Float),
        Stands::Field(FieldType::Integer) => Some(DataType::Integer),
        Stands::Field(FieldType::Unsigned) => Some(DataType::Unsigned),
        Stands::Field(FieldType::Boolean) => Some(DataType::Boolean),
        Stands::Field(FieldType::String) => Some(DataType::String),
    };
    VarRef { name: name.to_owned(), cast }
}

/// `mean(*)`, also inside other functions: one column for each field of a type that the innermost function takes.
fn expand_call(
    field: &Field,
    call: &Call,
    names: &[(&str, Stands)],
    out: &mut Vec<Field>,
) -> Result<(), QueryError> {
    let mut inner = call;
    while let Some(Expr::Call(next)) = inner.args.first() {
        inner = next;
    }
    let regex = match inner.args.first() {
        Some(Expr::Wildcard(Some(WildcardKind::Tag))) => {
            return Err(QueryError::invalid(format!(
                "unable to use tag wildcard in {}()",
                inner.name
            )));
        }
        Some(Expr::Wildcard(_)) => None,
        Some(Expr::Regex(regex)) => {
            Some(regex.compile().map_err(|e| QueryError::invalid(e.to_string()))?)
        }
        _ => {
            out.push(field.clone());
            return Ok(());
        }
    };
    for (name, stands) in names {
        let Stands::Field(field_type) = stands else { continue };
        if takes(&inner.name, *field_type) && regex.as_ref().is_none_or(|r| r.is_match(name)) {
            let mut copy = call.clone();
            set_innermost(&mut copy, typed(name, *stands));
            let base = field.alias.as_deref().unwrap_or(&call.name);
            let alias = Some(format!("{base}_{name}"));
            out.push(Field { expr: Expr::Call(copy), alias });
        }
    }
    Ok(())
}

fn set_innermost(call: &mut Call, variable: VarRef) {
    match call.args.first_mut() {
        Some(Expr::Call(inner)) => set_innermost(inner, variable),
        Some(argument) => *argument = Expr::Variable(variable),
        None => {}
    }
}

/// Whether a wildcard in the function stands for fields of the type.
fn takes(function: &str, field_type: FieldType) -> bool {
    let any = ["count", "first", "last", "distinct", "elapsed", "mode", "sample"];
    match field_type {
        FieldType::String => any.contains(&function),
        FieldType::Boolean => any.contains(&function) || matches!(function, "min" | "max"),
        _ => true,
    }
}

/// The names of the columns: aliases as they are, the others made distinct by `_1`, `_2` and so on.
pub(crate) fn column_names(columns: &[(Expr, Option<String>)]) -> Vec<String> {
    let mut names: BTreeMap<String, usize> =
        columns.iter().filter_map(|(_, alias)| Some((alias.clone()?, 1))).collect();
    columns
        .iter()
        .map(|(expr, alias)| match alias {
            Some(alias) => alias.clone(),
            None => distinct_name(expr_name(expr), &mut names),
        })
        .collect()
}

/// The names of the columns, as they are written.
pub(crate) fn own_names(columns: &[(Expr, Option<String>)]) -> Vec<String> {
    let name =
        |(expr, alias): &(Expr, Option<String>)| alias.clone().unwrap_or_else(|| expr_name(expr));
    columns.iter().map(name).collect()
}

/// What the column of times is called: `time`, or the last alias that it was given.
pub(crate) fn time_name(select: &Select) -> String {
    let times = select.fields.iter().filter(|field| is_time(&field.expr));
    times.filter_map(|field| field.alias.clone()).next_back().unwrap_or_else(|| "time".to_owned())
}

fn distinct_name(name: String, names: &mut BTreeMap<String, usize>) -> String {
    let mut resolved = name.clone();
    if let Some(mut count) = names.get(&name).copied() {
        loop {
            resolved = format!("{name}_{count}");
            if !names.contains_key(&resolved) {
                break;
            }
            count += 1;
        }
        names.insert(name, count + 1);
    }
    *names.entry(resolved.clone()).or_insert(0) += 1;
    resolved
}

/// The name that a column without alias gets.
fn expr_name(expr: &Expr) -> String {
    match expr {
        Expr::Call(call) => call.name.clone(),
        Expr::Distinct(_) => "distinct".to_owned(),
        Expr::Variable(variable) => variable.name.clone(),
        Expr::Paren(inner) => expr_name(inner),
        Expr::Binary(_) => {
            let mut names = Vec::new();
            operand_names(expr, &mut names);
            names.join("_")
        }
        _ => String::new(),
    }
}

fn operand_names<'a>(expr: &'a Expr, names: &mut Vec<&'a str>) {
    match expr {
        Expr::Call(call) => names.push(&call.name),
        Expr::Distinct(_) => names.push("distinct"),
        Expr::Variable(variable) => names.push(&variable.name),
        Expr::Paren(inner) => operand_names(inner, names),
        Expr::Binary(binary) => {
            operand_names(&binary.left, names);
            operand_names(&binary.right, names);
        }
        _ => {}
    }
}
