//! Errors in one line.

use std::error::Error;

/// The error and what caused it, joined by `: `, for whoever prints it or keeps it as a text.
///
/// ```
/// use stripchart_core::{SinkError, error_chain};
/// let error = SinkError::Other { what: "write of 3 rows".to_owned(), source: "disk is full".into() };
/// assert_eq!(error_chain(&error), "write of 3 rows: disk is full");
/// ```
#[must_use]
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
