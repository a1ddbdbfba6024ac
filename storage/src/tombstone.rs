//! Tombstones: what was deleted, until no segment holds it any more.
//!
//! ```text
//! FOLDER/tombstones/NNNNNNNNNNNNNNNN.del, the name is the rank, hexadecimal
//!
//! 0           8     10    12              20          20+n     24+n
//! +-----------+-----+-----+---------------+-----------+--------+
//! | "SCHARTTS"| ver | 0   | rank u64      | marks     | crc32c |
//! |  magic    | u16 | u16 |               | n bytes   | of all |
//! +-----------+-----+-----+---------------+-----------+--------+
//!
//! marks    count, and for each:
//!   policy       varint
//!   measurement  text
//!   range        first time, first time after it: zigzag each
//!   series       0 all of the measurement, or 1 and a set of keys (see `keys`)
//! ```
//!
//! A tombstone hides the rows that it names in all segments of a rank below its own. The head is sealed before one is written, and
//! segments of later writes rank above it; so memory and log know no deletes, and nothing that is replayed comes back to life.
//! The filter of a delete is resolved to the series that it means at that moment: a test cannot be stored.
//!
//! The file is written under another name, synced, renamed and its folder synced before a delete is acknowledged. It goes once
//! every segment with rows that it hides has been written again without them, and the removal of the old one is durable.

mod keys;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use stripchart_core::KeyRef;

pub(crate) use self::keys::KeySet;
use crate::ReadError;
use crate::bytes::{Bad, Reader, put_len, put_str, put_varint, put_zigzag};
use crate::catalog::PolicyId;
use crate::crc;
use crate::recover::{create_synced, list_or_nothing};
use crate::rows::{Rows, Wanted};
use crate::segment::{Segment, SeriesAt};
use crate::spans::union;
use crate::vfs::Vfs;
use crate::whole::{self, Written};

/// The folder of the files.
pub(crate) const FOLDER: &str = "tombstones";
/// How their names end.
pub(crate) const SUFFIX: &str = ".del";

const MAGIC: &[u8; 8] = b"SCHARTTS";
pub(crate) const VERSION: u16 = 1;
const RANK_AT: usize = MAGIC.len() + 2 + 2;
const BODY_AT: usize = RANK_AT + 8;
const CRC_LEN: usize = 4;
const _: () = assert!(BODY_AT == 20, "the drawing above and docs/format/tombstones.md say 20");

/// What one delete hides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tombstone {
    /// It applies to segments of a lower rank.
    pub(crate) rank: u64,
    pub(crate) marks: Vec<Mark>,
}

/// A part of it: rows of one measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) policy: PolicyId,
    pub(crate) measurement: String,
    /// From the first time to before the second.
    pub(crate) range: (i64, i64),
    pub(crate) series: Selection,
}

/// Which series of a measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    All,
    Keys(KeySet),
}

impl Selection {
    fn contains(&self, key: &str) -> bool {
        match self {
            Selection::All => true,
            Selection::Keys(keys) => keys.contains(key),
        }
    }
}

impl Mark {
    /// Whether some row of `segment` may be meant, as far as its index tells.
    fn touches(&self, segment: &Segment) -> Result<bool, ReadError> {
        let meets = |(first, last): (i64, i64)| first < self.range.1 && self.range.0 <= last;
        if segment.footer.policy != self.policy || !meets(segment.footer.bounds) {
            return Ok(false);
        }
        let Some((table, view)) = segment.table(&self.measurement)? else { return Ok(false) };
        let mut meant = Vec::new();
        for number in 0..view.table.series {
            if !meets(segment.bounds_of(SeriesAt::new(table, number))?) {
                continue;
            }
            if matches!(self.series, Selection::All) {
                return Ok(true);
            }
            meant.push(number);
        }
        let keys = view.keys(&meant)?;
        Ok(keys.iter().any(|key| self.series.contains(key.as_ref().as_str())))
    }
}

impl Tombstone {
    /// Whether it hides rows of `segment`, as far as its index tells.
    pub(crate) fn touches(&self, segment: &Segment) -> Result<bool, ReadError> {
        if segment.footer.rank >= self.rank {
            return Ok(false);
        }
        for mark in &self.marks {
            if mark.touches(segment)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The bytes of the file.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(VERSION.to_le_bytes());
        out.extend([0, 0]);
        out.extend(self.rank.to_le_bytes());
        put_len(&mut out, self.marks.len());
        for mark in &self.marks {
            put_varint(&mut out, u64::from(mark.policy.0));
            put_str(&mut out, &mark.measurement);
            put_zigzag(&mut out, mark.range.0);
            put_zigzag(&mut out, mark.range.1);
            match &mark.series {
                Selection::All => out.push(0),
                Selection::Keys(keys) => {
                    out.push(1);
                    keys.encode(&mut out);
                }
            }
        }
        out.extend(crc32c::crc32c(&out).to_le_bytes());
        out
    }

    /// Reads the bytes of the file at `path`.
    pub(crate) fn decode(path: &Path, bytes: &[u8]) -> Result<Tombstone, ReadError> {
        let bad = |bad: Bad| ReadError::corrupt(path, bad.offset as u64, bad.expected, bad.found);
        let mut reader = Reader::new(bytes);
        if reader.take(MAGIC.len()).map_err(bad)? != MAGIC {
            let expected = "the magic SCHARTTS of a tombstone";
            return Err(ReadError::corrupt(path, 0, expected, "other bytes"));
        }
        let version = reader.u16().map_err(bad)?;
        ReadError::check_version(path, version, VERSION..=VERSION)?;
        let Some(end) = bytes.len().checked_sub(CRC_LEN).filter(|end| *end >= BODY_AT) else {
            let found = bytes.len().to_string();
            return Err(ReadError::corrupt(path, 0, "at least 24 bytes", found));
        };
        let stored = Reader::new(&bytes[end..]).u32().map_err(bad)?;
        if !crc::holds(stored, crc32c::crc32c(&bytes[..end])) {
            let found = format!("{stored:08x}");
            return Err(ReadError::corrupt(path, end as u64, "the checksum of the file", found));
        }
        let rank = Reader::new(&bytes[RANK_AT..]).u64().map_err(bad)?;
        let mut reader = Reader::new(&bytes[BODY_AT..end]);
        let marks =
            decode_marks(&mut reader).map_err(|b| bad(Bad { offset: b.offset + BODY_AT, ..b }))?;
        Ok(Tombstone { rank, marks })
    }
}

fn decode_marks(reader: &mut Reader<'_>) -> Result<Vec<Mark>, Bad> {
    let count = reader.count(reader.rest())?;
    let mut marks = Vec::new();
    for _ in 0..count {
        let policy = match u32::try_from(reader.varint()?) {
            Ok(id) => PolicyId(id),
            Err(_) => return reader.bad("the number of a policy", "a larger one"),
        };
        let measurement = reader.str()?.to_owned();
        let range = (reader.zigzag()?, reader.zigzag()?);
        let series = match reader.u8()? {
            0 => Selection::All,
            1 => Selection::Keys(KeySet::decode(reader)?),
            other => return reader.bad("a kind of selection", other.to_string()),
        };
        marks.push(Mark { policy, measurement, range, series });
    }
    reader.end()?;
    Ok(marks)
}

/// The file of a tombstone in database folder `root`.
pub(crate) fn path_of(root: &Path, rank: u64) -> PathBuf {
    root.join(FOLDER).join(format!("{rank:016x}{SUFFIX}"))
}

/// Writes the file.
pub(crate) fn write(
    vfs: &dyn Vfs,
    root: &Path,
    tombstone: &Tombstone,
) -> Result<Written, ReadError> {
    create_synced(vfs, root, &root.join(FOLDER))?;
    let path = path_of(root, tombstone.rank);
    whole::write(vfs, &path.with_extension("del.tmp"), &path, &tombstone.encode())
}

/// Reads all tombstones of a database folder, by rising rank; those of temporary names go to `remove`.
pub(crate) fn read_all(
    vfs: &dyn Vfs,
    root: &Path,
    remove: &mut Vec<PathBuf>,
) -> Result<Vec<Arc<Tombstone>>, ReadError> {
    let folder = root.join(FOLDER);
    let mut found = Vec::new();
    for name in list_or_nothing(vfs, &folder)? {
        let path = folder.join(&name);
        if name.ends_with(".del.tmp") {
            remove.push(path);
            continue;
        }
        if !name.ends_with(SUFFIX) {
            continue;
        }
        let bytes = vfs.read(&path).map_err(|e| ReadError::io(&path, "read", e))?;
        let tombstone = Tombstone::decode(&path, &bytes)?;
        if path != path_of(root, tombstone.rank) {
            let found = format!("that of rank {:016x}", tombstone.rank);
            return Err(ReadError::corrupt(&path, RANK_AT as u64, "the rank in its name", found));
        }
        found.push(Arc::new(tombstone));
    }
    found.sort_by_key(|tombstone| tombstone.rank);
    Ok(found)
}

/// What is deleted in one retention policy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deletes {
    /// Tombstones and the indexes of their marks.
    marks: Vec<(Arc<Tombstone>, usize)>,
}

impl Deletes {
    pub(crate) fn of(tombstones: &[Arc<Tombstone>], policy: PolicyId) -> Self {
        let mut marks = Vec::new();
        for tombstone in tombstones {
            let of_policy = (0..).zip(&tombstone.marks).filter(|(_, mark)| mark.policy == policy);
            marks.extend(of_policy.map(|(at, _)| (Arc::clone(tombstone), at)));
        }
        Deletes { marks }
    }

    /// The highest rank of a tombstone.
    pub(crate) fn rank(&self) -> Option<u64> {
        self.marks.iter().map(|(tombstone, _)| tombstone.rank).max()
    }

    /// The marks of tombstones above `rank`.
    pub(crate) fn above(&self, rank: u64) -> impl Iterator<Item = &Mark> {
        let above = self.marks.iter().filter(move |(tombstone, _)| tombstone.rank > rank);
        above.map(|(tombstone, at)| &tombstone.marks[*at])
    }

    /// The marks about `measurement`, with the rank of their tombstones.
    fn about(&self, measurement: &str) -> impl Iterator<Item = (u64, &Mark)> {
        let marks =
            self.marks.iter().map(|(tombstone, at)| (tombstone.rank, &tombstone.marks[*at]));
        marks.filter(move |(_, mark)| mark.measurement == measurement)
    }

    /// Whether anything of `measurement` may be deleted.
    pub(crate) fn concern(&self, measurement: &str) -> bool {
        self.about(measurement).next().is_some()
    }

    /// The times at which rows of a series are deleted in segments of `rank`.
    pub(crate) fn ranges(&self, key: KeyRef<'_>, rank: u64) -> Ranges {
        if self.marks.is_empty() {
            return Ranges::default();
        }
        let marks = self.about(key.measurement()).filter(|(above, mark)| {
            rank < *above && mark.range.0 < mark.range.1 && mark.series.contains(key.as_str())
        });
        Ranges::new(marks.map(|(_, mark)| mark.range).collect())
    }

    /// The bounds of what is left of a series in a segment, given those of all its rows there; `None` if nothing is.
    ///
    /// Exact, as far as being `None` goes: where both the first and the last row are deleted, and not all in between is known
    /// to be, rows are looked at.
    pub(crate) fn rest(
        &self,
        segment: &Segment,
        series: SeriesAt,
        key: KeyRef<'_>,
        bounds: (i64, i64),
    ) -> Result<Option<(i64, i64)>, ReadError> {
        let ranges = self.ranges(key, segment.footer.rank);
        let Some(rest) = ranges.clip(bounds) else { return Ok(None) };
        // The first or the last row is there.
        if rest.0 == bounds.0 || rest.1 == bounds.1 {
            return Ok(Some(rest));
        }
        let runs = segment.runs(series)?;
        for run in runs.iter().filter(|run| !ranges.cover(run.bounds)) {
            let rows = segment.load(run, &[])?;
            if rows.timestamps.iter().any(|at| !ranges.contain(*at)) {
                return Ok(Some(rest));
            }
        }
        Ok(None)
    }
}

/// Spans of time: sorted, disjoint, not touching; each from its start to before its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ranges(Vec<(i64, i64)>);

impl Ranges {
    fn new(spans: Vec<(i64, i64)>) -> Self {
        Ranges(union(spans))
    }

    /// The first and the last instant of each span.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, i64)> {
        self.0.iter().map(|(start, end)| (*start, end.saturating_sub(1)))
    }

    /// The span that `at` lies in.
    fn span_of(&self, at: i64) -> Option<(i64, i64)> {
        let after = self.0.partition_point(|(start, _)| *start <= at);
        self.0[..after].last().copied().filter(|(_, end)| at < *end)
    }

    pub(crate) fn contain(&self, at: i64) -> bool {
        self.span_of(at).is_some()
    }

    /// Whether all from `first` to `last`, both inside, is in.
    pub(crate) fn cover(&self, (first, last): (i64, i64)) -> bool {
        self.span_of(first).is_some_and(|(_, end)| last < end)
    }

    /// Whether some instant from `first` to `last`, both inside, is in.
    pub(crate) fn touch(&self, (first, last): (i64, i64)) -> bool {
        let after = self.0.partition_point(|(_, end)| *end <= first);
        self.0.get(after).is_some_and(|(start, _)| *start <= last)
    }

    /// What is left of a span, both ends inside, when those ends that are in are cut off.
    fn clip(&self, (first, last): (i64, i64)) -> Option<(i64, i64)> {
        let first = self.span_of(first).map_or(first, |(_, end)| end);
        let last = match self.span_of(last) {
            Some((start, _)) => start.checked_sub(1)?,
            None => last,
        };
        (first <= last).then_some((first, last))
    }

    /// `rows` without those whose times are in.
    pub(crate) fn remove_from(&self, rows: Rows, wanted: &[Wanted]) -> Rows {
        let mut out = Rows::empty(wanted);
        let mut from = 0;
        let kept: Vec<bool> = rows.timestamps.iter().map(|at| !self.contain(*at)).collect();
        for run in kept.chunk_by(|a, b| a == b) {
            if run[0] {
                rows.slice(from, from + run.len(), wanted, &mut out);
            }
            from += run.len();
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> Tombstone {
        let mark = |measurement: &str, series| Mark {
            policy: PolicyId(3),
            measurement: measurement.to_owned(),
            range: (-5, i64::MAX),
            series,
        };
        let keys = KeySet::new(vec!["m\0host\0a", "m\0host\0b"]);
        Tombstone {
            rank: 77,
            marks: vec![mark("n", Selection::All), mark("m", Selection::Keys(keys))],
        }
    }

    #[test]
    fn the_file_comes_back_and_damage_is_noticed() {
        let path = Path::new("x");
        let good = sample().encode();
        assert_eq!(Tombstone::decode(path, &good).unwrap(), sample());
        for at in 0..good.len() {
            assert!(Tombstone::decode(path, &good[..at]).is_err(), "cut at {at}");
            let mut bytes = good.clone();
            bytes[at] ^= 0x10;
            assert!(Tombstone::decode(path, &bytes).is_err(), "flip at {at}");
        }
        let mut newer = good;
        newer[MAGIC.len()] = 9;
        let error = Tombstone::decode(path, &newer).unwrap_err();
        assert!(
            matches!(error, ReadError::Version { found: 9, oldest: 1, newest: 1, .. }),
            "{error}"
        );
    }

    #[test]
    fn a_mark_hides_its_series_in_lower_ranks_only() {
        let deletes = Deletes::of(&[Arc::new(sample())], PolicyId(3));
        let ranges = |key: &str, rank| deletes.ranges(KeyRef::parse(key).unwrap(), rank);
        assert!(ranges("m\0host\0a", 76).contain(-5));
        assert!(!ranges("m\0host\0a", 76).contain(-6));
        assert!(!ranges("m\0host\0a", 77).contain(0));
        assert!(!ranges("m\0host\0c", 76).contain(0));
        assert!(ranges("n\0host\0c", 76).contain(0));
        assert!(!Deletes::of(&[Arc::new(sample())], PolicyId(4)).concern("n"));
    }

    proptest! {
        #[test]
        fn ranges_agree_with_a_set_of_instants(
            spans in prop::collection::vec((-20..20i64, 1..8i64), 0..6),
            first in -25..25i64,
            len in 0..10i64,
        ) {
            let ranges = Ranges::new(spans.iter().map(|(from, len)| (*from, from + len)).collect());
            let inside = |at: i64| spans.iter().any(|(from, len)| (*from..from + len).contains(&at));
            let (last, mut all) = (first + len, first..=first + len);
            prop_assert_eq!(ranges.contain(first), inside(first));
            prop_assert_eq!(ranges.cover((first, last)), all.clone().all(inside));
            prop_assert_eq!(ranges.touch((first, last)), all.clone().any(inside));
            let rest = (all.clone().find(|at| !inside(*at)), all.rfind(|at| !inside(*at)));
            match ranges.clip((first, last)) {
                Some((from, to)) => prop_assert_eq!((Some(from), Some(to)), rest),
                None => prop_assert_eq!(rest, (None, None)),
            }
        }
    }
}
