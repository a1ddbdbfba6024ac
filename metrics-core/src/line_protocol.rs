//! The writer for InfluxDB's line protocol.
//!
//! ```text
//! line        = measurement *( "," key "=" value ) " " field "=" value *( "," field "=" value ) " " nanoseconds LF
//! measurement : "," and " " are preceded by "\"
//! keys, tags  : ",", "=" and " " are preceded by "\"
//! string      : in double quotes; '"' and "\" are preceded by "\"
//! ```
//!
//! A backslash elsewhere stands for itself, so a name that ends in one cannot be written: it would escape what follows.
//! Line feeds in names cannot be written either; in string fields they can.

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
    check_name(key.measurement())?;
    for (tag, value) in key.tags() {
        check_name(tag)?;
        check_name(value)?;
    }
    let mut separator = ' ';
    for column in table.columns() {
        let Some(value) = column.get(row) else { continue };
        check_name(&column.name)?;
        if separator == ' ' {
            write_key(key, out).map_err(|_| EncodeError::Format)?;
        }
        out.push(separator);
        escape(&column.name, ",= ", out).map_err(|_| EncodeError::Format)?;
        out.push('=');
        write_value(value, out)?;
        separator = ',';
    }
    if separator == ',' {
        writeln!(out, " {}", table.timestamps()[row]).map_err(|_| EncodeError::Format)?;
    }
    Ok(())
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
            .and_then(|()| escape(v, "\"\\", out))
            .and_then(|()| out.write_char('"')),
        ValueRef::Time(v) => write!(out, "{}i", v.nanos()),
    }
    .map_err(|_| EncodeError::Format)
}

/// Writes a series key with its escapes: `cpu,host=node\ a`.
pub(crate) fn write_key(key: KeyRef<'_>, out: &mut impl Write) -> fmt::Result {
    escape(key.measurement(), ", ", out)?;
    for (tag, value) in key.tags() {
        out.write_char(',')?;
        escape(tag, ",= ", out)?;
        out.write_char('=')?;
        escape(value, ",= ", out)?;
    }
    Ok(())
}

fn escape(text: &str, special: &str, out: &mut impl Write) -> fmt::Result {
    let mut rest = text;
    while let Some(at) = rest.find(|c| special.contains(c)) {
        out.write_str(&rest[..at])?;
        out.write_char('\\')?;
        out.write_str(&rest[at..=at])?;
        rest = &rest[at + 1..];
    }
    out.write_str(rest)
}

fn check_name(name: &str) -> Result<(), EncodeError> {
    if name.ends_with('\\') || name.contains('\n') {
        return Err(EncodeError::Name { name: name.to_owned() });
    }
    Ok(())
}

/// Why a row cannot be written as a line.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum EncodeError {
    /// A measurement, tag or field key ends in a backslash or contains a line feed.
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
                    "name {name:?} ends in a backslash or contains a line feed: line protocol cannot express it"
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
