//! `mem` and `swap` from `/proc/meminfo`, `kernel_vmstat` and the traffic of `swap` from `/proc/vmstat`.

use super::{Context, add_counts, int, percent};
use crate::Roots;
use crate::file::HostFile;
use crate::proc::{MemInfo, VmStat};
use crate::sys::page_size_bytes;

#[derive(Debug)]
pub(crate) struct Mem {
    meminfo: HostFile,
    vmstat: HostFile,
    page_size_bytes: u64,
}

impl Mem {
    pub(crate) fn new(roots: &Roots) -> Self {
        Mem {
            meminfo: HostFile::new(roots.proc_file("meminfo")),
            vmstat: HostFile::new(roots.proc_file("vmstat")),
            page_size_bytes: page_size_bytes(),
        }
    }

    pub(crate) fn collect(&mut self, cx: &mut Context<'_>) {
        let mem = cx
            .warnings
            .read(&mut self.meminfo, cx.buffer)
            .and_then(|text| cx.warnings.parsed(self.meminfo.path(), MemInfo::parse(text)));
        let vm = cx
            .warnings
            .read(&mut self.vmstat, cx.buffer)
            .and_then(|text| cx.warnings.parsed(self.vmstat.path(), VmStat::parse(text)));
        if let Some(mem) = &mem {
            mem_row(cx, mem);
        }
        self.swap_row(cx, mem.as_ref(), vm.as_ref());
        if let Some(vm) = &vm {
            vmstat_row(cx, vm);
        }
    }

    fn swap_row(&self, cx: &mut Context<'_>, mem: Option<&MemInfo>, vm: Option<&VmStat>) {
        let Some(mut row) = cx.row("swap", &[]) else { return };
        if let Some((total, free)) = mem.and_then(|mem| mem.swap_total.zip(mem.swap_free)) {
            let used = total.saturating_sub(free);
            row.field("free", int(free));
            row.field("total", int(total));
            row.field("used", int(used));
            row.field("used_percent", percent(used, total));
        }
        let bytes = |pages: u64| pages.saturating_mul(self.page_size_bytes);
        if let Some(vm) = vm {
            add_counts(&mut row, &[("in", vm.pswpin.map(bytes)), ("out", vm.pswpout.map(bytes))]);
        }
    }
}

fn mem_row(cx: &mut Context<'_>, mem: &MemInfo) {
    let Some(mut row) = cx.row("mem", &[]) else { return };
    let total = mem.mem_total.unwrap_or(0);
    let free = mem.mem_free.unwrap_or(0);
    // As gopsutil, upon which Telegraf stands: what the kernel can give up of its own counts as cache.
    let cached = mem.cached.unwrap_or(0).saturating_add(mem.s_reclaimable.unwrap_or(0));
    let buffered = mem.buffers.unwrap_or(0);
    // Before 3.14 the kernel gave no estimate, and this was the usual one.
    let available = mem.mem_available.unwrap_or_else(|| {
        free.saturating_add(buffered).saturating_add(mem.cached.unwrap_or(0)).min(total)
    });
    // As newer gopsutil: shared memory is cache by the kernel's account but cannot be given up, so it counts as used.
    let used = total.saturating_sub(available);
    row.field("available_percent", percent(available, total));
    row.field("used_percent", percent(used, total));
    add_counts(
        &mut row,
        &[
            ("active", mem.active),
            ("active_anon", mem.active_anon),
            ("active_file", mem.active_file),
            ("anon_huge_pages", mem.anon_huge_pages),
            ("anon_pages", mem.anon_pages),
            ("available", Some(available)),
            ("bounce", mem.bounce),
            ("buffered", Some(buffered)),
            ("cached", Some(cached)),
            ("cma_free", mem.cma_free),
            ("cma_total", mem.cma_total),
            ("commit_limit", mem.commit_limit),
            ("committed_as", mem.committed_as),
            ("direct_map_1g", mem.direct_map_1g),
            ("direct_map_2m", mem.direct_map_2m),
            ("direct_map_4k", mem.direct_map_4k),
            ("dirty", mem.dirty),
            ("file_huge_pages", mem.file_huge_pages),
            ("file_pmd_mapped", mem.file_pmd_mapped),
            ("free", Some(free)),
            ("hardware_corrupted", mem.hardware_corrupted),
            ("high_free", mem.high_free),
            ("high_total", mem.high_total),
            ("huge_page_size", mem.huge_page_size),
            ("huge_pages_free", mem.huge_pages_free),
            ("huge_pages_reserved", mem.huge_pages_reserved),
            ("huge_pages_surplus", mem.huge_pages_surplus),
            ("huge_pages_total", mem.huge_pages_total),
            ("hugetlb", mem.hugetlb),
            ("inactive", mem.inactive),
            ("inactive_anon", mem.inactive_anon),
            ("inactive_file", mem.inactive_file),
            ("k_reclaimable", mem.k_reclaimable),
            ("kernel_stack", mem.kernel_stack),
            ("low_free", mem.low_free),
            ("low_total", mem.low_total),
            ("mapped", mem.mapped),
            ("mlocked", mem.mlocked),
            ("nfs_unstable", mem.nfs_unstable),
            ("page_tables", mem.page_tables),
            ("per_cpu", mem.per_cpu),
            ("sec_page_tables", mem.sec_page_tables),
            ("shared", mem.shmem),
            ("shmem_huge_pages", mem.shmem_huge_pages),
            ("shmem_pmd_mapped", mem.shmem_pmd_mapped),
            ("slab", mem.slab),
            ("sreclaimable", mem.s_reclaimable),
            ("sunreclaim", mem.s_unreclaim),
            ("swap_cached", mem.swap_cached),
            ("swap_free", mem.swap_free),
            ("swap_total", mem.swap_total),
            ("total", Some(total)),
            ("unevictable", mem.unevictable),
            ("used", Some(used)),
            ("vmalloc_chunk", mem.vmalloc_chunk),
            ("vmalloc_total", mem.vmalloc_total),
            ("vmalloc_used", mem.vmalloc_used),
            ("write_back", mem.writeback),
            ("write_back_tmp", mem.writeback_tmp),
            ("zswap", mem.zswap),
            ("zswapped", mem.zswapped),
        ],
    );
}

fn vmstat_row(cx: &mut Context<'_>, vm: &VmStat) {
    let Some(mut row) = cx.row("kernel_vmstat", &[]) else { return };
    add_counts(
        &mut row,
        &[
            ("allocstall_dma", vm.allocstall_dma),
            ("allocstall_movable", vm.allocstall_movable),
            ("allocstall_normal", vm.allocstall_normal),
            ("compact_fail", vm.compact_fail),
            ("compact_stall", vm.compact_stall),
            ("compact_success", vm.compact_success),
            ("drop_pagecache", vm.drop_pagecache),
            ("drop_slab", vm.drop_slab),
            ("kswapd_high_wmark_hit_quickly", vm.kswapd_high_wmark_hit_quickly),
            ("numa_foreign", vm.numa_foreign),
            ("numa_hit", vm.numa_hit),
            ("numa_local", vm.numa_local),
            ("numa_miss", vm.numa_miss),
            ("numa_other", vm.numa_other),
            ("numa_pages_migrated", vm.numa_pages_migrated),
            ("oom_kill", vm.oom_kill),
            ("pageoutrun", vm.pageoutrun),
            ("pgactivate", vm.pgactivate),
            ("pgdeactivate", vm.pgdeactivate),
            ("pgfault", vm.pgfault),
            ("pgfree", vm.pgfree),
            ("pgmajfault", vm.pgmajfault),
            ("pgmigrate_fail", vm.pgmigrate_fail),
            ("pgmigrate_success", vm.pgmigrate_success),
            ("pgpgin", vm.pgpgin),
            ("pgpgout", vm.pgpgout),
            ("pgrefill", vm.pgrefill),
            ("pgscan_direct", vm.pgscan_direct),
            ("pgscan_khugepaged", vm.pgscan_khugepaged),
            ("pgscan_kswapd", vm.pgscan_kswapd),
            ("pgsteal_direct", vm.pgsteal_direct),
            ("pgsteal_khugepaged", vm.pgsteal_khugepaged),
            ("pgsteal_kswapd", vm.pgsteal_kswapd),
            ("pswpin", vm.pswpin),
            ("pswpout", vm.pswpout),
            ("slabs_scanned", vm.slabs_scanned),
            ("swap_ra", vm.swap_ra),
            ("swap_ra_hit", vm.swap_ra_hit),
            ("thp_collapse_alloc", vm.thp_collapse_alloc),
            ("thp_fault_alloc", vm.thp_fault_alloc),
            ("thp_fault_fallback", vm.thp_fault_fallback),
            ("thp_split_page", vm.thp_split_page),
            ("unevictable_pgs_scanned", vm.unevictable_pgs_scanned),
            ("workingset_activate_anon", vm.workingset_activate_anon),
            ("workingset_activate_file", vm.workingset_activate_file),
            ("workingset_nodereclaim", vm.workingset_nodereclaim),
            ("workingset_refault_anon", vm.workingset_refault_anon),
            ("workingset_refault_file", vm.workingset_refault_file),
            ("zswpin", vm.zswpin),
            ("zswpout", vm.zswpout),
        ],
    );
}
