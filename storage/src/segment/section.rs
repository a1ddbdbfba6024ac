//! A checksummed part of a segment that is read again and again: checked once, and kept in memory where the file is not mapped.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Part, Segment};
use crate::ReadError;

#[derive(Debug, Default)]
pub(crate) struct Section {
    pub(crate) part: Part,
    /// Whether the checksum was found right.
    checked: AtomicBool,
    /// The bytes, if the file does not lend them.
    owned: OnceLock<Box<[u8]>>,
}

impl Section {
    pub(crate) fn new(part: Part) -> Self {
        Section { part, ..Section::default() }
    }

    /// The bytes. `what` they should be is named if they are not.
    pub(crate) fn get<'s>(
        &'s self,
        segment: &'s Segment,
        what: &'static str,
    ) -> Result<&'s [u8], ReadError> {
        if let Some(owned) = self.owned.get() {
            return Ok(owned);
        }
        let bytes = if self.checked.load(Ordering::Relaxed) {
            segment.raw(self.part)?
        } else {
            segment.part(self.part, what)?
        };
        match bytes {
            Cow::Borrowed(bytes) => {
                self.checked.store(true, Ordering::Relaxed);
                Ok(bytes)
            }
            // Once more, lest a copy is kept that nobody has checked: the map failed since.
            Cow::Owned(_) if self.checked.load(Ordering::Relaxed) => {
                let bytes = segment.part(self.part, what)?.into_owned();
                Ok(self.owned.get_or_init(|| bytes.into()))
            }
            Cow::Owned(bytes) => Ok(self.owned.get_or_init(|| bytes.into())),
        }
    }
}
