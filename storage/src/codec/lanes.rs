//! Packed values in lane order, for vector units.
//!
//! A tile holds 32 consecutive values for each of `L` lanes, 32 or 8: value `32 * lane + row` of the tile stands in `row` and `lane`.
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
//! of those before it, so nothing beside the packed values is stored. A tile of `width` bits takes exactly `4 * L * width` bytes. In code a tile has `G` groups of 8 lanes.

/// Rows of a tile: consecutive values of a lane.
pub(super) const ROWS: usize = 32;

/// Lanes of a group. All work is done by groups, as values: arrays of this size end up in vector registers, larger ones in memory.
pub(super) const GROUP: usize = 8;

/// A word in each of eight lanes.
pub(super) type Group<T> = [T; GROUP];

/// One word in each lane.
pub(super) type Row<T, const G: usize> = [Group<T>; G];

/// A tile of `G` groups of lanes, unpacked.
pub(super) type Tile<T, const G: usize> = [Row<T, G>; ROWS];

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

/// What `f` makes of each word. Written out: the compiler must put `f` in place eight times, for only there it is compiled for the
/// processor at hand.
#[inline(always)]
pub(super) fn map<A: Copy, B>(a: Group<A>, f: impl Fn(A) -> B) -> Group<B> {
    [f(a[0]), f(a[1]), f(a[2]), f(a[3]), f(a[4]), f(a[5]), f(a[6]), f(a[7])]
}

/// What `f` makes of each pair of words.
#[inline(always)]
pub(super) fn zip<A: Copy, B: Copy, C>(
    a: Group<A>,
    b: Group<B>,
    f: impl Fn(A, B) -> C,
) -> Group<C> {
    [
        f(a[0], b[0]),
        f(a[1], b[1]),
        f(a[2], b[2]),
        f(a[3], b[3]),
        f(a[4], b[4]),
        f(a[5], b[5]),
        f(a[6], b[6]),
        f(a[7], b[7]),
    ]
}

#[inline(always)]
pub(super) fn add<T: Word>(a: Group<T>, b: Group<T>) -> Group<T> {
    [
        a[0].add(b[0]),
        a[1].add(b[1]),
        a[2].add(b[2]),
        a[3].add(b[3]),
        a[4].add(b[4]),
        a[5].add(b[5]),
        a[6].add(b[6]),
        a[7].add(b[7]),
    ]
}

/// Appends the values of a tile of `G` groups, `width` bits of each.
pub(super) fn pack<const G: usize>(values: &[u64], width: u32, out: &mut Vec<u8>) {
    pack_plane::<G>(values, 0, width.min(32), out);
    if width > 32 {
        pack_plane::<G>(values, 32, width - 32, out);
    }
}

fn pack_plane<const G: usize>(values: &[u64], from: u32, width: u32, out: &mut Vec<u8>) {
    let lanes = G * GROUP;
    let mask = (1u64 << width) - 1;
    let start = out.len();
    out.resize(start + 4 * lanes * width as usize, 0);
    let (words, _) = out[start..].as_chunks_mut::<4>();
    for (lane, values) in values.chunks_exact(ROWS).take(lanes).enumerate() {
        let (mut word, mut bits, mut at) = (0u64, 0, lane);
        for value in values {
            word |= (value >> from & mask) << bits;
            bits += width;
            if bits >= 32 {
                let [a, b, c, d, ..] = word.to_le_bytes();
                words[at] = [a, b, c, d];
                at += lanes;
                word >>= 32;
                bits -= 32;
            }
        }
    }
}

/// Unpacks a tile; `bytes` are at least what it takes.
#[inline(always)]
pub(super) fn unpack<T: Word, const G: usize>(bytes: &[u8], width: u32, tile: &mut Tile<T, G>) {
    let (words, _) = bytes.as_chunks::<{ 4 * GROUP }>();
    unpack_plane::<G>(words, width.min(32), |row, group, low| {
        tile[row][group] = map(low, T::from_low);
    });
    if width > 32 {
        let words = words.get(ROWS * G..).unwrap_or_default();
        unpack_plane::<G>(words, width - 32, |row, group, high| {
            tile[row][group] = zip(tile[row][group], high, T::with_high);
        });
    }
}

/// Reads every word once. Words are loaded before any is stored: bytes and tile might overlap for all that the compiler knows.
#[inline(always)]
pub(super) fn unpack_plane<const G: usize>(
    words: &[[u8; 4 * GROUP]],
    width: u32,
    mut put: impl FnMut(usize, usize, Group<u32>),
) {
    if width == 0 {
        for row in 0..ROWS {
            (0..G).for_each(|group| put(row, group, [0; GROUP]));
        }
        return;
    }
    let mask = u32::MAX >> (32 - width);
    // All groups of a row with one look at the length, which callers see to: words in place of those that are missing would be chosen one
    // by one.
    let (words, _) = words.as_chunks::<G>();
    let (mut at, mut shift) = (0, 0);
    for row in 0..ROWS {
        let end = shift + width;
        let Some(low) = words.get(at) else { return };
        if end > 32 {
            let Some(high) = words.get(at + 1) else { return };
            for (group, (low, high)) in low.iter().zip(high).enumerate() {
                let (low, high) = (load(low), load(high));
                let value =
                    zip(low, high, |low, high| (low >> shift | high << (32 - shift)) & mask);
                put(row, group, value);
            }
        } else {
            for (group, words) in low.iter().enumerate() {
                put(row, group, map(load(words), |word| word >> (shift % 32) & mask));
            }
        }
        (at, shift) = if end >= 32 { (at + 1, end - 32) } else { (at, end) };
    }
}

/// A word in each lane of a group.
#[inline(always)]
fn load(bytes: &[u8; 4 * GROUP]) -> Group<u32> {
    let (words, _) = bytes.as_chunks::<4>();
    let words = words.first_chunk::<GROUP>().unwrap_or(&[[0; 4]; GROUP]);
    map(*words, u32::from_le_bytes)
}

/// Unpacks steps of at most 32 bits and adds them up; returns the totals of the lanes. The same as [`unpack`] and [`add_up`], in one go.
#[inline(always)]
pub(super) fn unpack_steps<T: Word, const G: usize>(
    bytes: &[u8],
    width: u32,
    low: T,
    tile: &mut Tile<T, G>,
) -> Row<T, G> {
    let (words, _) = bytes.as_chunks::<{ 4 * GROUP }>();
    let low = [low; GROUP];
    let mut sums = [[T::default(); GROUP]; G];
    unpack_plane::<G>(words, width, |row, group, steps| {
        sums[group] = add(sums[group], add(map(steps, T::from_low), low));
        tile[row][group] = sums[group];
    });
    sums
}

/// Replaces every value by `low` plus it plus the ones before it; returns the totals of the lanes. What the lanes before add up to is
/// not in yet: see [`starts`].
#[inline(always)]
pub(super) fn add_up<T: Word, const G: usize>(tile: &mut Tile<T, G>, low: T) -> Row<T, G> {
    let low = [low; GROUP];
    let mut sums = [[T::default(); GROUP]; G];
    for row in tile {
        for group in 0..G {
            sums[group] = add(sums[group], add(row[group], low));
            row[group] = sums[group];
        }
    }
    sums
}

/// What each lane begins with, given the totals of all and what the first begins with; and what the next tile begins with.
#[inline(always)]
pub(super) fn starts<T: Word, const G: usize>(totals: &Row<T, G>, first: T) -> (Row<T, G>, T) {
    let mut at = first;
    let mut starts = *totals;
    for start in starts.as_flattened_mut() {
        let total = *start;
        *start = at;
        at = at.add(total);
    }
    (starts, at)
}

/// Adds to every value of a lane.
#[inline(always)]
pub(super) fn raise<T: Word, const G: usize>(tile: &mut Tile<T, G>, by: &Row<T, G>) {
    // Group by group: of rows the compiler takes many at once, word by word from all over memory.
    for (at, group) in tile.as_flattened_mut().iter_mut().enumerate() {
        *group = add(*group, by[at % G]);
    }
}

/// Eight values in a row of each lane of a group, from `row` on.
#[inline(always)]
pub(super) fn square<T: Word, const G: usize>(
    tile: &Tile<T, G>,
    group: usize,
    row: usize,
) -> [Group<T>; 8] {
    let at = |below: usize| tile[(row + below) % ROWS][group];
    // Three rounds of interleaving turn rows into columns, which is what vector units can do.
    interleave(interleave(interleave([at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7)])))
}

#[inline(always)]
fn interleave<T: Word>([a, b, c, d, e, f, g, h]: [Group<T>; 8]) -> [Group<T>; 8] {
    let ((a, b), (c, d), (e, f), (g, h)) = (weave(a, e), weave(b, f), weave(c, g), weave(d, h));
    [a, b, c, d, e, f, g, h]
}

#[inline(always)]
fn weave<T: Word>(a: Group<T>, b: Group<T>) -> (Group<T>, Group<T>) {
    (
        [a[0], b[0], a[1], b[1], a[2], b[2], a[3], b[3]],
        [a[4], b[4], a[5], b[5], a[6], b[6], a[7], b[7]],
    )
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

    fn natural<T: Word, const G: usize>(tile: &Tile<T, G>) -> Vec<T> {
        let mut out = vec![T::default(); ROWS * G * GROUP];
        for group in 0..G {
            for row in (0..ROWS).step_by(8) {
                for (lane, values) in square(tile, group, row).iter().enumerate() {
                    let at = (group * GROUP + lane) * ROWS + row;
                    out[at..at + 8].copy_from_slice(values);
                }
            }
        }
        out
    }

    fn round_trip<T: Word, const G: usize>(width: u32) {
        let mask = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
        let values = random(ROWS * G * GROUP);
        let mut out = Vec::new();
        pack::<G>(&values, width, &mut out);
        assert_eq!(out.len(), 4 * G * GROUP * width as usize);
        let mut tile = [[[T::default(); GROUP]; G]; ROWS];
        unpack::<T, G>(&out, width, &mut tile);
        for (got, value) in natural(&tile).into_iter().zip(&values) {
            assert_eq!(got.widen(), T::of(value & mask).widen(), "{width}");
        }
    }

    #[test]
    fn tiles_of_every_width_come_back() {
        for width in 0..=64 {
            round_trip::<u64, 4>(width);
            round_trip::<u64, 1>(width);
        }
        for width in 0..=32 {
            round_trip::<u32, 4>(width);
            round_trip::<u32, 1>(width);
        }
    }

    #[test]
    fn lanes_add_up_to_what_the_values_do() {
        let values = random(1024);
        let mut out = Vec::new();
        pack::<4>(&values, 64, &mut out);
        let mut tile = [[[0u64; GROUP]; 4]; ROWS];
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
        assert_eq!(natural(&tile), sums);
        assert_eq!(end, want);
    }
}
