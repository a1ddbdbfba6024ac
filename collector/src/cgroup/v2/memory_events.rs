//! `memory.events` and `memory.events.local`: how often a cgroup met its limits.
//!
//! ```text
//! low 0
//! high 0
//! max 17
//! oom 1
//! oom_kill 1
//! oom_group_kill 0
//! ```
//!
//! Counts, those of the cgroups below included, unless the file is `.local` (since 5.2). `oom_kill` since 4.13, `oom_group_kill` since 5.17.
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v2.rst, "Memory Interface Files".

use crate::ParseError;
use crate::text::{flat_keyed, keyed_counts};

keyed_counts! {
    /// The whole file.
    pub struct MemoryEvents {
        /// Times that memory was reclaimed although usage was below `memory.low`.
        low = b"low",
        /// Times that processes were slowed because usage was above `memory.high`.
        high = b"high",
        /// Times that usage was about to exceed `memory.max`.
        max = b"max",
        /// Times that usage reached the limit and an allocation was about to fail.
        oom = b"oom",
        /// Processes killed for want of memory.
        oom_kill = b"oom_kill",
        /// Times that the whole cgroup was.
        oom_group_kill = b"oom_group_kill",
    }
}

impl MemoryEvents {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a number is none.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut events = MemoryEvents::default();
        flat_keyed(text, &mut events)?;
        Ok(events)
    }
}
