//! Messages of Protocol Buffers, field by field.
//!
//! ```text
//! key = number << 3 | wire, then by wire:
//!   0  a number in groups of seven bits, the lowest first
//!   1  eight bytes
//!   2  a length, then as many bytes: a text, another message
//!   5  four bytes
//! ```

use std::io;

use super::super::socket::malformed;

/// A value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// A number.
    Number(u64),
    /// A text or a message.
    Bytes(&'a [u8]),
    /// Of a kind that is not used here.
    Fixed,
}

impl<'a> Value<'a> {
    /// The bytes of a text or a message.
    pub(crate) fn bytes(self) -> io::Result<&'a [u8]> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            other => Err(malformed(format!("a text or a message, found {other:?}"))),
        }
    }

    /// The text.
    pub(crate) fn text(self) -> io::Result<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| malformed("a text in UTF-8"))
    }

    /// The number, which may be negative.
    pub(crate) fn integer(self) -> io::Result<i64> {
        match self {
            Value::Number(number) => Ok(number.cast_signed()),
            other => Err(malformed(format!("a number, found {other:?}"))),
        }
    }
}

/// Hands each field of `message` with its number to `each`, and stops at its first error.
///
/// # Errors
///
/// Those of `each`; `InvalidData` where the message is malformed.
pub(crate) fn each_field<'a>(
    mut message: &'a [u8],
    mut each: impl FnMut(u64, Value<'a>) -> io::Result<()>,
) -> io::Result<()> {
    while !message.is_empty() {
        let key = number(&mut message)?;
        let value = match key & 7 {
            0 => Value::Number(number(&mut message)?),
            1 => fixed(&mut message, 8)?,
            2 => {
                let length = number(&mut message)?;
                let length = usize::try_from(length).ok().filter(|at| *at <= message.len());
                let (bytes, rest) = message
                    .split_at(length.ok_or_else(|| malformed("a field within its message"))?);
                message = rest;
                Value::Bytes(bytes)
            }
            5 => fixed(&mut message, 4)?,
            wire => {
                return Err(malformed(format!("a field of wire type 0, 1, 2 or 5, found {wire}")));
            }
        };
        each(key >> 3, value)?;
    }
    Ok(())
}

fn fixed<'a>(message: &mut &'a [u8], length: usize) -> io::Result<Value<'a>> {
    *message = message.get(length..).ok_or_else(|| malformed("a field within its message"))?;
    Ok(Value::Fixed)
}

/// Takes a number off the message.
fn number(message: &mut &[u8]) -> io::Result<u64> {
    let mut number = 0;
    for (at, byte) in message.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            *message = &message[at + 1..];
            return Ok(number);
        }
    }
    Err(malformed("a number of at most ten bytes"))
}

/// Adds a text or a message as field `field`, at most 15.
pub(crate) fn write_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(field << 3 | 2);
    let mut rest = bytes.len();
    while rest > 0x7f {
        out.push(0x80 | u8::try_from(rest & 0x7f).unwrap_or(0));
        rest >>= 7;
    }
    out.push(u8::try_from(rest).unwrap_or(0));
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(message: &[u8]) -> Result<Vec<(u64, Value<'_>)>, String> {
        let mut fields = Vec::new();
        each_field(message, |number, value| {
            fields.push((number, value));
            Ok(())
        })
        .map_err(|error| error.to_string())?;
        Ok(fields)
    }

    #[test]
    fn fields_of_all_kinds_are_met_in_order() {
        let message = b"\x08\x96\x01\x12\x02hi\x19abcdefgh\x25abcd\x80\x01\x00";
        let want = vec![
            (1, Value::Number(150)),
            (2, Value::Bytes(b"hi")),
            (3, Value::Fixed),
            (4, Value::Fixed),
            (16, Value::Number(0)),
        ];
        assert_eq!(fields(message), Ok(want));
        for (message, error) in [
            (&b"\x12\x03hi"[..], "expected a field within its message"),
            (
                b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                "expected a field within its message",
            ),
            (b"\x19abc", "expected a field within its message"),
            (b"\x0b", "expected a field of wire type 0, 1, 2 or 5, found 3"),
            (b"\x08\x80", "expected a number of at most ten bytes"),
            (
                b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                "expected a number of at most ten bytes",
            ),
        ] {
            assert_eq!(fields(message), Err(error.to_owned()), "{message:x?}");
        }
        assert!(Value::Number(u64::MAX).integer().is_ok_and(|number| number == -1));
        assert!(Value::Bytes(b"\xff").text().is_err() && Value::Number(1).bytes().is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(field in 1_u8..16, bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            let mut message = Vec::new();
            write_bytes(&mut message, field, &bytes);
            prop_assert_eq!(fields(&message), Ok(vec![(u64::from(field), Value::Bytes(&bytes))]));
        }

        #[test]
        fn any_bytes_give_fields_or_an_error(message in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = fields(&message);
        }
    }
}
