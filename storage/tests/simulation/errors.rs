//! Every operation of a workload fails, once or from then on, in every way: nothing that was acknowledged is lost, nothing is
//! acknowledged that may be, and the workload can be finished after the folder has been opened again.

use stripchart_storage::vfs::sim::{Crash, Fault, SimVfs};

use crate::check::{Checker, Due};
use crate::model::dump;
use crate::run::{Runner, Script, open};
use crate::workloads::named;
use crate::{Failures, extent, sampled};

/// What fails: an operation, or a read of a part of a sealed file.
#[derive(Debug, Clone, Copy)]
struct Failure {
    number: u64,
    is_read: bool,
    for_ever: bool,
    fault: Fault,
}

pub fn fail_everywhere(name: &str) {
    let script = Script::new(named(name));
    let extent = extent();
    let vfs = SimVfs::new();
    let mut runner = Runner::new(&script, &vfs);
    runner.run().unwrap();
    runner.db = None;
    let (operations, reads) = (vfs.operations(), vfs.sealed_reads());
    let mut checker = Checker::new(&script);
    let (mut number, mut runs, mut failures) = (0, 0u64, Failures::default());
    for (count, is_read) in [(operations, false), (reads, true)] {
        // Reads are alike: of many a part will do.
        for at in (0..count).step_by(if is_read { (reads / 100 + 1) as usize } else { 1 }) {
            for fault in Fault::ALL {
                for for_ever in [false, true] {
                    number += 1;
                    if sampled(number, extent.every_fault, extent.seed) {
                        runs += 1;
                        let failure = Failure { number: at, is_read, for_ever, fault };
                        let seed = extent.seed.wrapping_add(number);
                        failures.catch(&format!("{fault:?}"), || {
                            fail(&mut checker, &script, failure, seed)
                        });
                    }
                }
            }
        }
    }
    println!(
        "failures: {name}: {operations} operations, {reads} reads, {runs} runs, {:?}",
        checker.counts
    );
    failures.finish();
}

/// Runs the workload with a failure, as far as it goes; then opens the folder again and goes on.
fn fail(checker: &mut Checker<'_>, script: &Script, failure: Failure, seed: u64) {
    let name = script.workload.name;
    let what = format!("workload {name}, {failure:?}, seed {seed}");
    let vfs = SimVfs::new();
    let Failure { number, is_read, for_ever, fault } = failure;
    if is_read {
        vfs.inject_read(number, for_ever, fault);
    } else {
        vfs.inject(number, for_ever, fault);
    }
    let mut runner = Runner::new(script, &vfs);
    for round in 0.. {
        assert!(round < 4 || for_ever, "{what}: it does not recover from one failure");
        let Err(error) = runner.run() else { break };
        if fault == Fault::FlippedBit {
            // What was read wrong may have been taken for a torn end of the log. What is there is right.
            runner.db = None;
            vfs.heal();
            return check_genuine(&runner, &what);
        }
        if answered(&mut runner, for_ever, &error, &what) {
            continue;
        }
        runner.db = None;
        let mark = runner.mark;
        let due =
            Due { what: "", least: mark.durable, most: mark.begun, now: mark.now, rows: None };
        for (crash, least) in [
            (Crash::KeepAll, mark.acknowledged),
            (Crash::DropUnsynced, mark.durable),
            (Crash::ALL[(seed % 8) as usize], mark.durable),
        ] {
            let what = format!("{what}, then ({error}), {crash:?}");
            let image = vfs.after_crash_seeded(crash, seed);
            checker.check(&image, Due { what: &what, least, ..due }, None);
        }
        if for_ever {
            return;
        }
        vfs.heal();
        if let Err(error) = runner.open() {
            panic!("{what}: after the failure it does not open: {error}");
        }
        let n = found(
            &runner,
            mark.acknowledged,
            due.most,
            &format!("{what}, opened again after ({error})"),
        );
        runner.resume(n, true);
        // What was read back may have been in memory only, since a sync had failed.
        let what = format!("{what}, opened again after ({error}), then a power cut");
        let image = vfs.after_crash(Crash::DropUnsynced);
        checker.check(&image, Due { what: &what, least: n, most: n, ..due }, None);
    }
    if fault == Fault::FlippedBit {
        runner.db = None;
        vfs.heal();
        return check_genuine(&runner, &what);
    }
    if is_read && for_ever {
        // Nothing can be read back yet.
        vfs.heal();
        runner.open().unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    let n = script.actions.len();
    found(&runner, n, n, &format!("{what}, at the end"));
    // It may have got over the failure in silence, and believe what is not so.
    let what = format!("{what}, a power cut at the end");
    let mark = runner.mark;
    let due = Due { what: &what, least: mark.durable, most: n, now: mark.now, rows: None };
    checker.check(&vfs.after_crash(Crash::DropUnsynced), due, None);
}

/// Asks the database that answered with an error what it has, and tries again what failed. Whether it has happened now.
fn answered(runner: &mut Runner<'_>, for_ever: bool, error: &str, what: &str) -> bool {
    let mark = runner.mark;
    let Some(db) = &runner.db else { return false };
    let in_action = mark.begun > mark.acknowledged;
    // A log that is poisoned says so; a full disk is not for good.
    let poisoned = db.stats().read_only.is_some_and(|why| why.contains("open the database again"));
    if poisoned {
        let again = runner.again(db);
        assert!(
            again.is_err(),
            "{what}: I1: a write was acknowledged after the log had failed ({error})"
        );
    } else if in_action && !for_ever && runner.again(db).is_ok() {
        // It was passing.
        runner.resume(mark.acknowledged + 1, false);
        return true;
    }
    found(runner, mark.acknowledged, mark.begun, &format!("{what}, after ({error})"));
    false
}

/// How many actions are there, at least and at most so many.
fn found(runner: &Runner<'_>, least: usize, most: usize, what: &str) -> usize {
    let (script, now) = (runner.script, runner.mark.now);
    let db = runner.db.as_ref().unwrap();
    let found = dump(db, false);
    if !found.errors.is_empty() && runner.vfs.is_failing_reads() {
        return least;
    }
    assert!(found.errors.is_empty(), "{what}: I9: {:?}", found.errors);
    script.prefix(&found.lines, now, least, most).unwrap_or_else(|| {
        panic!("{what}: I1\n{}", script.difference(&found.lines, now, least));
    })
}

/// Everything that can be read was written.
fn check_genuine(runner: &Runner<'_>, what: &str) {
    let db = open(&runner.vfs, runner.script.options(runner.mark.now))
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    for cell in dump(&db, true).cells {
        assert!(runner.script.cells.contains(&cell), "{what}: never written: {cell}");
    }
}
