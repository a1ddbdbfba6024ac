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
        let place = match self.samples.len() >= self.capacity {
            true => self.samples.pop_front().unwrap_or_default(),
            false => ContainerSample::default(),
        };
        self.samples.push_back(place);
        let last = self.samples.len() - 1;
        &mut self.samples[last]
    }
}
