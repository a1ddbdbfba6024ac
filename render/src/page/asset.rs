//! What pages fetch besides themselves: a style sheet, a script and an icon, all served by the site itself.

use super::Page;

/// The icon's path.
pub(super) const ICON: &str = "/ui/icon.svg";
/// The style sheet's path.
pub(super) const STYLE: &str = "/ui/style.css";
/// The script's path.
pub(super) const SCRIPT: &str = "/ui/page.js";

const STYLE_TEXT: &str = include_str!("style.css");
const SCRIPT_TEXT: &str = include_str!("page.js");
const ICON_TEXT: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\"><rect width=\"32\" height=\"32\" rx=\"7\" fill=\"#0b4f7a\"/><path d=\"M4 20h5l4-12 5 17 4-11 2 6h4\" fill=\"none\" stroke=\"#fff\" stroke-width=\"2.6\" stroke-linecap=\"round\" stroke-linejoin=\"round\"/></svg>\n";

/// FNV-1a: changes when the text does, which is all that is asked of it.
const fn fingerprint(text: &str) -> u32 {
    let bytes = text.as_bytes();
    let (mut hash, mut at) = (0x811c_9dc5_u32, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash
}

/// The style sheet's address, which changes with its content, so that browsers may keep it for ever.
pub(super) fn style_address() -> String {
    // The charts' colours come from the crate of the same version.
    format!("{STYLE}?v={:08x}-{}", const { fingerprint(STYLE_TEXT) }, env!("CARGO_PKG_VERSION"))
}

/// The script's address, likewise.
pub(super) fn script_address() -> String {
    format!("{SCRIPT}?v={:08x}", const { fingerprint(SCRIPT_TEXT) })
}

/// The asset at `path`, if there is one.
pub(super) fn asset(path: &str) -> Option<Page> {
    match path {
        STYLE => {
            let body = format!("{STYLE_TEXT}{}\n", crate::stylesheet());
            Some(Page::asset("text/css; charset=utf-8", body))
        }
        SCRIPT => Some(Page::asset("text/javascript; charset=utf-8", SCRIPT_TEXT.to_owned())),
        ICON => Some(Page::asset("image/svg+xml", ICON_TEXT.to_owned())),
        _ => None,
    }
}
