//! How wide text will be, without a font: an estimate on the safe side for the sans-serif fonts of today's systems.

use std::borrow::Cow;

/// Advance widths of the characters from space to tilde, in hundredths of the font size. Between those of the
/// narrower and the wider system fonts, nearer to the wider ones.
const ASCII: [u8; 95] = [
    30, 34, 42, 76, 60, 90, 74, 26, 37, 37, 50, 76, 32, 36, 32, 36, // space to slash
    60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 33, 33, 76, 76, 76, 52, // 0 to ?
    95, 68, 66, 69, 74, 62, 57, 76, 74, 30, 38, 66, 56, 85, 74, 77, // @ to O
    61, 77, 67, 62, 61, 72, 67, 96, 66, 61, 65, 37, 36, 37, 76, 50, // P to _
    50, 59, 62, 54, 62, 60, 35, 62, 62, 27, 28, 57, 27, 94, 62, 60, // ` to o
    62, 62, 40, 52, 38, 62, 57, 79, 57, 57, 51, 58, 33, 58, 76, // p to ~
];
/// Widths of what is not ASCII: most of it, and the scripts of the Far East with symbols.
const OTHER: u32 = 68;
const WIDE: u32 = 104;

fn advance(c: char) -> u32 {
    match u32::from(c) {
        code @ 0x20..=0x7e => ASCII.get(code as usize - 0x20).map_or(OTHER, |w| u32::from(*w)),
        0x300..=0x36f | 0x200b..=0x200f => 0,
        0x1100..=0x11ff | 0x2e80..=0xd7a3 | 0xf900..=0xfaff | 0xff00..=0xff60 => WIDE,
        0x1f000.. => WIDE,
        _ => OTHER,
    }
}

/// Pixels that `text` takes at a font size of `size_px`, rounded up.
pub(crate) fn width(text: &str, size_px: u32) -> u32 {
    let hundredths =
        text.chars().fold(0u32, |sum, c| sum.saturating_add(advance(c).saturating_mul(size_px)));
    hundredths.div_ceil(100)
}

/// As much of `text` as fits into `max_px` pixels, with an ellipsis where something was left out.
pub(crate) fn fit(text: &str, size_px: u32, max_px: u32) -> Cow<'_, str> {
    // Nothing has a negative width, so that a text this long need not be measured to its end.
    const LONGEST: usize = 4096;
    let budget = u64::from(max_px) * 100;
    let ellipsis = u64::from(OTHER * size_px);
    let (mut used, mut cut) = (0u64, 0);
    for (at, c) in text.char_indices() {
        used += u64::from(advance(c)) * u64::from(size_px);
        if used > budget || at > LONGEST {
            return Cow::Owned(format!("{}…", text[..cut].trim_end()));
        }
        if used + ellipsis <= budget {
            cut = at + c.len_utf8();
        }
    }
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_ends_in_an_ellipsis() {
        assert_eq!(fit("node-a", 11, 100), "node-a");
        let short = fit("a rather long name of a series", 11, 80);
        assert!(short.ends_with('…') && width(&short, 11) <= 80, "{short}");
        assert_eq!(fit("abc", 11, 0), "…");
        assert_eq!(fit("", 11, 0), "");
        assert!(fit("日本語日本語", 10, 30).starts_with('日'));
        assert!(fit(&"\u{300}".repeat(100_000), 10, 30).len() < 10_000);
    }

    #[test]
    fn widths_add_up() {
        assert_eq!(width("", 11), 0);
        assert_eq!(width("000", 10), 18);
        assert!(width(&"W".repeat(1_000_000), u32::MAX) > 0);
    }
}
