//! `uevent` of a device: what it tells whoever waits for devices, all in one file.
//!
//! ```text
//! POWER_SUPPLY_NAME=BAT0
//! POWER_SUPPLY_STATUS=Discharging
//! POWER_SUPPLY_CAPACITY=85
//! ```
//!
//! Kernel documentation: Documentation/ABI/testing/sysfs-uevent.

use crate::ParseError;
use crate::text::{Line, Lines};

/// The whole file.
#[derive(Debug, Clone, Copy)]
pub struct Uevent<'a>(&'a [u8]);

impl<'a> Uevent<'a> {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a line is not a key, `=` and a text without control characters.
    ///
    /// ```
    /// use stripchart_collector::sysfs::Uevent;
    /// let event = Uevent::parse(b"POWER_SUPPLY_NAME=BAT0\nPOWER_SUPPLY_CAPACITY=85\n")?;
    /// assert_eq!(event.get("POWER_SUPPLY_CAPACITY"), Some("85"));
    /// assert_eq!(event.get("POWER_SUPPLY_ONLINE"), None);
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        Lines::new(text)?.try_for_each(|line| match pair(line) {
            Some(_) => Ok(()),
            None => Err(line.error("KEY=VALUE", line.text)),
        })?;
        Ok(Uevent(text))
    }

    /// The value of the first line with `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a str> {
        let mut pairs = Lines::numbered(self.0, 1).filter_map(pair);
        pairs.find(|(known, _)| *known == key).map(|(_, value)| value)
    }
}

fn pair<'a>(line: Line<'a>) -> Option<(&'a str, &'a str)> {
    let text = std::str::from_utf8(line.text).ok()?;
    if text.contains(char::is_control) { None } else { text.split_once('=') }
}
