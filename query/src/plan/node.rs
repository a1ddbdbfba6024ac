//! Expressions whose names have become slots, and how they are evaluated.

use regex::Regex;
use stripchart_core::{FieldValue, ValueRef};
use stripchart_storage::TagFilter;

use super::pattern;
use crate::QueryError;
use crate::ast::{BinaryOp, DataType, Expr, VarRef};
use crate::functions::{MathFunction, binary, binary_in_condition};

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// A field or tag of the row.
    Ref(usize),
    /// The answer of a function.
    Call(usize),
}

/// An expression.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Slot(Slot),
    Literal(FieldValue),
    /// What has no value in a row: a duration.
    Null,
    Regex(Regex),
    Binary(BinaryOp, Box<Node>, Box<Node>),
    Math(MathFunction, Vec<Node>),
}

/// Where an expression stands: InfluxDB has other rules for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the select list.
    Columns,
    /// In a condition on rows of a subquery.
    RowsOfSubquery,
    /// In a condition on stored rows: what is compared with a field that the row does not have is false, where elsewhere a missing
    /// truth value counts as false itself.
    StoredRows,
}

impl Node {
    /// The value, given those of the slots; `None` is null.
    pub(crate) fn evaluate<'a>(
        &'a self,
        lookup: &impl Fn(Slot) -> Option<ValueRef<'a>>,
        place: Place,
    ) -> Option<ValueRef<'a>> {
        match self {
            Node::Slot(slot) => lookup(*slot),
            Node::Literal(value) => Some(value.as_ref()),
            Node::Null | Node::Regex(_) => None,
            Node::Binary(op, left, right) if op.is_regex() => {
                let text = left.evaluate(lookup, place).and_then(ValueRef::as_str);
                Some(ValueRef::Boolean(match (text, &**right) {
                    (Some(text), Node::Regex(regex)) => {
                        regex.is_match(text) == (*op == BinaryOp::Match)
                    }
                    _ => false,
                }))
            }
            Node::Binary(op, left, right) => {
                let (left_node, right_node) = (left, right);
                let left = left.evaluate(lookup, place);
                // Spare the right side where the left decides.
                match (op, left) {
                    (BinaryOp::And, Some(ValueRef::Boolean(false))) => return left,
                    (BinaryOp::Or, Some(ValueRef::Boolean(true))) => return left,
                    _ => {}
                }
                let right = right.evaluate(lookup, place);
                let joins = matches!(op, BinaryOp::And | BinaryOp::Or);
                let absent = |node: &Node, value: Option<_>| {
                    value.is_none() && !joins && matches!(node, Node::Slot(_))
                };
                match place {
                    Place::Columns => binary(*op, left, right),
                    Place::StoredRows if absent(left_node, left) || absent(right_node, right) => {
                        binary_in_condition(*op, None, None)
                    }
                    _ => binary_in_condition(*op, left, right),
                }
            }
            Node::Math(function, args) => function.apply(
                args.first().and_then(|arg| arg.evaluate(lookup, place)),
                args.get(1).and_then(|arg| arg.evaluate(lookup, place)),
            ),
        }
    }
}

/// The part of a condition that is not about time.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    node: Node,
    /// The names in it, by slot.
    pub refs: Vec<VarRef>,
}

impl Condition {
    /// Resolves the names of `expr`.
    pub(crate) fn new(expr: &Expr) -> Result<Self, QueryError> {
        let mut refs = Vec::new();
        let node = condition_node(expr, &mut refs)?;
        Ok(Condition { node, refs })
    }

    /// Makes names mean fields, in whichever source, of which `is_field` says that one source has such a field.
    pub(crate) fn mean_fields(&mut self, is_field: impl Fn(&str) -> bool) {
        for variable in self.refs.iter_mut().filter(|variable| variable.cast.is_none()) {
            if is_field(&variable.name) {
                variable.cast = Some(DataType::Field);
            }
        }
    }

    /// The expression.
    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    /// Whether a row fulfils it.
    #[cfg(test)]
    pub(crate) fn holds<'a>(&'a self, value: impl Fn(usize) -> Option<ValueRef<'a>>) -> bool {
        let lookup = |slot| match slot {
            Slot::Ref(index) => value(index),
            Slot::Call(_) => None,
        };
        self.node.evaluate(&lookup, Place::StoredRows) == Some(ValueRef::Boolean(true))
    }

    /// A filter that lets every series pass that may have rows which fulfil it, where `is_tag` tells tags from fields.
    pub(crate) fn tag_filter(&self, is_tag: &impl Fn(usize) -> bool) -> TagFilter {
        tag_filter(&self.node, &self.refs, is_tag)
    }

    /// What is known of it from a series' tags alone; `tag` gives `None` for what is no tag, `Some(None)` for null.
    pub(crate) fn decided<'a>(
        &'a self,
        tag: &impl Fn(usize) -> Option<Option<&'a str>>,
    ) -> Option<bool> {
        decided(&self.node, tag)
    }
}

fn condition_node(expr: &Expr, refs: &mut Vec<VarRef>) -> Result<Node, QueryError> {
    Ok(match expr {
        Expr::Paren(inner) => condition_node(inner, refs)?,
        Expr::Variable(variable) => {
            let index = refs.iter().position(|known| known == variable).unwrap_or_else(|| {
                refs.push(variable.clone());
                refs.len() - 1
            });
            Node::Slot(Slot::Ref(index))
        }
        Expr::Binary(binary) => Node::Binary(
            binary.op,
            Box::new(condition_node(&binary.left, refs)?),
            Box::new(condition_node(&binary.right, refs)?),
        ),
        Expr::Regex(regex) => {
            Node::Regex(regex.compile().map_err(|error| QueryError::invalid(error.to_string()))?)
        }
        Expr::Call(call) => {
            let Some(function) = MathFunction::from_name(&call.name) else {
                return Err(QueryError::invalid(format!(
                    "invalid function call in condition: {expr}"
                )));
            };
            // InfluxDB overlooks here that `log` has a base; without one it has no value.
            let expected = if function == MathFunction::Log { 1 } else { function.arity() };
            if call.args.len() != expected {
                return Err(QueryError::invalid(format!(
                    "invalid number of arguments for {}, expected {expected}, got {}",
                    call.name,
                    call.args.len()
                )));
            }
            let args: Result<Vec<_>, _> =
                call.args.iter().map(|arg| condition_node(arg, refs)).collect();
            Node::Math(function, args?)
        }
        Expr::Duration(_) => Node::Null,
        other => literal(other)
            .map(Node::Literal)
            .ok_or_else(|| QueryError::invalid(format!("invalid condition expression: {other}")))?,
    })
}

/// The value of a literal.
pub(crate) fn literal(expr: &Expr) -> Option<FieldValue> {
    Some(match expr {
        Expr::Number(value) => FieldValue::Float(*value),
        Expr::Integer(value) => FieldValue::Integer(*value),
        Expr::Unsigned(value) => FieldValue::Unsigned(*value),
        Expr::String(value) => FieldValue::String(value.clone()),
        Expr::Boolean(value) => FieldValue::Boolean(*value),
        _ => return None,
    })
}

fn tag_filter(node: &Node, refs: &[VarRef], is_tag: &impl Fn(usize) -> bool) -> TagFilter {
    match node {
        Node::Binary(BinaryOp::And, left, right) => {
            let parts = [left, right].map(|side| tag_filter(side, refs, is_tag));
            let mut kept: Vec<TagFilter> =
                parts.into_iter().filter(|part| !matches!(part, TagFilter::All)).collect();
            if kept.len() < 2 { kept.pop().unwrap_or(TagFilter::All) } else { TagFilter::And(kept) }
        }
        Node::Binary(BinaryOp::Or, left, right) => {
            let parts = [left, right].map(|side| tag_filter(side, refs, is_tag));
            if parts.iter().any(|part| matches!(part, TagFilter::All)) {
                return TagFilter::All;
            }
            TagFilter::Or(parts.into())
        }
        Node::Binary(op, left, right) => match (&**left, &**right) {
            (Node::Slot(Slot::Ref(index)), other) | (other, Node::Slot(Slot::Ref(index)))
                if is_tag(*index) =>
            {
                comparison_filter(*op, &refs[*index].name, other)
            }
            _ => TagFilter::All,
        },
        Node::Literal(FieldValue::Boolean(false)) => TagFilter::Or(Vec::new()),
        _ => TagFilter::All,
    }
}

fn comparison_filter(op: BinaryOp, key: &str, other: &Node) -> TagFilter {
    let key = key.to_owned();
    match (op, other) {
        (BinaryOp::Eq, Node::Literal(FieldValue::String(value))) => {
            TagFilter::Equal { key, value: value.clone() }
        }
        (BinaryOp::NotEq, Node::Literal(FieldValue::String(value))) => {
            TagFilter::NotEqual { key, value: value.clone() }
        }
        (BinaryOp::Match, Node::Regex(regex)) => pattern::filter(&key, regex),
        (BinaryOp::NotMatch, Node::Regex(regex)) => {
            TagFilter::Not(Box::new(pattern::filter(&key, regex)))
        }
        _ => TagFilter::All,
    }
}

fn decided<'a>(node: &'a Node, tag: &impl Fn(usize) -> Option<Option<&'a str>>) -> Option<bool> {
    match node {
        Node::Binary(BinaryOp::And, left, right) => match (decided(left, tag), decided(right, tag))
        {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        },
        Node::Binary(BinaryOp::Or, left, right) => {
            match (decided(left, tag), decided(right, tag)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            }
        }
        Node::Literal(FieldValue::Boolean(value)) => Some(*value),
        Node::Binary(op, left, right) if only_tags(node, tag) => {
            // Two tags are equal only if a series has both.
            if let (Node::Slot(Slot::Ref(left)), Node::Slot(Slot::Ref(right))) = (&**left, &**right)
            {
                let (left, right) = (tag(*left).flatten(), tag(*right).flatten());
                let equal = left == right && left.is_some_and(|value| !value.is_empty());
                return Some(match op {
                    BinaryOp::Eq => equal,
                    BinaryOp::NotEq => !equal,
                    _ => false,
                });
            }
            let lookup = |slot| match slot {
                Slot::Ref(index) => tag(index).flatten().map(ValueRef::String),
                Slot::Call(_) => None,
            };
            Some(node.evaluate(&lookup, Place::RowsOfSubquery) == Some(ValueRef::Boolean(true)))
        }
        _ => None,
    }
}

fn only_tags<'a>(node: &Node, tag: &impl Fn(usize) -> Option<Option<&'a str>>) -> bool {
    match node {
        Node::Slot(Slot::Ref(index)) => tag(*index).is_some(),
        Node::Slot(Slot::Call(_)) => false,
        Node::Literal(_) | Node::Null | Node::Regex(_) => true,
        Node::Binary(_, left, right) => only_tags(left, tag) && only_tags(right, tag),
        Node::Math(_, args) => args.iter().all(|arg| only_tags(arg, tag)),
    }
}

/// Whether a name in a condition means a field of a measurement, given whether there is one of that name.
pub(crate) fn means_field(variable: &VarRef, has_field: bool) -> bool {
    match variable.cast {
        Some(DataType::Tag) => false,
        Some(_) => true,
        None => has_field,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str) -> Expr {
        Expr::Variable(VarRef { name: name.into(), cast: None })
    }

    fn text(text: &str) -> Expr {
        Expr::String(text.into())
    }

    fn condition() -> Condition {
        // host = 'a' AND (v > 1 OR rack = 'r')
        let host = Expr::binary(BinaryOp::Eq, variable("host"), text("a"));
        let v = Expr::binary(BinaryOp::Greater, variable("v"), Expr::Integer(1));
        let rack = Expr::binary(BinaryOp::Eq, variable("rack"), text("r"));
        let either = Expr::Paren(Box::new(Expr::binary(BinaryOp::Or, v, rack)));
        Condition::new(&Expr::binary(BinaryOp::And, host, either)).unwrap()
    }

    #[test]
    fn tags_decide_what_they_can() {
        let condition = condition();
        let with = |host: &'static str, rack: &'static str| {
            condition.decided(&move |index| match index {
                0 => Some(Some(host)),
                2 => Some(Some(rack)),
                _ => None,
            })
        };
        assert_eq!(with("b", "r"), Some(false));
        assert_eq!(with("a", "r"), Some(true));
        assert_eq!(with("a", "x"), None);
        let filter = condition.tag_filter(&|index| index != 1);
        assert!(matches!(filter, TagFilter::Equal { key, value } if key == "host" && value == "a"));
    }

    #[test]
    fn rows_fulfil_it_or_not() {
        let condition = condition();
        let row = |v: Option<f64>| {
            condition.holds(|index| match index {
                0 => Some(ValueRef::String("a")),
                1 => v.map(ValueRef::Float),
                _ => Some(ValueRef::String("x")),
            })
        };
        assert_eq!([row(Some(2.0)), row(Some(1.0)), row(None)], [true, false, false]);
    }
}
