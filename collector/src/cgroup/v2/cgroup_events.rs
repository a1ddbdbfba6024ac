//! `cgroup.events`: the state of a cgroup.
//!
//! ```text
//! populated 1
//! frozen 0
//! ```
//!
//! 0 or 1. `frozen` since 5.2. The root has no such file.
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v2.rst, "Core Interface Files".

use crate::ParseError;
use crate::text::{flat_keyed, keyed_counts};

keyed_counts! {
    /// The whole file.
    pub struct CgroupEvents {
        /// Whether there is a process in the cgroup or below it.
        populated = b"populated",
        /// Whether its processes are stopped.
        frozen = b"frozen",
    }
}

impl CgroupEvents {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a number is none.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut events = CgroupEvents::default();
        flat_keyed(text, &mut events)?;
        Ok(events)
    }
}
