//! A host as `node_exporter` tells of it, each second: a stand-in for a recording that is too large to ship.
//!
//! ```text
//! node_cpu_seconds_total,cpu=0,mode=user value=2214.76 1451606401003000000
//! node_interrupts_total,cpu=1,info=Function\ call\ interrupts,type=CAL value=55694 1451606401003000000
//! node_disk_io_time_seconds_total,device=vda value=15.524000000000001 1451606401003000000
//! node_memory_MemFree_bytes value=2.2334492672e+10 1451606401003000000
//! ```
//!
//! Modelled on twenty minutes of a busy machine with two cores. What matters to a store is kept: 645 series of one
//! float, of which about two in three never change; one row in nine with an escaped space in a tag; clocks that are a
//! few milliseconds off a second, the same for all series of a scrape; counters that were kept in milliseconds and come
//! as `x * 0.001`, with the rounding that has; durations of nine decimals; numbers written as Go writes them; some
//! series that come and go.

use std::fmt::Write;

use crate::Rounds;
use crate::tsbs::{Random, START_NS};

/// How many series there are.
pub const SERIES: usize = 645;
/// Scrapes of twenty minutes.
pub const SCRAPES: usize = 1196;
/// Of the series, those that are there for a few scrapes only.
const BRIEF: usize = 33;

/// How the number behind a series moves, and what is written of it.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// As it was.
    Constant,
    /// Up by about `step`, in so many scrapes of a thousand.
    Counter { step: f64, per_mille: usize },
    /// Up and down by so many times `unit`, in so many scrapes of a thousand.
    Gauge { unit: f64, step: f64, per_mille: usize },
    /// Anew each time, around `typical` seconds, in whole nanoseconds.
    Duration { typical: f64 },
    /// Counted in the unit `1 / per_second` of a second, and divided by it.
    Divided { per_second: f64, step: f64, per_mille: usize },
    /// Counted in milliseconds, and multiplied by 0.001.
    Multiplied { step: f64, per_mille: usize },
    /// The time, with all digits.
    Clock,
}

#[derive(Debug, Clone)]
struct Series {
    key: String,
    kind: Kind,
    state: f64,
    /// The scrapes in which it is there.
    lives: std::ops::Range<usize>,
}

/// The exporter of one host.
#[derive(Debug, Clone)]
pub struct Exporter {
    random: Random,
    series: Vec<Series>,
    scrape: usize,
    time_ns: i64,
}

impl Exporter {
    /// A host just started; the same for the same seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut series = Vec::with_capacity(SERIES);
        for (key, kind, start) in changing().into_iter().chain(constant(&mut random)) {
            series.push(Series { key, kind, state: start, lives: 0..SCRAPES });
        }
        assert!(series.len() + BRIEF >= SERIES, "{} series are too few", series.len());
        series.truncate(SERIES - BRIEF);
        for at in 0..BRIEF {
            let from = random.below(SCRAPES - 40);
            let lives = from..from + [1, 1, 2, 5, 41][at % 5];
            let key = format!(
                "node_filesystem_avail_bytes,device=none,fstype=tmpfs,mountpoint=/tmp/work-{at:04}"
            );
            series.push(Series { key, kind: Kind::Constant, state: 8_589_934_592.0, lives });
        }
        Exporter { random, series, scrape: 0, time_ns: START_NS }
    }
}

impl Rounds for Exporter {
    fn round(&mut self, out: &mut String) {
        let late_ms = self.random.normal().mul_add(5.0, 10.0).clamp(0.0, 40.0).trunc();
        // The exporter's clock is read a little before the collector's.
        let clock =
            (self.time_ns / 1_000_000) as f64 / 1e3 + late_ms / 1e3 - self.random.unit() / 1e3;
        #[expect(clippy::cast_possible_truncation, reason = "at most 40")]
        let time_ns = self.time_ns + late_ms as i64 * 1_000_000;
        for series in &mut self.series {
            let value = series.kind.next(&mut series.state, clock, &mut self.random);
            if series.lives.contains(&self.scrape) || self.scrape >= SCRAPES {
                out.push_str(&series.key);
                out.push_str(" value=");
                push_as_go_does(value, out);
                writeln!(out, " {time_ns}").expect("a String takes all text");
            }
        }
        self.scrape += 1;
        self.time_ns += 1_000_000_000;
    }
}

impl Kind {
    /// Moves `state` on and says what is written.
    fn next(self, state: &mut f64, clock: f64, random: &mut Random) -> f64 {
        let mut moves = |per_mille: usize| per_mille >= 1000 || random.below(1000) < per_mille;
        match self {
            Kind::Constant => *state,
            Kind::Counter { step, per_mille } => {
                if moves(per_mille) {
                    *state += (step * (0.5 + random.unit())).ceil();
                }
                *state
            }
            Kind::Gauge { unit, step, per_mille } => {
                if moves(per_mille) {
                    *state = (*state + (random.normal() * step).round() * unit).max(0.0);
                }
                *state
            }
            Kind::Duration { typical } => {
                (typical * (random.normal() * 0.5).exp() * 1e9).round() / 1e9
            }
            Kind::Divided { per_second, step, per_mille } => {
                if moves(per_mille) {
                    *state += (step * (0.5 + random.unit())).ceil();
                }
                *state / per_second
            }
            Kind::Multiplied { step, per_mille } => {
                if moves(per_mille) {
                    *state += (step * (0.5 + random.unit())).ceil();
                }
                *state * 0.001
            }
            Kind::Clock => clock,
        }
    }
}

type Named = (String, Kind, f64);

/// The series that move.
fn changing() -> Vec<Named> {
    let mut all = Vec::new();
    for cpu in 0..2 {
        for (mode, step, per_mille) in [
            ("idle", 60.0, 950),
            ("user", 30.0, 900),
            ("system", 12.0, 900),
            ("iowait", 3.0, 160),
            ("softirq", 1.0, 80),
            ("steal", 1.0, 120),
            ("irq", 1.0, 30),
            ("nice", 1.0, 10),
        ] {
            let kind = Kind::Divided { per_second: 100.0, step, per_mille };
            all.push((format!("node_cpu_seconds_total,cpu={cpu},mode={mode}"), kind, 4000.0));
        }
        for (at, (kind, info)) in INTERRUPTS.iter().take(12).enumerate() {
            let (step, per_mille) = [(300.0, 1000), (40.0, 970), (12.0, 300), (2.0, 45)][at % 4];
            all.push((interrupt(cpu, kind, info), Kind::Counter { step, per_mille }, 55_000.0));
        }
    }
    for collector in COLLECTORS.split(' ') {
        let typical = 2e-5 * f64::from(1 + u8::try_from(collector.len()).unwrap_or(9)).powf(1.2);
        let key = format!("node_scrape_collector_duration_seconds,collector={collector}");
        all.push((key, Kind::Duration { typical }, 0.0));
    }
    for (at, name) in MEMORY.split(' ').enumerate() {
        let (step, per_mille) = [(3000.0, 900), (60.0, 800), (8.0, 330), (2.0, 20)][at % 4];
        let kind = Kind::Gauge { unit: 4096.0, step, per_mille };
        all.push((format!("node_memory_{name}_bytes"), kind, 4096.0 * 400_000.0));
    }
    for (at, name) in GO_MEMORY.split(' ').enumerate() {
        let kind = match at % 3 {
            0 => Kind::Gauge { unit: 8.0, step: 30_000.0, per_mille: 980 },
            1 => Kind::Counter { step: 90_000.0, per_mille: 1000 },
            _ => Kind::Gauge { unit: 1024.0, step: 20.0, per_mille: 60 },
        };
        all.push((format!("go_memstats_{name}"), kind, 4_000_000.0));
    }
    for (at, name) in VMSTAT.split(' ').enumerate() {
        let (step, per_mille) = [(4000.0, 980), (150.0, 400), (1.0, 8)][at % 3];
        all.push((format!("node_vmstat_{name}"), Kind::Counter { step, per_mille }, 3_000_000.0));
    }
    for (at, name) in NETSTAT.split(' ').enumerate() {
        let (step, per_mille) = [(70_000.0, 1000), (4.0, 1000), (2.0, 150), (1.0, 15)][at % 4];
        all.push((format!("node_netstat_{name}"), Kind::Counter { step, per_mille }, 100_000.0));
    }
    for (at, name) in
        ["io_time", "io_time_weighted", "read_time", "write_time", "discard_time", "flush_time"]
            .iter()
            .enumerate()
    {
        let kind = Kind::Multiplied { step: 14.0, per_mille: [450, 480, 400, 350, 30, 120][at] };
        all.push((format!("node_disk_{name}_seconds_total,device=vda"), kind, 15_516.0));
    }
    for name in ["cpu_waiting", "io_waiting", "io_stalled", "memory_waiting", "memory_stalled"] {
        let kind = Kind::Divided { per_second: 1e6, step: 40_000.0, per_mille: 600 };
        all.push((format!("node_pressure_{name}_seconds_total"), kind, 2_214_760.0));
    }
    for (at, name) in ["load1", "load5", "load15"].iter().enumerate() {
        // A hundredth as the kernel prints it; every five seconds.
        let kind = Kind::Divided { per_second: 100.0, step: 2.0 - at as f64 * 0.8, per_mille: 200 };
        all.push((format!("node_{name}"), kind, 120.0));
    }
    for name in GAUGES.split(' ') {
        all.push((name.to_owned(), Kind::Gauge { unit: 1.0, step: 1.0, per_mille: 25 }, 40.0));
    }
    all.push(("node_time_seconds".to_owned(), Kind::Clock, 0.0));
    all
}

/// Those that do not; as many as are asked for.
fn constant(random: &mut Random) -> impl Iterator<Item = Named> {
    let mut names: Vec<String> = Vec::new();
    for cpu in 0..2 {
        for (kind, info) in &INTERRUPTS[12..] {
            names.push(interrupt(cpu, kind, info));
        }
    }
    names.extend(
        COLLECTORS.split(' ').map(|name| format!("node_scrape_collector_success,collector={name}")),
    );
    for device in ["eth0", "lo", "ifb0", "ifb1"] {
        for name in NETWORK.split(' ') {
            names.push(format!("node_network_{name},device={device}"));
        }
    }
    for subsystem in
        ["cpu", "cpuacct", "blkio", "memory", "devices", "freezer", "net_cls", "pids", "rdma"]
    {
        names.push(format!("node_cgroups_enabled,subsys_name={subsystem}"));
        names.push(format!("node_cgroups_cgroups,subsys_name={subsystem}"));
    }
    for at in 0.. {
        if names.len() >= SERIES {
            break;
        }
        names.push(format!("node_netstat_TcpExt_Extension{at:03}"));
    }
    let values: Vec<f64> = names
        .iter()
        .map(|_| match random.below(10) {
            0..=5 => 0.0,
            6 | 7 => 1.0,
            8 => random.below(5000) as f64,
            _ => random.below(1 << 34) as f64,
        })
        .collect();
    names.into_iter().zip(values).map(|(name, value)| (name, Kind::Constant, value))
}

fn interrupt(cpu: usize, kind: &str, info: &str) -> String {
    let info = info.replace(',', "\\,").replace(' ', "\\ ");
    format!("node_interrupts_total,cpu={cpu},info={info},type={kind}")
}

/// Types and what they are for, those that happen first.
const INTERRUPTS: [(&str, &str); 36] = [
    ("LOC", "Local timer interrupts"),
    ("CAL", "Function call interrupts"),
    ("RES", "Rescheduling interrupts"),
    ("TLB", "TLB shootdowns by others"),
    ("24", "PCI MSI edge of the disk"),
    ("25", "PCI MSI edge of the network, input"),
    ("26", "PCI MSI edge of the network, output"),
    ("27", "PCI MSI edge of the entropy source"),
    ("IWI", "IRQ work interrupts while idle"),
    ("MIS", "Misrouted interrupts seen"),
    ("HYP", "Hypervisor callback interrupts"),
    ("SER", "Serial line of the console"),
    ("NMI", "Non maskable interrupts"),
    ("SPU", "Spurious interrupts"),
    ("PMI", "Performance monitoring interrupts"),
    ("RTR", "APIC ICR read retries"),
    ("TRM", "Thermal event interrupts"),
    ("THR", "Threshold APIC interrupts"),
    ("DFR", "Deferred error APIC interrupts"),
    ("MCE", "Machine check exceptions"),
    ("MCP", "Machine check polls"),
    ("HRE", "Hyper V reenlightenment interrupts"),
    ("HVS", "Hyper V stimer0 interrupts"),
    ("PIN", "Posted interrupt notification event"),
    ("NPI", "Nested posted interrupt event"),
    ("PIW", "Posted interrupt wakeup event"),
    ("ERR", "Errors of the controller"),
    ("0", "IO APIC edge of the timer"),
    ("1", "IO APIC edge of the keyboard"),
    ("4", "IO APIC edge of the serial line"),
    ("8", "IO APIC edge of the clock"),
    ("9", "IO APIC fasteoi of power events"),
    ("12", "IO APIC edge of the mouse"),
    ("28", "PCI MSI edge of the configuration"),
    ("29", "PCI MSI edge of the balloon"),
    ("30", "PCI MSI edge of the watchdog"),
];

const COLLECTORS: &str = "arp bcache bonding btrfs cgroups conntrack cpu cpufreq diskstats dmi edac entropy fibrechannel filefd \
    filesystem hwmon infiniband interrupts ipvs loadavg mdadm meminfo netclass netdev netstat nfs nfsd nvme \
    os powersupplyclass pressure processes rapl schedstat selinux sockstat softnet stat tapestats \
    thermal_zone time timex";

const MEMORY: &str = "MemFree MemAvailable Cached Buffers Active Inactive Active_anon Mapped Active_file Inactive_anon \
    Inactive_file Shmem AnonPages PageTables SReclaimable SUnreclaim Dirty Slab KernelStack FileHugePages \
    Writeback Committed_AS VmallocUsed Percpu AnonHugePages DirectMap4k DirectMap2M Unevictable Mlocked \
    ShmemHugePages";

const GO_MEMORY: &str = "alloc_bytes alloc_bytes_total heap_released_bytes heap_alloc_bytes mallocs_total heap_inuse_bytes \
    heap_objects frees_total stack_inuse_bytes heap_idle_bytes lookups_total sys_bytes next_gc_bytes \
    gc_total other_sys_bytes";

const VMSTAT: &str = "pgfault pgpgout oom_kill pgpgin pgmajfault pswpin";

const NETSTAT: &str = "IpExt_InOctets Tcp_InSegs Udp_InDatagrams Icmp_InMsgs IpExt_OutOctets Tcp_OutSegs Udp_OutDatagrams \
    Icmp_OutMsgs Ip_InReceives Tcp_ActiveOpens Tcp_RetransSegs Udp_NoPorts Ip_OutRequests Tcp_PassiveOpens \
    Tcp_OutRsts Tcp_InErrs TcpExt_InOrigData TcpExt_PureAcks TcpExt_DelayedAcks TcpExt_Timeouts \
    Ip_InDelivers TcpExt_HpHits TcpExt_TimeWaits TcpExt_SpuriousRtos Tcp_Octets TcpExt_HpAcks \
    TcpExt_AutoCorking Ip6_InOctets";

const NETWORK: &str = "carrier carrier_changes_total dormant flags iface_id iface_link iface_link_mode info mtu_bytes \
    net_dev_group protocol_type receive_compressed_total receive_drop_total receive_errs_total \
    receive_fifo_total receive_frame_total receive_multicast_total receive_nohandler_total \
    transmit_carrier_total transmit_colls_total transmit_compressed_total transmit_drop_total \
    transmit_errs_total up";

const GAUGES: &str = "go_goroutines go_threads node_procs_running node_procs_blocked node_processes_pids \
    node_processes_threads node_processes_state,state=S node_processes_state,state=R \
    node_processes_state,state=I node_processes_state,state=Z node_processes_state,state=D \
    node_sockstat_sockets_used node_sockstat_TCP_alloc node_sockstat_TCP_inuse node_sockstat_TCP_mem \
    node_sockstat_UDP_inuse node_sockstat_FRAG_inuse node_netstat_Tcp_CurrEstab node_filefd_allocated \
    node_arp_entries,device=eth0 node_entropy_available_bits process_open_fds node_timex_frequency_ratio \
    node_filesystem_files_free,device=/dev/vda,fstype=ext4,mountpoint=/ process_threads \
    node_softnet_backlog_len,cpu=0 node_softnet_backlog_len,cpu=1 node_disk_io_now,device=vda \
    node_udp_queues,ip=v4,queue=rx node_udp_queues,ip=v4,queue=tx";

/// Writes a float as Go's shortest form with exponents for what is small or from a million on.
fn push_as_go_does(value: f64, out: &mut String) {
    if value == 0.0 || (1e-4..1e6).contains(&value.abs()) {
        write!(out, "{value}").expect("a String takes all text");
        return;
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').expect("it was asked for");
    let (sign, exponent) =
        exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    write!(out, "{digits}e{sign}{exponent:0>2}").expect("a String takes all text");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn it_has_the_traits_of_a_real_host() {
        let mut text = String::new();
        let mut exporter = Exporter::new(123);
        (0..SCRAPES).for_each(|_| exporter.round(&mut text));
        let mut seen: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for row in text.lines() {
            let (key, rest) = row.split_once(" value=").unwrap();
            seen.entry(key).or_default().push(rest.split_once(' ').unwrap().0);
        }
        assert_eq!(seen.len(), SERIES);
        let rows = text.lines().count();
        assert!((725_000..740_000).contains(&rows), "{rows} rows");
        let constant =
            seen.values().filter(|values| values.iter().all(|v| v == &values[0])).count();
        assert!((400..440).contains(&constant), "{constant} constant");
        let escaped = text.lines().filter(|row| row.contains("\\ ")).count();
        assert!((0.10..0.12).contains(&(escaped as f64 / rows as f64)), "{escaped} of {rows}");
        let products = seen.iter().filter(|(key, _)| key.starts_with("node_disk_io_time_seconds"));
        let inexact = products.flat_map(|(_, values)| values).filter(|value| value.len() > 15);
        assert!(inexact.count() > 10, "products of 0.001 are not exact");
    }

    #[test]
    fn numbers_are_written_as_go_does() {
        let cases = [
            (0.0, "0"),
            (425_984.0, "425984"),
            (1_426_080.0, "1.42608e+06"),
            (22_334_492_672.0, "2.2334492672e+10"),
            (1e7, "1e+07"),
            (0.000_220_779, "0.000220779"),
            (0.000_022_214, "2.2214e-05"),
            (15.524_000_000_000_001, "15.524000000000001"),
        ];
        for (value, expected) in cases {
            let mut text = String::new();
            push_as_go_does(value, &mut text);
            assert_eq!(text, expected);
        }
    }
}
