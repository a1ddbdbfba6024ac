//! The body of an answer, whichever crate it comes from.

use axum::body::Bytes;
use stripchart_collector::cadvisor::{self, Piece};
use stripchart_query::http as query;

/// A body: there already, made as it is taken, or a stream without an end.
#[derive(Debug)]
pub(crate) enum Body {
    /// Of InfluxDB's paths, and what is small.
    Query(query::Body),
    /// Of cAdvisor's.
    Node(cadvisor::Body),
}

impl Body {
    /// The bytes still to come, if that is known.
    pub(crate) fn len(&self) -> Option<usize> {
        match self {
            Body::Query(body) => body.len(),
            Body::Node(body) => body.len(),
        }
    }

    /// Whether [`Body::poll`] may have nothing at present.
    pub(crate) const fn is_stream(&self) -> bool {
        match self {
            Body::Query(_) => false,
            Body::Node(body) => body.is_stream(),
        }
    }

    /// The next piece of a stream, without waiting.
    pub(crate) fn poll(&mut self) -> Piece {
        match self {
            Body::Query(body) => body.next().map_or(Piece::Over, Piece::Ready),
            Body::Node(body) => body.poll(),
        }
    }
}

impl Iterator for Body {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        match self {
            Body::Query(body) => body.next(),
            Body::Node(body) => body.next(),
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Body::Query(query::Body::default())
    }
}

impl From<query::Body> for Body {
    fn from(body: query::Body) -> Self {
        Body::Query(body)
    }
}

impl From<cadvisor::Body> for Body {
    fn from(body: cadvisor::Body) -> Self {
        Body::Node(body)
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        query::Body::from(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        query::Body::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        query::Body::from(text).into()
    }
}
