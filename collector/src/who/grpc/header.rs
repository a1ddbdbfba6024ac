//! Blocks of headers, as HTTP/2 packs them (RFC 7541), without the table that both sides would have to keep.
//!
//! ```text
//! 1iiiiiii                 a field of the fixed table
//! 01iiiiii [name] value    a field that would be entered into the table, which has no room
//! 001sssss                 how large the table may be: 0, since more was not allowed
//! 000niiii [name] value    a field; n = 1 forbids tables of those further on
//! ```
//!
//! `i` is a place in the fixed table of 61 fields, whose name is meant, or 0 where a name follows. A number that fills its
//! bits goes on in groups of seven, the lowest first. A text has its length, of seven bits and more, after a bit that says
//! whether it is packed. Packed, each character has a code of its own, the frequent ones of five bits; codes of one length
//! ascend with the characters, so that the characters of each length are all there is to know. Those with more than 19
//! bits are no characters of headers.

use std::io;

use super::super::socket::malformed;

/// Fields of the fixed table.
const FIXED: usize = 61;

/// Places of names in the fixed table.
pub(super) mod place {
    pub(crate) const AUTHORITY: u8 = 1;
    pub(crate) const PATH: u8 = 4;
    pub(crate) const CONTENT_TYPE: u8 = 31;
}

/// Whole fields of the fixed table.
pub(super) mod field {
    pub(crate) const METHOD_POST: u8 = 3;
    pub(crate) const SCHEME_HTTP: u8 = 6;
}

/// The place of the first of the table's fields `:status`, and the status of each.
const STATUS_AT: usize = 8;
const STATUS: [&str; 7] = ["200", "204", "206", "304", "400", "404", "500"];

/// Characters by the bits of their codes, in the order of those.
const CODES: [(u32, &[u8]); 11] = [
    (5, b"012aceiost"),
    (6, b" %-./3456789=A_bdfghlmnpru"),
    (7, b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
    (8, b"&*,;XZ"),
    (10, b"!\"()?"),
    (11, b"'+|"),
    (12, b"#>"),
    (13, b"\0$@[]~"),
    (14, b"^}"),
    (15, b"<`{"),
    (19, b"\\\xc3\xd0"),
];

/// Adds a whole field of the fixed table.
pub(super) fn write_fixed(out: &mut Vec<u8>, field: u8) {
    out.push(0x80 | field);
}

/// Adds a field with a name of the fixed table.
pub(super) fn write_at(out: &mut Vec<u8>, place: u8, value: &str) {
    write_number(out, 0x10, 4, usize::from(place));
    write_text(out, value);
}

/// Adds a field.
pub(super) fn write(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(0x10);
    write_text(out, name);
    write_text(out, value);
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_number(out, 0, 7, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// Adds a number, the lowest `bits` of whose first byte are its own; the others are those of `first`.
fn write_number(out: &mut Vec<u8>, first: u8, bits: u32, number: usize) {
    let full = (1_usize << bits) - 1;
    let low = |number: usize| u8::try_from(number & 0x7f).unwrap_or(0);
    if number < full {
        return out.push(first | low(number));
    }
    out.push(first | low(full));
    let mut rest = number - full;
    while rest > 0x7f {
        out.push(0x80 | low(rest));
        rest >>= 7;
    }
    out.push(low(rest));
}

/// Hands each field of `block` with its name and value to `each`. Names that are of no use here are empty.
///
/// # Errors
///
/// `InvalidData` where the block is malformed, or refers to a table that was not allowed.
pub(super) fn read(mut block: &[u8], mut each: impl FnMut(&str, &str)) -> io::Result<()> {
    while let Some(first) = block.first().copied() {
        match first {
            0x80.. => {
                let place = number(&mut block, 7)?;
                check(place, 1)?;
                let status = place.checked_sub(STATUS_AT).and_then(|at| STATUS.get(at));
                if let Some(status) = status {
                    each(":status", status);
                }
            }
            0x20..0x40 => match number(&mut block, 5)? {
                0 => {}
                size => return Err(malformed(format!("a table of 0 bytes, found {size}"))),
            },
            _ => {
                let place = number(&mut block, if first & 0x40 != 0 { 6 } else { 4 })?;
                check(place, 0)?;
                let is_status = (STATUS_AT..STATUS_AT + STATUS.len()).contains(&place);
                let name = match place {
                    0 => text(&mut block)?,
                    _ if is_status => ":status".to_owned(),
                    _ => String::new(),
                };
                let value = text(&mut block)?;
                each(&name, &value);
            }
        }
    }
    Ok(())
}

fn check(place: usize, least: usize) -> io::Result<()> {
    match place {
        place if (least..=FIXED).contains(&place) => Ok(()),
        _ => Err(malformed(format!("a header of the fixed table, found place {place}"))),
    }
}

/// Takes a number off the block, whose first byte keeps `bits` for it.
fn number(block: &mut &[u8], bits: u32) -> io::Result<usize> {
    const NUMBER: &str = "a number of at most 28 bits in headers";
    let full = (1_u8 << bits) - 1;
    let (first, mut rest) = block.split_first().ok_or_else(|| malformed(NUMBER))?;
    let mut sum = usize::from(first & full);
    if first & full == full {
        let mut shift = 0;
        loop {
            let (byte, after) = rest.split_first().ok_or_else(|| malformed(NUMBER))?;
            rest = after;
            sum += usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
            if shift > 21 {
                return Err(malformed(NUMBER));
            }
        }
    }
    *block = rest;
    Ok(sum)
}

/// Takes a text off the block.
fn text(block: &mut &[u8]) -> io::Result<String> {
    const TEXT: &str = "a text within its block of headers";
    let packed = block.first().is_some_and(|first| first & 0x80 != 0);
    let length = number(block, 7)?;
    let bytes = block.get(..length).ok_or_else(|| malformed(TEXT))?;
    *block = &block[length..];
    let bytes = if packed { unpacked(bytes)? } else { bytes.to_vec() };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Undoes the packing.
fn unpacked(bytes: &[u8]) -> io::Result<Vec<u8>> {
    const PACKED: &str = "characters of headers";
    let mut text = Vec::with_capacity(bytes.len() * 8 / 5);
    let (mut code, mut bits) = (0_u32, 0_u32);
    for byte in bytes {
        for at in (0..8).rev() {
            (code, bits) = (code << 1 | u32::from(byte >> at & 1), bits + 1);
            if let Some(character) = character(code, bits) {
                text.push(character);
                (code, bits) = (0, 0);
            } else if bits > 19 {
                return Err(malformed(PACKED));
            }
        }
    }
    // What is left fills the last byte, with ones.
    if bits > 7 || code != (1 << bits) - 1 {
        return Err(malformed(PACKED));
    }
    Ok(text)
}

/// The character with `code` of `bits` bits.
fn character(code: u32, bits: u32) -> Option<u8> {
    let (mut first, mut length) = (0_u32, 0);
    for (of_length, characters) in CODES {
        first <<= of_length - length;
        length = of_length;
        if length >= bits {
            let at = usize::try_from(code.checked_sub(first)?).ok()?;
            return characters.get(at).copied().filter(|_| length == bits);
        }
        first += u32::try_from(characters.len()).ok()?;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(block: &[u8]) -> Result<Vec<(String, String)>, String> {
        let mut fields = Vec::new();
        read(block, |name, value| fields.push((name.to_owned(), value.to_owned())))
            .map_err(|error| error.to_string())?;
        Ok(fields)
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn fields_come_whole_by_name_and_packed() {
        assert_eq!(fields(b"\x88"), Ok(vec![pair(":status", "200")]));
        assert_eq!(fields(b"\x48\x03302"), Ok(vec![pair(":status", "302")]));
        // The examples of the standard: a request's authority, a response's status and date.
        let packed = b"\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
        assert_eq!(fields(packed), Ok(vec![pair("", "www.example.com")]));
        assert_eq!(fields(b"\x48\x82\x64\x02"), Ok(vec![pair(":status", "302")]));
        let date = b"\x61\x96\xd0\x7a\xbe\x94\x10\x54\xd4\x44\xa8\x20\x05\x95\x04\x0b\x81\x66\xe0\x82\xa6\x2d\x1b\xff";
        assert_eq!(fields(date), Ok(vec![pair("", "Mon, 21 Oct 2013 20:13:21 GMT")]));
        assert_eq!(fields(b"\x20\x00\x0bgrpc-status\x015"), Ok(vec![pair("grpc-status", "5")]));
    }

    #[test]
    fn what_was_not_allowed_is_refused() {
        for (block, error) in [
            (&b"\xbe"[..], "expected a header of the fixed table, found place 62"),
            (b"\x80", "expected a header of the fixed table, found place 0"),
            (b"\x3f\xe1\x1f", "expected a table of 0 bytes, found 4096"),
            (b"\x00\x05ab", "expected a text within its block of headers"),
            (b"\x00", "expected a number of at most 28 bits in headers"),
            (b"\xff\xff\xff\xff\xff\xff", "expected a number of at most 28 bits in headers"),
            (b"\x00\x84\xff\xff\xff\xff\x00", "expected characters of headers"),
            (b"\x00\x81\x00\x00", "expected characters of headers"),
        ] {
            assert_eq!(fields(block), Err(error.to_owned()), "{block:x?}");
        }
    }

    #[test]
    fn each_code_is_its_characters_and_no_others_beginning() {
        let mut room = 0_u64;
        for (bits, characters) in CODES {
            room += (characters.len() as u64) << (30 - bits);
        }
        // Longer codes have the rest.
        assert!(room < 1 << 30);
        let codes = (5..=19).flat_map(|bits| (0..1_u32 << bits).map(move |code| (code, bits)));
        let found: Vec<u8> = codes.filter_map(|(code, bits)| character(code, bits)).collect();
        assert_eq!(found, CODES.map(|(_, characters)| characters).concat());
        assert!((b' '..=b'~').all(|character| found.contains(&character)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(name in "[a-z-]{1,200}", value in "[ -~]{0,300}", place in 15_u8..61) {
            let mut block = Vec::new();
            write_fixed(&mut block, 8);
            write(&mut block, &name, &value);
            write_at(&mut block, place, &value);
            prop_assert_eq!(
                fields(&block),
                Ok(vec![pair(":status", "200"), pair(&name, &value), pair("", &value)])
            );
        }

        #[test]
        fn any_bytes_give_fields_or_an_error(block in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = fields(&block);
        }
    }
}
