//! How fast this machine is at the moment, so that runs can be told apart.
//!
//! A virtual machine's processor is shared with neighbours that nobody here sees: the same program takes half as long again in
//! one quarter of an hour as in the next. Two fixed pieces of work that have nothing to do with the suite are timed in CPU time
//! before each group of bars: arithmetic that keeps all units of a core busy, and adding up what no cache holds.

use std::hint::black_box;
use std::time::Duration;

use benches::measure::cpu_time;

use crate::Bars;

/// Streams of arithmetic that do not wait for each other.
const STREAMS: usize = 8;
/// Steps of each stream.
const STEPS: u32 = 4_000_000;
/// Words that are added up: 64 MiB, more than the caches of a core.
const WORDS: usize = 8 << 20;

/// Prints how fast both go, the best of three.
pub(crate) fn tell(bars: &Bars, group: &str) {
    let words: Vec<u64> = (0..WORDS as u64).collect();
    let (mut steps, mut sum) = (Duration::MAX, Duration::MAX);
    for _ in 0..bars.repeats() {
        steps = steps.min(timed(arithmetic));
        sum = sum.min(timed(|| black_box(&words).iter().fold(0_u64, |sum, word| sum ^ word)));
    }
    let steps_a_second = STREAMS as f64 * f64::from(STEPS) / steps.as_secs_f64() / 1e9;
    let bytes_a_second = (WORDS * size_of::<u64>()) as f64 / sum.as_secs_f64() / 1e9;
    bars.told(
        &format!("this machine, before `{group}`"),
        steps_a_second,
        "G steps/s",
        &format!("fixed arithmetic; memory read at {bytes_a_second:.1} GB/s"),
    );
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let began = cpu_time();
    black_box(work());
    cpu_time() - began
}

/// Linear congruences, which cannot be shortened and do not wait for memory.
fn arithmetic() -> u64 {
    let mut streams: [u64; STREAMS] = black_box([1, 2, 3, 5, 7, 11, 13, 17]);
    for _ in 0..STEPS {
        for state in &mut streams {
            *state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
        }
    }
    streams.iter().fold(0, |all, state| all ^ state)
}
