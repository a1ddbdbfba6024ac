//! `xfs`: what each file system of that kind did since it was mounted.

use std::path::Path;

use super::{ROWS_MAX, add_known};
use crate::descriptors::XFS;
use crate::host::Context;
use crate::proc::LabelledCounts;

/// The labels of the counts that [`XFS`] describes, with how many of each, in its order.
const LABELS: [(&str, usize); 11] = [
    ("extent_alloc", 4),
    ("abt", 4),
    ("blk_map", 7),
    ("bmbt", 4),
    ("dir", 4),
    ("trans", 3),
    ("ig", 7),
    ("log", 5),
    ("rw", 2),
    ("vnodes", 7),
    ("xpc", 3),
];

/// Reads the file systems in `folder`, which are called like their devices.
pub(super) fn read(folder: &Path, cx: &mut Context<'_>) {
    for device in cx.attrs().names(folder).into_iter().take(ROWS_MAX) {
        let path = folder.join(&device).join("stats/stats");
        let counts = cx.attrs().parsed(&path, |text| {
            let stat = LabelledCounts::parse(text)?;
            let mut rows = XFS.iter();
            let mut counts = Vec::with_capacity(XFS.len());
            for (label, many) in LABELS {
                let mut values = stat.of(label);
                counts.extend(rows.by_ref().take(many).map(|row| (row.0, values.next())));
            }
            Ok(counts)
        });
        add_known(cx, "xfs", &[("device", &device)], &counts.unwrap_or_default());
    }
}
