//! `/sys/devices/system/node/nodeN/numastat`: on which node memory was asked for, and where it was found.
//!
//! ```text
//! numa_hit 193460335624
//! numa_miss 12624528
//! numa_foreign 59858623300
//! interleave_hit 57146
//! local_node 193454780853
//! other_node 18179299
//! ```
//!
//! Pages since boot.
//!
//! Kernel documentation: Documentation/admin-guide/numastat.rst.

use crate::ParseError;
use crate::text::{flat_keyed, keyed_counts};

keyed_counts! {
    /// The whole file, pages since boot.
    pub struct NumaStat {
        /// Allocated on this node, as was wanted.
        numa_hit = b"numa_hit",
        /// Allocated on this node, although another was wanted.
        numa_miss = b"numa_miss",
        /// Wanted on this node, allocated on another.
        numa_foreign = b"numa_foreign",
        /// Wanted on this node by an interleaving policy, and allocated there.
        interleave_hit = b"interleave_hit",
        /// Allocated on this node by a program that ran on it.
        local_node = b"local_node",
        /// Allocated on this node by a program that ran on another.
        other_node = b"other_node",
    }
}

impl NumaStat {
    /// Parses the file. Keys that are missing are `None`.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if the number of a known key is none, or no key is known.
    ///
    /// ```
    /// use stripchart_collector::sysfs::NumaStat;
    /// assert_eq!(NumaStat::parse(b"numa_hit 12\nnuma_miss 0\n")?.numa_hit, Some(12));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut stat = NumaStat::default();
        flat_keyed(text, &mut stat)?;
        // Something else than this file has none of its keys.
        match stat == NumaStat::default() {
            false => Ok(stat),
            true => Err(ParseError::at_end(1, "a key that is known")),
        }
    }
}
