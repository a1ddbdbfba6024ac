//! Which folder an overlay writes to.
//!
//! ```text
//! 512 40 0:99 / /run/containerd/.../ID/rootfs rw - overlay overlay rw,lowerdir=/a:/b,upperdir=/var/lib/x/12/fs,workdir=/var/lib/x/12/work
//! ```

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::Roots;
use crate::proc::MountInfo;

/// Overlays that are remembered; a node has one for each container.
const OVERLAYS_MAX: usize = 16_384;

/// The overlays that are mounted. The list of mounts is long where there are many containers, and is read once for all
/// containers that are looked for at one time.
#[derive(Debug, Default)]
pub(crate) struct Mounts {
    /// The folder written to by mount point; `None` until it is asked for.
    upper: Option<HashMap<PathBuf, Box<str>>>,
}

impl Mounts {
    /// Forgets what was read, since mounts come and go.
    pub(crate) fn forget(&mut self) {
        self.upper = None;
    }

    /// The folder that the overlay mounted at `mount_point` writes to.
    pub(crate) fn upper(&mut self, roots: &Roots, mount_point: &Path) -> Option<&str> {
        let upper = self.upper.get_or_insert_with(|| read(roots));
        upper.get(mount_point).map(|folder| &**folder)
    }
}

fn read(roots: &Roots) -> HashMap<PathBuf, Box<str>> {
    let Ok(text) = super::read(&roots.mountinfo(), super::LIST_BYTES_MAX) else {
        return HashMap::new();
    };
    let Ok(mounts) = MountInfo::parse(&text) else { return HashMap::new() };
    let overlays = mounts.iter().filter(|mount| mount.fs_type.ends_with("overlay"));
    overlays
        .filter_map(|mount| {
            let option = mount
                .super_options
                .split(|byte| *byte == b',')
                .find_map(|option| option.strip_prefix(b"upperdir="))?;
            let folder = crate::proc::unescape(option);
            let folder = folder.to_str()?.into();
            Some((mount.mount_point.into_owned(), folder))
        })
        .take(OVERLAYS_MAX)
        .collect()
}
