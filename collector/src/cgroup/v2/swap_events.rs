//! `memory.swap.events`: how often a cgroup met its limits of swap.
//!
//! ```text
//! high 0
//! max 3
//! fail 3
//! ```
//!
//! Counts, those of the cgroups below included. `high` since 5.8.
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v2.rst, "Memory Interface Files".

use crate::ParseError;
use crate::text::{flat_keyed, keyed_counts};

keyed_counts! {
    /// The whole file.
    pub struct SwapEvents {
        /// Times that swap was above `memory.swap.high`.
        high = b"high",
        /// Times that swap was about to exceed `memory.swap.max`.
        max = b"max",
        /// Times that nothing could be swapped out, for the limit or for want of swap.
        fail = b"fail",
    }
}

impl SwapEvents {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a number is none.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut events = SwapEvents::default();
        flat_keyed(text, &mut events)?;
        Ok(events)
    }
}
