//! One round of fetching: which sources are asked, in which order, by how many threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::kubelet::{FetchError, FetchLimits, Summary, SummarySource};

/// A source and how it has fared.
#[derive(Debug)]
pub(super) struct SourceState {
    pub(super) source: SummarySource,
    /// Whether it failed when it was asked last.
    failing: bool,
    /// The round in which it was asked last, from 1.
    asked_in: u64,
    /// What was last warned of and has not ended yet.
    pub(super) warned: Option<String>,
}

impl SourceState {
    pub(super) fn new(source: SummarySource) -> Self {
        SourceState { source, failing: false, asked_in: 0, warned: None }
    }
}

/// What became of a source in a round.
#[derive(Debug)]
pub(super) enum Outcome {
    Fetched(Box<Summary>),
    Failed(FetchError),
    /// Left for the next round.
    NotAsked,
}

/// How a round fetches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) limits: FetchLimits,
    /// Threads that fetch, the caller's included.
    pub(super) concurrency: usize,
    /// Failures in one round after which no source is asked that failed last time.
    pub(super) failures_max: usize,
}

impl Plan {
    /// Asks the sources and says what became of each, in their order.
    ///
    /// Those that answered last time are asked first. Of those that did not, as many are asked as `failures_max` lets,
    /// those not asked for longest first: a hundred dead nodes must not cost a hundred timeouts in each round.
    pub(super) fn gather(
        &self,
        round: u64,
        sources: &mut [SourceState],
        stop: &AtomicBool,
    ) -> Vec<Outcome> {
        let mut order: Vec<usize> = (0..sources.len()).collect();
        order.sort_by_key(|index| (sources[*index].failing, sources[*index].asked_in));
        let round_state =
            RoundState { plan: *self, sources, order, stop, next: 0.into(), failures: 0.into() };
        let fetched = round_state.run();

        let mut outcomes: Vec<Outcome> = sources.iter().map(|_| Outcome::NotAsked).collect();
        for (index, outcome) in fetched {
            sources[index].asked_in = round;
            sources[index].failing = matches!(outcome, Outcome::Failed(_));
            outcomes[index] = outcome;
        }
        outcomes
    }
}

struct RoundState<'a> {
    plan: Plan,
    sources: &'a [SourceState],
    order: Vec<usize>,
    stop: &'a AtomicBool,
    /// The place in `order` that comes next.
    next: AtomicUsize,
    failures: AtomicUsize,
}

impl RoundState<'_> {
    /// Works with the caller's thread and as many more as asked for; fewer if the system gives none.
    fn run(&self) -> Vec<(usize, Outcome)> {
        let helpers = self.plan.concurrency.min(self.order.len()).saturating_sub(1);
        thread::scope(|scope| {
            let helpers: Vec<_> = (0..helpers)
                .map_while(|_| {
                    let name = "stripchart-get".to_owned();
                    thread::Builder::new().name(name).spawn_scoped(scope, || self.work()).ok()
                })
                .collect();
            let mut fetched = self.work();
            for helper in helpers {
                match helper.join() {
                    Ok(more) => fetched.extend(more),
                    // Only a caller's function panics; it is its caller who should hear of it.
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            fetched
        })
    }

    fn work(&self) -> Vec<(usize, Outcome)> {
        let mut fetched = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let Some(index) = self.order.get(self.next.fetch_add(1, Ordering::Relaxed)) else {
                break;
            };
            let state = &self.sources[*index];
            if state.failing && self.failures.load(Ordering::Relaxed) >= self.plan.failures_max {
                continue;
            }
            let outcome = match state.source.fetch(&self.plan.limits) {
                Ok(summary) => Outcome::Fetched(Box::new(summary)),
                Err(error) => {
                    self.failures.fetch_add(1, Ordering::Relaxed);
                    Outcome::Failed(error)
                }
            };
            fetched.push((*index, outcome));
        }
        fetched
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use std::sync::Arc;

    /// Sources that note when they are asked; `d` ones are dead.
    fn sources(names: &[&str], asked: &Arc<Mutex<Vec<String>>>) -> Vec<SourceState> {
        let source = |name: &str| {
            let (name, asked) = (name.to_owned(), Arc::clone(asked));
            SourceState::new(SummarySource::from_fn(name.clone(), move |_| {
                asked.lock().push(name.clone());
                if name.starts_with('d') {
                    return Err("dead".into());
                }
                Ok(format!(r#"{{"node": {{"nodeName": "{name}"}}}}"#).into_bytes())
            }))
        };
        names.iter().map(|name| source(name)).collect()
    }

    fn plan(concurrency: usize, failures_max: usize) -> Plan {
        Plan { limits: FetchLimits::default(), concurrency, failures_max }
    }

    #[test]
    fn the_dead_are_asked_last_and_by_turns() {
        let asked = Arc::default();
        let mut sources = sources(&["d1", "a", "d2", "b", "d3"], &asked);
        let mut round = |n| {
            plan(1, 1).gather(n, &mut sources, &AtomicBool::new(false));
            std::mem::take(&mut *asked.lock()).join(" ")
        };
        assert_eq!(round(1), "d1 a d2 b d3"); // nothing known yet: all are asked
        assert_eq!(round(2), "a b d1");
        assert_eq!(round(3), "a b d2");
        assert_eq!(round(4), "a b d3");
        assert_eq!(round(5), "a b d1");
    }

    #[test]
    fn outcomes_come_in_the_order_of_the_sources_however_many_threads_work() {
        for concurrency in [1, 3, 16] {
            let mut sources = sources(&["a", "d", "b", "c", "e", "f"], &Arc::default());
            let outcomes = plan(concurrency, 4).gather(1, &mut sources, &AtomicBool::new(false));
            let names: Vec<_> = outcomes
                .iter()
                .map(|outcome| match outcome {
                    Outcome::Fetched(summary) => summary.node.node_name.as_str(),
                    Outcome::Failed(_) => "failed",
                    Outcome::NotAsked => "not asked",
                })
                .collect();
            assert_eq!(names, ["a", "failed", "b", "c", "e", "f"]);
        }
    }

    #[test]
    fn when_told_to_stop_nobody_is_asked() {
        let asked = Arc::default();
        let mut sources = sources(&["a", "b"], &asked);
        let outcomes = plan(1, 1).gather(1, &mut sources, &AtomicBool::new(true));
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::NotAsked)));
        assert!(asked.lock().is_empty());
    }
}
