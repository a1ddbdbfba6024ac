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
        match segment.lent(self.part)? {
            Cow::Borrowed(bytes) => {
                if !self.checked.load(Ordering::Relaxed) {
                    segment.checked(self.part, bytes, what)?;
                    self.checked.store(true, Ordering::Relaxed);
                }
                Ok(bytes)
            }
            // Always checked: what was borrowed before may have been read wrong since.
            Cow::Owned(bytes) => {
                segment.checked(self.part, &bytes, what)?;
                Ok(self.owned.get_or_init(|| bytes.into()))
            }
        }
    }
}
