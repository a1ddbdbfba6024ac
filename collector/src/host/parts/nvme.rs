//! `nvme`: which NVMe controllers there are, and whether they work.

use std::path::Path;

use super::ROWS_MAX;
use crate::host::Context;

/// Reads the controllers in `folder`.
pub(super) fn read(folder: &Path, cx: &mut Context<'_>) {
    for device in cx.attrs().names(folder).into_iter().take(ROWS_MAX) {
        let files = folder.join(&device);
        let mut attrs = cx.attrs();
        let mut read = |name: &str| attrs.text(&files.join(name));
        let (model, firmware) = (read("model"), read("firmware_rev"));
        let (serial, state) = (read("serial"), read("state"));
        let tags = [
            ("device", &*device),
            ("firmware_revision", firmware.as_deref().unwrap_or_default()),
            ("model", model.as_deref().unwrap_or_default()),
            ("serial", serial.as_deref().unwrap_or_default()),
        ];
        let Some(mut row) = cx.row("nvme", &tags) else { continue };
        row.field("info", 1_i64);
        state.into_iter().for_each(|state| row.field("live", i64::from(state == "live")));
    }
}
