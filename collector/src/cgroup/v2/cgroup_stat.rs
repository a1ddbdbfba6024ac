//! `cgroup.stat`: how many cgroups there are below one.
//!
//! ```text
//! nr_descendants 12
//! nr_dying_descendants 3
//! ```
//!
//! The dying were removed, and stay as long as memory or anything else is charged to them. Since 4.14; newer kernels add
//! a line for each controller.
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v2.rst, "Core Interface Files".

use crate::ParseError;
use crate::text::{flat_keyed, keyed_counts};

keyed_counts! {
    /// The keys that are kept.
    pub struct CgroupStat {
        /// Cgroups below.
        nr_descendants = b"nr_descendants",
        /// Those removed that are still held.
        nr_dying_descendants = b"nr_dying_descendants",
    }
}

impl CgroupStat {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a number is none.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut stat = CgroupStat::default();
        flat_keyed(text, &mut stat)?;
        Ok(stat)
    }
}
