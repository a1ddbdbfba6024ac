//! `btrfs`, `btrfs_allocation`, `btrfs_profile`, `btrfs_device` and `btrfs_device_errors`: how such file systems give out their space, and
//! what their devices got wrong.

use std::path::Path;

use super::{FileField, ROWS_MAX, add_files, add_known};
use crate::host::Context;
use crate::proc::LabelledCounts;

/// What space is given out for.
const GROUPS: [&str; 4] = ["data", "metadata", "mixed", "system"];

/// How many copies there are, and where.
const MODES: [&str; 9] =
    ["dup", "raid0", "raid1", "raid10", "raid1c3", "raid1c4", "raid5", "raid6", "single"];

/// Bytes of a sector in `size`, whatever the device's own is.
const SECTOR_BYTES: u64 = 512;

const RESERVES: [FileField; 2] = [
    ("global_rsv_reserved", "global_rsv_reserved_bytes", 1),
    ("global_rsv_size", "global_rsv_size_bytes", 1),
];

const GROUP: [FileField; 7] = [
    ("bytes_may_use", "may_use_bytes", 1),
    ("bytes_pinned", "pinned_bytes", 1),
    ("bytes_readonly", "readonly_bytes", 1),
    ("bytes_reserved", "reserved_bytes", 1),
    ("bytes_used", "used_bytes", 1),
    ("disk_total", "disk_size_bytes", 1),
    ("disk_used", "disk_used_bytes", 1),
];

const MODE: [FileField; 2] = [("total_bytes", "size_bytes", 1), ("used_bytes", "used_bytes", 1)];

/// The counters of `error_stats` are called as the fields are.
const ERRORS: [&str; 5] =
    ["corruption_errs", "flush_errs", "generation_errs", "read_errs", "write_errs"];

/// Reads the file systems in `folder`, which are called by their ids; beside them is what the module can do.
pub(super) fn read(folder: &Path, cx: &mut Context<'_>) {
    for uuid in cx.attrs().names(folder).into_iter().take(ROWS_MAX) {
        let filesystem = folder.join(&uuid);
        let allocation = filesystem.join("allocation");
        if uuid == "features" || !allocation.is_dir() {
            continue;
        }
        let label = cx.attrs().text(&filesystem.join("label")).unwrap_or_default();
        add_files(cx, "btrfs", &[("label", &label), ("uuid", &uuid)], &allocation, &RESERVES);
        for group in GROUPS {
            let folder = allocation.join(group);
            let tags = [("block_group_type", group), ("uuid", &*uuid)];
            add_files(cx, "btrfs_allocation", &tags, &folder, &GROUP);
            for mode in cx.attrs().names(&folder) {
                if MODES.contains(&&*mode) {
                    let tags = [("block_group_type", group), ("mode", &mode), ("uuid", &uuid)];
                    add_files(cx, "btrfs_profile", &tags, &folder.join(&mode), &MODE);
                }
            }
        }
        devices(&filesystem, &uuid, cx);
    }
}

fn devices(filesystem: &Path, uuid: &str, cx: &mut Context<'_>) {
    let sizes = filesystem.join("devices");
    for device in cx.attrs().names(&sizes).into_iter().take(ROWS_MAX) {
        let tags = [("device", &*device), ("uuid", uuid)];
        let size = [("size", "size_bytes", SECTOR_BYTES)];
        add_files(cx, "btrfs_device", &tags, &sizes.join(&device), &size);
    }
    let infos = filesystem.join("devinfo");
    for number in cx.attrs().names(&infos).into_iter().take(ROWS_MAX) {
        let info = infos.join(&number);
        let missing = cx.attrs().count(&info.join("missing"));
        let errors = cx.attrs().parsed(&info.join("error_stats"), |text| {
            // One that was never mounted whole says so in a word.
            if text.trim_ascii() == b"invalid" {
                return Ok([None; ERRORS.len()]);
            }
            let stat = LabelledCounts::parse(text)?;
            Ok(ERRORS.map(|name| stat.of(name).next()))
        });
        let errors = ERRORS.into_iter().zip(errors.unwrap_or_default());
        let counts: Vec<_> = errors.chain([("missing", missing)]).collect();
        add_known(cx, "btrfs_device_errors", &[("devid", &number), ("uuid", uuid)], &counts);
    }
}
