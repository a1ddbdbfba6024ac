//! InfluxQL: the language, its parser and its answers. Being built.

pub mod ast;
mod re2;
