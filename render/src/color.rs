//! Colours as numbers, so that no text of a user ever reaches a style.

use std::fmt;

/// An opaque colour in sRGB. Displays as `#rrggbb`.
///
/// ```
/// use stripchart_render::Color;
/// assert_eq!(Color::from_hex("#fa0"), Some(Color::rgb(0xff, 0xaa, 0x00)));
/// assert_eq!(Color::rgb(0, 114, 178).to_string(), "#0072b2");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Color {
    /// Red.
    pub r: u8,
    /// Green.
    pub g: u8,
    /// Blue.
    pub b: u8,
}

impl Color {
    /// From its parts.
    #[must_use]
    pub const fn rgb(r: u8, g: u8, b: u8) -> Self {
        Color { r, g, b }
    }

    /// From `0xrrggbb`; higher bits are ignored.
    #[must_use]
    pub const fn from_u32(rgb: u32) -> Self {
        Color { r: part(rgb >> 16), g: part(rgb >> 8), b: part(rgb) }
    }

    /// From `#rgb` or `#rrggbb`, as CSS writes them; `None` for anything else.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let value = u32::from_str_radix(digits, 16).ok()?;
        match digits.len() {
            6 => Some(Color::from_u32(value)),
            3 => {
                let (r, g, b) = (value >> 8, value >> 4 & 15, value & 15);
                Some(Color::from_u32((r << 16 | g << 8 | b) * 0x11))
            }
            _ => None,
        }
    }

    /// How much lighter one of the two is, from 1 (alike) to 21 (black and white): WCAG's contrast ratio.
    #[must_use]
    pub fn contrast(self, other: Color) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.r) + 0.7152 * linear(self.g) + 0.0722 * linear(self.b)
    }
}

/// The lowest eight bits.
#[expect(clippy::cast_possible_truncation, reason = "the others are not wanted")]
const fn part(rgb: u32) -> u8 {
    rgb as u8
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.r, self.g, self.b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_forms_of_css_are_colours() {
        assert_eq!(Color::from_hex("#0072B2"), Some(Color::rgb(0, 0x72, 0xb2)));
        assert_eq!(Color::from_hex("#123"), Some(Color::rgb(0x11, 0x22, 0x33)));
        for text in ["", "#", "0072b2", "#0072b", "#+12", "red", "#0072b2;}", "url(#a)", "#ααα"]
        {
            assert_eq!(Color::from_hex(text), None, "{text}");
        }
    }

    #[test]
    fn black_on_white_has_the_largest_contrast() {
        let (black, white) = (Color::rgb(0, 0, 0), Color::rgb(255, 255, 255));
        assert!((black.contrast(white) - 21.0).abs() < 1e-9);
        assert!((white.contrast(white) - 1.0).abs() < 1e-9);
    }
}
