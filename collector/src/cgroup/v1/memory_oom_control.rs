//! `memory.oom_control`: whether a cgroup is out of memory.
//!
//! ```text
//! oom_kill_disable 0
//! under_oom 0
//! oom_kill 0
//! ```
//!
//! `oom_kill` since 4.13.
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v1/memory.rst, section 10.

use crate::ParseError;
use crate::text::{flat_keyed, keyed_counts};

keyed_counts! {
    /// The whole file.
    pub struct MemoryOomControl {
        /// 1 if processes wait for memory instead of being killed.
        oom_kill_disable = b"oom_kill_disable",
        /// 1 if that is so now.
        under_oom = b"under_oom",
        /// Processes of this cgroup killed for want of memory.
        oom_kill = b"oom_kill",
    }
}

impl MemoryOomControl {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a number is none.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut control = MemoryOomControl::default();
        flat_keyed(text, &mut control)?;
        Ok(control)
    }
}
