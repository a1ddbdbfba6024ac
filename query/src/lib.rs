//! InfluxQL: the language, its parser and its answers. Being built.

pub mod ast;
mod error;
#[cfg(feature = "http")]
pub mod http;
mod parse;
mod re2;
mod result;

pub use error::QueryError;
pub use parse::{
    MAX_EXPRESSION_HEIGHT, MAX_NESTING, ParamValue, Params, ParseError, parse_duration, parse_expr,
    parse_query, parse_query_with, parse_statement, parse_statement_with,
};
pub use result::{
    FormatOptions, JsonWriter, Message, StatementResult, write_csv, write_error, write_json,
};
