//! InfluxQL: the language, its parser and its answers. Being built.

pub mod ast;
mod parse;
mod re2;

pub use parse::{
    MAX_EXPRESSION_HEIGHT, MAX_NESTING, ParamValue, Params, ParseError, parse_duration, parse_expr,
    parse_query, parse_query_with, parse_statement, parse_statement_with,
};
