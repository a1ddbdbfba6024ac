//! `memory.stat` of version 2: where a cgroup's memory is.
//!
//! ```text
//! anon 18317312
//! file 39108608
//! kernel 4169728
//! ...
//! inactive_file 12308480
//! active_file 26800128
//! ...
//! pgfault 2786160
//! pgmajfault 1517
//! ```
//!
//! Bytes, but for the counts of faults; the cgroups below are included. `kernel` since 5.18, `pgscan` and `pgsteal` since
//! 6.0, refaults by kind since 5.9, `zswap` since 5.19 where built in.
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v2.rst, "Memory Interface Files".

use crate::ParseError;
use crate::text::{flat_keyed, keyed_counts};

keyed_counts! {
    /// The keys that are kept.
    pub struct MemoryStat {
        /// Memory of programs that no file backs.
        anon = b"anon",
        /// Page cache, shared memory included.
        file = b"file",
        /// Memory that the kernel uses for this cgroup.
        kernel = b"kernel",
        /// The kernel's stacks.
        kernel_stack = b"kernel_stack",
        /// Page tables.
        pagetables = b"pagetables",
        /// Buffers of sockets.
        sock = b"sock",
        /// Swapped out, compressed, in memory.
        zswap = b"zswap",
        /// The same before it was compressed.
        zswapped = b"zswapped",
        /// Transparent huge pages of memory of programs.
        anon_thp = b"anon_thp",
        /// Memory of programs not used lately.
        inactive_anon = b"inactive_anon",
        /// Memory of programs used lately.
        active_anon = b"active_anon",
        /// Memory that cannot be given up.
        unevictable = b"unevictable",
        /// Kernel structures.
        slab = b"slab",
        /// Pages looked at by reclaim: a count.
        pgscan = b"pgscan",
        /// Pages reclaimed: a count.
        pgsteal = b"pgsteal",
        /// Pages of files read again soon after they were given up: a count.
        workingset_refault_file = b"workingset_refault_file",
        /// Pages of programs read again soon after they were swapped out: a count.
        workingset_refault_anon = b"workingset_refault_anon",
        /// Shared memory and tmpfs.
        shmem = b"shmem",
        /// Files mapped by programs.
        file_mapped = b"file_mapped",
        /// Page cache that waits to be written.
        file_dirty = b"file_dirty",
        /// Page cache that is being written.
        file_writeback = b"file_writeback",
        /// Page cache not used lately.
        inactive_file = b"inactive_file",
        /// Page cache used lately.
        active_file = b"active_file",
        /// Kernel structures that can be given up.
        slab_reclaimable = b"slab_reclaimable",
        /// Page faults: a count.
        pgfault = b"pgfault",
        /// Page faults that had to read from disk: a count.
        pgmajfault = b"pgmajfault",
    }
}

impl MemoryStat {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if the number of a kept key is none.
    ///
    /// ```
    /// use stripchart_collector::cgroup::v2::MemoryStat;
    /// let stat = MemoryStat::parse(b"anon 4096\nfile 8192\nworkingset_nodes 3\n")?;
    /// assert_eq!((stat.anon, stat.kernel), (Some(4096), None));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut stat = MemoryStat::default();
        flat_keyed(text, &mut stat)?;
        Ok(stat)
    }
}
