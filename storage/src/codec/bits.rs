//! Values of a few bits each, one after the other, lowest bit first.

use crate::bytes::{Bad, Reader, low_byte};

/// Bits of the distance.
pub(super) fn width_of(min: i64, max: i64) -> u8 {
    low_byte(u64::from(bits_of(max.wrapping_sub(min).cast_unsigned())))
}

/// Bits up to the highest that is set.
#[inline(always)]
pub(super) const fn bits_of(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

/// The lowest `width` bits set; `width` is at most 64.
#[inline(always)]
pub(super) const fn mask(width: u32) -> u64 {
    if width == 0 { 0 } else { u64::MAX >> (64 - width) }
}

/// Appends the width and then `values`, `width` bits each.
pub(super) fn pack_with_width(values: impl Iterator<Item = u64>, width: u8, out: &mut Vec<u8>) {
    out.push(width);
    pack(values, u32::from(width), out);
}

/// Appends `values`, `width` bits each.
pub(crate) fn pack(values: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    let (mut word, mut bits) = (0u128, 0);
    for value in values {
        word |= u128::from(value) << bits;
        bits += width;
        if bits >= u64::BITS {
            out.extend_from_slice(&word.to_le_bytes()[..8]);
            word >>= u64::BITS;
            bits -= u64::BITS;
        }
    }
    out.extend_from_slice(&word.to_le_bytes()[..bits.div_ceil(8) as usize]);
}

/// Bytes that `n` values of `width` bits take.
pub(super) const fn packed_len(n: usize, width: u32) -> usize {
    (n * width as usize).div_ceil(8)
}

/// Reads a width and the bytes of `n` values.
pub(super) fn take_packed<'a>(reader: &mut Reader<'a>, n: usize) -> Result<(u32, &'a [u8]), Bad> {
    let width = u32::from(reader.u8()?);
    if width > 64 {
        return reader.bad("a width of at most 64 bits", width.to_string());
    }
    Ok((width, reader.take(packed_len(n, width))?))
}

/// The `width` bits from bit `at` on; zeros past the end.
#[inline(always)]
pub(super) fn get(bytes: &[u8], at: usize, width: u32) -> u64 {
    let (from, shift) = (at / 8, at % 8);
    if shift + width as usize <= 64
        && let Some(word) = bytes.get(from..).and_then(|rest| rest.first_chunk::<8>())
    {
        return u64::from_le_bytes(*word) >> shift & mask(width);
    }
    let mut word = [0; 16];
    let rest = bytes.get(from..).unwrap_or_default();
    let len = rest.len().min(9);
    word[..len].copy_from_slice(&rest[..len]);
    #[expect(clippy::cast_possible_truncation, reason = "the mask keeps 64 bits at most")]
    let low = (u128::from_le_bytes(word) >> shift) as u64;
    low & mask(width)
}

/// Unpacks as many values as `out` has places, the first of them beginning at bit `at`; zeros past the end.
#[inline(always)]
pub(super) fn unpack(bytes: &[u8], at: usize, width: u32, out: &mut [u64]) {
    let step = width as usize;
    // As many as an unaligned word can be read for.
    let whole = match (bytes.len() * 8).checked_sub(at + 64) {
        Some(room) if width <= 56 => (room / step.max(1) + 1).min(out.len()),
        _ => 0,
    };
    let (fast, slow) = out.split_at_mut(whole);
    let mut bit = at;
    for value in fast {
        let word = bytes.get(bit / 8..).and_then(|rest| rest.first_chunk::<8>());
        *value = u64::from_le_bytes(*word.unwrap_or(&[0; 8])) >> (bit % 8) & mask(width);
        bit += step;
    }
    if width > 56 {
        for value in slow {
            *value = get(bytes, bit, width);
            bit += step;
        }
        return;
    }
    // The last few, from a copy with room behind it.
    let mut end = [0; 24];
    let rest = bytes.get(bit / 8..).unwrap_or_default();
    let len = rest.len().min(16);
    end[..len].copy_from_slice(&rest[..len]);
    let mut bit = bit % 8;
    for value in slow {
        let word = end.get(bit / 8..).and_then(|rest| rest.first_chunk::<8>());
        *value = u64::from_le_bytes(*word.unwrap_or(&[0; 8])) >> (bit % 8) & mask(width);
        bit += step;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_width_come_back() {
        for width in 0..=64 {
            let values: Vec<u64> =
                (1..150u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15) & mask(width)).collect();
            let mut out = vec![0xff];
            pack(values.iter().copied(), width, &mut out);
            assert_eq!(out.len(), 1 + packed_len(values.len(), width));
            let mut got = vec![0; values.len()];
            unpack(&out[1..], 0, width, &mut got);
            assert_eq!(got, values);
            let skip = 5 * width as usize;
            unpack(&out[1..], skip, width, &mut got[..100]);
            assert_eq!(got[..100], values[5..105]);
            assert_eq!(get(&out, 8 + skip, width), values[5]);
        }
    }
}
