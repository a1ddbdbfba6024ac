//! Columns of an answer whose cells are fields and tags as they are stored.

use std::sync::Arc;

use stripchart_core::{Bitmap, FieldType, Strings, ValueRef, Values};

use super::input::Reader;
use crate::functions::cast;
use crate::plan::{FillMode, Node, Plan, ReferenceKind, Slot};
use crate::result::chunk::{Cells, TagTexts};

/// A column of the answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Plain {
    /// The values of this wanted name, of this type.
    Field(usize, FieldType),
    /// This one of the series' tags.
    Tag(usize),
    /// Nothing at all.
    Null,
}

/// How the columns of an answer come about if each is a field or a tag as it is, and no row depends on those before; and which of the
/// wanted names are the tags, in the order of [`Plain::Tag`].
pub(super) fn plain(plan: &Plan) -> Option<(Vec<Plain>, Vec<usize>)> {
    if matches!(plan.fill, FillMode::Previous | FillMode::Value(_)) {
        return None;
    }
    let mut tags: Vec<usize> = Vec::new();
    let columns = plan.columns.iter().map(|column| {
        let Node::Slot(Slot::Ref(index)) = column.node else { return None };
        Some(match plan.refs[index].kind {
            ReferenceKind::Field(to) => Plain::Field(index, to),
            ReferenceKind::Unknown => Plain::Null,
            ReferenceKind::Tag => {
                let at = tags.iter().position(|known| *known == index);
                Plain::Tag(at.unwrap_or_else(|| {
                    tags.push(index);
                    tags.len() - 1
                }))
            }
        })
    });
    let columns = columns.collect::<Option<Vec<Plain>>>()?;
    Some((columns, tags))
}

/// The names that are fields, if all of them are numbers and every column is as it is.
pub(super) fn numbers(plan: &Plan) -> Option<Arc<[usize]>> {
    plain(plan)?;
    let is_field = |at: &usize| matches!(plan.refs[*at].kind, ReferenceKind::Field(_));
    let is_number = |kind| match kind {
        ReferenceKind::Field(to) => FieldType::is_numeric(to),
        ReferenceKind::Tag | ReferenceKind::Unknown => true,
    };
    let all = plan.refs.iter().all(|reference| is_number(reference.kind));
    all.then(|| (0..plan.refs.len()).filter(is_field).collect())
}

/// The texts of these tags of `series` series; `None` if there are no tags.
pub(super) fn texts<'t>(
    tags: &[usize],
    series: usize,
    text: impl Fn(usize, usize) -> Option<&'t str>,
) -> Option<Arc<TagTexts>> {
    if tags.is_empty() {
        return None;
    }
    let mut texts = TagTexts::new(tags.len());
    for number in 0..series {
        tags.iter().for_each(|index| texts.push(text(number, *index)));
    }
    Some(Arc::new(texts))
}

/// A column of a chunk in the making.
#[derive(Debug)]
pub(super) struct Builder {
    pub(super) column: Plain,
    values: Values,
    valid: Option<Bitmap>,
}

impl Builder {
    pub(super) fn new(column: Plain) -> Self {
        let field_type = match column {
            Plain::Field(_, to) => to,
            _ => FieldType::Float,
        };
        Builder { column, values: Values::empty(field_type), valid: None }
    }

    /// Appends rows of a reader's block; the bytes of text are returned.
    pub(super) fn extend(&mut self, reader: &Reader, from: usize, to: usize) -> usize {
        let Plain::Field(index, wanted) = self.column else {
            if matches!(self.column, Plain::Null) {
                self.nulls(to - from);
            }
            return 0;
        };
        let Some((column, _)) = reader.column(index) else {
            self.nulls(to - from);
            return 0;
        };
        if column.validity().is_some() {
            return self.one_by_one(reader, index, from..to);
        }
        let copied = match (&mut self.values, column.values()) {
            (Values::Float(into), Values::Float(v)) if wanted == FieldType::Float => {
                let v = v.get(from..to).filter(|v| !v.iter().any(|v| v.is_nan()));
                copy(v, into)
            }
            (Values::Integer(into), Values::Integer(v)) => copy(v.get(from..to), into),
            (Values::Unsigned(into), Values::Unsigned(v)) => copy(v.get(from..to), into),
            (Values::Boolean(into), Values::Boolean(v)) => copy(v.get(from..to), into),
            _ => false,
        };
        if !copied {
            return self.one_by_one(reader, index, from..to);
        }
        if let Some(valid) = &mut self.valid {
            valid.extend(to - from, true);
        }
        0
    }

    /// Appends numbers by their bits.
    pub(super) fn extend_bits(&mut self, count: usize, bits: impl Iterator<Item = u64>) {
        match &mut self.values {
            Values::Float(into) => into.extend(bits.map(f64::from_bits)),
            Values::Integer(into) => into.extend(bits.map(u64::cast_signed)),
            Values::Unsigned(into) => into.extend(bits),
            _ => return self.nulls(count),
        }
        self.valid.iter_mut().for_each(|valid| valid.extend(count, true));
    }

    /// Appends numbers by their bits, null where there is none.
    pub(super) fn extend_some(&mut self, bits: impl Iterator<Item = Option<u64>>) {
        for bits in bits {
            match bits {
                Some(bits) => self.extend_bits(1, std::iter::once(bits)),
                None => self.nulls(1),
            }
        }
    }

    fn one_by_one(&mut self, reader: &Reader, index: usize, rows: std::ops::Range<usize>) -> usize {
        let mut text_bytes = 0;
        for row in rows {
            let value = reader.value_at(index, row);
            // As in every answer, what is not a number is null.
            match value.filter(|value| !matches!(value, ValueRef::Float(v) if v.is_nan())) {
                None => self.nulls(1),
                Some(value) => {
                    let own = self.values.field_type().unwrap_or(FieldType::Float);
                    if let ValueRef::String(text) = value {
                        text_bytes += text.len();
                    }
                    match cast(value, own) {
                        None => self.nulls(1),
                        Some(value) => {
                            self.values.push(value);
                            if let Some(valid) = &mut self.valid {
                                valid.push(true);
                            }
                        }
                    }
                }
            }
        }
        text_bytes
    }

    pub(super) fn nulls(&mut self, count: usize) {
        let have = self.values.len();
        self.valid.get_or_insert_with(|| Bitmap::filled(have, true)).extend(count, false);
        let len = have + count;
        match &mut self.values {
            Values::Float(v) => v.resize(len, 0.0),
            Values::Integer(v) | Values::Time(v) => v.resize(len, 0),
            Values::Unsigned(v) => v.resize(len, 0),
            Values::Boolean(v) => v.resize(len, false),
            Values::String(v) => push_empty(v, count),
        }
    }

    pub(super) fn finish(self) -> Cells {
        match self.column {
            Plain::Tag(tag) => Cells::Tag(tag),
            _ => Cells::Values(self.values, self.valid),
        }
    }
}

/// Rows of many series that are merged come one by one: then a call to copy is more than the copy.
const FEW: usize = 4;

#[inline]
fn copy<T: Copy>(from: Option<&[T]>, into: &mut Vec<T>) -> bool {
    match from {
        Some(rows) if rows.len() <= FEW => rows.iter().for_each(|value| into.push(*value)),
        Some(rows) => into.extend_from_slice(rows),
        None => return false,
    }
    true
}

fn push_empty(texts: &mut Strings, count: usize) {
    (0..count).for_each(|_| texts.push(""));
}
