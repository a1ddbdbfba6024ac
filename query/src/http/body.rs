//! The body of an answer: there already, or made piece by piece as it is taken.

use std::fmt;
use std::io::{self, Read};

use bytes::{Buf, Bytes};

/// What makes the pieces of a body; `None` after the last.
pub(super) type Pieces = Box<dyn Iterator<Item = Bytes> + Send>;

/// The body of an answer.
///
/// A small one is there as a whole and its [length](Body::len) is known. A large one is made as it is taken: each
/// [`next`](Iterator::next) computes one piece of some 64 KiB, so that memory is bounded however long the answer, and a
/// receiver that is slow slows the query rather than filling memory. Dropping it ends the query. As computing takes
/// time, take pieces where blocking is allowed; a body may move between threads meanwhile.
///
/// It is also a [`Read`], for servers that want one.
///
/// ```
/// use std::io::Read;
/// use stripchart_query::http::Body;
///
/// let mut body = Body::from("some text");
/// assert_eq!(body.len(), Some(9));
/// let mut start = [0; 4];
/// body.read_exact(&mut start)?;
/// assert_eq!(&start, b"some");
/// assert_eq!(body.into_bytes(), " text");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Default)]
pub struct Body {
    /// What comes next.
    ready: Bytes,
    /// What comes after it.
    rest: Option<Pieces>,
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
    /// `first`, and then what `rest` makes.
    pub(super) fn streaming(first: Bytes, rest: Pieces) -> Self {
        Body { ready: first, rest: Some(rest) }
    }

    /// The bytes still to come, if that is known: for `Content-Length`.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a body whose length is not known is neither")]
    pub fn len(&self) -> Option<usize> {
        self.rest.is_none().then_some(self.ready.len())
    }

    /// All that is still to come, in memory at once.
    #[must_use]
    pub fn into_bytes(mut self) -> Bytes {
        if self.rest.is_none() {
            return self.ready;
        }
        let mut all = Vec::new();
        for piece in &mut self {
            all.extend_from_slice(&piece);
        }
        all.into()
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Body { ready: bytes.into(), rest: None }
    }
}

impl Iterator for Body {
    type Item = Bytes;

    /// The next piece, never an empty one.
    fn next(&mut self) -> Option<Bytes> {
        while self.ready.is_empty() {
            match self.rest.as_mut()?.next() {
                Some(piece) => self.ready = piece,
                None => self.rest = None,
            }
        }
        Some(std::mem::take(&mut self.ready))
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ready.is_empty() {
            match self.next() {
                Some(piece) => self.ready = piece,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.ready.len());
        self.ready.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streaming() -> Body {
        let pieces = ["", "b", "", "cd", ""].map(|text| Bytes::from_static(text.as_bytes()));
        Body::streaming(Bytes::from_static(b"a"), Box::new(pieces.into_iter()))
    }

    #[test]
    fn pieces_come_one_by_one_and_none_is_empty() {
        let body = streaming();
        assert_eq!(body.len(), None);
        assert_eq!(body.collect::<Vec<_>>(), ["a", "b", "cd"]);
        assert_eq!(streaming().into_bytes(), "abcd");
        assert_eq!(Body::from(Vec::new()).next(), None);
        assert_eq!(Body::from("ab").collect::<Vec<_>>(), ["ab"]);
    }

    #[test]
    fn a_body_reads_like_a_file() {
        for size in 1..6 {
            let mut body = streaming();
            let (mut all, mut buffer) = (Vec::new(), vec![0; size]);
            loop {
                let count = body.read(&mut buffer).unwrap();
                if count == 0 {
                    break;
                }
                all.extend_from_slice(&buffer[..count]);
            }
            assert_eq!(all, b"abcd", "in pieces of {size}");
            assert_eq!(body.len(), Some(0));
        }
    }
}
