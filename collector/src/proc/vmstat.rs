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
    }
}

impl VmStat {
    /// Parses the file. Keys that are missing are `None`.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if the number of a kept key is none.
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
        Ok(vm)
    }
}
