//! InfluxDB's line protocol, read: the whole grammar of InfluxDB 1.8, with a position in every error.
//!
//! ```text
//! weather,station=oslo\ 3,kind=indoor temperature=21.5,humidity=40i,open=false,note="window \"B\"" 1700000000000000000
//! ```
//!
//! [`parse_lines`] writes a body into a [`Batch`]; a [`LineParser`] does so again and again and remembers the series.
//! A [`LineFeeder`] takes a text in pieces, cut anywhere. [`lines`] lends the parts of each line, for those who have no use
//! for a batch.
//!
//! # As InfluxDB reads it
//!
//! - In measurements, keys and tag values a backslash makes a comma, `=` or space ordinary, and stands for itself before
//!   anything else; in measurements and field keys it also disappears before a double quote. In strings it escapes `"`
//!   and `\`. It is never itself escaped in a name: `a\\=b` is the name `a\=b`.
//! - Tags come in any order. A field that comes twice has the later value.
//! - Numbers are floats, `1i` is an integer, `1u` an unsigned one. There is no NaN and no infinity.
//! - Strings may contain line feeds; lines may end in CR LF; lines that begin with `#` are comments.
//!
//! # Otherwise than InfluxDB reads it
//!
//! Where InfluxDB takes a line for something its writer cannot have meant, it is refused here: text after the closing
//! quote of a string (InfluxDB stores it with the quote), a field key in front of an `=` with two backslashes before it,
//! names that contain NUL, and what is not UTF-8. Broken lines take no whole ones with them: a backslash at the end of
//! a line, or a quote in a comment or after a number, does not join it to the next.
//!
//! # Cost
//!
//! Time is linear in the length of the body, whatever stands in it. Nothing is allocated for a series seen before.
//!
//! A line of a series and of fields seen before is compared with what is known of them, and its values are read; it is a
//! matter of about a hundred nanoseconds for ten of them. Series in the order of last time cost least, and spelling matters in
//! nothing: tags in any order, with or without escapes, are as quick. Everything else goes through the grammar, at about a tenth of
//! that speed.

#[cfg(test)]
mod differential;
mod error;
mod feeder;
mod grammar;
mod leaf;
mod line;
mod memo;
mod number;
mod parser;
mod report;
mod shortcut;
mod template;
#[cfg(test)]
mod tests;
mod word;

#[cfg(feature = "engine")]
pub(crate) use line::first_line_len;

pub use error::{ParseError, Reason};
pub use feeder::LineFeeder;
pub use line::{Line, LineFields, LineTags, Lines, Value, lines, whole_lines_len};
pub use parser::{LineParser, parse_lines};
pub use report::ParseReport;

#[cfg(doc)]
use stripchart_core::Batch;
