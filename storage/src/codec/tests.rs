//! One suite over all codecs and efforts: what was written comes back bit for bit, and damage is noticed or decoded to something.

use proptest::prelude::*;
use stripchart_core::{Column, FieldType, Strings, ValueRef, Values};

use super::*;

const EFFORTS: [Effort; 3] = [Effort::Quick, Effort::Hot, Effort::Cold];

/// Shapes that codecs were made for, and some that none was.
pub(super) fn shapes(n: usize) -> Vec<Vec<i64>> {
    let mut x = 88_172_645_463_325_252u64;
    let mut random = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x.cast_signed()
    };
    let mut list = Vec::new();
    let mut walk = |mut next: Box<dyn FnMut(i64, i64, i64) -> i64 + '_>| {
        let mut last = 0;
        let values = (0..n).map(|row| {
            last = next(i64::try_from(row).unwrap(), last, random());
            last
        });
        list.push(values.collect::<Vec<_>>());
    };
    walk(Box::new(|_, _, _| 7));
    walk(Box::new(|row, _, _| row * 10_000_000_000 - 5));
    walk(Box::new(|_, last, r| last + r.rem_euclid(7) - 3));
    walk(Box::new(|_, last, r| (last + r.rem_euclid(5) - 2).clamp(0, 9)));
    walk(Box::new(|_, last, r| last + if r % 9 == 0 { 1 } else { 0 }));
    walk(Box::new(|_, last, r| last + if r % 50 == 0 { r >> 30 } else { 3 }));
    walk(Box::new(|_, last, r| if r % 300 == 0 { r % 7 } else { last }));
    walk(Box::new(|_, _, r| (r % 100) * 4096 + 77));
    walk(Box::new(|_, last, r| last + (r % 1000) * 1_000_000));
    walk(Box::new(|row, _, r| row * row * 1000 + r % 3));
    walk(Box::new(|row, _, r| if row % 97 == 96 { r } else { r % 4 }));
    walk(Box::new(|_, _, r| r));
    walk(Box::new(|_, _, r| r >> 20));
    walk(Box::new(|row, _, _| if row % 2 == 0 { i64::MAX } else { i64::MIN }));
    walk(Box::new(|row, _, r| i64::MAX.wrapping_add(row + r % 3)));
    walk(Box::new(|_, _, r| if r % 2 == 0 { -1 } else { 0 }));
    list
}

fn check_ints(values: &[i64], effort: Effort) -> Vec<u8> {
    let mut out = Vec::new();
    encode_ints_with(values, effort, &mut out);
    let mut reader = Reader::new(&out);
    let got = decode_ints(&mut reader, values.len()).unwrap();
    let wrong = values.iter().zip(&got).position(|(a, b)| a != b);
    assert_eq!(
        (got.len(), wrong),
        (values.len(), None),
        "{effort:?} {:?}",
        &out[..out.len().min(40)]
    );
    assert_eq!(reader.rest(), 0);
    out
}

#[test]
fn integers_of_every_shape_and_length_come_back() {
    for n in
        [0, 1, 2, 3, 7, 8, 9, 31, 33, 64, 255, 256, 257, 700, 1023, 1024, 1025, 1080, 2048, 3000]
    {
        for values in shapes(n) {
            for effort in EFFORTS {
                check_ints(&values, effort);
            }
        }
    }
}

/// Every cut of a good block is an error, every flipped bit an error or as many values.
fn check_damage<T>(
    good: &[u8],
    n: usize,
    decode: fn(&mut Reader<'_>, usize) -> Result<Vec<T>, Bad>,
) {
    for cut in 0..good.len() {
        assert!(decode(&mut Reader::new(&good[..cut]), n).is_err());
    }
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.to_vec();
            bad[at] ^= 1 << bit;
            if let Ok(got) = decode(&mut Reader::new(&bad), n) {
                assert_eq!(got.len(), n);
            }
        }
    }
}

#[test]
fn damaged_integers_are_errors_or_values() {
    for values in shapes(90) {
        for effort in [Effort::Hot, Effort::Cold] {
            let good = check_ints(&values, effort);
            check_damage(&good, values.len(), decode_ints);
        }
    }
}

#[test]
fn more_effort_never_takes_more_than_a_few_bytes_more() {
    for n in [8, 100, 1024, 1080] {
        for values in shapes(n) {
            let lens = EFFORTS.map(|effort| check_ints(&values, effort).len());
            assert!(lens[1] <= lens[0] + 12 && lens[2] <= lens[1], "{n}: {lens:?}");
        }
    }
}

/// Floats as they come: decimals of several kinds, some with odd ones in between, and others.
fn float_shapes(n: usize) -> Vec<Vec<f64>> {
    let ints = shapes(n);
    let mut list: Vec<Vec<f64>> = Vec::new();
    for values in &ints {
        list.push(values.iter().map(|v| (v % 100_000) as f64 / 100.0).collect());
        list.push(values.iter().map(|v| (v % 1_000_000) as f64 * 0.001).collect());
        list.push(values.iter().map(|v| *v as f64).collect());
        list.push(values.iter().map(|v| f64::from_bits(v.cast_unsigned())).collect());
        list.push(values.iter().map(|v| (*v as f64).sqrt()).collect());
    }
    let odd = [
        f64::NAN,
        -0.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        5e-324,
        1e300,
        f64::from_bits(0xfff8_0000_dead_beef),
    ];
    for every in [2, 7, 60] {
        let value = |at: usize| {
            if at % every == 1 { odd[at / every % odd.len()] } else { at as f64 / 10.0 }
        };
        list.push((0..n).map(value).collect());
        list.push((0..n).map(|at| if at % every == 1 { 0.3f64.next_up() } else { 0.3 }).collect());
    }
    list
}

fn check_floats(values: &[f64], effort: Effort) -> Vec<u8> {
    let mut out = Vec::new();
    encode_floats(values, effort, &mut out);
    let mut reader = Reader::new(&out);
    let got = decode_floats(&mut reader, values.len()).unwrap();
    let wrong = values.iter().zip(&got).position(|(a, b)| a.to_bits() != b.to_bits());
    assert_eq!(
        (got.len(), wrong),
        (values.len(), None),
        "{effort:?} {:?}",
        &out[..out.len().min(40)]
    );
    assert_eq!(reader.rest(), 0);
    out
}

#[test]
fn floats_of_every_shape_and_length_come_back() {
    for n in [0, 1, 2, 9, 300, 1080] {
        for values in float_shapes(n) {
            for effort in EFFORTS {
                check_floats(&values, effort);
            }
        }
    }
}

#[test]
fn damaged_floats_are_errors_or_values() {
    for values in float_shapes(30) {
        for effort in [Effort::Hot, Effort::Cold] {
            let good = check_floats(&values, effort);
            check_damage(&good, values.len(), decode_floats);
        }
    }
}

#[test]
fn blocks_add_up_to_what_their_values_do() {
    let aggregates = |column: &Column, effort: Effort| {
        let n = column.len();
        let half = n / 2;
        let mut out = Vec::new();
        encode_column_with(column, n, effort, &mut out);
        let field_type = column.values().field_type().unwrap();
        let block = NumberBlock::parse(&out, field_type, n).unwrap();
        let mut scratch = Scratch::default();
        let sum = block.aggregate(crate::Aggregates::SUM, &mut scratch).unwrap();
        let all = block.aggregate(crate::Aggregates::ALL, &mut scratch).unwrap();
        assert_eq!((sum.count, all.count), (n, n));
        // Whether the halves are told without decoding, and what they come to.
        let mut halves = Vec::new();
        let told = block.sums(&[0, half, n], &mut scratch, |sum| halves.push(sum.total()));
        let decoded = block.decode_into(&mut scratch).unwrap();
        let want = [0..half, half..n].map(|rows| decoded.aggregate(rows, crate::Aggregates::SUM));
        assert_eq!(halves.len(), if told { 2 } else { 0 });
        let mut pairs: Vec<_> = halves.into_iter().zip(want.map(|half| half.sum.total())).collect();
        pairs.push((sum.sum.total(), all.sum.total()));
        (told, pairs)
    };
    for n in [1, 600, 1080] {
        for values in shapes(n) {
            let want = values.iter().fold(0i64, |sum, v| sum.wrapping_add(*v));
            let column = Column::new("", Values::Integer(values));
            for effort in EFFORTS {
                let (_, pairs) = aggregates(&column, effort);
                assert!(pairs.iter().all(|(sum, plain)| sum == plain), "{pairs:?}");
                let all = pairs.last().unwrap();
                assert_eq!(*all, (crate::Number::Integer(want), crate::Number::Integer(want)));
            }
        }
        for values in float_shapes(n) {
            let largest = values.iter().fold(0.0f64, |a, v| a.max(v.abs()));
            let column = Column::new("", Values::Float(values));
            for effort in EFFORTS {
                let (told, pairs) = aggregates(&column, effort);
                // Sums of decimals are as far from the sums of the values as those are from their decimals; others are equal.
                let away = if told { n as f64 * largest * f64::EPSILON } else { 0.0 };
                for (sum, plain) in pairs.iter().map(|(a, b)| (a.as_f64(), b.as_f64())) {
                    let near = (sum - plain).abs() <= away;
                    assert!(sum == plain || near || (sum.is_nan() && plain.is_nan()), "{pairs:?}");
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn any_floats_come_back(bits in prop::collection::vec(any::<u64>(), 0..300), tame in any::<bool>()) {
        let value = |bits: &u64| if tame { (bits % 100_000) as f64 / 1e3 } else { f64::from_bits(*bits) };
        let values: Vec<f64> = bits.iter().map(value).collect();
        for effort in EFFORTS {
            check_floats(&values, effort);
        }
    }

    #[test]
    fn any_integers_come_back(
        values in prop::collection::vec(any::<i64>(), 0..1300), shift in 0..64u32, odd in any::<i64>(), sums in 0..3
    ) {
        let mut values: Vec<i64> = values.into_iter().map(|v| v >> shift).collect();
        if let Some(first) = values.first_mut() {
            *first = odd;
        }
        for _ in 0..sums {
            let mut sum = 0i64;
            values.iter_mut().for_each(|v| { sum = sum.wrapping_add(*v); *v = sum; });
        }
        for effort in EFFORTS {
            check_ints(&values, effort);
        }
    }
}

fn round_trip_ints(values: &[i64]) -> usize {
    let mut out = Vec::new();
    encode_ints(values, &mut out);
    let mut reader = Reader::new(&out);
    assert_eq!(decode_ints(&mut reader, values.len()).unwrap(), values);
    assert_eq!(reader.rest(), 0);
    out.len()
}

fn floats(values: &[f64]) -> Column {
    Column::new("f", Values::Float(values.to_vec()))
}

fn round_trip(column: &Column, n: usize) -> usize {
    let mut out = Vec::new();
    encode_column(column, n, &mut out);
    let mut reader = Reader::new(&out);
    let field_type = column.values().field_type().unwrap();
    let got = decode_column(&mut reader, &column.name, field_type, n).unwrap();
    assert_eq!(reader.rest(), 0);
    for row in 0..n {
        match (column.get(row), got.get(row)) {
            (Some(ValueRef::Float(a)), Some(ValueRef::Float(b))) => {
                assert_eq!(a.to_bits(), b.to_bits());
            }
            (a, b) => assert_eq!(a, b, "{row}"),
        }
    }
    for cut in 0..out.len() {
        assert!(decode_column(&mut Reader::new(&out[..cut]), "", field_type, n).is_err(), "{cut}");
    }
    out.len()
}

#[test]
fn integers_choose_the_short_form() {
    assert_eq!(round_trip_ints(&[]), 2);
    assert_eq!(round_trip_ints(&[7; 1000]), 2);
    assert_eq!(round_trip_ints(&[5]), 2);
    assert!(round_trip_ints(&(0..1000).map(|n| n * 10_000_000_000).collect::<Vec<_>>()) < 10);
    // 1000 steps of either 9, 10 or 11: two bits each.
    let jitter: Vec<i64> = (0..1000).map(|n| n * 10 + n % 2).collect();
    assert!(round_trip_ints(&jitter) < 270);
    round_trip_ints(&[i64::MIN, i64::MAX, 0, -1, i64::MIN]);
    round_trip_ints(&[i64::MAX, i64::MIN]);
}

#[test]
fn small_frames_are_these_bytes() {
    // Steps of 0 to 3 but for one of 100: two bits each, and an exception at place 3 with the high part 25 (zigzag 50, less one).
    let values = [10, 10, 11, 111, 114, 116, 116, 119, 121, 122, 122, 125, 127, 129, 130, 133, 134];
    let mut out = Vec::new();
    encode_ints_with(&values, Effort::Hot, &mut out);
    assert_eq!(out, [0b0110_0001, 20, 0, 0x82, 1, 6, 3, 49, 0x10, 0xcb, 0xc6, 0xda, 1]);
    // In units of 1000.
    out.clear();
    encode_ints_with(
        &[5000, 2000, 9000, 4000, 7000, 1000, 8000, 3000, 6000],
        Effort::Hot,
        &mut out,
    );
    assert_eq!(out[..5], [0b0110_0101, 0x90, 0x4e, 0xe8, 0x07]);
}

#[test]
fn entropy_coded_bytes_stay_as_they_are() {
    let values: Vec<i64> = (0..400i64)
        .scan(0, |sum, n| {
            *sum += n * n % 11 % 5 - 1;
            Some(*sum)
        })
        .collect();
    let mut out = Vec::new();
    encode_ints_with(&values, Effort::Cold, &mut out);
    assert_eq!(out[0] & 0b1100_0000, 0b1000_0000);
    assert_eq!((out.len(), crc32c::crc32c(&out)), (115, 3_442_997_820));
}

#[test]
fn a_small_block_is_these_bytes() {
    let mut out = Vec::new();
    encode_ints(&[10, 11, 13, 14], &mut out);
    assert_eq!(out, [3, 20, 2, 1, 0b010]);
    out.clear();
    encode_column(&floats(&[0.5, 1.5]), 3, &mut out);
    assert_eq!(out, [SOME_PRESENT, 0b011, 1, 1, 1, 10, 20]);
}

#[test]
fn floats_come_back_bit_for_bit() {
    let odd = [
        f64::NAN,
        -0.0,
        f64::INFINITY,
        f64::MIN_POSITIVE,
        1e300,
        f64::from_bits(0x7ff8_0000_0000_0001),
    ];
    round_trip(&floats(&odd), odd.len());
    assert!(round_trip(&floats(&[f64::NAN; 100]), 100) < 20);
    let percent: Vec<f64> = (0..1000).map(|n| f64::from(n % 37) / 10.0).collect();
    assert!(round_trip(&floats(&percent), 1000) < 900);
}

#[test]
fn every_type_comes_back_with_its_gaps() {
    let texts: Strings = ["a", "", "a", "ü"].into_iter().collect();
    round_trip(&Column::new("s", Values::String(texts)), 6);
    round_trip(&Column::new("b", Values::Boolean(vec![true, false, true])), 3);
    round_trip(&Column::new("u", Values::Unsigned(vec![u64::MAX, 0, 5])), 4);
    let mut gaps = Column::new("i", Values::empty(FieldType::Integer));
    for n in 0..100i64 {
        if n % 3 == 0 { gaps.push(n.into()) } else { gaps.push_null() }
    }
    round_trip(&gaps, 120);
    round_trip(&Column::new("none", Values::empty(FieldType::Float)), 5);
}

proptest! {
    #[test]
    fn any_integers(values in prop::collection::vec(any::<i64>(), 0..200), shift in 0..64u32) {
        let values: Vec<i64> = values.into_iter().map(|v| v >> shift).collect();
        round_trip_ints(&values);
    }

    #[test]
    fn any_floats(bits in prop::collection::vec(any::<u64>(), 0..50)) {
        let values: Vec<f64> = bits.into_iter().map(f64::from_bits).collect();
        round_trip(&floats(&values), values.len());
    }

    #[test]
    fn any_bytes_are_refused_or_decoded(bytes in prop::collection::vec(any::<u8>(), 0..80), n in 0..300usize) {
        for field_type in FieldType::ALL {
            if let Ok(column) = decode_column(&mut Reader::new(&bytes), "", field_type, n) {
                prop_assert_eq!(column.len(), n);
            }
        }
    }
}
