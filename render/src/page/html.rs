//! Text inside HTML: what came from data goes through [`esc`].

use std::fmt;

/// Appends formatted text to a `String`, which cannot fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => {{
        use std::fmt::Write as _;
        let _ = write!($out, $($arg)*);
    }};
}
pub(super) use put;

/// `text` so that HTML takes it for text, in an element as well as in a quoted attribute.
pub(super) fn esc(text: &str) -> Escaped<'_> {
    Escaped(text)
}

/// Displays a text with HTML's special characters as references and without control characters.
pub(super) struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\t' | '\n' => f.write_char(c)?,
                // Overrides of the writing direction could make a name read as another.
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => {
                    f.write_char(char::REPLACEMENT_CHARACTER)?;
                }
                c if c.is_control() => f.write_char(char::REPLACEMENT_CHARACTER)?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_markup() {
        let cases = [
            ("a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;"),
            ("</script><!--", "&lt;/script&gt;&lt;!--"),
            ("a\0\u{1b}b\u{85}", "a\u{fffd}\u{fffd}b\u{fffd}"),
            ("exe\u{202e}gpj", "exe\u{fffd}gpj"),
            ("größe\n", "größe\n"),
        ];
        for (text, want) in cases {
            assert_eq!(esc(text).to_string(), want);
        }
    }
}
