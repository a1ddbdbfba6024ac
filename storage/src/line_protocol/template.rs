//! Fields as they stood on an earlier line: names, order and types.
//!
//! Between two values of such a line stands what always stands there, and it is compared as a whole:
//!
//! ```text
//! usage_user=58i,usage_system=2i,usage_idle=24.5 1451606400000000000
//! |---------|  |--------------|  |------------|
//!   pattern 0      pattern 1        pattern 2         the `i` that ends an integer belongs to the next pattern
//! ```
//!
//! A line that fits is read in one pass, value by value. One that does not, in whatever way, is declined.

use std::collections::BTreeMap;

use stripchart_core::{Batch, BatchSeries, FieldType, RowLayout, Timestamp};

use super::grammar::RawValue;
use super::number;
use super::word::{DIGITS_MAX, Pattern, digits_at};

/// Fields that a line may have to be remembered.
const FIELDS_MAX: usize = 512;

/// Bytes of the longest name that is remembered. Together with those of the longest series that is, they make a key that
/// is not too long.
const NAME_LEN_MAX: usize = 4096;

/// Templates, and their fields together, that are remembered.
const TEMPLATES_MAX: usize = 512;
const TEMPLATE_FIELDS_MAX: usize = 16 << 10;

/// No template.
pub(super) const NONE: u32 = u32::MAX;

/// What the fields of a line look like.
#[derive(Debug)]
pub(super) struct Template {
    fields: Vec<Field>,
    /// What ends the last value: the `i` or `u` of an integer, or nothing.
    suffix: Option<u8>,
    /// Whether there are texts.
    texts: bool,
    /// The type of all fields, if it is one: those lines are read and written without a look at each field's.
    uniform: Option<FieldType>,
    layout: RowLayout,
    /// The template that was right when this one last was not.
    other: u32,
}

#[derive(Debug)]
struct Field {
    /// What stands before the value.
    before: Pattern,
    of: FieldType,
}

/// Values on their way from a line to a row, as bits: a text as where it begins and ends in the body.
#[derive(Debug)]
pub(super) struct Staged(Vec<u64>);

/// The templates that were met since the batch was last another.
#[derive(Debug)]
pub(super) struct Templates {
    all: Vec<Template>,
    by_fields: BTreeMap<Vec<(Box<str>, FieldType)>, u32>,
    fields: usize,
}

impl Templates {
    pub(super) const fn new() -> Self {
        Templates { all: Vec::new(), by_fields: BTreeMap::new(), fields: 0 }
    }

    /// Forgets all of them, for another batch.
    pub(super) fn clear(&mut self) {
        *self = Templates::new();
    }

    #[inline(always)]
    pub(super) fn get(&self, index: u32) -> Option<&Template> {
        self.all.get(index as usize)
    }

    /// Which template was right when `index` was not.
    #[inline]
    pub(super) fn other_than(&self, index: u32) -> u32 {
        self.get(index).map_or(NONE, |template| template.other)
    }

    /// Remembers that `right` was right when `wrong` was not.
    #[inline]
    pub(super) fn correct(&mut self, wrong: u32, right: u32) {
        if let Some(template) = self.all.get_mut(wrong as usize) {
            template.other = right;
        }
    }

    /// The template for lines with `fields`, names that contain no escape, none twice; [`NONE`] if it is not kept.
    pub(super) fn learn(&mut self, fields: &[(&str, FieldType)], batch: &mut Batch) -> u32 {
        if fields.len() > FIELDS_MAX || fields.iter().any(|(name, _)| name.len() > NAME_LEN_MAX) {
            return NONE;
        }
        let key: Vec<_> = fields.iter().map(|(name, of)| (Box::from(*name), *of)).collect();
        if let Some(index) = self.by_fields.get(&key) {
            return *index;
        }
        let full =
            self.all.len() >= TEMPLATES_MAX || self.fields + fields.len() > TEMPLATE_FIELDS_MAX;
        let Ok(index) = u32::try_from(self.all.len()) else { return NONE };
        if full {
            return NONE;
        }
        self.fields += fields.len();
        self.all.push(Template::new(fields, batch.layout(fields.iter().copied())));
        self.by_fields.insert(key, index);
        index
    }
}

impl Staged {
    pub(super) const fn new() -> Self {
        Staged(Vec::new())
    }
}

const fn suffix(of: FieldType) -> Option<u8> {
    match of {
        FieldType::Integer => Some(b'i'),
        FieldType::Unsigned => Some(b'u'),
        FieldType::Float | FieldType::Boolean | FieldType::String => None,
    }
}

impl Template {
    fn new(fields: &[(&str, FieldType)], layout: RowLayout) -> Self {
        let mut before = Vec::new();
        let patterns = fields.iter().map(|(name, of)| {
            before.extend(name.bytes());
            before.push(b'=');
            let pattern = Pattern::new(&before);
            before.clear();
            before.extend(suffix(*of));
            before.push(b',');
            Field { before: pattern, of: *of }
        });
        Template {
            fields: patterns.collect(),
            suffix: fields.last().and_then(|(_, of)| suffix(*of)),
            uniform: fields
                .first()
                .map(|(_, first)| *first)
                .filter(|first| fields.iter().all(|(_, of)| of == first)),
            texts: fields.iter().any(|(_, of)| *of == FieldType::String),
            layout,
            other: NONE,
        }
    }

    /// Whether there are texts, so that the line must be known to be UTF-8.
    pub(super) const fn has_texts(&self) -> bool {
        self.texts
    }

    /// Reads the fields that begin at `at`; gives where they end. There a blank or the end of the line must stand, which
    /// is not looked at.
    #[inline(always)]
    pub(super) fn read(&self, body: &[u8], mut at: usize, staged: &mut Staged) -> Option<usize> {
        staged.0.resize(self.fields.len(), 0);
        let places = self.fields.iter().zip(&mut staged.0);
        match self.uniform {
            Some(FieldType::Integer) => {
                for (field, place) in places {
                    (*place, at) = integer_at(body, field.before.end_in(body, at)?)?;
                }
            }
            Some(FieldType::Float) => {
                for (field, place) in places {
                    (*place, at) = float_at(body, field.before.end_in(body, at)?)?;
                }
            }
            _ => {
                for (field, place) in places {
                    let value = field.before.end_in(body, at)?;
                    (*place, at) = match field.of {
                        FieldType::Integer => integer_at(body, value)?,
                        FieldType::Float => float_at(body, value)?,
                        FieldType::Unsigned => unsigned_at(body, value)?,
                        FieldType::Boolean => boolean_at(body, value)?,
                        FieldType::String => text_at(body, value)?,
                    };
                }
            }
        }
        match self.suffix {
            None => Some(at),
            suffix if body.get(at) == suffix.as_ref() => Some(at + 1),
            _ => None,
        }
    }

    /// Writes what [`Template::read`] left in `staged`; `text` is the body.
    #[inline(always)]
    pub(super) fn write(
        &self,
        staged: &Staged,
        text: &str,
        series: BatchSeries,
        at: Timestamp,
        batch: &mut Batch,
    ) {
        let mut row = batch.row_with(series, self.layout, at);
        match self.uniform {
            Some(FieldType::Integer) => {
                row.i64s(staged.0.iter().map(|bits| bits.cast_signed()));
            }
            Some(FieldType::Float) => {
                row.f64s(staged.0.iter().map(|bits| f64::from_bits(*bits)));
            }
            _ => {
                for (field, bits) in self.fields.iter().zip(&staged.0) {
                    match field.of {
                        FieldType::Integer => row.i64(bits.cast_signed()),
                        FieldType::Float => row.f64(f64::from_bits(*bits)),
                        FieldType::Unsigned => row.u64(*bits),
                        FieldType::Boolean => row.bool(*bits != 0),
                        FieldType::String => row.str(staged_text(text, *bits)),
                    };
                }
            }
        }
    }
}

#[inline(always)]
fn integer_at(body: &[u8], at: usize) -> Option<(u64, usize)> {
    let (value, end) = number::integer_at(body, at)?;
    Some((value.cast_unsigned(), end))
}

#[inline(always)]
fn float_at(body: &[u8], at: usize) -> Option<(u64, usize)> {
    let (value, end) = number::float_at(body, at)?;
    Some((value.to_bits(), end))
}

fn unsigned_at(body: &[u8], at: usize) -> Option<(u64, usize)> {
    let (len, value) = digits_at(body, at, 0);
    (1..=DIGITS_MAX).contains(&len).then_some((value, at + len))
}

fn boolean_at(body: &[u8], at: usize) -> Option<(u64, usize)> {
    let rest = body.get(at..)?;
    let len = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).take(6).count();
    match &rest[..len] {
        b"t" | b"T" | b"true" | b"True" | b"TRUE" => Some((1, at + len)),
        b"f" | b"F" | b"false" | b"False" | b"FALSE" => Some((0, at + len)),
        _ => None,
    }
}

/// The text in quotes at `at`, if it contains no backslash.
fn text_at(body: &[u8], at: usize) -> Option<(u64, usize)> {
    let inside = body.get(at..)?.strip_prefix(b"\"")?;
    let len = memchr::memchr2(b'"', b'\\', inside).filter(|len| inside[*len] == b'"')?;
    let (start, end) = (u32::try_from(at + 1).ok()?, u32::try_from(at + 1 + len).ok()?);
    Some((u64::from(start) << 32 | u64::from(end), at + len + 2))
}

/// The text that [`text_at`] found; it is cut at quotes, so at characters.
fn staged_text(text: &str, bits: u64) -> &str {
    let (start, end) = (bits >> 32, bits & u64::from(u32::MAX));
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    range.and_then(|(start, end)| text.get(start..end)).unwrap_or_default()
}

impl RawValue<'_> {
    /// The type.
    pub(super) const fn field_type(&self) -> FieldType {
        match self {
            RawValue::Float(_) => FieldType::Float,
            RawValue::Integer(_) => FieldType::Integer,
            RawValue::Unsigned(_) => FieldType::Unsigned,
            RawValue::Boolean(_) => FieldType::Boolean,
            RawValue::String(_) => FieldType::String,
        }
    }
}
