//! Query strings of addresses.

/// The pairs of a query string, decoded. What is not UTF-8 after decoding gets replacement characters.
pub(super) fn parse_query(query: &str) -> Vec<(String, String)> {
    let pairs = query.trim_start_matches('?').split('&').filter(|pair| !pair.is_empty());
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    };
    pairs.map(pair).collect()
}

/// Decodes `%41` and `+`; an incomplete escape stays as it is.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |offset: usize| bytes.get(at + offset).and_then(|b| hex_digit(*b));
        match (bytes[at], hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                at += 2;
            }
            (b'+', ..) => out.push(b' '),
            (byte, ..) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

const fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// `text` as one name or value of a query string: letters, digits and `-._~/:` stay, all else is escaped.
pub(super) fn encode(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

/// `path` as part of an address; what is escaped already stays so.
pub(super) fn encode_path(path: &str) -> String {
    encode(path).replace("%25", "%").replace("%40", "@")
}

/// `path` with `pairs` as its query string. `path` is taken as it is.
pub(super) fn address<'a>(
    path: &str,
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> String {
    let mut out = path.to_owned();
    for (index, (name, value)) in pairs.into_iter().enumerate() {
        out.push(if index == 0 { '?' } else { '&' });
        out.push_str(&encode(name));
        out.push('=');
        out.push_str(&encode(value));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_strings_are_read_as_browsers_write_them() {
        let cases: &[(&str, &[(&str, &str)])] = &[
            ("", &[]),
            ("?a=1&&b", &[("a", "1"), ("b", "")]),
            ("path=%2Fsystem.slice%2fa+b", &[("path", "/system.slice/a b")]),
            ("a=%", &[("a", "%")]),
            ("a=%4", &[("a", "%4")]),
            ("a=%zz%C3%B6%ff", &[("a", "%zzö\u{fffd}")]),
            ("a=b=c", &[("a", "b=c")]),
        ];
        for (query, want) in cases {
            let got = parse_query(query);
            let got: Vec<_> = got.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            assert_eq!(got, *want, "{query}");
        }
    }

    #[test]
    fn what_is_encoded_decodes_to_itself() {
        for text in ["", "/a/b", "a b+c&d=e#f?g%h\"<>'\\", "größe", "\u{0}\n"] {
            let address = address("/x", [("k", text)]);
            assert!(address.is_ascii() && !address.contains(['"', '<', ' ', '\n']), "{address}");
            assert_eq!(parse_query(&address[3..]), [("k".to_owned(), text.to_owned())]);
        }
    }
}
