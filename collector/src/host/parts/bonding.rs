//! `bonding` and `bonding_slave`: interfaces that are several, and those that they are made of.

use std::path::Path;

use super::ROWS_MAX;
use crate::ParseError;
use crate::host::{Context, add_counts, int};
use crate::text::Lines;

/// Reads the bonds that the file at `masters` lists.
pub(super) fn read(masters: &Path, cx: &mut Context<'_>) {
    let Some(class) = masters.parent() else { return };
    for master in names(masters, cx) {
        let bonding = class.join(&master).join("bonding");
        let chosen = cx.attrs().text(&bonding.join("active_slave"));
        let slaves = names(&bonding.join("slaves"), cx);
        let mut up = 0_usize;
        for slave in &slaves {
            let folder = class.join(slave).join("bonding_slave");
            let state = cx.attrs().text(&folder.join("mii_status"));
            let failures = cx.attrs().count(&folder.join("link_failure_count"));
            let is_up = state.as_deref() == Some("up");
            up += usize::from(is_up);
            let tags = [("interface", &**slave), ("master", &master)];
            let Some(mut row) = cx.row("bonding_slave", &tags) else { continue };
            row.field("active", i64::from(chosen.as_ref() == Some(slave)));
            row.field("up", i64::from(is_up));
            add_counts(&mut row, &[("link_failures", failures)]);
        }
        let Some(mut row) = cx.row("bonding", &[("master", &master)]) else { continue };
        row.field("active", int(up as u64));
        row.field("slaves", int(slaves.len() as u64));
    }
}

/// The names of interfaces in the file at `path`.
fn names(path: &Path, cx: &mut Context<'_>) -> Vec<String> {
    let read = cx.attrs().parsed(path, |text| {
        let mut names = Vec::new();
        for line in Lines::new(text)? {
            let mut fields = line.fields();
            while names.len() < ROWS_MAX && !fields.rest().is_empty() {
                let name = fields.str("an interface")?;
                if name.contains(|c: char| c.is_control() || c == '/') {
                    return Err(ParseError::new(line.number, "an interface", name.as_bytes()));
                }
                names.push(name.to_owned());
            }
        }
        Ok(names)
    });
    read.unwrap_or_default()
}
