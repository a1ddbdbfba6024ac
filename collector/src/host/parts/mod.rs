//! Parts that most hosts lack: bonds, NFS, load balancing, batteries, power meters, file systems that count for themselves.
//!
//! Whether a part is there is looked at once a minute, by one path; one that is not costs nothing else. Those that are
//! there are read as seldom as hardware is. One module for each.

mod bonding;
mod btrfs;
mod infiniband;
mod ipvs;
mod nfs;
mod nvme;
mod power_supply;
mod rapl;
mod xfs;
mod zfs;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Context, Cycle, add_counts};
use crate::text::count;
use crate::{ParseError, Roots};

/// How often it is looked whether parts came or went.
const LOOK: Duration = Duration::from_secs(60);

/// Rows of one measurement at most.
const ROWS_MAX: usize = 4096;

/// Reads a part by the path that tells that it is there.
type Read = fn(&Path, &mut Context<'_>);

#[derive(Debug)]
struct Part {
    path: PathBuf,
    read: Read,
    is_there: bool,
}

#[derive(Debug)]
pub(crate) struct Parts {
    parts: [Part; 11],
    look: Cycle,
}

impl Parts {
    pub(crate) fn new(roots: &Roots) -> Self {
        let class = roots.sys.join("class");
        let parts: [(PathBuf, Read); 11] = [
            (class.join("net/bonding_masters"), bonding::read),
            (roots.net_file("rpc/nfs"), nfs::client),
            (roots.net_file("rpc/nfsd"), nfs::server),
            (roots.net_file("ip_vs"), ipvs::read),
            (class.join("power_supply"), power_supply::read),
            (class.join("powercap"), rapl::read),
            (class.join("nvme"), nvme::read),
            (class.join("infiniband"), infiniband::read),
            (roots.sys.join("fs/xfs"), xfs::read),
            (roots.sys.join("fs/btrfs"), btrfs::read),
            (roots.proc_file("spl/kstat/zfs/arcstats"), zfs::read),
        ];
        let parts = parts.map(|(path, read)| Part { path, read, is_there: false });
        Parts { parts, look: Cycle::new(LOOK) }
    }

    pub(crate) fn collect_slow(&mut self, cx: &mut Context<'_>) {
        let look = self.look.is_due(cx.at);
        for part in &mut self.parts {
            if look {
                // A link that leads nowhere is something to warn of.
                part.is_there = part.path.symlink_metadata().is_ok();
            }
            if part.is_there {
                (part.read)(&part.path, cx);
            }
        }
    }
}

/// A file with a count, the field that it becomes, and what it is multiplied by.
type FileField = (&'static str, &'static str, u64);

/// Adds a row of the counts in files of `folder`; none if none of them is there.
fn add_files(
    cx: &mut Context<'_>,
    measurement: &str,
    tags: &[(&str, &str)],
    folder: &Path,
    files: &[FileField],
) {
    let mut counts = Vec::with_capacity(files.len());
    for (file, field, factor) in files {
        let count = cx.attrs().parsed(&folder.join(file), count_if_any).flatten();
        counts.push((*field, count.map(|count| count.saturating_mul(*factor))));
    }
    add_known(cx, measurement, tags, &counts);
}

/// Adds a row of the counts that are known; none if none is.
fn add_known(
    cx: &mut Context<'_>,
    measurement: &str,
    tags: &[(&str, &str)],
    counts: &[(&str, Option<u64>)],
) {
    if counts.iter().all(|(_, count)| count.is_none()) {
        return;
    }
    if let Some(mut row) = cx.row(measurement, tags) {
        add_counts(&mut row, counts);
    }
}

/// Parses a file of one count, in the place of which drivers write `N/A` for what their hardware does not count.
fn count_if_any(text: &[u8]) -> Result<Option<u64>, ParseError> {
    let word = text.trim_ascii();
    if word.starts_with(b"N/A") {
        return Ok(None);
    }
    count(word).map(Some).ok_or_else(|| ParseError::new(1, "a count", word))
}
