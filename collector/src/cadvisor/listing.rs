//! Many containers in one document, written a few at a time.
//!
//! The node is held only while one piece is written, so that samples go on being taken however slow the receiver is. A
//! container that is gone by the time that its turn comes is left out.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::json::Json;
use super::model::{Containers, Subject};
use crate::Node;

/// Bytes after which a piece is long enough.
const PIECE_BYTES: usize = 64 << 10;

/// How containers stand in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One after another.
    Array,
    /// Each under the path of its cgroup.
    Map,
}

impl Shape {
    const fn brackets(self) -> [u8; 2] {
        match self {
            Shape::Array => [b'[', b']'],
            Shape::Map => [b'{', b'}'],
        }
    }
}

/// Writes one container; it may look at the others.
pub(super) type Write = Box<dyn FnMut(&mut Json, Subject<'_>, &Containers) + Send>;

/// A document on its way.
pub(super) struct Listing {
    node: Arc<Node>,
    paths: std::vec::IntoIter<Arc<str>>,
    shape: Shape,
    write: Write,
    json: Json,
    over: bool,
}

impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing").field("left", &self.paths.len()).finish_non_exhaustive()
    }
}

impl Listing {
    /// The containers at `paths`, in that order, which for a map is that of their names.
    pub(super) fn new(
        node: &Arc<Node>,
        paths: Vec<Arc<str>>,
        shape: Shape,
        write: impl FnMut(&mut Json, Subject<'_>, &Containers) + Send + 'static,
    ) -> Self {
        let mut json = Json::new();
        json.open(shape.brackets()[0]);
        let node = Arc::clone(node);
        Listing { node, paths: paths.into_iter(), shape, write: Box::new(write), json, over: false }
    }

    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// The next piece; `None` after the last.
    pub(super) fn next_piece(&mut self) -> Option<Bytes> {
        if self.over {
            return None;
        }
        let machine = self.node.machine();
        let containers = self.node.containers();
        while self.json.len() < PIECE_BYTES {
            let Some(path) = self.paths.next() else {
                self.json.close(self.shape.brackets()[1]);
                self.over = true;
                break;
            };
            let Some(container) = containers.get(&path) else { continue };
            if self.shape == Shape::Map {
                self.json.key(&path);
            }
            let subject = Subject { path: &path, container, machine: &machine };
            (self.write)(&mut self.json, subject, &containers);
        }
        Some(self.json.take().into())
    }
}
