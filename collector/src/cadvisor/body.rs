//! The body of an answer: there already, or made piece by piece as it is taken.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::events::Wanted;
use super::json::Json;
use super::listing::Listing;
use super::model;
use crate::Node;

/// How long a stream waits for an event before it looks whether it was told to end.
const WAIT: Duration = Duration::from_millis(500);

/// The body of an answer.
///
/// A small one is there as a whole and its [length](Body::len) is known. A long list of containers is made as it is
/// taken, some 64 KiB at a time, so that memory is bounded whatever the number of containers. A stream of events has no
/// end of its own: it ends when it is dropped, or after [`CadvisorApi::end_streams`](super::CadvisorApi::end_streams).
///
/// Whoever may block takes pieces as from any [`Iterator`]. Whoever may not asks [`Body::poll`], which never waits:
///
/// ```
/// use stripchart_collector::cadvisor::{Body, Piece};
///
/// let mut body = Body::from("ok");
/// assert_eq!(body.len(), Some(2));
/// assert!(matches!(body.poll(), Piece::Ready(bytes) if bytes == "ok"));
/// assert!(matches!(body.poll(), Piece::Over));
/// ```
#[derive(Default)]
pub struct Body {
    /// What comes next.
    ready: Bytes,
    /// What comes after it.
    rest: Option<Rest>,
}

/// What is next of a [`Body`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// The next bytes, never none.
    Ready(Bytes),
    /// Nothing at present: ask again in a while. Only streams of events say so.
    NotYet,
    /// Nothing any more.
    Over,
}

enum Rest {
    Listing(Box<Listing>),
    Events(EventStream),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("ready_bytes", &self.ready.len())
            .field("more", &self.rest.is_some())
            .finish()
    }
}

impl Body {
    /// What `listing` makes. One that fits a single piece is made at once, so that its length is known.
    pub(super) fn listing(mut listing: Listing) -> Self {
        let ready = listing.next_piece().unwrap_or_default();
        let rest = (!listing.is_over()).then(|| Rest::Listing(Box::new(listing)));
        Body { ready, rest }
    }

    pub(super) fn events(stream: EventStream) -> Self {
        Body { ready: Bytes::new(), rest: Some(Rest::Events(stream)) }
    }

    /// The bytes still to come, if that is known: for `Content-Length`.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a body whose length is not known is neither")]
    pub fn len(&self) -> Option<usize> {
        self.rest.is_none().then_some(self.ready.len())
    }

    /// Whether it is a stream of events, which may have [nothing yet](Piece::NotYet) at any time, and for long.
    #[must_use]
    pub const fn is_stream(&self) -> bool {
        matches!(self.rest, Some(Rest::Events(_)))
    }

    /// All that there is by now, in memory at once; of a stream, the events so far.
    #[must_use]
    pub fn into_bytes(mut self) -> Bytes {
        if self.rest.is_none() {
            return self.ready;
        }
        let mut all = Vec::new();
        while let Piece::Ready(piece) = self.poll() {
            all.extend_from_slice(&piece);
        }
        all.into()
    }

    /// The next piece, without waiting for one.
    pub fn poll(&mut self) -> Piece {
        if !self.ready.is_empty() {
            return Piece::Ready(std::mem::take(&mut self.ready));
        }
        let piece = match &mut self.rest {
            None => Piece::Over,
            Some(Rest::Listing(listing)) => listing.next_piece().map_or(Piece::Over, Piece::Ready),
            Some(Rest::Events(stream)) => stream.poll(),
        };
        if piece == Piece::Over {
            self.rest = None;
        }
        piece
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Body { ready: bytes.into(), rest: None }
    }
}

impl Iterator for Body {
    type Item = Bytes;

    /// The next piece, never an empty one. Of a stream it waits until there is an event, or the stream was told to end.
    fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.poll() {
                Piece::Ready(piece) => return Some(piece),
                Piece::Over => return None,
                Piece::NotYet => {
                    if let Some(Rest::Events(stream)) = &self.rest {
                        stream.wait();
                    }
                }
            }
        }
    }
}

/// Events from now on, a line each.
pub(super) struct EventStream {
    node: Arc<Node>,
    wanted: Wanted,
    /// The number of the last event that was looked at.
    after: u64,
    ended: Arc<AtomicBool>,
}

impl EventStream {
    /// The events that happen after this, until `ended` is set.
    pub(super) fn new(node: Arc<Node>, wanted: Wanted, ended: Arc<AtomicBool>) -> Self {
        EventStream { after: node.events().last(), node, wanted, ended }
    }

    fn poll(&mut self) -> Piece {
        if self.ended.load(Ordering::Relaxed) {
            return Piece::Over;
        }
        let log = self.node.events();
        // What is added between the two calls is left for the next time.
        let last = log.last();
        let events =
            log.since(self.after, |event| event.number <= last && self.wanted.takes(event));
        self.after = last;
        if events.is_empty() {
            return Piece::NotYet;
        }
        let mut json = Json::new();
        for event in &events {
            model::event(&mut json, event);
            json.end_line();
        }
        Piece::Ready(json.into_bytes().into())
    }

    fn wait(&self) {
        self.node.events().wait(self.after, WAIT);
    }
}
