//! The latest samples of a container.

use std::collections::VecDeque;

use super::ContainerSample;

/// Samples kept unless told otherwise.
const DEFAULT_CAPACITY: usize = 60;

/// The latest samples, oldest first, at most as many as it was made for. Places are used again, so that a container in
/// steady state allocates nothing.
#[derive(Debug)]
pub struct History {
    samples: VecDeque<ContainerSample>,
    capacity: usize,
}

impl Default for History {
    fn default() -> Self {
        History::with_capacity(DEFAULT_CAPACITY)
    }
}

impl History {
    /// Room for `capacity` samples, at least one.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        History { samples: VecDeque::new(), capacity: capacity.max(1) }
    }

    /// The samples, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &ContainerSample> + ExactSizeIterator {
        self.samples.iter()
    }

    /// The newest.
    #[must_use]
    pub fn latest(&self) -> Option<&ContainerSample> {
        self.samples.back()
    }

    /// The newest and the one before it, which instant rates are worked out from.
    #[must_use]
    pub fn latest_two(&self) -> Option<(&ContainerSample, &ContainerSample)> {
        let before = self.samples.len().checked_sub(2)?;
        Some((self.samples.get(before)?, self.samples.back()?))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// A place for the next sample, the newest from now on: fresh, or with the contents of the oldest, to be overwritten.
    pub(crate) fn next_place(&mut self) -> &mut ContainerSample {
        let len = self.samples.len();
        if len >= self.capacity {
            // The room is exactly as large, so that only the beginning moves on, and no sample.
            self.samples.rotate_left(1);
        } else {
            if len == self.samples.capacity() {
                self.samples.reserve_exact(len.clamp(1, self.capacity - len));
            }
            self.samples.push_back(ContainerSample::default());
        }
        let last = self.samples.len() - 1;
        &mut self.samples[last]
    }
}

#[cfg(test)]
mod tests {
    use stripchart_core::Timestamp;

    use super::*;

    #[test]
    fn the_latest_are_kept_in_order_and_places_are_used_again() {
        for capacity in [1, 2, 3, 7, 60] {
            let mut history = History::with_capacity(capacity);
            for n in 0..150 {
                history.next_place().at = Timestamp::from_secs(n);
                let kept = usize::try_from(n + 1).unwrap().min(capacity);
                let times: Vec<_> = history.iter().map(|sample| sample.at).collect();
                let first = n + 1 - i64::try_from(kept).unwrap();
                assert_eq!(times, (first..=n).map(Timestamp::from_secs).collect::<Vec<_>>());
            }
            assert_eq!((history.len(), history.samples.capacity()), (capacity, capacity));
        }
    }
}
