//! Base64, decoding only: the one of `Authorization: Basic`, and the one of tokens.

/// With `+`, `/` and padding, as RFC 7617 wants; `None` if it is not that.
pub(super) fn decode_standard(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    decode(digits, b'+', b'/').ok()
}

/// With `-`, `_` and no padding, as RFC 7515 wants; `Err` is the place of the first byte that is no digit.
pub(super) fn decode_url(text: &str) -> Result<Vec<u8>, usize> {
    decode(text, b'-', b'_')
}

fn decode(text: &str, digit_62: u8, digit_63: u8) -> Result<Vec<u8>, usize> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for (group_at, group) in text.as_bytes().chunks(4).enumerate() {
        let mut bits = 0u32;
        for (at, digit) in group.iter().enumerate() {
            let value = match *digit {
                letter @ b'A'..=b'Z' => letter - b'A',
                letter @ b'a'..=b'z' => letter - b'a' + 26,
                number @ b'0'..=b'9' => number - b'0' + 52,
                other if other == digit_62 => 62,
                other if other == digit_63 => 63,
                _ => return Err(group_at * 4 + at),
            };
            bits |= u32::from(value) << (18 - 6 * at);
        }
        let [third, second, first, _] = bits.to_le_bytes();
        let whole = [first, second, third];
        // Four digits are three bytes; one digit alone is less than a byte.
        let count = group.len() - 1;
        if count == 0 || whole[count..].iter().any(|spare| *spare != 0) {
            return Err(text.len());
        }
        bytes.extend_from_slice(&whole[..count]);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_rfc() {
        let cases = [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ];
        for (text, want) in cases {
            assert_eq!(decode_standard(text).as_deref(), Some(want.as_bytes()), "{text}");
            let bare = text.trim_end_matches('=');
            assert_eq!(decode_url(bare).as_deref(), Ok(want.as_bytes()), "{bare}");
        }
        assert_eq!(decode_standard("+/+/").as_deref(), Some(&[0xfb, 0xff, 0xbf][..]));
        assert_eq!(decode_url("-_-_").as_deref(), Ok(&[0xfb, 0xff, 0xbf][..]));
        for wrong in ["Zg", "Zg=", "Z===", "Zm9v!A==", "Zh==", "-_-_", "====", "é==="] {
            assert_eq!(decode_standard(wrong), None, "{wrong}");
        }
        assert_eq!(decode_url("Zm9v*"), Err(4));
    }
}
