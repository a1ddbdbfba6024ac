//! Bodies of requests, read into memory that is used again.
//!
//! A body comes in pieces. Each is copied behind the one before and given back to the server at once, which then reads the next into
//! the same place; and the memory that a body was gathered in serves the body after it. So a writer that posts half a megabyte at a
//! time has it in the processor's cache from one end to the other, and asks the system for no memory.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes, HttpBody};

/// Memory that a body may leave behind; what grew larger is given back.
const KEPT_BYTES: usize = 2 << 20;
/// Bytes that are asked for before any of them has come, whatever a client announces.
const FORETOLD_BYTES: usize = 1 << 20;

/// Bodies that were read before, as memory.
#[derive(Clone)]
pub(crate) struct Bodies {
    kept: Arc<Mutex<Vec<Vec<u8>>>>,
    most: usize,
}

/// Why a body was not read.
#[derive(Debug)]
pub(crate) enum Unread {
    TooLarge,
    /// The connection ended before it, or it is no HTTP.
    Broken,
}

impl Bodies {
    /// Keeps the memory of at most so many.
    pub(crate) fn new(most: usize) -> Self {
        Bodies { kept: Arc::default(), most }
    }

    /// Reads a body of at most `most_bytes`.
    pub(crate) async fn read(&self, body: Body, most_bytes: usize) -> Result<Bytes, Unread> {
        let foretold = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if foretold > most_bytes {
            return Err(Unread::TooLarge);
        }
        let mut body = pin!(body);
        let mut gathered = Gathered { bytes: Vec::new(), home: self.clone() };
        while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
            let Ok(piece) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
            // What comes in one piece is not copied.
            if gathered.bytes.is_empty() && (piece.len() == foretold || body.is_end_stream()) {
                return if piece.len() > most_bytes { Err(Unread::TooLarge) } else { Ok(piece) };
            }
            if gathered.bytes.len() + piece.len() > most_bytes {
                return Err(Unread::TooLarge);
            }
            if gathered.bytes.capacity() == 0 {
                gathered.bytes = self.take();
                gathered.bytes.reserve(foretold.min(FORETOLD_BYTES));
            }
            gathered.bytes.extend_from_slice(&piece);
        }
        Ok(Bytes::from_owner(gathered))
    }

    fn take(&self) -> Vec<u8> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.pop().unwrap_or_default()
    }
}

/// A body, whose memory goes back to where it came from.
struct Gathered {
    bytes: Vec<u8>,
    home: Bodies,
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
        let mut kept = self.home.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < self.home.most {
            kept.push(bytes);
        }
    }
}
