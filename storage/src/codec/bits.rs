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
///
/// Eight values are `width` bytes, so what stands where in them is the same for all eights; and few bits mean that one word has several
/// values, which vector units shift apart at once.
#[inline(always)]
pub(super) fn unpack(bytes: &[u8], at: usize, width: u32, out: &mut [u64]) {
    let bytes = bytes.get(at / 8..).unwrap_or_default();
    let shift = at % 8;
    match width {
        0 => out.fill(0),
        1..=7 => unpack_by::<8>(bytes, shift, width, out),
        8..=14 => unpack_by::<4>(bytes, shift, width, out),
        15..=28 => unpack_by::<2>(bytes, shift, width, out),
        29..=57 => unpack_by::<1>(bytes, shift, width, out),
        _ => {
            for (index, value) in out.iter_mut().enumerate() {
                *value = get(bytes, shift + index * width as usize, width);
            }
        }
    }
}

/// The same where a word that begins at a byte has `N` values, wherever in that byte they begin.
#[inline(always)]
fn unpack_by<const N: usize>(bytes: &[u8], shift: usize, width: u32, out: &mut [u64]) {
    let (eights, last) = out.as_chunks_mut::<8>();
    let whole = eights.len();
    for (index, values) in eights.iter_mut().enumerate() {
        *values = eight::<N>(bytes, index, shift, width);
    }
    if !last.is_empty() {
        let values = eight::<N>(bytes, whole, shift, width);
        let len = last.len();
        last.copy_from_slice(&values[..len]);
    }
}

/// Eight values, `index` eights past the first.
#[inline(always)]
fn eight<const N: usize>(bytes: &[u8], index: usize, shift: usize, width: u32) -> [u64; 8] {
    let step = width as usize;
    let mut values = [0; 8];
    let (parts, _) = values.as_chunks_mut::<N>();
    for (part, values) in parts.iter_mut().enumerate() {
        let bit = shift + part * N * step;
        let word = word(bytes, index * step + bit / 8) >> (bit % 8);
        for (place, value) in values.iter_mut().enumerate() {
            *value = word >> (place * step) & mask(width);
        }
    }
    values
}

/// The 64 bits from a byte on; zeros past the end.
#[inline(always)]
pub(super) fn word(bytes: &[u8], at: usize) -> u64 {
    if let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        return u64::from_le_bytes(*word);
    }
    let missing = (at + 8).saturating_sub(bytes.len()).min(8);
    match bytes.last_chunk::<8>() {
        Some(_) if missing == 8 => 0,
        Some(word) => u64::from_le_bytes(*word) >> (8 * missing),
        None => {
            let mut word = [0; 8];
            let rest = bytes.get(at..).unwrap_or_default();
            word[..rest.len()].copy_from_slice(rest);
            u64::from_le_bytes(word)
        }
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
            for first in [1, 2, 3, 5, 8, 140, 148] {
                let skip = first * width as usize;
                let some = &mut got[..(values.len() - first).min(100)];
                unpack(&out[1..], skip, width, some);
                assert_eq!(*some, values[first..first + some.len()], "{width} {first}");
                assert_eq!(get(&out, 8 + skip, width), values[first]);
            }
            // What was cut off is zero.
            for cut in 0..out.len() {
                let mut got = vec![7; values.len()];
                unpack(&out[1..cut.max(1)], 0, width, &mut got);
                let whole = (cut.max(1) - 1) * 8 / (width as usize).max(1);
                let whole = whole.min(values.len());
                assert_eq!(got[..whole], values[..whole], "{width} {cut}");
                assert!(got.iter().skip(whole + 1).all(|v| *v == 0 || width == 0), "{width} {cut}");
            }
        }
    }
}
