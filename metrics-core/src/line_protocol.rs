//! The writer for InfluxDB's line protocol.
//!
//! ```text
//! line        = measurement *( "," key "=" value ) " " field "=" value *( "," field "=" value ) " " nanoseconds LF
//! measurement : "," and " " are preceded by "\", and so are "=" and '"' after a "\"
//! keys, tags  : ",", "=" and " " are preceded by "\"; in field keys so is '"' after a "\"
//! string      : in double quotes; '"' and "\" are preceded by "\"
//! ```
//!
//! The quote, and in measurements the "=", need no backslash, but InfluxDB takes one away if it finds it: a name that has
//! one there needs another. A backslash elsewhere stands for itself, so a name that ends in one cannot be written: it
//! would escape what follows. Nor can names with a line feed in them, though string fields with one can; nor a
//! measurement that begins with "#" or a tab, nor a field key that is empty, begins with a tab, or contains NUL.

use std::fmt::{self, Write};

use crate::{Batch, KeyRef, Table, ValueRef};

/// Appends the rows of `batch` to `out`, one line each, measurement by measurement.
///
/// # Errors
///
/// [`EncodeError`] at the first row that line protocol cannot express; `out` is as it was.
pub fn write_batch(batch: &Batch, out: &mut String) -> Result<(), EncodeError> {
    let start = out.len();
    for table in batch.tables() {
        for row in 0..table.row_count() {
            let key = batch.series_entry(table.series()[row]).key();
            write_row(key, table, row, out).inspect_err(|_| out.truncate(start))?;
        }
    }
    Ok(())
}

/// Appends one row of `table`, whose series is `key`, as a line; nothing if it has no field.
///
/// # Errors
///
/// [`EncodeError`] if line protocol cannot express it; `out` may then hold a part of the line.
pub fn write_row(
    key: KeyRef<'_>,
    table: &Table,
    row: usize,
    out: &mut String,
) -> Result<(), EncodeError> {
    check_key(key)?;
    let mut separator = ' ';
    for column in table.columns() {
        let Some(value) = column.get(row) else { continue };
        if separator == ' ' {
            write_key(key, out).map_err(|_| EncodeError::Format)?;
        }
        out.push(separator);
        write_field_key(&column.name, out)?;
        out.push('=');
        write_value(value, out)?;
        separator = ',';
    }
    if separator == ',' {
        writeln!(out, " {}", table.timestamps()[row]).map_err(|_| EncodeError::Format)?;
    }
    Ok(())
}

/// Appends a series key with its escapes, `cpu,host=node\\ a`, as it begins a line: for whoever writes many lines of one series.
///
/// # Errors
///
/// [`EncodeError::Name`] if line protocol cannot express it; `out` is as it was.
pub fn write_series(key: KeyRef<'_>, out: &mut String) -> Result<(), EncodeError> {
    check_key(key)?;
    write_key(key, out).map_err(|_| EncodeError::Format)
}

/// Appends a field key with its escapes, as it stands before `=`.
///
/// # Errors
///
/// [`EncodeError::Name`] if line protocol cannot express it; `out` is as it was.
pub fn write_field_key(name: &str, out: &mut String) -> Result<(), EncodeError> {
    check_field_key(name)?;
    escape(name, ",= ", "\"", out).map_err(|_| EncodeError::Format)
}

/// Writes a field value: `1.5`, `1i`, `1u`, `true` or `"text"`.
///
/// # Errors
///
/// [`EncodeError::NotFinite`] for NaN and infinities, which line protocol has no form for.
pub fn write_value(value: ValueRef<'_>, out: &mut String) -> Result<(), EncodeError> {
    match value {
        ValueRef::Float(v) if !v.is_finite() => return Err(EncodeError::NotFinite { value: v }),
        // Display never uses an exponent: 1e300 would become 301 digits.
        ValueRef::Float(v) if v != 0.0 && !(1e-6..1e21).contains(&v.abs()) => write!(out, "{v:e}"),
        ValueRef::Float(v) => write!(out, "{v}"),
        ValueRef::Integer(v) => write!(out, "{v}i"),
        ValueRef::Unsigned(v) => write!(out, "{v}u"),
        ValueRef::Boolean(v) => write!(out, "{v}"),
        ValueRef::String(v) => out
            .write_char('"')
            .and_then(|()| escape(v, "\"\\", "", out))
            .and_then(|()| out.write_char('"')),
        ValueRef::Time(v) => write!(out, "{}i", v.nanos()),
    }
    .map_err(|_| EncodeError::Format)
}

/// Writes a series key with its escapes: `cpu,host=node\ a`.
pub(crate) fn write_key(key: KeyRef<'_>, out: &mut impl Write) -> fmt::Result {
    escape(key.measurement(), ", ", "=\"", out)?;
    for (tag, value) in key.tags() {
        out.write_char(',')?;
        escape(tag, ",= ", "", out)?;
        out.write_char('=')?;
        escape(value, ",= ", "", out)?;
    }
    Ok(())
}

/// Writes `text` with a backslash before `special` characters, and before those `after_backslash` that follow one.
fn escape(text: &str, special: &str, after_backslash: &str, out: &mut impl Write) -> fmt::Result {
    let (mut written, mut last) = (0, '\0');
    for (at, next) in text.char_indices() {
        if special.contains(next) || (last == '\\' && after_backslash.contains(next)) {
            out.write_str(&text[written..at])?;
            out.write_char('\\')?;
            written = at;
        }
        last = next;
    }
    out.write_str(&text[written..])
}

fn check_key(key: KeyRef<'_>) -> Result<(), EncodeError> {
    check_name(key.measurement(), &['#', '\t'])?;
    for (tag, value) in key.tags() {
        check_name(tag, &[])?;
        check_name(value, &[])?;
    }
    Ok(())
}

/// That a name can be written, where `not_first` characters at its beginning would be taken for something else.
fn check_name(name: &str, not_first: &[char]) -> Result<(), EncodeError> {
    if name.ends_with('\\') || name.contains('\n') || name.starts_with(not_first) {
        return Err(EncodeError::Name { name: name.to_owned() });
    }
    Ok(())
}

fn check_field_key(name: &str) -> Result<(), EncodeError> {
    check_name(name, &['\t'])?;
    if name.is_empty() || name.contains('\0') {
        return Err(EncodeError::Name { name: name.to_owned() });
    }
    Ok(())
}

/// Why a row cannot be written as a line.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum EncodeError {
    /// A measurement, tag or field key ends in a backslash, contains a line feed, begins with a character that does
    /// not count there, or is a field key that is empty or contains NUL.
    Name {
        /// The name.
        name: String,
    },
    /// A float is NaN or infinite.
    NotFinite {
        /// The float.
        value: f64,
    },
    /// The output refused text; a `String` never does.
    Format,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EncodeError::Name { name } => {
                write!(
                    f,
                    "line protocol cannot express the name {name:?}: it is empty, begins with '#' or a tab, \
                     ends in a backslash, or contains a line feed or NUL"
                )
            }
            EncodeError::NotFinite { value } => {
                write!(f, "line protocol has no form for the float {value}")
            }
            EncodeError::Format => f.write_str("the output refused text"),
        }
    }
}

impl std::error::Error for EncodeError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    #[test]
    fn every_special_character_is_escaped_where_it_must_be() {
        let mut batch = Batch::new();
        let series = batch.series("m=1, x", [("k, =", r"v\ x,=")]).unwrap();
        batch
            .row(series, Timestamp::from_nanos(-5))
            .str("s \"", "a\"b\\c\nd")
            .i64("i", i64::MIN)
            .u64("u", u64::MAX)
            .bool("b", false)
            .f64("f", 1e300)
            .f64("g", 0.1);
        let mut out = String::new();
        write_batch(&batch, &mut out).unwrap();
        let want = concat!(
            r#"m=1\,\ x,k\,\ \==v\\ x\,\= s\ "="a\"b\\c"#,
            "\n",
            r#"d",i=-9223372036854775808i,u=18446744073709551615u,b=false,f=1e300,g=0.1 -5"#,
            "\n"
        );
        assert_eq!(out, want);
    }

    #[test]
    fn a_backslash_that_would_be_taken_away_is_doubled() {
        let mut batch = Batch::new();
        let series = batch.series(r#"a\=b=c\"d"e"#, [(r#"k\""#, r"v\=")]).unwrap();
        batch.row(series, Timestamp::EPOCH).i64(r#"f\"g"h"#, 1);
        let mut out = String::new();
        write_batch(&batch, &mut out).unwrap();
        assert_eq!(out, concat!(r#"a\\=b=c\\"d"e,k\"=v\\= f\\"g"h=1i 0"#, "\n"));
    }

    #[test]
    fn names_that_would_be_read_as_something_else_are_refused() {
        let mut out = String::new();
        for measurement in ["#comment", "\tx", "a\\", "a\nb"] {
            let mut batch = Batch::new();
            let series = batch.series(measurement, []).unwrap();
            batch.row(series, Timestamp::EPOCH).f64("v", 1.0);
            assert!(write_batch(&batch, &mut out).is_err(), "{measurement:?}");
        }
        for field in ["", "\tx", "a\\", "a\nb", "a\0b"] {
            let mut batch = Batch::new();
            let series = batch.series("m", []).unwrap();
            batch.row(series, Timestamp::EPOCH).f64(field, 1.0);
            assert!(write_batch(&batch, &mut out).is_err(), "{field:?}");
        }
        assert_eq!(out, "");
    }

    #[test]
    fn what_has_no_form_is_an_error_and_leaves_no_trace() {
        let mut out = String::from("before\n");
        for (tag, value) in [("ends\\", 1.0), ("two\nlines", 1.0), ("fine", f64::NAN)] {
            let mut batch = Batch::new();
            let good = batch.series("m", []).unwrap();
            batch.row(good, Timestamp::EPOCH).f64("v", 1.0);
            let series = batch.series("m", [("t", tag)]).unwrap();
            batch.row(series, Timestamp::EPOCH).f64("v", value);
            assert!(write_batch(&batch, &mut out).is_err(), "{tag:?}");
            assert_eq!(out, "before\n");
        }
    }
}
