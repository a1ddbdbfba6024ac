//! Memory for bodies, used again: that of one serves the next, so that a writer that posts half a megabyte at a time asks nothing
//! of the system, and has it in the processor's cache from one end to the other.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;

/// Bytes that a body may leave behind; what grew larger is given back.
const KEPT_BYTES: usize = 2 << 20;
/// How many are kept.
const KEPT_BODIES: usize = 4;
/// Bytes that are asked for when the first have come, whatever the client announces.
const FORETOLD_BYTES: usize = 1 << 20;

/// What bodies left behind.
#[derive(Clone, Default)]
pub(super) struct Bodies(Arc<Mutex<Vec<Vec<u8>>>>);

impl Bodies {
    /// A body of which nothing has come yet; the client says that it has `foretold` bytes at least.
    pub(super) fn begin(&self, foretold: u64) -> Gathered {
        let foretold = usize::try_from(foretold).unwrap_or(usize::MAX).min(FORETOLD_BYTES);
        Gathered { bytes: Vec::new(), foretold, home: self.clone() }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body as far as it has come. Its memory goes back to where it came from.
pub(super) struct Gathered {
    bytes: Vec<u8>,
    foretold: usize,
    home: Bodies,
}

impl Gathered {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn push(&mut self, piece: &[u8]) {
        if self.bytes.capacity() == 0 {
            self.bytes = self.home.kept().pop().unwrap_or_default();
            self.bytes.reserve(self.foretold.max(piece.len()));
        }
        self.bytes.extend_from_slice(piece);
    }

    pub(super) fn finish(self) -> Bytes {
        if self.bytes.is_empty() { Bytes::new() } else { Bytes::from_owner(self) }
    }
}

impl AsRef<[u8]> for Gathered {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Gathered {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        if !(1..=KEPT_BYTES).contains(&bytes.capacity()) {
            return;
        }
        bytes.clear();
        let mut kept = self.home.kept();
        if kept.len() < KEPT_BODIES {
            kept.push(bytes);
        }
    }
}
