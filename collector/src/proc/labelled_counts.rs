//! `/proc/net/rpc/nfs`, `/proc/net/rpc/nfsd`, `/proc/fs/xfs/stat` and others of their form: lines of a label and counts.
//!
//! ```text
//! net 18628 0 18628 6                                rc 0 6 18622
//! rpc 4329785 0 4338291                              th 8 0 0.000 0.000
//! proc3 22 1 4084749 29200 94754 ...                 proc4ops 72 0 0 0 1098 ...
//! ```
//!
//! What the counts mean is known by label and position; newer kernels add labels, and counts at the end of a line. The
//! server of NFS writes decimal numbers, too, which stand for nothing any more.
//!
//! Kernel source: net/sunrpc/stats.c, fs/nfsd/stats.c, fs/xfs/xfs_stats.c.

use crate::ParseError;
use crate::text::{Fields, Lines, count, decimal};

/// The whole file.
#[derive(Debug, Clone, Copy)]
pub struct LabelledCounts<'a>(&'a [u8]);

impl<'a> LabelledCounts<'a> {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if there is no line, a label is no UTF-8, or what follows it is no number.
    ///
    /// ```
    /// use stripchart_collector::proc::LabelledCounts;
    /// let stat = LabelledCounts::parse(b"rpc 7 0 9\nth 8 0 0.000\n")?;
    /// assert_eq!(stat.of("rpc").collect::<Vec<_>>(), [7, 0, 9]);
    /// assert_eq!(stat.of("th").count(), 2);
    /// assert_eq!(stat.of("proc4").next(), None);
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        let mut lines = Lines::new(text)?;
        for line in lines.by_ref() {
            let mut fields = line.fields();
            fields.str("a label")?;
            while let Some(word) = fields.next_field() {
                let is_decimal = word.contains(&b'.') && decimal(word).is_some();
                if !is_decimal && count(word).is_none() {
                    return Err(line.error("a count", word));
                }
            }
        }
        match lines.last_number() {
            0 => Err(ParseError::at_end(1, "a label and counts")),
            _ => Ok(LabelledCounts(text)),
        }
    }

    /// The counts of the first line with `label`, up to the first decimal number; none if there is no such line.
    pub fn of(&self, label: &str) -> impl Iterator<Item = u64> + use<'a> {
        let with_label = |mut fields: Fields<'a>| {
            (fields.next_field() == Some(label.as_bytes())).then_some(fields)
        };
        let mut fields = Lines::numbered(self.0, 1).find_map(|line| with_label(line.fields()));
        std::iter::from_fn(move || count(fields.as_mut()?.next_field()?))
    }
}
