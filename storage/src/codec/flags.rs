//! One bit for each row: which rows have a value, and values that are true or false.
//!
//! ```text
//! 0 or 1   bitmap                      lowest bit first (1 where rows may have no value, 0 of booleans)
//! 3        runs                        u8 the first row's, varint runs less one, integers: rows of each run but the last
//! 4        places of those that are    varint count, integers: rows
//! 5        places of those that are not   the same
//! ```
//!
//! A field that begins late or ends early is two runs, one that is reported every sixth time is places of equal steps, a switch that is
//! thrown now and then a few runs: a bitmap of a thousand rows would take 128 bytes for each of them.

use std::borrow::Cow;

use super::Effort;
use super::bits::put_bits;
use super::ints::{decode_ints, encode_ints_with};
use crate::bytes::{Bad, Reader, put_len};

const RUNS: u8 = 3;
const PLACES: u8 = 4;
const GAPS: u8 = 5;

/// A bitmap of as few rows is short enough.
const FEW: usize = 64;
/// Rows to a run, and to a place, from which on they may take fewer bytes than bits do.
const ROWS_PER_RUN: usize = 8;
const ROWS_PER_PLACE: usize = 2;

/// Appends the id, `bitmap` or another, and what it says of the flags of `n` rows.
pub(super) fn put_flags(
    bitmap: u8,
    flags: impl Iterator<Item = bool> + Clone,
    n: usize,
    effort: Effort,
    out: &mut Vec<u8>,
) {
    if n > FEW {
        let flags: Vec<bool> = flags.clone().collect();
        let runs = 1 + flags.windows(2).filter(|pair| pair[0] != pair[1]).count();
        let set = flags.iter().filter(|flag| **flag).count();
        let mut forms = Vec::new();
        if runs * ROWS_PER_RUN <= n {
            forms.push(runs_of(&flags, effort));
        }
        for (form, wanted, count) in [(PLACES, true, set), (GAPS, false, n - set)] {
            if count * ROWS_PER_PLACE <= n {
                forms.push(places_of(&flags, form, wanted, effort));
            }
        }
        if let Some(best) = forms.into_iter().min_by_key(Vec::len)
            && best.len() <= n / 8
        {
            return out.extend(best);
        }
    }
    out.push(bitmap);
    put_bits(flags, out);
}

fn runs_of(flags: &[bool], effort: Effort) -> Vec<u8> {
    let mut lens: Vec<i64> = flags.chunk_by(|a, b| a == b).map(|run| run.len() as i64).collect();
    lens.pop();
    let mut out = vec![RUNS, u8::from(flags.first() == Some(&true))];
    put_len(&mut out, lens.len());
    encode_ints_with(&lens, effort, &mut out);
    out
}

fn places_of(flags: &[bool], form: u8, wanted: bool, effort: Effort) -> Vec<u8> {
    let places = (0i64..).zip(flags).filter(|(_, flag)| **flag == wanted).map(|(row, _)| row);
    let places: Vec<i64> = places.collect();
    let mut out = vec![form];
    put_len(&mut out, places.len());
    encode_ints_with(&places, effort, &mut out);
    out
}

/// Reads the flags of `n` rows, as a bitmap, given their id; `bitmap` is that of the plain form.
pub(super) fn take_flags<'a>(
    bitmap: u8,
    id: u8,
    reader: &mut Reader<'a>,
    n: usize,
) -> Result<Cow<'a, [u8]>, Bad> {
    match id {
        id if id == bitmap => reader.take(n.div_ceil(8)).map(Cow::Borrowed),
        RUNS => {
            let mut flag = match reader.u8()? {
                first @ 0..=1 => first == 1,
                other => return reader.bad("0 or 1 for the first row", other.to_string()),
            };
            let count = reader.count(n)?;
            let (mut bits, mut row) = (vec![0; n.div_ceil(8)], 0usize);
            let mut lens = decode_ints(reader, count)?;
            lens.push(i64::try_from(n).unwrap_or(i64::MAX));
            for (at, len) in lens.iter().enumerate() {
                let end = usize::try_from(*len).ok().and_then(|len| row.checked_add(len));
                let end = match end {
                    Some(end) if end <= n => end,
                    Some(_) if at == count => n,
                    _ => return reader.bad("runs of the block's rows", len.to_string()),
                };
                if flag {
                    (row..end).for_each(|row| set(&mut bits, row));
                }
                (row, flag) = (end, !flag);
            }
            Ok(Cow::Owned(bits))
        }
        PLACES | GAPS => {
            let count = reader.count(n)?;
            let mut bits = vec![0; n.div_ceil(8)];
            for place in decode_ints(reader, count)? {
                match usize::try_from(place) {
                    Ok(row) if row < n => set(&mut bits, row),
                    _ => return reader.bad("a row of the block", place.to_string()),
                }
            }
            if id == GAPS {
                bits.iter_mut().for_each(|byte| *byte = !*byte);
            }
            Ok(Cow::Owned(bits))
        }
        other => reader.bad("a form of flags", other.to_string()),
    }
}

fn set(bits: &mut [u8], row: usize) {
    if let Some(byte) = bits.get_mut(row / 8) {
        *byte |= 1 << (row % 8);
    }
}

/// The flag of a row.
pub(super) fn flag(bits: &[u8], row: usize) -> bool {
    bits.get(row / 8).is_some_and(|byte| byte >> (row % 8) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip(flags: &[bool], effort: Effort) -> Vec<u8> {
        let mut out = Vec::new();
        put_flags(1, flags.iter().copied(), flags.len(), effort, &mut out);
        let mut reader = Reader::new(&out);
        let id = reader.u8().unwrap();
        let bits = take_flags(1, id, &mut reader, flags.len()).unwrap();
        reader.end().unwrap();
        let found: Vec<bool> = (0..flags.len()).map(|row| flag(&bits, row)).collect();
        assert_eq!(found, flags);
        out
    }

    #[test]
    fn what_is_regular_takes_a_few_bytes() {
        let rows = |test: fn(usize) -> bool| (0..1024).map(test).collect::<Vec<_>>();
        let cases: [(&str, Vec<bool>, usize); 7] = [
            ("all", rows(|_| true), 8),
            ("none", rows(|_| false), 8),
            ("begins late", rows(|row| row >= 300), 8),
            ("a gap", rows(|row| !(300..317).contains(&row)), 10),
            ("every sixth", rows(|row| row % 6 == 2), 8),
            ("all but every tenth", rows(|row| row % 10 != 0), 8),
            ("thrown now and then", rows(|row| row * row / 100_000 % 2 == 1), 32),
        ];
        for (what, flags, most) in cases {
            for effort in [Effort::Quick, Effort::Hot, Effort::Cold] {
                let bytes = round_trip(&flags, effort);
                assert!(bytes.len() <= most, "{what}: {} bytes", bytes.len());
            }
        }
    }

    proptest! {
        #[test]
        fn flags_come_back(
            runs in prop::collection::vec((any::<bool>(), 0..200usize), 0..30), noise in prop::collection::vec(any::<bool>(), 0..300),
            noisy in any::<bool>()
        ) {
            let mut flags: Vec<bool> =
                runs.iter().flat_map(|(flag, len)| std::iter::repeat_n(*flag, *len)).collect();
            if noisy {
                flags.extend(noise);
            }
            for effort in [Effort::Quick, Effort::Hot, Effort::Cold] {
                let bytes = round_trip(&flags, effort);
                prop_assert!(bytes.len() <= 1 + flags.len().div_ceil(8), "never more than a bitmap");
            }
        }

        #[test]
        fn damage_is_refused_or_read_as_other_flags(
            flags in prop::collection::vec(prop::bool::weighted(0.05), 65..300), cut in 0..100usize, at in 0..100usize, mask in 1..255u8
        ) {
            let mut bytes = Vec::new();
            put_flags(1, flags.iter().copied(), flags.len(), Effort::Hot, &mut bytes);
            let read = |bytes: &[u8]| {
                let mut reader = Reader::new(bytes);
                let id = reader.u8()?;
                take_flags(1, id, &mut reader, flags.len()).map(|bits| bits.len())
            };
            prop_assert!(read(&bytes[..cut.min(bytes.len() - 1)]).is_err());
            let at = at % bytes.len();
            bytes[at] ^= mask;
            if let Ok(len) = read(&bytes) {
                prop_assert_eq!(len, flags.len().div_ceil(8));
            }
        }
    }
}
