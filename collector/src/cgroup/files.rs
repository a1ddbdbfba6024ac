//! The files of a cgroup that are read, and how: through kept descriptors while there are some left.

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

/// Declares the files with their places and names.
macro_rules! files {
    ($($name:ident = $place:expr, $file:literal;)*) => {
        /// A file of a cgroup.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum FileId { $($name),* }

        const FILES: &[(usize, &str)] = &[$(($place, $file)),*];
    };
}

files! {
    V1CpuacctUsage = Controller::Cpuacct as usize, "cpuacct.usage";
    V1CpuacctStat = Controller::Cpuacct as usize, "cpuacct.stat";
    V1CpuStat = Controller::Cpu as usize, "cpu.stat";
    V1CfsQuota = Controller::Cpu as usize, "cpu.cfs_quota_us";
    V1CfsPeriod = Controller::Cpu as usize, "cpu.cfs_period_us";
    V1MemoryUsage = Controller::Memory as usize, "memory.usage_in_bytes";
    V1MemoryStat = Controller::Memory as usize, "memory.stat";
    V1MemoryLimit = Controller::Memory as usize, "memory.limit_in_bytes";
    V1MemoryMaxUsage = Controller::Memory as usize, "memory.max_usage_in_bytes";
    V1MemoryFailcnt = Controller::Memory as usize, "memory.failcnt";
    V1MemoryOomControl = Controller::Memory as usize, "memory.oom_control";
    V1MemoryKernel = Controller::Memory as usize, "memory.kmem.usage_in_bytes";
    V1IoBytesRecursive = Controller::Blkio as usize, "blkio.throttle.io_service_bytes_recursive";
    V1IoBytes = Controller::Blkio as usize, "blkio.throttle.io_service_bytes";
    V1IosRecursive = Controller::Blkio as usize, "blkio.throttle.io_serviced_recursive";
    V1Ios = Controller::Blkio as usize, "blkio.throttle.io_serviced";
    V1PidsCurrent = Controller::Pids as usize, "pids.current";
    V1PidsMax = Controller::Pids as usize, "pids.max";
    CpuStat = UNIFIED, "cpu.stat";
    CpuMax = UNIFIED, "cpu.max";
    CpuPressure = UNIFIED, "cpu.pressure";
    MemoryCurrent = UNIFIED, "memory.current";
    MemoryStat = UNIFIED, "memory.stat";
    MemoryMax = UNIFIED, "memory.max";
    MemoryPeak = UNIFIED, "memory.peak";
    MemoryEvents = UNIFIED, "memory.events";
    MemorySwapCurrent = UNIFIED, "memory.swap.current";
    MemoryPressure = UNIFIED, "memory.pressure";
    IoStat = UNIFIED, "io.stat";
    IoPressure = UNIFIED, "io.pressure";
    PidsCurrent = UNIFIED, "pids.current";
    PidsMax = UNIFIED, "pids.max";
    PidsPeak = UNIFIED, "pids.peak";
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

/// The files of one cgroup, by [`FileId`].
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
    /// A bit for each [`FileId`] about which a warning was given: one for all cgroups.
    told: u64,
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
        Reader { roots, path: PathBuf::new(), descriptors_left: descriptors_max, told: 0 }
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
        let (place, _) = FILES[id as usize];
        if self.gone || !self.present[place] {
            return None;
        }
        let (message, parsed) = match self.read(id) {
            Ok(None) => return None,
            Ok(Some(text)) => match parse(text) {
                Ok(parsed) => return Some(parsed),
                Err(error) => (format!("{error}; its metrics are left out"), None),
            },
            Err(error) => (left_out(&error), None),
        };
        self.warn(id, message);
        parsed
    }

    /// The text of file `id`; `None` if it is not there.
    fn read(&mut self, id: FileId) -> io::Result<Option<&[u8]>> {
        if self.files.0.is_empty() {
            self.files.0.resize_with(FILES.len(), Slot::default);
        }
        let slot = &mut self.files.0[id as usize];
        let opened;
        let file = match slot {
            Slot::Absent => return Ok(None),
            Slot::Kept(file) => &*file,
            Slot::New | Slot::Unkept => {
                let (place, file_name) = FILES[id as usize];
                if self.reader.set_folder(place, self.name).is_none() {
                    return Ok(None);
                }
                self.reader.path.push(file_name);
                match open(&self.reader.path) {
                    Ok(file) => {
                        if self.reader.descriptors_left > 0 {
                            self.reader.descriptors_left -= 1;
                            *slot = Slot::Kept(file);
                            let Slot::Kept(file) = slot else { return Ok(None) };
                            &*file
                        } else {
                            *slot = Slot::Unkept;
                            opened = file;
                            &opened
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        // Either this kernel has no such file, or the whole folder went away just now.
                        self.reader.path.pop();
                        self.gone |= matches!(slot, Slot::Unkept) || !self.reader.path.is_dir();
                        *slot = Slot::Absent;
                        return Ok(None);
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        match self.buffer.fill(file, true) {
            Ok(text) => Ok(Some(text)),
            // A removed cgroup answers so through descriptors opened before.
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {
                self.gone = true;
                Ok(None)
            }
            // Pressure that is switched off.
            Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {
                if matches!(slot, Slot::Kept(_)) {
                    self.reader.descriptors_left += 1;
                }
                *slot = Slot::Absent;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Warns about file `id`, once for all cgroups.
    fn warn(&mut self, id: FileId, message: String) {
        let bit = 1_u64 << (id as u32);
        let (place, file_name) = FILES[id as usize];
        if self.reader.told & bit != 0 || self.reader.set_folder(place, self.name).is_none() {
            return;
        }
        self.reader.told |= bit;
        self.reader.path.push(file_name);
        let message = format!("{message} (other cgroups' are not mentioned)");
        self.warnings.warn(&self.reader.path, message);
    }
}

const _: () = assert!(FILES.len() <= 64, "`Reader::told` has a bit for each");
