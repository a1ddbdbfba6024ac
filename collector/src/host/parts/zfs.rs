//! `zfs`: the cache of ZFS, under Telegraf's names.

use std::path::Path;

use super::add_known;
use crate::ParseError;
use crate::descriptors::ZFS;
use crate::host::Context;
use crate::proc::KStat;

/// What the names of the table have before them as fields.
const PREFIX: &str = "arcstats_";

/// Reads the table at `path`.
pub(super) fn read(path: &Path, cx: &mut Context<'_>) {
    let known = |name: &str| {
        let mut fields = ZFS.iter().map(|row| row.0);
        fields.find(|field| field.strip_prefix(PREFIX) == Some(name))
    };
    let counts = cx.attrs().parsed(path, |text| {
        let table = KStat::parse(text)?;
        let counts: Vec<_> =
            table.iter().filter_map(|(name, n)| Some((known(name)?, Some(n)))).collect();
        match counts.is_empty() {
            false => Ok(counts),
            true => Err(ParseError::at_end(3, "a counter that is known")),
        }
    });
    add_known(cx, "zfs", &[], &counts.unwrap_or_default());
}
