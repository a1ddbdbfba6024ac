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
            ("available", Some(available)),
            ("buffered", Some(buffered)),
            ("cached", Some(cached)),
            ("commit_limit", mem.commit_limit),
            ("committed_as", mem.committed_as),
            ("dirty", mem.dirty),
            ("free", Some(free)),
            ("high_free", mem.high_free),
            ("high_total", mem.high_total),
            ("huge_page_size", mem.huge_page_size),
            ("huge_pages_free", mem.huge_pages_free),
            ("huge_pages_total", mem.huge_pages_total),
            ("inactive", mem.inactive),
            ("low_free", mem.low_free),
            ("low_total", mem.low_total),
            ("mapped", mem.mapped),
            ("page_tables", mem.page_tables),
            ("shared", mem.shmem),
            ("slab", mem.slab),
            ("sreclaimable", mem.s_reclaimable),
            ("sunreclaim", mem.s_unreclaim),
            ("swap_cached", mem.swap_cached),
            ("swap_free", mem.swap_free),
            ("swap_total", mem.swap_total),
            ("total", Some(total)),
            ("used", Some(used)),
            ("vmalloc_chunk", mem.vmalloc_chunk),
            ("vmalloc_total", mem.vmalloc_total),
            ("vmalloc_used", mem.vmalloc_used),
            ("write_back", mem.writeback),
            ("write_back_tmp", mem.writeback_tmp),
        ],
    );
}

fn vmstat_row(cx: &mut Context<'_>, vm: &VmStat) {
    let Some(mut row) = cx.row("kernel_vmstat", &[]) else { return };
    add_counts(
        &mut row,
        &[
            ("oom_kill", vm.oom_kill),
            ("pgfault", vm.pgfault),
            ("pgmajfault", vm.pgmajfault),
            ("pgpgin", vm.pgpgin),
            ("pgpgout", vm.pgpgout),
            ("pgscan_direct", vm.pgscan_direct),
            ("pgscan_kswapd", vm.pgscan_kswapd),
            ("pgsteal_direct", vm.pgsteal_direct),
            ("pgsteal_kswapd", vm.pgsteal_kswapd),
            ("pswpin", vm.pswpin),
            ("pswpout", vm.pswpout),
        ],
    );
}
