//! A process that writes is killed, with `SIGKILL`, at a random moment, again and again: every point that it said was
//! written is there, whatever the sync policy.
//!
//! By itself this takes twenty rounds; `STRIPCHART_KILL9_ROUNDS=n` takes `n`. One of ten is killed while it opens, one of five
//! while everything is sealed and compacted all the time.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![cfg(unix)]

mod common;

use common::acks::{self, Acks, Random, options, rounds, sync_of};

/// Rounds in one folder: later ones would only read longer.
const FOLDER_ROUNDS: u64 = 25;

/// Not a test: the process that is killed.
#[test]
#[ignore = "run by the test below"]
fn child() {
    acks::child();
}

#[test]
fn every_acknowledged_point_survives_kill_9() {
    let rounds = rounds("STRIPCHART_KILL9_ROUNDS", 20);
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let (mut total, mut round) = (0, 0);
    while round < rounds {
        let folder = tempfile::tempdir().unwrap();
        let mut acks = Acks::default();
        for _ in 0..FOLDER_ROUNDS.min(rounds - round) {
            // Some while opening, most while writing.
            let after = if random.below(10) == 0 { 0 } else { 1 + random.below(400) };
            let status = acks.run(folder.path(), round, after, |child| child.kill().is_ok());
            assert!(!status.success(), "round {round}: it was to be killed");
            let db = options(sync_of(round)).open(folder.path()).unwrap();
            acks.check(&db, &format!("round {round}"));
            round += 1;
        }
        total += acks.total;
    }
    println!("kill -9: {rounds} rounds, {total} acknowledgements, none lost");
    assert!(total > rounds * 20, "it did write: {total}");
}
