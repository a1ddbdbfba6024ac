//! `/proc/meminfo`: where the memory is.
//!
//! ```text
//! MemTotal:       24684096 kB
//! MemFree:        24393044 kB
//! MemAvailable:   24352384 kB
//! Buffers:            1336 kB
//! Cached:            45736 kB
//! ...
//! HugePages_Total:       0
//! Hugepagesize:       2048 kB
//! ```
//!
//! `kB` means 1024 bytes; lines without it are counts. `MemAvailable` since 3.14, `KReclaimable` since 4.20, `Zswap`
//! since 5.19; `HighTotal` on 32-bit kernels only; `Slab` and what depends on it always, `HugePages` and `Swap` where built in.
//!
//! Kernel documentation: Documentation/filesystems/proc.rst, "meminfo".

use crate::ParseError;
use crate::text::{Keyed, Lines, keyed_counts};

keyed_counts! {
    /// The keys that are kept, in bytes but for the counts of huge pages.
    pub struct MemInfo {
        /// Memory that the kernel manages.
        mem_total = b"MemTotal:",
        /// Memory that nobody uses for anything.
        mem_free = b"MemFree:",
        /// Memory that programs could get without swapping, as the kernel estimates it.
        mem_available = b"MemAvailable:",
        /// Buffers of block devices.
        buffers = b"Buffers:",
        /// Page cache, without buffers and swap cache, with shared memory.
        cached = b"Cached:",
        /// Memory that is in swap and in memory both.
        swap_cached = b"SwapCached:",
        /// Memory used lately.
        active = b"Active:",
        /// Memory not used lately, reclaimed first.
        inactive = b"Inactive:",
        /// Memory of programs used lately.
        active_anon = b"Active(anon):",
        /// Memory of programs not used lately.
        inactive_anon = b"Inactive(anon):",
        /// Page cache used lately.
        active_file = b"Active(file):",
        /// Page cache not used lately.
        inactive_file = b"Inactive(file):",
        /// Memory that cannot be reclaimed, locked memory for one.
        unevictable = b"Unevictable:",
        /// Memory locked by programs.
        mlocked = b"Mlocked:",
        /// High memory (32-bit kernels).
        high_total = b"HighTotal:",
        /// Unused high memory (32-bit kernels).
        high_free = b"HighFree:",
        /// Low memory (32-bit kernels).
        low_total = b"LowTotal:",
        /// Unused low memory (32-bit kernels).
        low_free = b"LowFree:",
        /// Swap space.
        swap_total = b"SwapTotal:",
        /// Unused swap space.
        swap_free = b"SwapFree:",
        /// Compressed swap cache.
        zswap = b"Zswap:",
        /// What it would be uncompressed.
        zswapped = b"Zswapped:",
        /// Waiting to be written to disk.
        dirty = b"Dirty:",
        /// Being written to disk.
        writeback = b"Writeback:",
        /// Temporary buffers of FUSE for writing back.
        writeback_tmp = b"WritebackTmp:",
        /// Memory of programs that no file backs.
        anon_pages = b"AnonPages:",
        /// Files mapped by programs.
        mapped = b"Mapped:",
        /// Shared memory and tmpfs.
        shmem = b"Shmem:",
        /// Memory of the kernel that it can give up.
        k_reclaimable = b"KReclaimable:",
        /// The kernel's own structures.
        slab = b"Slab:",
        /// The part of them that it can give up.
        s_reclaimable = b"SReclaimable:",
        /// The part of them that it cannot give up.
        s_unreclaim = b"SUnreclaim:",
        /// Stacks of threads inside the kernel.
        kernel_stack = b"KernelStack:",
        /// Page tables.
        page_tables = b"PageTables:",
        /// What may be promised under strict overcommit.
        commit_limit = b"CommitLimit:",
        /// What has been promised to programs.
        committed_as = b"Committed_AS:",
        /// Address space of vmalloc.
        vmalloc_total = b"VmallocTotal:",
        /// Address space of vmalloc in use.
        vmalloc_used = b"VmallocUsed:",
        /// Largest free piece of it; 0 on newer kernels.
        vmalloc_chunk = b"VmallocChunk:",
        /// Transparent huge pages of programs.
        anon_huge_pages = b"AnonHugePages:",
        /// Huge pages in the pool: a count.
        huge_pages_total = b"HugePages_Total:",
        /// Huge pages in the pool that are free: a count.
        huge_pages_free = b"HugePages_Free:",
        /// Size of such a page.
        huge_page_size = b"Hugepagesize:",
        /// Memory that stands in for memory that a device cannot reach.
        bounce = b"Bounce:",
        /// Unused memory kept for large contiguous requests.
        cma_free = b"CmaFree:",
        /// Memory kept for large contiguous requests.
        cma_total = b"CmaTotal:",
        /// Kernel's map of memory in pages of 1 GiB.
        direct_map_1g = b"DirectMap1G:",
        /// Kernel's map of memory in pages of 2 MiB.
        direct_map_2m = b"DirectMap2M:",
        /// Kernel's map of memory in pages of 4 KiB.
        direct_map_4k = b"DirectMap4k:",
        /// Transparent huge pages of files.
        file_huge_pages = b"FileHugePages:",
        /// Those of the field before that are mapped by programs as such.
        file_pmd_mapped = b"FilePmdMapped:",
        /// Memory that the hardware found faulty.
        hardware_corrupted = b"HardwareCorrupted:",
        /// Memory in huge pages of all sizes.
        hugetlb = b"Hugetlb:",
        /// Written to a server and not yet on its disk.
        nfs_unstable = b"NFS_Unstable:",
        /// Memory of structures kept for each processor.
        per_cpu = b"Percpu:",
        /// Page tables of virtual machines and devices.
        sec_page_tables = b"SecPageTables:",
        /// Transparent huge pages of shared memory.
        shmem_huge_pages = b"ShmemHugePages:",
        /// Those of the field before that are mapped by programs as such.
        shmem_pmd_mapped = b"ShmemPmdMapped:",
        /// Huge pages that are promised: a count.
        huge_pages_reserved = b"HugePages_Rsvd:",
        /// Huge pages beyond the pool: a count.
        huge_pages_surplus = b"HugePages_Surp:",
    }
}

impl MemInfo {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a number is none or `MemTotal` or `MemFree` is missing.
    ///
    /// ```
    /// use stripchart_collector::proc::MemInfo;
    /// let mem = MemInfo::parse(b"MemTotal:  2048 kB\nMemFree:  1024 kB\nHugePages_Total:  3\n")?;
    /// assert_eq!((mem.mem_total, mem.huge_pages_total, mem.dirty), (Some(2 << 20), Some(3), None));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut mem = MemInfo::default();
        let mut lines = Lines::new(text)?;
        for line in lines.by_ref() {
            let mut fields = line.fields();
            let Some(slot) = mem.slot(fields.word("a key")?) else { continue };
            let count = fields.count("a count")?;
            *slot = Some(match fields.next_field() {
                None => count,
                Some(b"kB") => count
                    .checked_mul(1024)
                    .ok_or_else(|| line.error("less than 16 EiB", line.text))?,
                Some(other) => return Err(line.error("\"kB\"", other)),
            });
        }
        let end = |expected| ParseError::at_end(lines.last_number(), expected);
        mem.mem_total.ok_or_else(|| end("a line \"MemTotal:\""))?;
        mem.mem_free.ok_or_else(|| end("a line \"MemFree:\""))?;
        Ok(mem)
    }
}
