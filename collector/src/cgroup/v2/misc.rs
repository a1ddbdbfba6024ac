//! `misc.current` and `misc.events`: countable resources without a controller of their own.
//!
//! ```text
//! misc.current   res_a 3        misc.events   res_a.max 0
//!                res_b 0                      res_b.max 7
//! ```
//!
//! Since 5.13, events since 5.16. Which resources there are is up to the machine: `sev` and `sev_es` count guests with
//! encrypted memory, `sgx_epc` the bytes of enclaves. The files are those of version 1, too.
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v2.rst, "Misc".

use crate::ParseError;
use crate::text::Lines;

/// Either of the files, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misc<'a>(&'a [u8]);

impl<'a> Misc<'a> {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a line is not a name and a count.
    ///
    /// ```
    /// use stripchart_collector::cgroup::v2::Misc;
    /// let misc = Misc::parse(b"res_a 3\nres_b 0\n")?;
    /// assert_eq!(misc.iter().collect::<Vec<_>>(), [("res_a", 3), ("res_b", 0)]);
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        for line in Lines::new(text)? {
            let mut fields = line.fields();
            fields.str("the name of a resource")?;
            fields.count("a count")?;
        }
        Ok(Misc(text))
    }

    /// Resources with their counts; in `misc.events` the name ends in `.max`.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, u64)> + use<'a> {
        Lines::numbered(self.0, 1).filter_map(|line| {
            let mut fields = line.fields();
            Some((fields.str("").ok()?, fields.count("").ok()?))
        })
    }
}
