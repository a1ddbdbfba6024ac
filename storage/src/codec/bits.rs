//! Values of a few bits each, one after the other.

use crate::bytes::{Bad, Reader, low_byte};

/// Bits of the distance.
pub(super) fn width_of(min: i64, max: i64) -> u8 {
    low_byte(u64::from(u64::BITS - max.wrapping_sub(min).cast_unsigned().leading_zeros()))
}

/// Appends the width and then `values`, `width` bits each, lowest first.
pub(super) fn pack(values: impl Iterator<Item = u64>, width: u8, out: &mut Vec<u8>) {
    out.push(width);
    let (mut word, mut bits) = (0u128, 0);
    for value in values {
        word |= u128::from(value) << bits;
        bits += u32::from(width);
        if bits >= u64::BITS {
            out.extend_from_slice(&word.to_le_bytes()[..8]);
            word >>= u64::BITS;
            bits -= u64::BITS;
        }
    }
    out.extend_from_slice(&word.to_le_bytes()[..bits.div_ceil(8) as usize]);
}

pub(super) fn unpack(reader: &mut Reader<'_>, n: usize) -> Result<Vec<u64>, Bad> {
    let width = u32::from(reader.u8()?);
    if width > 64 {
        return reader.bad("a width of at most 64 bits", width.to_string());
    }
    let bytes = reader.take((n * width as usize).div_ceil(8))?;
    let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
    let mut values = Vec::with_capacity(n);
    let (mut word, mut bits, mut bytes) = (0u128, 0, bytes.iter());
    for _ in 0..n {
        while bits < width {
            word |= u128::from(bytes.next().copied().unwrap_or(0)) << bits;
            bits += 8;
        }
        #[expect(clippy::cast_possible_truncation, reason = "the mask keeps 64 bits at most")]
        values.push(word as u64 & mask);
        word >>= width;
        bits -= width;
    }
    Ok(values)
}

pub(super) fn put_bits(bits: impl Iterator<Item = bool>, out: &mut Vec<u8>) {
    let (mut byte, mut at) = (0u8, 0);
    for bit in bits {
        byte |= u8::from(bit) << at;
        at += 1;
        if at == 8 {
            out.push(byte);
            (byte, at) = (0, 0);
        }
    }
    if at > 0 {
        out.push(byte);
    }
}

pub(super) fn take_bits<'a>(
    reader: &mut Reader<'a>,
    n: usize,
) -> Result<impl Iterator<Item = bool> + use<'a>, Bad> {
    let bytes = reader.take(n.div_ceil(8))?;
    Ok((0..n).map(|at| bytes[at / 8] >> (at % 8) & 1 == 1))
}
