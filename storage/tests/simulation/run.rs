//! Running a workload: prepared with what every prefix of it should leave, and marked with when what was acknowledged.

use std::collections::BTreeSet;
use std::sync::Arc;

use stripchart_core::{ManualClock, Timestamp};
use stripchart_storage::vfs::sim::SimVfs;
use stripchart_storage::{Db, DbBuilder, OpenError, SyncPolicy};

use crate::model::{Action, Expected, Model};
use crate::workloads::{START, Step, Workload};

/// A workload, and what it should leave.
pub struct Script {
    pub workload: Workload,
    /// Every action, the time at which it happens, and the rows that it accepts.
    pub actions: Vec<(Action, i64, usize)>,
    /// By how many actions have happened.
    pub expected: Vec<Vec<Expected>>,
    /// Everything that may ever be read, value by value.
    pub cells: BTreeSet<String>,
}

impl Script {
    pub fn new(workload: Workload) -> Script {
        let (mut model, mut now) = (Model::default(), START);
        let (mut actions, mut cells) = (Vec::new(), BTreeSet::new());
        let mut expected = vec![model.lines()];
        for step in &workload.steps {
            match step {
                Step::Do(action) => {
                    let rows = model.apply(action, now);
                    model.cells(&mut cells);
                    actions.push((action.clone(), now, rows));
                    expected.push(model.lines());
                }
                Step::Tick(nanos) => now += nanos,
                _ => {}
            }
        }
        Script { workload, actions, expected, cells }
    }

    /// Options with the clock at `now`.
    pub fn options(&self, now: i64) -> DbBuilder {
        let clock = ManualClock::new(Timestamp::from_nanos(now));
        self.with_clock(Arc::new(clock))
    }

    fn with_clock(&self, clock: Arc<ManualClock>) -> DbBuilder {
        let builder = Db::builder().clock(move || stripchart_core::Clock::now(&*clock));
        self.workload.options(builder)
    }

    /// Rows that the first `n` actions write.
    pub fn rows(&self, n: usize) -> u64 {
        self.actions[..n].iter().map(|(_, _, rows)| *rows as u64).sum()
    }

    /// How many actions `lines` are the outcome of, at most `most` and at least `least`.
    pub fn prefix(&self, lines: &[String], now: i64, least: usize, most: usize) -> Option<usize> {
        let equals = |n: &usize| {
            let mut due = self.expected[*n].iter().filter(|line| line.is_due(now));
            lines.iter().all(|line| due.next().is_some_and(|e| e.text == *line))
                && due.next().is_none()
        };
        (least..=most.min(self.actions.len())).rev().find(equals)
    }

    /// What differs from the outcome of `n` actions, for a message.
    pub fn difference(&self, lines: &[String], now: i64, n: usize) -> String {
        let n = n.min(self.actions.len());
        let due = self.expected[n].iter().filter(|line| line.is_due(now));
        let wanted: BTreeSet<&str> = due.map(|line| line.text.as_str()).collect();
        let found: BTreeSet<&str> = lines.iter().map(String::as_str).collect();
        let show = |set: Vec<&&str>| {
            let shown: Vec<_> = set.iter().take(5).collect();
            format!("{} lines, {shown:#?}", set.len())
        };
        format!(
            "against {n} actions: missing {}; too many {}",
            show(wanted.difference(&found).collect()),
            show(found.difference(&wanted).collect())
        )
    }
}

/// Opens the folder of every workload.
pub fn open(vfs: &SimVfs, options: DbBuilder) -> Result<Db, OpenError> {
    options.vfs(Arc::new(vfs.clone())).open("/db")
}

/// What had happened when so many operations of the file system had.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mark {
    pub operations: u64,
    /// Actions begun, acknowledged, and known to be durable.
    pub begun: usize,
    pub acknowledged: usize,
    pub durable: usize,
    pub now: i64,
}

/// A workload under way.
pub struct Runner<'a> {
    pub script: &'a Script,
    pub vfs: SimVfs,
    clock: Arc<ManualClock>,
    pub db: Option<Db>,
    /// The next step.
    at: usize,
    pub mark: Mark,
    pub marks: Vec<Mark>,
    syncs: u64,
    /// When each action was acknowledged.
    times: Vec<i64>,
}

impl<'a> Runner<'a> {
    pub fn new(script: &'a Script, vfs: &SimVfs) -> Runner<'a> {
        let clock = Arc::new(ManualClock::new(Timestamp::from_nanos(START)));
        let mark = Mark { now: START, ..Mark::default() };
        let (vfs, marks) = (vfs.clone(), Vec::new());
        Runner { script, vfs, clock, db: None, at: 0, mark, marks, syncs: 0, times: Vec::new() }
    }

    pub fn open(&mut self) -> Result<(), String> {
        self.db = None;
        let options = self.script.with_clock(Arc::clone(&self.clock));
        self.db = Some(open(&self.vfs, options).map_err(|error| error.to_string())?);
        self.syncs = 0;
        self.note(|_| ());
        Ok(())
    }

    fn note(&mut self, change: impl FnOnce(&mut Mark)) {
        change(&mut self.mark);
        self.times.resize(self.mark.acknowledged, self.mark.now);
        self.mark.operations = self.vfs.operations();
        self.marks.push(self.mark);
    }

    /// Runs from where it stands to the end, or until something fails.
    pub fn run(&mut self) -> Result<(), String> {
        if self.db.is_none() {
            self.open()?;
        }
        while let Some(step) = self.script.workload.steps.get(self.at) {
            self.step(step)?;
            self.at += 1;
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        let Some(db) = self.db.clone() else { return Err("not open".into()) };
        let text = |error: stripchart_storage::DbError| error.to_string();
        match step {
            Step::Do(action) => return self.act(&db, action),
            Step::Seal => db.seal().map_err(text)?,
            Step::Maintain => drop(db.step(Timestamp::from_nanos(self.mark.now))),
            Step::Compact => db.compact(|_| ()).map_err(text)?,
            Step::Tick(nanos) => {
                self.clock.advance(*nanos);
                self.mark.now += nanos;
            }
            Step::Reopen | Step::Close => {
                if matches!(step, Step::Close) {
                    db.close().map_err(text)?;
                    self.note(|mark| mark.durable = mark.acknowledged);
                    assert!(self.again(&db).is_err(), "a closed database takes writes");
                }
                drop(db);
                self.open()?;
                // Opening makes durable what it found.
                self.note(|mark| mark.durable = mark.acknowledged);
                return Ok(());
            }
        }
        let syncs = db.stats().syncs;
        let synced = syncs > self.syncs;
        self.syncs = syncs;
        let promised = if matches!(step, Step::Maintain) { self.promised() } else { 0 };
        self.note(|mark| {
            mark.durable = if synced { mark.acknowledged } else { mark.durable.max(promised) };
        });
        Ok(())
    }

    /// How many actions must be durable by now, when there was a write or a step just now: with an interval, all that were
    /// acknowledged that long ago.
    fn promised(&self) -> usize {
        let SyncPolicy::Interval(interval) = self.script.workload.sync else { return 0 };
        let until = self.mark.now - interval.as_nanos() as i64;
        self.times.iter().take_while(|at| **at <= until).count()
    }

    fn act(&mut self, db: &Db, action: &Action) -> Result<(), String> {
        let rows = self.script.actions[self.mark.acknowledged].2;
        // The mark says from which operation on: what is written by the next one is begun.
        self.note(|mark| mark.begun = mark.acknowledged + 1);
        action.run(db, rows)?;
        let syncs = db.stats().syncs;
        let synced = syncs > self.syncs;
        self.syncs = syncs;
        let always = self.script.workload.sync == SyncPolicy::Always;
        let is_write = matches!(action, Action::Write { .. });
        let promised = self.promised();
        self.note(|mark| {
            mark.acknowledged += 1;
            mark.durable = mark.durable.max(promised);
            if always || !is_write {
                mark.durable = mark.acknowledged;
            } else if synced {
                // Of the sync it is only known that it came after the action before.
                mark.durable = mark.durable.max(mark.acknowledged - 1);
            }
        });
        Ok(())
    }

    /// Tries the action again that failed; the error if it fails again. What has happened is not counted.
    pub fn again(&self, db: &Db) -> Result<(), String> {
        match self.script.actions.get(self.mark.acknowledged) {
            Some((action, _, rows)) => action.run(db, *rows),
            None => Err("nothing left to do".into()),
        }
    }

    /// Goes on after `n` actions have been found: those acknowledged, or one more.
    ///
    /// They are durable if they were found by opening the folder; one that was tried again as far as the policy says.
    pub fn resume(&mut self, n: usize, opened: bool) {
        if n == self.mark.acknowledged + 1 {
            // The step that failed was that action, and it happened nevertheless.
            self.at += 1;
        }
        (self.mark.begun, self.mark.acknowledged) = (n, n);
        if let Some(db) = &self.db {
            // A log that was begun anew was synced before the action, not after it.
            self.syncs = db.stats().syncs;
        }
        if opened || self.script.workload.sync == SyncPolicy::Always {
            self.mark.durable = n;
        }
    }
}
