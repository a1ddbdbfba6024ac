//! Stopping what takes too long, from elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::ReadError;

/// A switch that ends reads: cloned, handed to a view by [`View::cancelled_by`](crate::View::cancelled_by), and thrown from any thread.
///
/// Scans and folds look at it before each block, listings before each segment; they end with [`ReadError::Cancelled`].
///
/// ```
/// use stripchart_storage::Cancel;
///
/// let cancel = Cancel::new();
/// let elsewhere = cancel.clone();
/// assert!(!cancel.is_cancelled());
/// elsewhere.cancel();
/// assert!(cancel.is_cancelled());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A switch that nobody has thrown.
    #[must_use]
    pub fn new() -> Self {
        Cancel::default()
    }

    /// Ends what is being read; cannot be undone.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was thrown.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn check(&self) -> Result<(), ReadError> {
        if self.is_cancelled() { Err(ReadError::Cancelled) } else { Ok(()) }
    }
}
