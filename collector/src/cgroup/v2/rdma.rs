//! `rdma.current` and `rdma.max`: resources of RDMA adapters.
//!
//! ```text
//! mlx4_0 hca_handle=2 hca_object=2000
//! ocrdma1 hca_handle=3 hca_object=max
//! ```
//!
//! Since 4.11, the same in version 1. `max` is no limit.
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v2.rst, "RDMA".

use crate::ParseError;
use crate::cgroup::Limit;
use crate::text::{Line, Lines};

/// Either of the files, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rdma<'a>(&'a [u8]);

/// One adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RdmaDevice<'a> {
    /// As `mlx5_0`.
    pub device: &'a str,
    /// Handles of the adapter.
    pub hca_handle: Limit,
    /// Objects of the adapter.
    pub hca_object: Limit,
}

impl<'a> Rdma<'a> {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a line is not the name of a device with counts.
    ///
    /// ```
    /// use stripchart_collector::cgroup::{Limit, v2::Rdma};
    /// let rdma = Rdma::parse(b"mlx4_0 hca_handle=2 hca_object=max\n")?;
    /// let device = rdma.iter().next().unwrap();
    /// assert_eq!((device.hca_handle, device.hca_object), (Limit::At(2), Limit::Unlimited));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        for line in Lines::new(text)? {
            device(line)?;
        }
        Ok(Rdma(text))
    }

    /// The adapters.
    pub fn iter(&self) -> impl Iterator<Item = RdmaDevice<'a>> + use<'a> {
        Lines::numbered(self.0, 1).filter_map(|line| device(line).ok())
    }
}

fn device(line: Line<'_>) -> Result<RdmaDevice<'_>, ParseError> {
    const COUNT: &str = "KEY=COUNT or KEY=max";
    let mut fields = line.fields();
    let name = fields.str("the name of a device")?;
    let none = Limit::At(0);
    let mut found = RdmaDevice { device: name, hca_handle: none, hca_object: none };
    while let Some(word) = fields.next_field() {
        let equals = word.iter().position(|byte| *byte == b'=');
        let equals = equals.ok_or_else(|| line.error(COUNT, word))?;
        let slot = match &word[..equals] {
            b"hca_handle" => &mut found.hca_handle,
            b"hca_object" => &mut found.hca_object,
            _ => continue,
        };
        *slot = Limit::of_word(&word[equals + 1..]).ok_or_else(|| line.error(COUNT, word))?;
    }
    Ok(found)
}
