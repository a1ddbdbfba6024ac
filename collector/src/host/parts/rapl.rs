//! `rapl`: energy that processors and memory used, by their own meters.
//!
//! Since 2020 only root may read them, for what they betray of others' secrets.

use std::path::Path;

use super::ROWS_MAX;
use crate::host::Context;

/// Reads the zones in `folder`, as `intel-rapl:0` and its part `intel-rapl:0:1`.
pub(super) fn read(folder: &Path, cx: &mut Context<'_>) {
    let zones = cx.attrs().names(folder).into_iter().filter(|name| name.contains(':'));
    for zone in zones.take(ROWS_MAX) {
        let files = folder.join(&zone);
        let Some(energy) = cx.attrs().count(&files.join("energy_uj")) else { continue };
        let highest = cx.attrs().count(&files.join("max_energy_range_uj"));
        let name = cx.attrs().text(&files.join("name")).unwrap_or_default();
        let Some(mut row) = cx.row("rapl", &[("name", &name), ("zone", &zone)]) else { continue };
        let joules = |microjoules: u64| microjoules as f64 / 1e6;
        row.field("joules", joules(energy));
        highest.into_iter().for_each(|highest| row.field("max_joules", joules(highest)));
    }
}
