//! Packed values in lane order, for vector units.
//!
//! A tile holds 32 consecutive values for each of `L` lanes: value `32 * lane + row` of the tile stands in `row` and `lane`.
//!
//! ```text
//!             lane 0   lane 1          lane L-1
//! row 0       v[0]     v[32]    ...    v[32 L - 32]          packed: each lane is a run of 32 values of `width` bits,
//! row 1       v[1]     v[33]    ...    v[32 L - 31]          lowest bit first, so `width` words of 32 bits. Word 0 of
//! ...                                                        all lanes, then word 1 of all lanes, ...
//! row 31      v[31]    v[63]    ...    v[32 L - 1]           Past 32 bits: the low 32 of all, then the rest of all.
//! ```
//!
//! One shift serves a whole row. Steps add up row by row, in all lanes at once; what each lane begins with is the sum of the totals
//! of those before it, so nothing beside the packed values is stored. A tile of `width` bits takes exactly `4 * L * width` bytes.

/// Rows of a tile: consecutive values of a lane.
pub(super) const ROWS: usize = 32;

/// A tile, unpacked.
pub(super) type Tile<T, const L: usize> = [[T; L]; ROWS];

/// The two word sizes that tiles are computed in; arithmetic wraps around.
pub(super) trait Word: Copy + Default {
    fn from_low(low: u32) -> Self;
    /// With `high` above the low 32 bits, as far as they fit.
    fn with_high(self, high: u32) -> Self;
    fn of(value: u64) -> Self;
    fn add(self, other: Self) -> Self;
    /// As a signed number of 64 bits.
    fn widen(self) -> i64;
    /// As a float; exact where 32 bits are enough.
    fn to_f64(self) -> f64;
}

impl Word for u32 {
    #[inline(always)]
    fn from_low(low: u32) -> Self {
        low
    }
    #[inline(always)]
    fn with_high(self, _: u32) -> Self {
        self
    }
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "computed modulo 2^32")]
    fn of(value: u64) -> Self {
        value as u32
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    #[inline(always)]
    fn widen(self) -> i64 {
        i64::from(self.cast_signed())
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self.cast_signed())
    }
}

impl Word for u64 {
    #[inline(always)]
    fn from_low(low: u32) -> Self {
        u64::from(low)
    }
    #[inline(always)]
    fn with_high(self, high: u32) -> Self {
        self | u64::from(high) << 32
    }
    #[inline(always)]
    fn of(value: u64) -> Self {
        value
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    #[inline(always)]
    fn widen(self) -> i64 {
        self.cast_signed()
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self.cast_signed() as f64
    }
}

/// Appends `32 * L` values, `width` bits of each.
pub(super) fn pack<const L: usize>(values: &[u64], width: u32, out: &mut Vec<u8>) {
    pack_plane::<L>(values, 0, width.min(32), out);
    if width > 32 {
        pack_plane::<L>(values, 32, width - 32, out);
    }
}

fn pack_plane<const L: usize>(values: &[u64], from: u32, width: u32, out: &mut Vec<u8>) {
    let mask = (1u64 << width) - 1;
    let start = out.len();
    out.resize(start + 4 * L * width as usize, 0);
    let (words, _) = out[start..].as_chunks_mut::<4>();
    for (lane, values) in values.chunks_exact(ROWS).take(L).enumerate() {
        let (mut word, mut bits, mut at) = (0u64, 0, lane);
        for value in values {
            word |= (value >> from & mask) << bits;
            bits += width;
            if bits >= 32 {
                let [a, b, c, d, ..] = word.to_le_bytes();
                words[at] = [a, b, c, d];
                at += L;
                word >>= 32;
                bits -= 32;
            }
        }
    }
}

/// Unpacks a tile; `bytes` are at least the `4 * L * width` that it takes.
#[inline(always)]
pub(super) fn unpack<T: Word, const L: usize>(bytes: &[u8], width: u32, tile: &mut Tile<T, L>) {
    let (words, _) = bytes.as_chunks::<4>();
    unpack_plane::<L>(words, width.min(32), |row, lane, low| tile[row][lane] = T::from_low(low));
    if width > 32 {
        let words = words.get(ROWS * L..).unwrap_or_default();
        unpack_plane::<L>(words, width - 32, |row, lane, high| {
            tile[row][lane] = tile[row][lane].with_high(high);
        });
    }
}

#[inline(always)]
fn unpack_plane<const L: usize>(
    words: &[[u8; 4]],
    width: u32,
    mut put: impl FnMut(usize, usize, u32),
) {
    let mask = if width == 0 { 0 } else { u32::MAX >> (32 - width) };
    let word = |at: usize| words.get(at * L..).and_then(|words| words.first_chunk::<L>());
    for row in 0..ROWS {
        let bit = row * width as usize;
        let (at, shift) = (bit / 32, bit % 32);
        // Of width 0 there are no words at all.
        let low = word(at).unwrap_or(&[[0; 4]; L]);
        if shift + width as usize > 32 {
            let high = word(at + 1).unwrap_or(&[[0; 4]; L]);
            for lane in 0..L {
                let low = u32::from_le_bytes(low[lane]) >> shift;
                put(row, lane, (low | u32::from_le_bytes(high[lane]) << (32 - shift)) & mask);
            }
        } else {
            for lane in 0..L {
                put(row, lane, u32::from_le_bytes(low[lane]) >> shift & mask);
            }
        }
    }
}

/// Replaces every value by `low` plus it plus the ones before it; returns the totals of the lanes. What the lanes before add up to is
/// not in yet: see [`starts`].
#[inline(always)]
pub(super) fn add_up<T: Word, const L: usize>(tile: &mut Tile<T, L>, low: T) -> [T; L] {
    let mut sums = [T::default(); L];
    for row in tile {
        for lane in 0..L {
            sums[lane] = sums[lane].add(row[lane].add(low));
            row[lane] = sums[lane];
        }
    }
    sums
}

/// What each lane begins with, given the totals of all and what the first begins with; and what the next tile begins with.
#[inline(always)]
pub(super) fn starts<T: Word, const L: usize>(totals: &[T; L], first: T) -> ([T; L], T) {
    let mut at = first;
    let starts = std::array::from_fn(|lane| {
        let start = at;
        at = at.add(totals[lane]);
        start
    });
    (starts, at)
}

/// Adds to every value of a lane.
#[inline(always)]
pub(super) fn raise<T: Word, const L: usize>(tile: &mut Tile<T, L>, by: &[T; L]) {
    for row in tile {
        for lane in 0..L {
            row[lane] = row[lane].add(by[lane]);
        }
    }
}

/// Hands out the values in natural order, eight at a time: the index of the first, and the values.
#[inline(always)]
pub(super) fn natural<T: Word, const L: usize>(
    tile: &Tile<T, L>,
    mut put: impl FnMut(usize, [T; 8]),
) {
    for lane in (0..L).step_by(8) {
        for row in (0..ROWS).step_by(8) {
            let square: [[T; 8]; 8] = std::array::from_fn(|at| {
                let from = &tile[row + at][lane..lane + 8];
                std::array::from_fn(|at| from[at])
            });
            let turned = transpose(square);
            for (at, values) in turned.into_iter().enumerate() {
                put((lane + at) * ROWS + row, values);
            }
        }
    }
}

/// Turns rows into columns in three rounds of interleaving, which is what vector units can do.
#[inline(always)]
fn transpose<T: Word>(rows: [[T; 8]; 8]) -> [[T; 8]; 8] {
    let mut rows = rows;
    for _ in 0..3 {
        let old = rows;
        for at in 0..4 {
            let (a, b) = (old[at], old[at + 4]);
            rows[2 * at] = [a[0], b[0], a[1], b[1], a[2], b[2], a[3], b[3]];
            rows[2 * at + 1] = [a[4], b[4], a[5], b[5], a[6], b[6], a[7], b[7]];
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(n: usize) -> Vec<u64> {
        let mut x = 88_172_645_463_325_252u64;
        let next = || {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            x
        };
        std::iter::repeat_with(next).take(n).collect()
    }

    fn round_trip<T: Word, const L: usize>(width: u32) {
        let mask = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
        let values = random(ROWS * L);
        let mut out = Vec::new();
        pack::<L>(&values, width, &mut out);
        assert_eq!(out.len(), 4 * L * width as usize);
        let mut tile = [[T::default(); L]; ROWS];
        unpack::<T, L>(&out, width, &mut tile);
        natural(&tile, |at, got| {
            for (i, got) in got.into_iter().enumerate() {
                assert_eq!(got.widen(), T::of(values[at + i] & mask).widen(), "{width} {at} {i}");
            }
        });
    }

    #[test]
    fn tiles_of_every_width_come_back() {
        for width in 0..=64 {
            round_trip::<u64, 32>(width);
            round_trip::<u64, 8>(width);
        }
        for width in 0..=32 {
            round_trip::<u32, 32>(width);
            round_trip::<u32, 8>(width);
        }
    }

    #[test]
    fn lanes_add_up_to_what_the_values_do() {
        let values = random(1024);
        let mut out = Vec::new();
        pack::<32>(&values, 64, &mut out);
        let mut tile = [[0u64; 32]; ROWS];
        unpack(&out, 64, &mut tile);
        let totals = add_up(&mut tile, 3);
        let (starts, end) = starts(&totals, 100);
        raise(&mut tile, &starts);
        let mut want = 100u64;
        let sums: Vec<u64> = values
            .iter()
            .map(|v| {
                want = want.wrapping_add(*v).wrapping_add(3);
                want
            })
            .collect();
        natural(&tile, |at, got| assert_eq!(got, sums[at..at + 8]));
        assert_eq!(end, want);
    }
}
