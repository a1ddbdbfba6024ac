//! `disk`: how full the mounted file systems are, from `/proc/self/mountinfo` and statvfs.

use std::path::{Path, PathBuf};

use super::{Context, int, percent};
use crate::Roots;
use crate::file::HostFile;
use crate::proc::MountInfo;
use crate::sys::statvfs;
use crate::warnings::left_out;

#[derive(Debug)]
pub(crate) struct Disk {
    mountinfo: HostFile,
    roots: Roots,
    types: Vec<String>,
    /// The text that `mounts` was made of: parsed anew only when something was mounted.
    text: Vec<u8>,
    version: u64,
    mounts: Vec<Mounted>,
}

/// A mounted file system that is reported.
#[derive(Debug)]
struct Mounted {
    device_number: (u64, u64),
    /// Where it is from here.
    seen_at: PathBuf,
    path: String,
    device: String,
    fs_type: String,
    mode: &'static str,
}

impl Disk {
    pub(crate) fn new(roots: &Roots, types: Vec<String>) -> Self {
        Disk {
            mountinfo: HostFile::new(roots.mountinfo()),
            roots: roots.clone(),
            types,
            text: Vec::new(),
            version: 0,
            mounts: Vec::new(),
        }
    }

    /// Counts the changes of the list of mounts.
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    /// The list of mounts as it was last; `None` before it could be read.
    pub(crate) fn mounts(&self) -> Option<MountInfo<'_>> {
        (self.version > 0).then(|| MountInfo::parse(&self.text).ok()).flatten()
    }

    pub(crate) fn collect(&mut self, cx: &mut Context<'_>) {
        let Some(text) = cx.warnings.read(&mut self.mountinfo, cx.buffer) else { return };
        if self.text != text {
            let parsed = MountInfo::parse(text);
            let Some(mounts) = cx.warnings.parsed(self.mountinfo.path(), parsed) else { return };
            self.mounts = chosen(&mounts, &self.types, &self.roots);
            self.text.clear();
            self.text.extend_from_slice(text);
            self.version += 1;
        }
        for mounted in &self.mounts {
            let usage = match statvfs(&mounted.seen_at) {
                Ok(usage) => usage,
                Err(error) => {
                    cx.warnings.warn(&mounted.seen_at, left_out(&error));
                    continue;
                }
            };
            cx.warnings.good(&mounted.seen_at);
            let tags = [
                ("path", &*mounted.path),
                ("device", &*mounted.device),
                ("fstype", &*mounted.fs_type),
                ("mode", mounted.mode),
            ];
            let Some(mut row) = cx.row("disk", &tags) else { continue };
            let used = usage.total_bytes.saturating_sub(usage.free_bytes);
            let inodes_used = usage.inodes_total.saturating_sub(usage.inodes_free);
            row.field("free", int(usage.available_bytes));
            row.field("inodes_free", int(usage.inodes_free));
            row.field("inodes_total", int(usage.inodes_total));
            row.field("inodes_used", int(inodes_used));
            row.field("inodes_used_percent", percent(inodes_used, usage.inodes_total));
            row.field("total", int(usage.total_bytes));
            row.field("used", int(used));
            // Of what programs may use: what is reserved for root is neither used nor free. As `df` and Telegraf.
            row.field("used_percent", percent(used, used.saturating_add(usage.available_bytes)));
        }
    }
}

/// The file systems to report: those of the types wanted and the one at `/`, each once, at its shortest path.
fn chosen(mounts: &MountInfo<'_>, types: &[String], roots: &Roots) -> Vec<Mounted> {
    let mut chosen: Vec<Mounted> = Vec::new();
    for mount in mounts.iter() {
        let is_root = &*mount.mount_point == Path::new("/");
        if !is_root && !types.iter().any(|known| known == mount.fs_type) {
            continue;
        }
        let Some(path) = mount.mount_point.to_str() else { continue };
        let source = mount.source.to_string_lossy();
        let new = Mounted {
            device_number: mount.device,
            seen_at: roots.mount_point(&mount.mount_point),
            path: path.to_owned(),
            device: source.strip_prefix("/dev/").unwrap_or(&source).to_owned(),
            fs_type: mount.fs_type.to_owned(),
            mode: if mount.is_read_only() { "ro" } else { "rw" },
        };
        // Of several mounts at one place only the last is to be seen.
        if let Some(same) = chosen.iter_mut().find(|old| old.path == new.path) {
            *same = new;
            continue;
        }
        match chosen.iter_mut().find(|old| old.device_number == new.device_number) {
            Some(same) if same.path.len() > new.path.len() => *same = new,
            Some(_) => {}
            None => chosen.push(new),
        }
    }
    chosen
}
