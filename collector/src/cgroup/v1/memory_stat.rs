//! `memory.stat` of version 1: where a cgroup's memory is.
//!
//! ```text
//! cache 0
//! rss 0
//! ...
//! hierarchical_memory_limit 9223372036854771712
//! hierarchical_memsw_limit 9223372036854771712
//! total_cache 39108608
//! total_rss 18317312
//! ...
//! total_unevictable 0
//! ```
//!
//! Bytes, but for the counts of faults. Keys without `total_` are of the cgroup alone, those with it include the cgroups
//! below; of the former only those are kept that stand in for the latter where those are missing. `total_shmem` since 4.10, `total_dirty` since 4.2, `total_workingset_*` since 5.10, and `memsw` where built in.
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v1/memory.rst, section 5.2.

use crate::ParseError;
use crate::text::{flat_keyed, keyed_counts};

keyed_counts! {
    /// The keys that are kept.
    pub struct MemoryStat {
        /// Page cache of the cgroup alone.
        cache = b"cache",
        /// Memory of programs of the cgroup alone.
        rss = b"rss",
        /// Files mapped by programs of the cgroup alone.
        mapped_file = b"mapped_file",
        /// Swap of the cgroup alone.
        swap = b"swap",
        /// Page faults in the cgroup alone: a count.
        pgfault = b"pgfault",
        /// Those of them that had to read from disk: a count.
        pgmajfault = b"pgmajfault",
        /// The tightest limit of this cgroup and those above.
        hierarchical_memory_limit = b"hierarchical_memory_limit",
        /// Page cache, shared memory included.
        total_cache = b"total_cache",
        /// Memory of programs that no file backs, swap cache included.
        total_rss = b"total_rss",
        /// Shared memory and tmpfs.
        total_shmem = b"total_shmem",
        /// Files mapped by programs.
        total_mapped_file = b"total_mapped_file",
        /// Page cache that waits to be written.
        total_dirty = b"total_dirty",
        /// Page cache that is being written.
        total_writeback = b"total_writeback",
        /// Memory in swap.
        total_swap = b"total_swap",
        /// Page faults: a count.
        total_pgfault = b"total_pgfault",
        /// Page faults that had to read from disk: a count.
        total_pgmajfault = b"total_pgmajfault",
        /// Memory of programs not used lately.
        total_inactive_anon = b"total_inactive_anon",
        /// Memory of programs used lately.
        total_active_anon = b"total_active_anon",
        /// Transparent huge pages of memory of programs.
        total_rss_huge = b"total_rss_huge",
        /// Memory that cannot be given up.
        total_unevictable = b"total_unevictable",
        /// Pages of files read again soon after they were given up: a count.
        total_workingset_refault_file = b"total_workingset_refault_file",
        /// Pages of programs read again soon after they were swapped out: a count.
        total_workingset_refault_anon = b"total_workingset_refault_anon",
        /// Page cache not used lately.
        total_inactive_file = b"total_inactive_file",
        /// Page cache used lately.
        total_active_file = b"total_active_file",
    }
}

impl MemoryStat {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if the number of a kept key is none.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut stat = MemoryStat::default();
        flat_keyed(text, &mut stat)?;
        Ok(stat)
    }
}
