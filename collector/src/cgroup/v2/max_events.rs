//! `pids.events` and `hugetlb.SIZE.events`: how often a cgroup met a limit.
//!
//! ```text
//! max 42
//! ```
//!
//! A count, that of the cgroups below included (of `pids.events` since 6.11 only; before, it counted the forks that this
//! very cgroup's limit refused).
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v2.rst, "PID" and "HugeTLB".

use crate::ParseError;
use crate::text::{flat_keyed, keyed_counts};

keyed_counts! {
    /// The whole file.
    pub struct MaxEvents {
        /// Times that the limit was hit.
        max = b"max",
    }
}

impl MaxEvents {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if the number is none.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut events = MaxEvents::default();
        flat_keyed(text, &mut events)?;
        Ok(events)
    }
}
