//! A disk without room.

use std::path::Path;

use stripchart_storage::SyncPolicy;

use crate::acks::{batches, options, write};
use crate::common::DB;
use crate::disk::{Ext4, run, text};

pub(crate) fn ext4() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Ext4::new(folder.path().join("image"), folder.path().join("disk"), 64 << 20);
    fill("ext4", disk.path());
}

pub(crate) fn tmpfs() {
    let folder = tempfile::tempdir().unwrap();
    let path = text(folder.path());
    run("mount", &["-t", "tmpfs", "-o", "size=4m", "tmpfs", &path]).unwrap();
    fill("tmpfs", folder.path());
    run("umount", &["-l", &path]).unwrap();
}

/// Fills the disk with a file, writes until that is refused, and looks what still goes.
fn fill(name: &str, disk: &Path) {
    let (folder, ballast) = (disk.join("db"), disk.join("ballast"));
    let db = options(SyncPolicy::Always).open(&folder).unwrap();
    db.create_database(DB, None).unwrap();
    for n in 0..50 {
        write(&db, 0, n).unwrap();
    }
    // All but what the last blocks of files have left.
    let mut free = std::fs::File::create(&ballast).unwrap();
    while std::io::Write::write_all(&mut free, &[0xa5; 4096]).is_ok() {}
    drop(free);
    let mut acknowledged = 50;
    let failure = loop {
        match write(&db, 0, acknowledged) {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
        assert!(acknowledged < 1_000_000, "a full disk holds no such amount");
    };
    for _ in 0..1000 {
        assert!(write(&db, 0, acknowledged).is_err(), "{name}: acknowledged after ({failure})");
    }
    let found = batches(&db, 0);
    assert!(found >= acknowledged, "{name}: queries go on: {found} of {acknowledged}");
    let _ = db.step(stripchart_core::Timestamp::from(std::time::SystemTime::now()));
    drop(db);
    std::fs::remove_file(&ballast).unwrap();
    let db = options(SyncPolicy::Always).open(&folder).unwrap();
    assert!(!db.health().is_degraded(), "{name}: {:?}", db.health());
    let found = batches(&db, 0);
    assert!(found >= acknowledged, "{name}: {found} batches of {acknowledged} acknowledged");
    write(&db, 0, found).unwrap();
    db.seal().unwrap();
    assert_eq!(batches(&db, 0), found + 1);
    println!(
        "machine: full {name}: {acknowledged} acknowledged before ({failure}), none after, none lost"
    );
}
