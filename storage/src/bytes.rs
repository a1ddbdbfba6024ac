//! Reading and writing the pieces that all file formats are made of.
//!
//! Integers of fixed width are little-endian. A varint has seven bits per byte, lowest first, the top bit set on all but
//! the last byte; signed ones are zigzag coded.

/// Bytes that are not what a format asks for: where, counted from the start of what was being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bad {
    pub(crate) offset: usize,
    pub(crate) expected: &'static str,
    pub(crate) found: String,
}

/// Takes bytes apart from front to back; never panics, never reserves memory for a length it has not seen the bytes of.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, at: 0 }
    }

    pub(crate) const fn offset(&self) -> usize {
        self.at
    }

    pub(crate) const fn rest(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// All that is left, without taking it.
    pub(crate) fn ahead(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn bad<T>(
        &self,
        expected: &'static str,
        found: impl Into<String>,
    ) -> Result<T, Bad> {
        Err(Bad { offset: self.at, expected, found: found.into() })
    }

    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Bad> {
        match self.bytes.get(self.at..).and_then(|rest| rest.get(..len)) {
            Some(bytes) => {
                self.at += len;
                Ok(bytes)
            }
            None => self.too_few(len),
        }
    }

    #[cold]
    #[inline(never)]
    fn too_few<T>(&self, len: usize) -> Result<T, Bad> {
        self.bad("more bytes", format!("{} of {len}", self.rest()))
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Bad> {
        match self.bytes.get(self.at..).and_then(|rest| rest.first_chunk()) {
            Some(bytes) => {
                self.at += N;
                Ok(*bytes)
            }
            None => self.too_few(N),
        }
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8, Bad> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Bad> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32, Bad> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Bad> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Bad> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, Bad> {
        match self.bytes.get(self.at) {
            // Nearly always.
            Some(byte) if *byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Bad> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        self.bad("a number of at most 64 bits", "a longer one")
    }

    #[inline]
    pub(crate) fn zigzag(&mut self) -> Result<i64, Bad> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    /// A count of things that take at least one byte each, or of at most `max` that may take none.
    #[inline]
    pub(crate) fn count(&mut self, max: usize) -> Result<usize, Bad> {
        let count = self.varint()?;
        match usize::try_from(count) {
            Ok(count) if count <= max => Ok(count),
            _ => self.bad("a smaller count", count.to_string()),
        }
    }

    pub(crate) fn str(&mut self) -> Result<&'a str, Bad> {
        let len = self.count(self.rest())?;
        let bytes = self.take(len)?;
        std::str::from_utf8(bytes).or_else(|_| self.bad("UTF-8 text", "other bytes"))
    }

    pub(crate) fn end(&self) -> Result<(), Bad> {
        if self.rest() == 0 {
            Ok(())
        } else {
            self.bad("the end", format!("{} more bytes", self.rest()))
        }
    }
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_byte(value) | 0x80);
        value >>= 7;
    }
    out.push(low_byte(value));
}

pub(crate) fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(out, (value << 1 ^ value >> 63).cast_unsigned());
}

pub(crate) fn put_len(out: &mut Vec<u8>, len: usize) {
    put_varint(out, len as u64);
}

pub(crate) fn put_str(out: &mut Vec<u8>, text: &str) {
    put_len(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

pub(crate) const fn low_byte(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_cut_ones_are_errors() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(Reader::new(&out).varint(), Ok(value));
            assert!(Reader::new(&out[..out.len() - 1]).varint().is_err());
        }
        for value in [0, 1, -1, 63, -64, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            put_zigzag(&mut out, value);
            assert_eq!(Reader::new(&out).zigzag(), Ok(value));
        }
        assert!(Reader::new(&[0xff; 11]).varint().is_err());
        assert!(Reader::new(&[5, b'a']).str().is_err());
        assert!(Reader::new(&[1, 0xff]).str().is_err());
    }
}
