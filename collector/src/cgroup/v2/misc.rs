//! `misc.current`, `misc.events` and `misc.max`: countable resources without a controller of their own.
//!
//! ```text
//! misc.current   res_a 3        misc.events   res_a.max 0        misc.max   res_a max
//!                res_b 0                      res_b.max 7                   res_b 10
//! ```
//!
//! Since 5.13, events since 5.16. Which resources there are is up to the machine: `sev` and `sev_es` count guests with
//! encrypted memory, `sgx_epc` the bytes of enclaves. The files are those of version 1, too.
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v2.rst, "Misc".

use crate::ParseError;
use crate::cgroup::Limit;
use crate::text::{Line, Lines};

/// `misc.current` or `misc.events`, checked.
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

/// `misc.max`, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MiscLimits<'a>(&'a [u8]);

impl<'a> MiscLimits<'a> {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a line is not a name and a count or `max`.
    ///
    /// ```
    /// use stripchart_collector::cgroup::{Limit, v2::MiscLimits};
    /// let limits = MiscLimits::parse(b"res_a max\nres_b 10\n")?;
    /// let expected = [("res_a", Limit::Unlimited), ("res_b", Limit::At(10))];
    /// assert_eq!(limits.iter().collect::<Vec<_>>(), expected);
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        for line in Lines::new(text)? {
            limit(line)?;
        }
        Ok(MiscLimits(text))
    }

    /// Resources with their limits.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Limit)> + use<'a> {
        Lines::numbered(self.0, 1).filter_map(|line| limit(line).ok())
    }
}

fn limit(line: Line<'_>) -> Result<(&str, Limit), ParseError> {
    const LIMIT: &str = "a count or \"max\"";
    let mut fields = line.fields();
    let name = fields.str("the name of a resource")?;
    let word = fields.word(LIMIT)?;
    Ok((name, Limit::of_word(word).ok_or_else(|| line.error(LIMIT, word))?))
}
