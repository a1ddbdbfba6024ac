//! Networks of containers, each namespace read once.
//!
//! All containers of a pod share a network namespace; one of them reports it, the sandbox if there is one known. Whoever
//! uses the host's is marked and reports nothing: the root `/` does that. Whether a container reports is decided by the
//! number of its namespace, which the kernel tells to whoever may trace the process. Where it does not, sandboxes and
//! containers without a pod report.
//!
//! `/proc/PID/net/dev` stays open, and is of use as long as the namespace is, whatever becomes of the process. It is closed
//! with the container, since it keeps the namespace from going away.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use super::process::{self, ProcFiles, ProcessId};
use super::sockets;
use crate::ParseError;
use crate::file::{Buffer, open};
use crate::node::{InterfaceSample, NetworkSample};
use crate::proc::NetDev;
use crate::warnings::Warnings;

/// Every so many samples the process that stands for a container is checked to be there still.
const CHECK_EVERY: u64 = 6;

/// A cgroup without processes is looked at in so many samples in a row, since its first may be about to come, and then when
/// it is checked.
const MISSES_MAX: u32 = 3;

/// Interfaces of a namespace that are kept.
const INTERFACES_MAX: usize = 1024;

/// What is read of networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Interfaces.
    pub(crate) interfaces: bool,
    /// Connections of TCP by state.
    pub(crate) tcp: bool,
    /// Sockets of UDP.
    pub(crate) udp: bool,
    /// Counters of TCP.
    pub(crate) tcp_counters: bool,
}

/// What is remembered of the network of a cgroup.
#[derive(Debug, Default)]
pub(crate) struct Member {
    main: Option<ProcessId>,
    /// Looks in a row that found no process.
    misses: u32,
    namespace: Option<u64>,
    dev: Option<File>,
    /// The namespace that it reports.
    owns: Option<u64>,
}

/// Who asks for a network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker<'a> {
    /// Tells it from all others.
    pub(crate) number: u64,
    pub(crate) folder: &'a Path,
    pub(crate) sandbox: bool,
    pub(crate) in_pod: bool,
    /// It is the root cgroup, whose network is the host's.
    pub(crate) root: bool,
}

/// Which cgroup reports which network namespace.
#[derive(Debug)]
pub(crate) struct Networks {
    files: ProcFiles,
    wanted: Wanted,
    /// The host's namespace.
    host: Option<u64>,
    owners: HashMap<u64, Owner>,
    samples: u64,
    /// Descriptors that may yet be kept.
    descriptors_left: usize,
    pids: Vec<u32>,
    /// Memory for files that may be large.
    chunk: Vec<u8>,
}

#[derive(Debug)]
struct Owner {
    number: u64,
    sandbox: bool,
    since: u64,
}

impl Networks {
    pub(crate) fn new(proc: &Path, wanted: Wanted, descriptors_max: usize) -> Self {
        Networks {
            files: ProcFiles::new(proc),
            wanted,
            host: None,
            owners: HashMap::new(),
            samples: 0,
            descriptors_left: descriptors_max,
            pids: Vec::new(),
            chunk: Vec::new(),
        }
    }

    /// Begins a sample.
    pub(crate) fn begin(&mut self) {
        self.samples += 1;
        if self.host.is_none() {
            self.host = self.files.network_namespace(1);
        }
    }

    /// Gives back what the member with `number` holds.
    pub(crate) fn forget(&mut self, number: u64, mut member: Member) {
        self.release(number, &mut member);
    }

    /// Whether `member` is known to use the host's network.
    pub(crate) fn is_on_host(&self, member: &Member) -> bool {
        member.namespace.is_some() && member.namespace == self.host
    }

    /// Reads the network that `asker` reports into `sample`; `None` if it reports none.
    pub(crate) fn read(
        &mut self,
        asker: Asker<'_>,
        member: &mut Member,
        sample: &mut Option<NetworkSample>,
        buffer: &mut Buffer,
        warnings: &mut Warnings,
    ) {
        let is_turn = (self.samples + asker.number).is_multiple_of(CHECK_EVERY);
        if is_turn || (member.main.is_none() && member.misses < MISSES_MAX) {
            self.check(asker, member, buffer);
            member.misses = if member.main.is_some() { 0 } else { member.misses.saturating_add(1) };
        }
        let Some(main) = member.main.filter(|_| self.may_report(asker, member)) else {
            *sample = None;
            self.close(member);
            return;
        };
        let sample = sample.get_or_insert_with(NetworkSample::default);
        if self.wanted.interfaces && !self.read_interfaces(main, member, sample, buffer, warnings) {
            // The process is gone; the next sample looks for another.
            member.main = None;
        }
        if self.wanted.tcp {
            let (files, chunk) = (&mut self.files, &mut self.chunk);
            sample.tcp = sockets::tcp(files.path(main.pid, "net/tcp"), chunk, warnings);
            sample.tcp6 = sockets::tcp(files.path(main.pid, "net/tcp6"), chunk, warnings);
        }
        if self.wanted.udp {
            let (files, chunk) = (&mut self.files, &mut self.chunk);
            sample.udp = sockets::udp(files.path(main.pid, "net/udp"), chunk, warnings);
            sample.udp6 = sockets::udp(files.path(main.pid, "net/udp6"), chunk, warnings);
        }
        if self.wanted.tcp_counters {
            sockets::tcp_counters(&mut self.files, main.pid, buffer, sample, warnings);
        }
    }

    /// Makes sure that the process which stands for the cgroup is there, or finds another.
    fn check(&mut self, asker: Asker<'_>, member: &mut Member, buffer: &mut Buffer) {
        if let Some(main) = member.main
            && self.files.identify(main.pid, buffer) == Some(main)
        {
            return;
        }
        member.main = match asker.root {
            true => self.files.identify(1, buffer),
            false => {
                process::processes(asker.folder, buffer, &mut self.pids);
                process::oldest(&mut self.files, &self.pids, buffer)
            }
        };
        let namespace = member.main.and_then(|main| self.files.network_namespace(main.pid));
        if namespace != member.namespace || namespace.is_none() {
            member.namespace = namespace;
            self.release(asker.number, member);
        }
    }

    /// Leaves the namespace to whoever else is in it.
    fn release(&mut self, number: u64, member: &mut Member) {
        self.close(member);
        if let Some(namespace) = member.owns.take()
            && self.owners.get(&namespace).is_some_and(|owner| owner.number == number)
        {
            self.owners.remove(&namespace);
        }
    }

    fn close(&mut self, member: &mut Member) {
        if member.dev.take().is_some() {
            self.descriptors_left += 1;
        }
    }

    /// Whether it is `asker` that reports the namespace.
    fn may_report(&mut self, asker: Asker<'_>, member: &mut Member) -> bool {
        match member.namespace {
            _ if asker.root => true,
            None => asker.sandbox || !asker.in_pod,
            Some(namespace) if Some(namespace) == self.host => false,
            Some(namespace) => self.claim(asker, member, namespace),
        }
    }

    fn claim(&mut self, asker: Asker<'_>, member: &mut Member, namespace: u64) -> bool {
        let Asker { number, sandbox, .. } = asker;
        let new = || Owner { number, sandbox, since: self.samples };
        let owner = self.owners.entry(namespace).or_insert_with(new);
        if owner.number != number {
            if owner.sandbox || !sandbox {
                return false;
            }
            *owner = new();
        }
        member.owns = Some(namespace);
        owner.sandbox |= sandbox;
        // In the first sample of a pod its sandbox may come after another of its containers.
        owner.sandbox || !asker.in_pod || owner.since < self.samples
    }

    /// Reads the interfaces; answers whether they could be read.
    fn read_interfaces(
        &mut self,
        main: ProcessId,
        member: &mut Member,
        sample: &mut NetworkSample,
        buffer: &mut Buffer,
        warnings: &mut Warnings,
    ) -> bool {
        let opened;
        let file = match &member.dev {
            Some(file) => file,
            None => {
                let Ok(file) = open(self.files.path(main.pid, "net/dev")) else {
                    sample.interfaces.clear();
                    return false;
                };
                if self.descriptors_left > 0 {
                    self.descriptors_left -= 1;
                    member.dev.insert(file)
                } else {
                    opened = file;
                    &opened
                }
            }
        };
        let Ok(text) = buffer.fill(file, false) else {
            sample.interfaces.clear();
            self.close(member);
            return false;
        };
        let filled = fill(&mut sample.interfaces, text);
        let path = self.files.path(main.pid, "net/dev");
        if warnings.parsed(path, filled).is_none() {
            sample.interfaces.clear();
        }
        true
    }
}

/// Whether an interface is left out, as cAdvisor does it: those of the host's end of containers' networks.
fn is_left_out(name: &str) -> bool {
    const PREFIXES: [&str; 4] = ["lo", "veth", "docker", "nerdctl"];
    PREFIXES.iter().any(|prefix| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    })
}

/// Writes the interfaces of `text` over `interfaces`, in the memory they have.
fn fill(interfaces: &mut Vec<InterfaceSample>, text: &[u8]) -> Result<(), ParseError> {
    let dev = NetDev::parse(text)?;
    let mut filled = 0;
    for found in dev.iter().filter(|found| !is_left_out(found.name)).take(INTERFACES_MAX) {
        if interfaces.len() == filled {
            interfaces.push(InterfaceSample::default());
        }
        let interface = &mut interfaces[filled];
        if *interface.name != *found.name {
            interface.name = found.name.into();
        }
        interface.rx_bytes = found.bytes_recv;
        interface.rx_packets = found.packets_recv;
        interface.rx_errors = found.err_in;
        interface.rx_dropped = found.drop_in;
        interface.tx_bytes = found.bytes_sent;
        interface.tx_packets = found.packets_sent;
        interface.tx_errors = found.err_out;
        interface.tx_dropped = found.drop_out;
        filled += 1;
    }
    interfaces.truncate(filled);
    Ok(())
}

#[cfg(test)]
mod tests;
