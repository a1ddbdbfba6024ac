//! Being built.

pub mod line_protocol;
