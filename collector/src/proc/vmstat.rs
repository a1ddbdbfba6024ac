//! `/proc/vmstat`: what the memory management did since boot.
//!
//! ```text
//! nr_free_pages 1195528
//! ...
//! pgpgin 2137281
//! pgpgout 1041260
//! pswpin 0
//! pswpout 0
//! pgfault 3142771
//! pgmajfault 2541
//! oom_kill 0
//! ```
//!
//! `pgpgin` and `pgpgout` count KiB, `pswpin` and `pswpout` pages. `oom_kill` since 4.13; `pgscan_*` and `pgsteal_*`
//! without zone suffix since 4.8.
//!
//! Kernel source: mm/vmstat.c, `vmstat_text`.

use crate::ParseError;
use crate::text::{flat_keyed, keyed_counts};

keyed_counts! {
    /// The keys that are kept, all running totals.
    pub struct VmStat {
        /// KiB read from block devices.
        pgpgin = b"pgpgin",
        /// KiB written to block devices.
        pgpgout = b"pgpgout",
        /// Pages swapped in.
        pswpin = b"pswpin",
        /// Pages swapped out.
        pswpout = b"pswpout",
        /// Page faults.
        pgfault = b"pgfault",
        /// Page faults that had to read from disk.
        pgmajfault = b"pgmajfault",
        /// Pages looked at by the reclaim in the background.
        pgscan_kswapd = b"pgscan_kswapd",
        /// Pages looked at by programs that had to reclaim for themselves.
        pgscan_direct = b"pgscan_direct",
        /// Pages reclaimed in the background.
        pgsteal_kswapd = b"pgsteal_kswapd",
        /// Pages that programs had to reclaim for themselves.
        pgsteal_direct = b"pgsteal_direct",
        /// Processes killed for want of memory.
        oom_kill = b"oom_kill",
        /// Times that a program had to reclaim for low memory.
        allocstall_dma = b"allocstall_dma",
        /// Times that a program had to reclaim for memory that can be moved.
        allocstall_movable = b"allocstall_movable",
        /// Times that a program had to reclaim for memory.
        allocstall_normal = b"allocstall_normal",
        /// Times that memory could not be made contiguous.
        compact_fail = b"compact_fail",
        /// Times that a program waited for memory to be made contiguous.
        compact_stall = b"compact_stall",
        /// Times that memory was made contiguous.
        compact_success = b"compact_success",
        /// Times that someone dropped the page cache.
        drop_pagecache = b"drop_pagecache",
        /// Times that someone dropped structures of the kernel.
        drop_slab = b"drop_slab",
        /// Times that the background reclaim was done at once.
        kswapd_high_wmark_hit_quickly = b"kswapd_high_wmark_hit_quickly",
        /// Pages wanted on one node and allocated on another.
        numa_foreign = b"numa_foreign",
        /// Pages allocated on the node that was wanted.
        numa_hit = b"numa_hit",
        /// Pages allocated on the program's node.
        numa_local = b"numa_local",
        /// Pages allocated on a node that was not wanted.
        numa_miss = b"numa_miss",
        /// Pages allocated on another than the program's node.
        numa_other = b"numa_other",
        /// Pages moved to another node.
        numa_pages_migrated = b"numa_pages_migrated",
        /// Times that the background reclaim ran.
        pageoutrun = b"pageoutrun",
        /// Pages moved to those used lately.
        pgactivate = b"pgactivate",
        /// Pages moved to those not used lately.
        pgdeactivate = b"pgdeactivate",
        /// Pages freed.
        pgfree = b"pgfree",
        /// Pages that could not be moved.
        pgmigrate_fail = b"pgmigrate_fail",
        /// Pages moved.
        pgmigrate_success = b"pgmigrate_success",
        /// Pages looked at among those used lately.
        pgrefill = b"pgrefill",
        /// Pages looked at while huge pages were made.
        pgscan_khugepaged = b"pgscan_khugepaged",
        /// Pages reclaimed while huge pages were made.
        pgsteal_khugepaged = b"pgsteal_khugepaged",
        /// Structures of the kernel looked at by reclaim.
        slabs_scanned = b"slabs_scanned",
        /// Pages read from swap ahead.
        swap_ra = b"swap_ra",
        /// Those that were used.
        swap_ra_hit = b"swap_ra_hit",
        /// Huge pages made of small ones.
        thp_collapse_alloc = b"thp_collapse_alloc",
        /// Huge pages given at a fault.
        thp_fault_alloc = b"thp_fault_alloc",
        /// Faults that got small pages for want of a huge one.
        thp_fault_fallback = b"thp_fault_fallback",
        /// Huge pages taken apart.
        thp_split_page = b"thp_split_page",
        /// Pages looked at that cannot be reclaimed.
        unevictable_pgs_scanned = b"unevictable_pgs_scanned",
        /// Anonymous pages that were read again and used lately before.
        workingset_activate_anon = b"workingset_activate_anon",
        /// Pages of files that were read again and used lately before.
        workingset_activate_file = b"workingset_activate_file",
        /// Times that shadows of pages were given up.
        workingset_nodereclaim = b"workingset_nodereclaim",
        /// Anonymous pages read again soon after they were given up.
        workingset_refault_anon = b"workingset_refault_anon",
        /// Pages of files read again soon after they were given up.
        workingset_refault_file = b"workingset_refault_file",
        /// Pages read from compressed swap.
        zswpin = b"zswpin",
        /// Pages written to compressed swap.
        zswpout = b"zswpout",
    }
}

impl VmStat {
    /// Parses the file. Keys that are missing are `None`.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if the number of a kept key is none, or no key is known.
    ///
    /// ```
    /// use stripchart_collector::proc::VmStat;
    /// let vm = VmStat::parse(b"nr_free_pages 77\npgfault 12\n")?;
    /// assert_eq!((vm.pgfault, vm.oom_kill), (Some(12), None));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut vm = VmStat::default();
        flat_keyed(text, &mut vm)?;
        // Something else than this file has none of its keys.
        match vm == VmStat::default() {
            false => Ok(vm),
            true => Err(ParseError::at_end(1, "a key that is known")),
        }
    }
}
