//! Copying a sample over one that is no longer wanted, in the memory that one has.
//!
//! A place in a [`History`](super::History) holds the sample of some minutes ago. The one that takes its place has mostly
//! the same shape: as many processors, devices and interfaces, under the same names. So the lists are overwritten element by
//! element and a name is copied only where it is another, and nothing is allocated as long as nothing came or went.

use super::{
    ContainerSample, CpuSample, DeviceIo, FilesystemSample, HugetlbSample, InterfaceSample,
    IoSample, MemorySample, MiscSample, NetworkSample, NumaMemory, ProcessesSample, RdmaSample,
    SchedulerIo, TcpExtCounters, Ulimit,
};

/// Something that can be made like another of its kind within the memory that it has.
pub(crate) trait Refill: Clone {
    /// Makes this one equal to `from`.
    fn refill(&mut self, from: &Self);
}

/// For types without memory of their own.
macro_rules! plain {
    ($($name:ty),*) => {
        $(impl Refill for $name {
            fn refill(&mut self, from: &Self) {
                *self = *from;
            }
        })*
    };
}

plain!(u64, DeviceIo, NumaMemory, SchedulerIo, Ulimit);

impl Refill for Box<str> {
    fn refill(&mut self, from: &Self) {
        if *self != *from {
            self.clone_from(from);
        }
    }
}

impl<T: Refill> Refill for Vec<T> {
    fn refill(&mut self, from: &Self) {
        self.truncate(from.len());
        let (same, more) = from.split_at(self.len());
        for (to, from) in self.iter_mut().zip(same) {
            to.refill(from);
        }
        self.extend(more.iter().cloned());
    }
}

impl<T: Refill> Refill for Box<T> {
    fn refill(&mut self, from: &Self) {
        (**self).refill(from);
    }
}

impl<T: Refill> Refill for Option<T> {
    fn refill(&mut self, from: &Self) {
        match (&mut *self, from) {
            (Some(to), Some(from)) => to.refill(from),
            (to, from) => to.clone_from(from),
        }
    }
}

/// For structs: the fields named first are refilled, those after are copied. Every field must be named, so that none is
/// forgotten when one is added.
macro_rules! refill {
    ($name:ident: $($deep:ident),*; $($flat:ident),*) => {
        impl Refill for $name {
            fn refill(&mut self, from: &Self) {
                let $name { $($deep,)* $($flat,)* } = from;
                $(self.$deep.refill($deep);)*
                $(self.$flat.clone_from($flat);)*
            }
        }
    };
}

refill!(ContainerSample:
    cpu, memory, io, processes, hugetlb, rdma, misc, network, filesystems;
    at, pids, cgroup, oom_kills, cpuset_memory_migrate);
refill!(CpuSample:
    per_cpu_ns;
    usage_ns, user_ns, system_ns, periods, throttled_periods, throttled_ns, bursts, burst_ns, pressure, sched);
refill!(MemorySample:
    numa;
    usage, peak, working_set, rss, cache, shmem, mapped_file, dirty, writeback, active_anon, inactive_anon,
    active_file, inactive_file, unevictable, kernel, kernel_stack, page_tables, sock, slab, slab_reclaimable,
    anon_thp, swap, swap_peak, zswap, zswapped, page_faults, major_page_faults, pages_scanned, pages_stolen,
    refaults_file, refaults_anon, failcnt, events_low, events_high, events_max, events_oom, oom_kills,
    local_events, swap_events_max, swap_events_fail, pressure);
refill!(IoSample: devices, scheduler; pressure, known, read_bytes, write_bytes, reads, writes);
refill!(ProcessesSample: ulimits; processes, fds, sockets);
refill!(HugetlbSample:
    page_size; usage, peak, failcnt, reserved, reserved_peak, reserved_failcnt, limit);
refill!(RdmaSample: device; hca_handles, hca_objects, hca_handles_limit, hca_objects_limit);
refill!(MiscSample: resource; current, limit, refused);
refill!(NetworkSample: interfaces, tcp_ext; tcp, tcp6, udp, udp6, addresses);
refill!(InterfaceSample:
    name;
    rx_bytes, rx_packets, rx_errors, rx_dropped, tx_bytes, tx_packets, tx_errors, tx_dropped);
refill!(FilesystemSample:
    device, kind, mount_point;
    major, minor, capacity, usage, base_usage, available, inodes, inodes_free, disk);

impl Refill for TcpExtCounters {
    fn refill(&mut self, from: &Self) {
        self.counters.truncate(from.counters.len());
        let (same, more) = from.counters.split_at(self.counters.len());
        for ((name, value), (from_name, from_value)) in self.counters.iter_mut().zip(same) {
            name.refill(from_name);
            *value = *from_value;
        }
        self.counters.extend(more.iter().cloned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(processors: usize, interfaces: &[&str]) -> ContainerSample {
        let mut sample = ContainerSample::default();
        sample.cpu.per_cpu_ns = (0..processors as u64).collect();
        sample.memory.usage = Some(processors as u64);
        sample.hugetlb.push(HugetlbSample { page_size: "2MB".into(), ..Default::default() });
        let interfaces = interfaces.iter().map(|name| InterfaceSample {
            name: (*name).into(),
            rx_bytes: 7,
            ..Default::default()
        });
        let tcp_ext = TcpExtCounters { counters: vec![("TW".into(), 5)] };
        sample.network = (processors > 1).then(|| NetworkSample {
            interfaces: interfaces.collect(),
            tcp_ext: Some(Box::new(tcp_ext)),
            ..Default::default()
        });
        sample
    }

    #[test]
    fn what_is_refilled_equals_what_it_is_refilled_from() {
        let samples = [
            ContainerSample::default(),
            sample(1, &[]),
            sample(4, &["eth0", "eth1"]),
            sample(2, &["eth0", "eth2", "eth3"]),
        ];
        for from in &samples {
            for to in &samples {
                let mut to = to.clone();
                to.refill(from);
                assert_eq!(to, *from);
            }
        }
    }
}
