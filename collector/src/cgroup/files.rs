//! The files of a cgroup that are read, and how: through kept descriptors while there are some left.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::{Controller, Hierarchies};
use crate::ParseError;
use crate::file::{Buffer, open};
use crate::warnings::{Warnings, left_out};

/// Hierarchies that a cgroup may have a part in: one for each controller of version 1, and that of version 2.
pub(crate) const PLACES: usize = Controller::ALL.len() + 1;

/// The place of version 2.
pub(crate) const UNIFIED: usize = Controller::ALL.len();

/// The part of the descriptors that only probes may take: one in so many.
const FOR_PROBES: usize = 4;

/// A file that so many cgroups of version 1 do not have is none of this kernel's.
const MISSED_MAX: u8 = 8;

/// How long a descriptor of a file is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// As long as there is any left: what is read in every sample, and tells whether the others need be.
    Probe,
    /// While there are more left than the probes of further cgroups may need: what is read of busy cgroups.
    Busy,
    /// Never: what is looked at now and then.
    Never,
}

/// A file of a cgroup.
#[derive(Debug, Clone)]
struct Known {
    place: usize,
    name: Cow<'static, str>,
    /// Whether any cgroup but the root had it, and how many had not.
    seen: bool,
    missed: u8,
}

impl Known {
    const fn new(place: usize, name: Cow<'static, str>) -> Self {
        Known { place, name, seen: false, missed: 0 }
    }

    /// Whether it is no use to look for it in further cgroups: those of version 1 all have the same files, but for the
    /// root, so that one which none of several has is not this kernel's.
    const fn is_unknown_here(&self) -> bool {
        self.place != UNIFIED && !self.seen && self.missed >= MISSED_MAX
    }
}

/// Which file of a cgroup: a [`FileId`], or one of those beyond whose names depend on the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileAt(u16);

/// Declares the files with their places, names and how long they are kept open.
macro_rules! files {
    ($($name:ident = $place:expr, $file:literal, $keep:ident;)*) => {
        /// A file that has the same name on every machine.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum FileId { $($name),* }

        const FILES: &[(usize, &str, Keep)] = &[$(($place, $file, Keep::$keep)),*];
    };
}

files! {
    V1CpuacctUsage = Controller::Cpuacct as usize, "cpuacct.usage", Probe;
    V1CpuacctStat = Controller::Cpuacct as usize, "cpuacct.stat", Busy;
    V1CpuacctPercpu = Controller::Cpuacct as usize, "cpuacct.usage_percpu", Busy;
    V1CpuStat = Controller::Cpu as usize, "cpu.stat", Busy;
    V1CpuShares = Controller::Cpu as usize, "cpu.shares", Never;
    V1CfsQuota = Controller::Cpu as usize, "cpu.cfs_quota_us", Busy;
    V1CfsPeriod = Controller::Cpu as usize, "cpu.cfs_period_us", Busy;
    V1CfsBurst = Controller::Cpu as usize, "cpu.cfs_burst_us", Never;
    V1MemoryUsage = Controller::Memory as usize, "memory.usage_in_bytes", Probe;
    V1MemoryStat = Controller::Memory as usize, "memory.stat", Busy;
    V1MemoryMaxUsage = Controller::Memory as usize, "memory.max_usage_in_bytes", Busy;
    V1MemoryFailcnt = Controller::Memory as usize, "memory.failcnt", Busy;
    V1MemoryOomControl = Controller::Memory as usize, "memory.oom_control", Busy;
    V1MemoryKernel = Controller::Memory as usize, "memory.kmem.usage_in_bytes", Busy;
    V1MemoryLimit = Controller::Memory as usize, "memory.limit_in_bytes", Busy;
    V1MemorySwapLimit = Controller::Memory as usize, "memory.memsw.limit_in_bytes", Never;
    V1MemorySoftLimit = Controller::Memory as usize, "memory.soft_limit_in_bytes", Never;
    V1MemoryNuma = Controller::Memory as usize, "memory.numa_stat", Never;
    V1IoBytes = Controller::Blkio as usize, "blkio.throttle.io_service_bytes_recursive", Busy;
    V1Ios = Controller::Blkio as usize, "blkio.throttle.io_serviced_recursive", Busy;
    V1BfqIoBytes = Controller::Blkio as usize, "blkio.bfq.io_service_bytes_recursive", Busy;
    V1BfqIos = Controller::Blkio as usize, "blkio.bfq.io_serviced_recursive", Busy;
    V1CfqIoBytes = Controller::Blkio as usize, "blkio.io_service_bytes_recursive", Busy;
    V1CfqIos = Controller::Blkio as usize, "blkio.io_serviced_recursive", Busy;
    V1OwnIoBytes = Controller::Blkio as usize, "blkio.throttle.io_service_bytes", Busy;
    V1OwnIos = Controller::Blkio as usize, "blkio.throttle.io_serviced", Busy;
    V1BfqQueued = Controller::Blkio as usize, "blkio.bfq.io_queued_recursive", Never;
    V1BfqSectors = Controller::Blkio as usize, "blkio.bfq.sectors_recursive", Never;
    V1BfqServiceTime = Controller::Blkio as usize, "blkio.bfq.io_service_time_recursive", Never;
    V1BfqWaitTime = Controller::Blkio as usize, "blkio.bfq.io_wait_time_recursive", Never;
    V1BfqMerged = Controller::Blkio as usize, "blkio.bfq.io_merged_recursive", Never;
    V1BfqTime = Controller::Blkio as usize, "blkio.bfq.time_recursive", Never;
    V1CfqQueued = Controller::Blkio as usize, "blkio.io_queued_recursive", Never;
    V1CfqSectors = Controller::Blkio as usize, "blkio.sectors_recursive", Never;
    V1CfqServiceTime = Controller::Blkio as usize, "blkio.io_service_time_recursive", Never;
    V1CfqWaitTime = Controller::Blkio as usize, "blkio.io_wait_time_recursive", Never;
    V1CfqMerged = Controller::Blkio as usize, "blkio.io_merged_recursive", Never;
    V1CfqTime = Controller::Blkio as usize, "blkio.time_recursive", Never;
    V1PidsCurrent = Controller::Pids as usize, "pids.current", Busy;
    V1PidsMax = Controller::Pids as usize, "pids.max", Busy;
    V1PidsPeak = Controller::Pids as usize, "pids.peak", Never;
    V1PidsEvents = Controller::Pids as usize, "pids.events", Never;
    V1Cpus = Controller::Cpuset as usize, "cpuset.cpus", Never;
    V1Mems = Controller::Cpuset as usize, "cpuset.mems", Never;
    V1MemoryMigrate = Controller::Cpuset as usize, "cpuset.memory_migrate", Never;
    V1Rdma = Controller::Rdma as usize, "rdma.current", Never;
    V1RdmaMax = Controller::Rdma as usize, "rdma.max", Never;
    V1Misc = Controller::Misc as usize, "misc.current", Never;
    V1MiscMax = Controller::Misc as usize, "misc.max", Never;
    V1MiscEvents = Controller::Misc as usize, "misc.events", Never;
    CpuStat = UNIFIED, "cpu.stat", Probe;
    CpuMax = UNIFIED, "cpu.max", Busy;
    CpuBurst = UNIFIED, "cpu.max.burst", Never;
    CpuWeight = UNIFIED, "cpu.weight", Never;
    CpuPressure = UNIFIED, "cpu.pressure", Busy;
    Cpus = UNIFIED, "cpuset.cpus.effective", Never;
    Mems = UNIFIED, "cpuset.mems.effective", Never;
    MemoryCurrent = UNIFIED, "memory.current", Probe;
    MemoryStat = UNIFIED, "memory.stat", Busy;
    MemoryPeak = UNIFIED, "memory.peak", Busy;
    MemoryEvents = UNIFIED, "memory.events", Busy;
    MemoryEventsLocal = UNIFIED, "memory.events.local", Busy;
    MemorySwapCurrent = UNIFIED, "memory.swap.current", Busy;
    MemorySwapPeak = UNIFIED, "memory.swap.peak", Never;
    MemorySwapEvents = UNIFIED, "memory.swap.events", Never;
    MemoryPressure = UNIFIED, "memory.pressure", Busy;
    MemoryNuma = UNIFIED, "memory.numa_stat", Never;
    MemoryMax = UNIFIED, "memory.max", Busy;
    MemoryHigh = UNIFIED, "memory.high", Never;
    MemoryLow = UNIFIED, "memory.low", Never;
    MemoryMin = UNIFIED, "memory.min", Never;
    MemorySwapMax = UNIFIED, "memory.swap.max", Never;
    MemorySwapHigh = UNIFIED, "memory.swap.high", Never;
    MemoryZswapMax = UNIFIED, "memory.zswap.max", Never;
    IoStat = UNIFIED, "io.stat", Probe;
    IoPressure = UNIFIED, "io.pressure", Busy;
    PidsCurrent = UNIFIED, "pids.current", Busy;
    PidsMax = UNIFIED, "pids.max", Busy;
    PidsPeak = UNIFIED, "pids.peak", Busy;
    PidsEvents = UNIFIED, "pids.events", Never;
    Rdma = UNIFIED, "rdma.current", Never;
    RdmaMax = UNIFIED, "rdma.max", Never;
    Misc = UNIFIED, "misc.current", Never;
    MiscMax = UNIFIED, "misc.max", Never;
    MiscEvents = UNIFIED, "misc.events", Never;
    CgroupStat = UNIFIED, "cgroup.stat", Never;
    CgroupEvents = UNIFIED, "cgroup.events", Never;
}

impl From<FileId> for FileAt {
    fn from(id: FileId) -> Self {
        FileAt(id as u16)
    }
}

/// Where a file of a cgroup stands.
#[derive(Debug, Default)]
enum Slot {
    /// Not opened yet.
    #[default]
    New,
    /// Open.
    Kept(File),
    /// There, to be opened each time.
    Unkept,
    /// Not there, or the kernel gives nothing.
    Absent,
}

/// The files of one cgroup, by [`FileAt`].
#[derive(Debug, Default)]
pub(crate) struct Files(Vec<Slot>);

impl Files {
    /// Lets files that were not there be looked for again: a controller may have been switched on.
    pub(crate) fn look_again(&mut self) {
        for slot in &mut self.0 {
            if matches!(slot, Slot::Absent) {
                *slot = Slot::New;
            }
        }
    }

    /// Descriptors held.
    pub(crate) fn kept(&self) -> usize {
        self.0.iter().filter(|slot| matches!(slot, Slot::Kept(_))).count()
    }
}

/// Reads files of cgroups.
#[derive(Debug)]
pub(crate) struct Reader {
    roots: [Option<PathBuf>; PLACES],
    path: PathBuf,
    /// Descriptors that may yet be kept.
    pub(crate) descriptors_left: usize,
    /// Of those the ones that are left to probes.
    for_probes: usize,
    /// Every file there may be.
    files: Vec<Known>,
    /// For each whether a warning was given: one for all cgroups.
    told: Vec<bool>,
}

/// Reads the files of one cgroup, once.
pub(crate) struct GroupReader<'a> {
    pub(crate) reader: &'a mut Reader,
    pub(crate) files: &'a mut Files,
    pub(crate) buffer: &'a mut Buffer,
    pub(crate) warnings: &'a mut Warnings,
    /// The cgroup's path below its hierarchies' roots.
    pub(crate) name: &'a str,
    /// For each place, whether the cgroup has a part there.
    pub(crate) present: [bool; PLACES],
    /// The cgroup, or a part of it, vanished: what was read is of no use.
    pub(crate) gone: bool,
}

impl Reader {
    pub(crate) fn new(hierarchies: &Hierarchies, descriptors_max: usize) -> Self {
        let mut roots: [Option<PathBuf>; PLACES] = Default::default();
        for controller in Controller::ALL {
            roots[controller as usize] = hierarchies.v1(controller).map(Path::to_owned);
        }
        roots[UNIFIED].clone_from(&hierarchies.unified);
        let known = |(place, name, _): &(usize, &'static str, Keep)| {
            Known::new(*place, Cow::Borrowed(name))
        };
        Reader {
            roots,
            path: PathBuf::new(),
            descriptors_left: descriptors_max,
            for_probes: descriptors_max / FOR_PROBES,
            files: FILES.iter().map(known).collect(),
            told: vec![false; FILES.len()],
        }
    }

    /// Adds a file whose name is this machine's.
    pub(crate) fn add(&mut self, place: usize, name: String) -> FileAt {
        let at = FileAt(u16::try_from(self.files.len()).unwrap_or(u16::MAX));
        self.files.push(Known::new(place, Cow::Owned(name)));
        self.told.push(false);
        at
    }

    /// Lets files be looked for again that no cgroup had: a scheduler may have been loaded since.
    pub(crate) fn look_again(&mut self) {
        self.files.iter_mut().for_each(|file| file.missed = 0);
    }

    /// Whether a descriptor that is wanted as `keep` says may be kept.
    const fn may_keep(&self, keep: Keep) -> bool {
        match keep {
            Keep::Probe => self.descriptors_left > 0,
            Keep::Busy => self.descriptors_left > self.for_probes,
            Keep::Never => false,
        }
    }

    pub(crate) fn root(&self, place: usize) -> Option<&Path> {
        self.roots[place].as_deref()
    }

    /// Sets `path` to the folder of `name` at `place`.
    fn set_folder(&mut self, place: usize, name: &str) -> Option<()> {
        let root = self.roots[place].as_deref()?;
        self.path.as_mut_os_string().clear();
        self.path.push(root);
        // Bit by bit, since an absolute path would replace the root.
        self.path.extend(name.split('/').filter(|part| !part.is_empty()));
        Some(())
    }
}

impl GroupReader<'_> {
    /// What `parse` makes of file `id`; `None` if the file is not there, cannot be read or is malformed.
    pub(crate) fn get<T>(
        &mut self,
        id: FileId,
        parse: impl FnOnce(&[u8]) -> Result<T, ParseError>,
    ) -> Option<T> {
        let (place, _, keep) = FILES[id as usize];
        self.get_kept(id.into(), place, keep, parse)
    }

    /// The same of any file, kept open as `keep` says.
    pub(crate) fn get_as<T>(
        &mut self,
        at: impl Into<FileAt>,
        keep: Keep,
        parse: impl FnOnce(&[u8]) -> Result<T, ParseError>,
    ) -> Option<T> {
        let at = at.into();
        let place = self.reader.files.get(usize::from(at.0))?.place;
        self.get_kept(at, place, keep, parse)
    }

    fn get_kept<T>(
        &mut self,
        at: FileAt,
        place: usize,
        keep: Keep,
        parse: impl FnOnce(&[u8]) -> Result<T, ParseError>,
    ) -> Option<T> {
        if self.gone || !self.present[place] {
            return None;
        }
        let message = match self.read(at, keep) {
            Ok(None) => return None,
            Ok(Some(text)) => match parse(text) {
                Ok(parsed) => return Some(parsed),
                Err(error) => format!("{error}; its metrics are left out"),
            },
            Err(error) => left_out(&error),
        };
        self.warn(at, message);
        None
    }

    /// The text of file `at`; `None` if it is not there.
    fn read(&mut self, at: FileAt, keep: Keep) -> io::Result<Option<&[u8]>> {
        if self.files.0.is_empty() {
            self.files.0.resize_with(self.reader.files.len(), Slot::default);
        }
        let index = usize::from(at.0);
        let opened;
        let file = match &self.files.0[index] {
            Slot::Absent => return Ok(None),
            Slot::Kept(file) => file,
            Slot::New | Slot::Unkept => match self.open(index)? {
                None => return Ok(None),
                Some(file) if self.reader.may_keep(keep) => {
                    self.reader.descriptors_left -= 1;
                    self.files.0[index] = Slot::Kept(file);
                    let Slot::Kept(file) = &self.files.0[index] else { return Ok(None) };
                    file
                }
                Some(file) => {
                    self.files.0[index] = Slot::Unkept;
                    opened = file;
                    &opened
                }
            },
        };
        match self.buffer.fill(file, true) {
            Ok(text) => Ok(Some(text)),
            // A removed cgroup answers so through descriptors opened before.
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {
                self.gone = true;
                Ok(None)
            }
            // Pressure that is switched off, and accounts that a kernel no longer keeps.
            Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {
                if matches!(self.files.0[index], Slot::Kept(_)) {
                    self.reader.descriptors_left += 1;
                }
                self.files.0[index] = Slot::Absent;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Opens a file by its path; `None` if it is not there, which may be since the whole cgroup is not.
    fn open(&mut self, index: usize) -> io::Result<Option<File>> {
        let known = &self.reader.files[index];
        let (place, not_root) = (known.place, self.name != "/");
        if not_root && known.is_unknown_here() {
            self.files.0[index] = Slot::Absent;
            return Ok(None);
        }
        if self.reader.set_folder(place, self.name).is_none() {
            return Ok(None);
        }
        self.reader.path.push(&*self.reader.files[index].name);
        match open(&self.reader.path) {
            Ok(file) => {
                self.reader.files[index].seen |= not_root;
                Ok(Some(file))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Either this kernel has no such file, or the whole folder went away just now.
                self.reader.path.pop();
                self.gone |=
                    matches!(self.files.0[index], Slot::Unkept) || !self.reader.path.is_dir();
                self.files.0[index] = Slot::Absent;
                let known = &mut self.reader.files[index];
                known.missed = known.missed.saturating_add(u8::from(not_root && !self.gone));
                Ok(None)
            }
            // The folder was removed between finding and opening its file.
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {
                self.gone = true;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Warns about file `at`, once for all cgroups.
    fn warn(&mut self, at: FileAt, message: String) {
        let index = usize::from(at.0);
        let place = self.reader.files[index].place;
        if self.reader.told[index] || self.reader.set_folder(place, self.name).is_none() {
            return;
        }
        self.reader.told[index] = true;
        self.reader.path.push(&*self.reader.files[index].name);
        let message = format!("{message} (other cgroups' are not mentioned)");
        self.warnings.warn(&self.reader.path, message);
    }
}
