//! Power cuts, and syncs that fail.

use crate::acks::{Acks, Random, WRITERS, batches, options, rounds, sync_of, write};
use crate::common::DB;
use crate::disk::{Ext4, run, text};
use stripchart_storage::SyncPolicy;

/// Rounds on one file system.
const DISK_ROUNDS: u64 = 20;

pub(crate) fn cut() {
    let rounds = rounds("STRIPCHART_POWER_ROUNDS", 3);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut total, mut round) = (0, 0);
    while round < rounds {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = Ext4::new(folder.path().join("image"), folder.path().join("disk"), 64 << 20);
        let mut acks = Acks::default();
        for _ in 0..DISK_ROUNDS.min(rounds - round) {
            // Two of three with a sync before every acknowledgement, in which nothing may be missing.
            let policy = if round % 3 == 2 { 1 } else { round * 30 };
            let always = sync_of(policy) == SyncPolicy::Always;
            let after = if random.below(10) == 0 { 0 } else { 1 + random.below(150) };
            let db = disk.path().join("db");
            let mut cut = false;
            acks.run(&db, policy, after, |child| {
                disk.cut_power();
                cut = true;
                let _ = child.kill();
                // A machine without power says nothing. Here a process runs on, and the kernel answers a sync that was under way when
                // the journal was given up with success now and then: also one of a program that does nothing but append to a file
                // and sync it (17 of 800 times on Linux 6.18).
                false
            });
            assert!(cut, "round {round}: the power was to be cut");
            disk.unmount();
            disk.mount();
            let what = format!("round {round}");
            let opened = options(SyncPolicy::Always).open(&db).unwrap();
            if always {
                acks.check(&opened, &what);
            }
            // What is left is a prefix either way, of whole batches; later rounds go on from there.
            for writer in 0..WRITERS {
                acks.last[writer] = batches(&opened, writer) - 1;
            }
            assert!(!opened.health().is_degraded(), "{what}: {:?}", opened.health());
            drop(opened);
            round += 1;
        }
        total += acks.total;
    }
    println!("machine: power cut on ext4: {rounds} rounds, {total} acknowledgements, none lost");
}

/// An ext4 of 64 MiB whose file lies on a tmpfs of 24: the device fails when the file system believes that it has room.
pub(crate) fn sync_fails() {
    let outer = tempfile::tempdir().unwrap();
    let memory = text(outer.path());
    run("mount", &["-t", "tmpfs", "-o", "size=24m", "tmpfs", &memory]).unwrap();
    let mut disk = Ext4::new(outer.path().join("image"), outer.path().join("disk"), 64 << 20);
    let folder = disk.path().join("db");
    let db = options(SyncPolicy::Always).open(&folder).unwrap();
    db.create_database(DB, None).unwrap();
    // The file system has room for all of this, its device has not.
    let ballast = disk.path().join("ballast");
    let mut acknowledged = 0;
    while acknowledged < 100 {
        write(&db, 0, acknowledged).unwrap();
        acknowledged += 1;
    }
    std::fs::write(&ballast, vec![0xa5; 40 << 20]).unwrap();
    let _ = run("sync", &["-f", &text(&ballast)]);
    let failure = loop {
        match write(&db, 0, acknowledged) {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
        assert!(acknowledged < 20_000, "a device of 24 MiB does not hold this");
    };
    for _ in 0..100 {
        assert!(write(&db, 0, acknowledged).is_err(), "acknowledged after ({failure})");
    }
    assert!(batches(&db, 0) >= acknowledged, "queries go on");
    drop(db);
    run("mount", &["-o", "remount,size=128m", &memory]).unwrap();
    disk.unmount();
    disk.mount();
    let db = options(SyncPolicy::Always).open(&folder).unwrap();
    let found = batches(&db, 0);
    assert!(found >= acknowledged, "{found} batches of {acknowledged} acknowledged");
    write(&db, 0, found).unwrap();
    println!(
        "machine: failed sync: {acknowledged} acknowledged before ({failure}), none after, none lost"
    );
    drop(db);
    drop(disk);
    let _ = run("umount", &["-l", &memory]);
}
