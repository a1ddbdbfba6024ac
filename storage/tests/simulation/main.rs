//! Crashes and failures at every operation of fixed workloads, on a simulated file system: the promises hold on whatever is
//! left. `docs/RELIABILITY.md` says what is promised and how often this was run.
//!
//! By itself this takes a sample. `STRIPCHART_SIM=full` takes every operation, every way of crashing and four seeds (`STRIPCHART_SIM_SEEDS`), and every failure (one of `STRIPCHART_SIM_FAULTS`);
//! `STRIPCHART_SIM_EVERY=n` takes one of `n` crashes; `STRIPCHART_SIM_SEED=n` draws other samples and other crashes. Each failure names workload, operation, way and seed, and
//! comes again for the same numbers.

#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(
    unreachable_pub,
    missing_docs,
    missing_debug_implementations,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "modules of a test, with small numbers"
)]

mod check;
mod errors;
mod model;
mod run;
mod workloads;

use std::collections::BTreeMap;

use stripchart_storage::vfs::sim::{Crash, SimVfs};

use crate::check::{Checker, Due};
use crate::run::{Mark, Runner, Script};
use crate::workloads::named;

/// How much is tried.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Of so many crash images one is taken, of so many failing operations one.
    pub every: u64,
    pub every_fault: u64,
    /// Seeds for each way of crashing.
    pub seeds: u64,
    pub seed: u64,
}

pub fn extent() -> Extent {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed = number("STRIPCHART_SIM_SEED").unwrap_or(0);
    match std::env::var("STRIPCHART_SIM").as_deref() {
        Ok("full") => {
            let every_fault = number("STRIPCHART_SIM_FAULTS").unwrap_or(1);
            let seeds = number("STRIPCHART_SIM_SEEDS").unwrap_or(4);
            Extent { every: 1, every_fault, seeds, seed }
        }
        _ => {
            let every = number("STRIPCHART_SIM_EVERY").unwrap_or(60);
            Extent { every, every_fault: every * 6, seeds: 4, seed }
        }
    }
}

/// Whether the `n`-th of something is in the sample that takes one of `every`.
pub fn sampled(n: u64, every: u64, seed: u64) -> bool {
    let mixed = (n ^ seed << 32).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32).is_multiple_of(every)
}

/// The last of the marks that were made up to an operation.
fn mark_at(marks: &[Mark], operations: u64) -> Mark {
    let made = marks.partition_point(|mark| mark.operations <= operations);
    made.checked_sub(1).map_or(Mark { now: workloads::START, ..Mark::default() }, |at| marks[at])
}

/// Runs a workload once and crashes it after every change of the file system, in every way.
fn crash_everywhere(name: &str) {
    let script = Script::new(named(name));
    let extent = extent();
    let vfs = SimVfs::new();
    vfs.keep_history();
    let mut runner = Runner::new(&script, &vfs);
    runner.run().unwrap();
    runner.db = None;
    assert_eq!(runner.mark.acknowledged, script.actions.len());
    let moments = vfs.moments();
    assert!(moments.len() > 80, "{name}: {} changes are too few to be worth while", moments.len());
    let mut checker = Checker::new(&script);
    let (mut number, mut failures) = (0, Failures::default());
    for (operations, moment) in &moments {
        let mark = mark_at(&runner.marks, *operations);
        for crash in [Crash::KeepAll].into_iter().chain(Crash::POWER) {
            let seeds = if crash.is_random() { extent.seeds } else { 1 };
            for seed in 0..seeds {
                number += 1;
                if !sampled(number, extent.every, extent.seed) {
                    continue;
                }
                let seed = extent.seed.wrapping_mul(1_000_003) + number * 16 + seed;
                let image = moment.after_crash_seeded(crash, seed);
                let what =
                    format!("workload {name}, operation {operations}, {crash:?} seed {seed}");
                let least = if crash == Crash::KeepAll { mark.acknowledged } else { mark.durable };
                let due = Due {
                    what: &what,
                    least,
                    most: mark.begun,
                    now: mark.now,
                    rows: Some(script.rows(mark.begun)),
                };
                failures.catch(&format!("{crash:?}"), || {
                    if crash == Crash::Misdirected {
                        let due = Due { least: mark.acknowledged, ..due };
                        checker.check_damaged(&image, &moment.after_crash(Crash::KeepAll), due);
                    } else {
                        let nested =
                            sampled(number, extent.every * 10, extent.seed).then_some(seed);
                        checker.check(&image, due, nested);
                    }
                });
            }
        }
    }
    println!("simulation: {name}: {} changes, {:?}", moments.len(), checker.counts);
    failures.finish();
}

/// What went wrong so far: the first few cases tell more than the first.
#[derive(Debug, Default)]
struct Failures(BTreeMap<String, u64>);

impl Failures {
    fn catch(&mut self, kind: &str, check: impl FnOnce()) {
        // Whatever the check was about is not used again.
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).is_err() {
            *self.0.entry(kind.to_owned()).or_default() += 1;
            assert!(self.0.values().sum::<u64>() < 12, "too many failures: {:?}", self.0);
        }
    }

    fn finish(self) {
        assert!(self.0.is_empty(), "failures, by kind: {:?}", self.0);
    }
}

/// A test for each workload, so that they run side by side.
macro_rules! workloads {
    ($($name:ident),* $(,)?) => {
        mod crashes {
            $(#[test] fn $name() { crate::crash_everywhere(stringify!($name)); })*
        }
        mod failures {
            $(#[test] fn $name() { crate::errors::fail_everywhere(stringify!($name)); })*
        }

        #[test]
        fn every_workload_is_run() {
            let names: Vec<&str> = workloads::all().iter().map(|workload| workload.name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

workloads! {
    steady, small_batches, large_batches, many_series, out_of_order, schema, seal_often, merge_often, retention, catalog,
    interval, reopen, never, deletes, compact,
}
