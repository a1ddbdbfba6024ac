//! The sampler on a thread of its own.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use stripchart_collector::{ClusterSampler, SummarySource};
use stripchart_core::{Accepted, Batch, ManualClock, Sink, SinkError, Timestamp};

use crate::{constant, ten_past, tiny};

/// Tells of every batch the time of its first row.
struct Teller(Sender<Timestamp>);

impl Sink for Teller {
    fn write(&self, batch: &Batch) -> Result<Accepted, SinkError> {
        let at = batch.tables().next().map(|table| Timestamp::from_nanos(table.timestamps()[0]));
        self.0.send(at.expect("a row")).expect("someone listens");
        Ok(Accepted { rows: batch.row_count(), rejected: Vec::new() })
    }
}

#[test]
fn the_thread_follows_the_clock_and_stops_when_told() {
    let (told, tell) = channel();
    let clock = Arc::new(ManualClock::new(ten_past(7)));
    let sampler = ClusterSampler::builder()
        .source(constant("a", tiny("a", 1)))
        .source(constant("b", b"oops".to_vec()))
        .concurrency(2)
        .build()
        .unwrap();
    let guard = sampler.spawn(Arc::new(Teller(told)), clock.clone()).unwrap();
    assert_eq!(tell.recv(), Ok(ten_past(0)));
    clock.set(ten_past(66));
    guard.wake();
    assert_eq!(tell.recv(), Ok(ten_past(60)));
    let warnings = guard.take_warnings();
    assert_eq!(warnings.iter().map(|w| w.source.as_str()).collect::<Vec<_>>(), ["b"]);
    let sampler = guard.stop().expect("no panic");
    assert_eq!(sampler.last_round().map(|round| round.timestamp), Some(ten_past(60)));
    assert!(tell.recv().is_err(), "the sink was dropped with the thread");
}

#[test]
fn a_round_that_is_cut_short_is_not_written() {
    let (told, tell) = channel();
    let (asked, ask) = channel();
    let (answer, answered) = channel::<()>();
    let answered = parking_lot::Mutex::new(answered);
    let slow = SummarySource::from_fn("slow", move |_| {
        asked.send(())?;
        let _ = answered.lock().recv();
        Ok(tiny("slow", 1))
    });
    let sampler =
        ClusterSampler::builder().source(slow).source(constant("a", tiny("a", 1))).build().unwrap();
    let clock = Arc::new(ManualClock::new(ten_past(7)));
    let guard = sampler.spawn(Arc::new(Teller(told)), clock).unwrap();
    ask.recv().expect("the source is asked");
    let stopping = std::thread::spawn(move || guard.stop());
    // Whether the answer comes before or after the order to stop, what is written is whole or nothing.
    drop(answer);
    let sampler = stopping.join().unwrap().expect("no panic");
    let written: Vec<_> = tell.iter().collect();
    let nodes = sampler.last_round().map_or(0, |round| round.nodes);
    assert_eq!(nodes, written.len() * 2);
}
