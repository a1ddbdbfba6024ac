//! Files that cannot be read any more while they are open, mapped into memory or not.

use stripchart_core::TimeRange;
use stripchart_storage::vfs::ReadMode;
use stripchart_storage::{Db, Direction, SyncPolicy, TagFilter};

use crate::acks::{options, write};
use crate::common::DB;
use crate::disk::{Ext4, run};

/// Enough batches that segments are larger than what opening reads.
fn fill(db: &Db) {
    db.create_database(DB, None).unwrap();
    for n in 0..3000 {
        write(db, 0, n).unwrap();
    }
    db.close().unwrap();
}

/// How many rows can be read, and how many errors come instead.
fn read(db: &Db) -> (usize, usize) {
    let view = db.view(DB, None).unwrap();
    let Ok(series) = view.series("m", &TagFilter::All) else { return (0, 1) };
    let (mut rows, mut errors) = (0, 0);
    for series in series {
        for block in view.scan(&series, &["v"], TimeRange::ALL, Direction::Ascending) {
            match block {
                Ok(block) => rows += block.timestamps.len(),
                Err(_) => errors += 1,
            }
        }
    }
    (rows, errors)
}

/// The file that the device lies in is cut: reads beyond fail with EIO.
pub(crate) fn device() {
    for mode in [ReadMode::Map, ReadMode::Pread] {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        let mut disk = Ext4::new(image.clone(), folder.path().join("disk"), 64 << 20);
        let db = disk.path().join("db");
        fill(&options(SyncPolicy::Never).open(&db).unwrap());
        disk.unmount();
        disk.mount();
        let db = options(SyncPolicy::Never).read_mode(mode).open(&db).unwrap();
        std::fs::OpenOptions::new().write(true).open(&image).unwrap().set_len(1 << 20).unwrap();
        // What opening read may be answered from memory; without this, everything may.
        let _ = run("sh", &["-c", "echo 3 > /proc/sys/vm/drop_caches"]);
        let (rows, errors) = read(&db);
        assert!(errors > 0 || rows == 3000 * 7, "{mode:?}: {rows} rows and no error");
        println!("machine: unreadable device, {mode:?}: {rows} rows, {errors} errors, no signal");
    }
}

/// Somebody truncates the segments of an open database: an error, whether files are mapped or not.
#[test]
fn a_truncated_segment_is_an_error() {
    for mode in [ReadMode::Map, ReadMode::Pread] {
        let folder = tempfile::tempdir().unwrap();
        fill(&options(SyncPolicy::Never).open(folder.path()).unwrap());
        let db = options(SyncPolicy::Never).read_mode(mode).open(folder.path()).unwrap();
        let (mut folders, mut cut) = (vec![folder.path().join("shards")], 0);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(0).unwrap();
                    cut += 1;
                }
            }
        }
        assert!(cut > 0);
        let (rows, errors) = read(&db);
        assert!(errors > 0 && rows == 0, "{mode:?}: {rows} rows, {errors} errors");
    }
}
