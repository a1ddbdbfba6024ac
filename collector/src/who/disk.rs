//! What containers keep on disk: their own layer and their logs.
//!
//! Nobody keeps this sum, so that all files have to be looked at. That is spread out: one container after the other, so many
//! files a second and no more, each container once a minute at most. Those that cannot be walked wait twice as long each
//! time, up to twenty minutes. The sampler never waits for it; until a container was walked once it has no sum.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use stripchart_core::Timestamp;

use super::walk::{Progress, Size, Walk};
use crate::Roots;
use crate::file::{Buffer, open};
use crate::node::{About, FilesystemSample};
use crate::proc::MountInfo;
use crate::sys::statvfs;
use crate::warnings::Warnings;

/// Entries of folders that are looked at in a second; each takes about 2 us if the kernel has it in memory.
const ENTRIES_PER_SEC: u64 = 1_000;

/// Entries that are looked at in one step at most, which is some 10 ms.
const ENTRIES_PER_STEP_MAX: u64 = 5_000;

/// How long after a walk the next begins.
const EVERY_NS: i64 = 60_000_000_000;

/// The wait after failures is at most this often the usual one.
const WAITS_MAX: i64 = 20;

/// Who walks.
#[derive(Debug)]
pub(crate) struct Disk {
    roots: Roots,
    jobs: HashMap<u64, Job>,
    /// When the next walk of each is due; the one under way is not in it.
    due: BTreeSet<(Timestamp, u64)>,
    active: Option<Active>,
    last: Option<Timestamp>,
    buffer: Buffer,
}

/// A container that is walked now and then.
#[derive(Debug)]
struct Job {
    /// Paths of the host.
    layer: Option<PathBuf>,
    logs: Option<PathBuf>,
    due: Timestamp,
    waits: i64,
    found: Option<FilesystemSample>,
}

/// The walk under way: the layer first, then the logs.
#[derive(Debug)]
struct Active {
    number: u64,
    walk: Walk,
    layer: Option<Size>,
}

impl Disk {
    pub(crate) fn new(roots: &Roots) -> Self {
        Disk {
            roots: roots.clone(),
            jobs: HashMap::new(),
            due: BTreeSet::new(),
            active: None,
            last: None,
            buffer: Buffer::default(),
        }
    }

    /// The container with `number` is `about`; to be told when that changes.
    pub(crate) fn set(&mut self, number: u64, about: &About, now: Timestamp) {
        let layer = about.writable_layer.as_deref().map(PathBuf::from);
        let logs = about.log_path.as_deref().map(log_folder);
        if layer.is_none() && logs.is_none() {
            return self.remove(number);
        }
        if let Some(job) = self.jobs.get_mut(&number) {
            (job.layer, job.logs) = (layer, logs);
            return;
        }
        self.jobs.insert(number, Job { layer, logs, due: now, waits: 1, found: None });
        self.due.insert((now, number));
    }

    /// The container with `number` is gone.
    pub(crate) fn remove(&mut self, number: u64) {
        if let Some(job) = self.jobs.remove(&number) {
            self.due.remove(&(job.due, number));
        }
        if self.active.as_ref().is_some_and(|active| active.number == number) {
            self.active = None;
        }
    }

    /// What the last walk of the container with `number` found.
    pub(crate) fn found(&self, number: u64) -> Option<&FilesystemSample> {
        self.jobs.get(&number)?.found.as_ref()
    }

    /// Goes on where it is.
    pub(crate) fn step(&mut self, now: Timestamp, warnings: &mut Warnings) {
        let elapsed_ns = self.last.replace(now).map_or(1_000_000_000, |last| now.since(last));
        let secs = u64::try_from(elapsed_ns).unwrap_or(0) as f64 / 1e9;
        let entries = (secs * ENTRIES_PER_SEC as f64).min(ENTRIES_PER_STEP_MAX as f64);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 5000")]
        let mut budget = entries as usize;
        while budget > 0 {
            if self.active.is_none() && !self.begin_next(now, &mut budget, warnings) {
                return;
            }
            let Some(active) = &mut self.active else { continue };
            match active.walk.step(&mut budget) {
                Ok(Progress::More) => return,
                Ok(Progress::Done(size)) => self.walked(size, now, warnings),
                Err(error) => {
                    let number = active.number;
                    if let Some(path) = self.jobs.get(&number).and_then(|job| job.layer.as_deref())
                    {
                        let message =
                            format!("cannot be summed up ({error}); its disk usage is left out");
                        warnings.warn(path, message);
                    }
                    self.finish(number, None, now);
                }
            }
        }
    }

    /// Begins the walk that is due first; answers whether one was.
    fn begin_next(&mut self, now: Timestamp, budget: &mut usize, warnings: &mut Warnings) -> bool {
        let Some(&(due, number)) = self.due.first() else { return false };
        // A clock that was set back must not put off all walks.
        let far = due.since(now) > EVERY_NS.saturating_mul(WAITS_MAX + 1);
        if due > now && !far {
            return false;
        }
        self.due.pop_first();
        *budget = budget.saturating_sub(1);
        let Some(job) = self.jobs.get(&number) else { return true };
        let (first, has_layer) = match (&job.layer, &job.logs) {
            (Some(layer), _) => (layer, true),
            (None, Some(logs)) => (logs, false),
            (None, None) => return true,
        };
        match Walk::begin(self.roots.mount_point(first)) {
            Ok(walk) => {
                let layer = if has_layer { None } else { Some(Size::default()) };
                self.active = Some(Active { number, walk, layer });
            }
            Err(error) => {
                if error.kind() != std::io::ErrorKind::NotFound {
                    let message = format!("cannot be read ({error}); its disk usage is left out");
                    warnings.warn(first, message);
                }
                self.finish(number, None, now);
            }
        }
        true
    }

    /// The walk under way has ended.
    fn walked(&mut self, size: Size, now: Timestamp, warnings: &mut Warnings) {
        let Some(Active { number, layer, .. }) = self.active.take() else { return };
        let Some(job) = self.jobs.get(&number) else { return };
        if let Some(path) = &job.layer {
            warnings.good(path);
        }
        let (layer, logs) = match layer {
            Some(layer) => (layer, size),
            None => {
                // Logs may be on another file system and are another walk.
                let walk = job.logs.as_ref().map(|logs| Walk::begin(self.roots.mount_point(logs)));
                if let Some(Ok(walk)) = walk {
                    self.active = Some(Active { number, walk, layer: Some(size) });
                    return;
                }
                (size, Size::default())
            }
        };
        let at = job.layer.as_ref().or(job.logs.as_ref()).cloned();
        let filesystem = at.map(|at| self.filesystem(&at, layer, logs));
        self.finish(number, filesystem, now);
    }

    fn finish(&mut self, number: u64, found: Option<FilesystemSample>, now: Timestamp) {
        self.active = None;
        let Some(job) = self.jobs.get_mut(&number) else { return };
        job.waits = if found.is_some() { 1 } else { (job.waits * 2).min(WAITS_MAX) };
        job.found = found;
        job.due = now.saturating_add(EVERY_NS * job.waits);
        self.due.insert((job.due, number));
    }

    /// The file system that `path` is on, with what was counted.
    fn filesystem(&mut self, path: &Path, layer: Size, logs: Size) -> FilesystemSample {
        let here = self.roots.mount_point(path);
        let usage = statvfs(&here).unwrap_or_default();
        let mut filesystem = FilesystemSample {
            capacity: usage.total_bytes,
            available: usage.available_bytes,
            usage: layer.bytes.saturating_add(logs.bytes),
            base_usage: layer.bytes,
            inodes: Some(layer.inodes.saturating_add(logs.inodes)),
            ..FilesystemSample::default()
        };
        self.add_device(path, &mut filesystem);
        filesystem
    }

    /// Adds what is mounted where `path` of the host is.
    fn add_device(&mut self, path: &Path, to: &mut FilesystemSample) {
        let Ok(file) = open(&self.roots.mountinfo()) else { return };
        let Ok(text) = self.buffer.fill(&file, false) else { return };
        let Ok(mounts) = MountInfo::parse(text) else { return };
        let above = mounts.iter().filter(|mount| path.starts_with(&mount.mount_point));
        // Of several at one place the last hides the others.
        let Some(mount) = above.max_by_key(|mount| mount.mount_point.as_os_str().len()) else {
            return;
        };
        to.device = mount.source.to_string_lossy().into();
        to.kind = mount.fs_type.into();
        to.major = u32::try_from(mount.device.0).unwrap_or(0);
        to.minor = u32::try_from(mount.device.1).unwrap_or(0);
    }
}

/// The folder with the logs of which `path` is one, where the folder is a container's own; otherwise the path itself.
fn log_folder(path: &str) -> PathBuf {
    let path = Path::new(path);
    let is_file = path.extension().is_some_and(|extension| extension == "log");
    let Some(folder) = path.parent().filter(|_| is_file) else { return path.to_owned() };
    let of_kubelet = folder.starts_with("/var/log/pods") && folder.components().count() > 4;
    let of_docker = folder.file_name().is_some_and(|name| {
        name.len() == 64 && name.as_encoded_bytes().iter().all(u8::is_ascii_hexdigit)
    });
    if of_kubelet || of_docker { folder.to_owned() } else { path.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host with a container's layer of so many files of 8 KiB, and its logs.
    fn host(files: usize) -> (tempfile::TempDir, Roots, About) {
        let root = tempfile::tempdir().unwrap();
        for (folder, files) in [("layer", files), ("var/log/pods/n_p_u/app", 2)] {
            let folder = root.path().join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            for n in 0..files {
                std::fs::write(folder.join(format!("{n}.log")), vec![b'x'; 8192]).unwrap();
            }
        }
        std::fs::create_dir_all(root.path().join("proc/1")).unwrap();
        let mounts = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /layer rw - xfs /dev/sdb rw\n";
        std::fs::write(root.path().join("proc/1/mountinfo"), mounts).unwrap();
        let roots = Roots::below(root.path());
        let about = About {
            writable_layer: Some("/layer".into()),
            log_path: Some("/var/log/pods/n_p_u/app/1.log".into()),
            ..About::default()
        };
        (root, roots, about)
    }

    #[test]
    fn layers_and_logs_are_summed_up() {
        let (_root, roots, about) = host(10);
        let (mut disk, mut warnings) = (Disk::new(&roots), Warnings::default());
        let now = Timestamp::from_secs(100);
        disk.set(7, &about, now);
        assert_eq!(disk.found(7), None);
        disk.step(now, &mut warnings);
        let found = disk.found(7).unwrap();
        assert_eq!(
            (&*found.device, &*found.kind, found.major, found.minor),
            ("/dev/sdb", "xfs", 8, 2)
        );
        assert_eq!(found.inodes, Some(11 + 3));
        assert!(found.base_usage >= 80 << 10 && found.usage >= found.base_usage + (16 << 10));
        assert!(found.capacity > 0 && warnings.take().is_empty());
        disk.remove(7);
        assert_eq!((disk.found(7), disk.due.len()), (None, 0));
    }

    #[test]
    fn no_step_looks_at_more_than_it_may_and_walks_are_a_minute_apart() {
        let (root, roots, about) = host(2_500);
        let (mut disk, mut warnings) = (Disk::new(&roots), Warnings::default());
        disk.set(7, &about, Timestamp::from_secs(0));
        let mut done = Vec::new();
        for secs in 0..100 {
            let before = disk.jobs[&7].due;
            disk.step(Timestamp::from_secs(secs), &mut warnings);
            if disk.jobs[&7].due != before {
                done.push(secs);
            }
        }
        assert_eq!(done, [2, 64], "three seconds each, a minute after the one before");
        // A clock that goes back does not stop it.
        disk.step(Timestamp::from_secs(-1_000_000), &mut warnings);
        drop(root);
    }

    #[test]
    fn what_cannot_be_walked_is_tried_ever_more_seldom() {
        let (root, roots, about) = host(1);
        std::fs::remove_dir_all(root.path().join("layer")).unwrap();
        let (mut disk, mut warnings) = (Disk::new(&roots), Warnings::default());
        disk.set(7, &about, Timestamp::from_secs(0));
        let mut tried = Vec::new();
        for secs in 0..6_000 {
            let before = disk.jobs[&7].due;
            disk.step(Timestamp::from_secs(secs), &mut warnings);
            if disk.jobs[&7].due != before {
                tried.push(secs);
            }
        }
        assert_eq!(tried[..5], [0, 120, 360, 840, 1800]);
        assert_eq!(tried[6] - tried[5], 1_200);
        assert!(warnings.take().is_empty(), "a layer may be gone before its container");
    }

    #[test]
    fn logs_are_walked_by_the_folder_only_if_that_is_the_containers_own() {
        let id = "0a".repeat(32);
        let docker = format!("/var/lib/docker/containers/{id}/{id}-json.log");
        let cases = [
            (&*docker, format!("/var/lib/docker/containers/{id}")),
            ("/var/log/pods/n_p_u/app/3.log", "/var/log/pods/n_p_u/app".to_owned()),
            ("/var/log/pods/n_p_u/app", "/var/log/pods/n_p_u/app".to_owned()),
            ("/var/log/messages.log", "/var/log/messages.log".to_owned()),
            ("/x.log", "/x.log".to_owned()),
        ];
        for (path, want) in cases {
            assert_eq!(log_folder(path), PathBuf::from(want), "{path}");
        }
    }

    #[test]
    fn containers_may_go_while_they_are_walked() {
        let (_root, roots, about) = host(3_000);
        let (mut disk, mut warnings) = (Disk::new(&roots), Warnings::default());
        for number in 0..3 {
            disk.set(number, &about, Timestamp::from_secs(0));
        }
        disk.step(Timestamp::from_secs(0), &mut warnings);
        disk.remove(0);
        for secs in 1..20 {
            disk.step(Timestamp::from_secs(secs), &mut warnings);
        }
        assert!(disk.found(0).is_none() && disk.found(1).is_some() && disk.found(2).is_some());
        disk.set(1, &About::default(), Timestamp::from_secs(20));
        assert!(disk.found(1).is_none());
    }
}
