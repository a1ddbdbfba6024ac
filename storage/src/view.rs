//! Reading: a consistent snapshot of one retention policy.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;

use stripchart_core::{FieldType, KeyRef, SeriesKey, TimeRange, Timestamp};

use crate::catalog::{Catalog, FieldInfo, PolicyId};
use crate::head::Head;
use crate::rows::{Wanted, index as u32_of};
use crate::scan::{Direction, SeriesScan};
use crate::segment::cursor::Cursor;
use crate::segment::{Segment, SeriesAt};
use crate::tombstone::Deletes;
use crate::tombstone::Ranges;
use crate::{Cancel, ReadError, Reads, TagFilter};

/// A snapshot of a retention policy: what was acknowledged before it was taken is in it, what comes later is not, and
/// every batch is in it whole or not at all.
///
/// Cheap to take and to clone. Holding one keeps the memory and files it refers to.
#[derive(Debug, Clone)]
pub struct View {
    inner: Arc<ViewInner>,
}

#[derive(Debug, Clone)]
pub(crate) struct ViewInner {
    pub(crate) policy: PolicyId,
    pub(crate) catalog: Arc<Catalog>,
    /// Each with the number of its last batch that belongs to the snapshot; oldest first.
    pub(crate) heads: Vec<(Arc<Head>, u32)>,
    /// Of this policy, by rising rank.
    pub(crate) segments: Vec<Arc<Segment>>,
    /// What of those does not exist any more.
    pub(crate) deletes: Deletes,
    /// Ends reads.
    pub(crate) cancel: Cancel,
    /// Counts them.
    pub(crate) reads: Option<Reads>,
    /// The first instant that the retention policy still shows.
    pub(crate) horizon: i64,
}

/// Identifies a series: equal for equal keys, in every view.
///
/// A fingerprint of 64 bits: a map by it is fast, and whoever cannot bear one chance in 10¹⁹ per pair of series compares
/// keys too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(u64);

impl SeriesId {
    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// FNV-1a, mixed at the end so that the low bits serve as a hash.
    fn of(key: &str) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in key.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        hash ^= hash >> 32;
        hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        SeriesId(hash ^ hash >> 29)
    }
}

/// A series of a [`View`]: its key, and where its rows are. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Series {
    pub(crate) inner: Arc<SeriesInner>,
    /// What the places in `inner` refer to; kept here, so that no other view can be asked with them.
    pub(crate) view: Arc<ViewInner>,
}

#[derive(Debug)]
pub(crate) struct SeriesInner {
    key: SeriesKey,
    /// Index into the view's heads, and the place in that head.
    pub(crate) heads: Vec<(u32, u32)>,
    /// Index into the view's segments, the place in that segment, and times of the first and the last row there.
    pub(crate) segments: SealedPlaces,
}

impl Series {
    /// The series `key` of a view: its places in the view's segments.
    pub(crate) fn of(view: &Arc<ViewInner>, key: SeriesKey, segments: Vec<SealedPlace>) -> Series {
        let inner = Arc::new(SeriesInner { key, heads: Vec::new(), segments: segments.into() });
        Series { inner, view: Arc::clone(view) }
    }

    /// The key: measurement and tags.
    #[must_use]
    pub fn key(&self) -> KeyRef<'_> {
        self.inner.key.as_ref()
    }

    /// A number for the key.
    #[must_use]
    pub fn id(&self) -> SeriesId {
        SeriesId::of(self.key().as_str())
    }

    /// The same in `view`, which is the series' own without segments: what of it is in memory.
    pub(crate) fn in_memory(&self, view: &Arc<ViewInner>) -> Series {
        let (key, heads) = (self.inner.key.clone(), self.inner.heads.clone());
        let inner = SeriesInner { key, heads, segments: SealedPlaces::Many(Vec::new()) };
        Series { inner: Arc::new(inner), view: Arc::clone(view) }
    }

    /// Times of the first and the last row in each place that is not in a segment of rank up to `rank`.
    pub(crate) fn bounds_above(&self, rank: u64) -> Vec<(i64, i64)> {
        let segments = self.inner.segments.iter().filter_map(|(at, _, bounds)| {
            (self.view.segments[*at as usize].footer.rank > rank).then_some(*bounds)
        });
        let heads = self.inner.heads.iter().filter_map(|(at, slot)| {
            let (head, limit) = &self.view.heads[*at as usize];
            head.inner.read().bounds(*slot, *limit)
        });
        segments.chain(heads).collect()
    }
}

/// Of a segment that has rows of a series its index in the view, the place in it, and times of the first and the last row there.
pub(crate) type SealedPlace = (u32, SeriesAt, (i64, i64));

/// The segments that have rows of a series: mostly one, which takes no memory of its own.
#[derive(Debug)]
pub(crate) enum SealedPlaces {
    One([SealedPlace; 1]),
    Many(Vec<SealedPlace>),
}

impl Deref for SealedPlaces {
    type Target = [SealedPlace];

    fn deref(&self) -> &[SealedPlace] {
        match self {
            SealedPlaces::One(one) => one,
            SealedPlaces::Many(many) => many,
        }
    }
}

impl From<Vec<SealedPlace>> for SealedPlaces {
    fn from(places: Vec<SealedPlace>) -> Self {
        match places[..] {
            [one] => SealedPlaces::One([one]),
            _ => SealedPlaces::Many(places),
        }
    }
}

/// A place where rows of a series are.
#[derive(Debug, Clone, Copy)]
enum Place {
    Segment(u32, SeriesAt, (i64, i64)),
    Head(u32, u32),
}

impl View {
    pub(crate) fn of(inner: Arc<ViewInner>) -> Self {
        View { inner }
    }

    pub(crate) fn inner(&self) -> &ViewInner {
        &self.inner
    }

    pub(crate) fn shared(&self) -> &Arc<ViewInner> {
        &self.inner
    }

    /// The same snapshot without the segments that have no row in `range`: listing then leaves out series that have none
    /// there, and costs less where much is stored.
    #[must_use]
    pub fn within(&self, range: TimeRange) -> View {
        let mut inner = ViewInner::clone(&self.inner);
        inner.segments.retain(|segment| {
            let (first, last) = segment.footer.bounds;
            first < range.end.nanos() && range.start.nanos() <= last
        });
        View { inner: Arc::new(inner) }
    }

    /// The same snapshot, reading from which ends when `cancel` is thrown: what is listed from it can be cancelled.
    #[must_use]
    pub fn cancelled_by(&self, cancel: &Cancel) -> View {
        let inner = ViewInner { cancel: cancel.clone(), ..ViewInner::clone(&self.inner) };
        View { inner: Arc::new(inner) }
    }

    /// The same snapshot, counting in `reads` what is read of the series listed from it.
    #[must_use]
    pub fn counted_by(&self, reads: &Reads) -> View {
        let inner = ViewInner { reads: Some(reads.clone()), ..ViewInner::clone(&self.inner) };
        View { inner: Arc::new(inner) }
    }

    /// The measurements that have series, sorted.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the index of a segment is unreadable.
    pub fn measurements(&self) -> Result<Vec<String>, ReadError> {
        let mut names = BTreeSet::new();
        for segment in &self.inner.segments {
            for name in segment.root()?.measurements() {
                if !names.contains(name) {
                    names.insert(name.to_owned());
                }
            }
        }
        for (head, _) in &self.inner.heads {
            let head = head.inner.read();
            names.extend(head.measurements(self.inner.policy).map(str::to_owned));
        }
        let mut left = Vec::with_capacity(names.len());
        for name in names {
            if !self.inner.deletes.concern(&name)
                || !self.series(&name, &TagFilter::All)?.is_empty()
            {
                left.push(name);
            }
        }
        Ok(left)
    }

    /// The fields of `measurement`, sorted by name; none if there is no such measurement.
    #[must_use]
    pub fn fields(&self, measurement: &str) -> Vec<FieldInfo> {
        let found = self.inner.catalog.measurement(self.inner.policy, measurement);
        let fields = found.into_iter().flat_map(|found| {
            found.fields.iter().map(|(name, field_type)| {
                let meaning = found.meanings.get(name);
                FieldInfo {
                    name: name.to_string(),
                    field_type: *field_type,
                    unit: meaning.map(|m| m.unit),
                    description: meaning.map(|m| m.description.clone()),
                }
            })
        });
        fields.collect()
    }

    /// The tag keys that series of `measurement` have, sorted.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the index of a segment is unreadable.
    pub fn tag_keys(&self, measurement: &str) -> Result<Vec<String>, ReadError> {
        let mut keys = BTreeSet::new();
        if self.inner.deletes.concern(measurement) {
            for series in self.series(measurement, &TagFilter::All)? {
                keys.extend(series.key().tags().map(|(key, _)| key.to_owned()));
            }
            return Ok(keys.into_iter().collect());
        }
        for segment in &self.inner.segments {
            if let Some((_, view)) = segment.table(measurement)? {
                keys.extend(view.tag_keys().map(str::to_owned));
            }
        }
        for (head, _) in &self.inner.heads {
            keys.extend(head.tag_keys(self.inner.policy, measurement));
        }
        Ok(keys.into_iter().collect())
    }

    /// The series of `measurement` that `filter` accepts, sorted by key.
    ///
    /// Costs a look-up per source (head and segments) where the filter demands a tag value, else a test per series.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the index of a segment is unreadable.
    pub fn series(&self, measurement: &str, filter: &TagFilter) -> Result<Vec<Series>, ReadError> {
        // Every source yields its series in order; sorting what is in order already only merges.
        let mut found: Vec<(SeriesKey, Place)> = Vec::new();
        let mut sources = 0;
        for (at, segment) in (0u32..).zip(&self.inner.segments) {
            self.inner.cancel.check()?;
            let Some((table, view)) = segment.table(measurement)? else { continue };
            let selected = view.select(filter)?;
            let mut cursor = Cursor::new(segment, table)?;
            sources += usize::from(!selected.is_empty());
            found.reserve(selected.len());
            for (number, key) in selected.iter().zip(view.keys(&selected)?) {
                let bounds = cursor.bounds(*number)?;
                found.push((key, Place::Segment(at, SeriesAt::new(table, *number), bounds)));
            }
        }
        for (at, (head, limit)) in self.inner.heads.iter().enumerate() {
            head.select(self.inner.policy, measurement, filter, *limit, |key, series| {
                sources = 2;
                found.push((key.into(), Place::Head(u32_of(at), series)));
            });
        }
        if sources > 1 {
            found.sort_by(|a, b| a.0.cmp(&b.0));
        } else if !self.inner.deletes.concern(measurement) {
            // No key occurs twice, and none has to be looked at.
            return Ok(found.into_iter().map(|(key, place)| self.only(key, place)).collect());
        }
        self.gather(found, measurement)
    }

    /// A series that is in one place.
    fn only(&self, key: SeriesKey, place: Place) -> Series {
        let (heads, segments) = match place {
            Place::Segment(at, number, bounds) => {
                (Vec::new(), SealedPlaces::One([(at, number, bounds)]))
            }
            Place::Head(at, slot) => (vec![(at, slot)], SealedPlaces::Many(Vec::new())),
        };
        let inner = Arc::new(SeriesInner { key, heads, segments });
        Series { inner, view: Arc::clone(&self.inner) }
    }

    /// Makes series of places sorted by key.
    fn gather(
        &self,
        found: Vec<(SeriesKey, Place)>,
        measurement: &str,
    ) -> Result<Vec<Series>, ReadError> {
        let deleted = self.inner.deletes.concern(measurement);
        let mut all = Vec::with_capacity(found.len());
        let mut found = found.into_iter().peekable();
        while let Some((key, first)) = found.next() {
            let (mut heads, mut segments) = (Vec::new(), Vec::new());
            let mut next = Some(first);
            while let Some(place) = next {
                match place {
                    Place::Head(at, slot) => heads.push((at, slot)),
                    Place::Segment(at, number, bounds) => segments.push((at, number, bounds)),
                }
                next = found.next_if(|(other, _)| *other == key).map(|(_, place)| place);
            }
            if deleted {
                segments = self.left(key.as_ref(), segments)?;
            }
            if !heads.is_empty() || !segments.is_empty() {
                let inner = Arc::new(SeriesInner { key, heads, segments: segments.into() });
                all.push(Series { inner, view: Arc::clone(&self.inner) });
            }
        }
        Ok(all)
    }

    /// The places of a series where not everything is deleted.
    fn left(
        &self,
        key: KeyRef<'_>,
        places: Vec<SealedPlace>,
    ) -> Result<Vec<SealedPlace>, ReadError> {
        let mut left = Vec::with_capacity(places.len());
        for (at, series, bounds) in places {
            let segment = &self.inner.segments[at as usize];
            let rest = self.inner.deletes.rest(segment, series, key, bounds)?;
            left.extend(rest.map(|bounds| (at, series, bounds)));
        }
        Ok(left)
    }

    /// The times of the first and of the last row of a series, both inside; `None` if it has none.
    ///
    /// May reach further than the rows that reading yields where retention hides some.
    #[must_use]
    pub fn time_bounds(&self, series: &Series) -> Option<(Timestamp, Timestamp)> {
        let mut bounds: Option<(i64, i64)> = None;
        let mut widen = |(first, last): (i64, i64)| {
            let (a, b) = bounds.unwrap_or((first, last));
            bounds = Some((a.min(first), b.max(last)));
        };
        series.inner.segments.iter().for_each(|(_, _, bounds)| widen(*bounds));
        for (at, slot) in &series.inner.heads {
            let (head, limit) = &series.view.heads[*at as usize];
            head.inner.read().bounds(*slot, *limit).into_iter().for_each(&mut widen);
        }
        let (first, last) = bounds?;
        let first = first.max(series.view.horizon);
        (first <= last).then(|| (Timestamp::from_nanos(first), Timestamp::from_nanos(last)))
    }

    /// The rows of a series inside `range`, in blocks of at most 1024; see [`SeriesScan`].
    ///
    /// Columns come in the order of `fields`; rows that have none of them are left out. A field that the measurement
    /// does not have yields a column of floats without values.
    #[must_use]
    pub fn scan(
        &self,
        series: &Series,
        fields: &[&str],
        range: TimeRange,
        direction: Direction,
    ) -> SeriesScan {
        let wanted = fields.iter().map(|field| Self::wanted(series, field)).collect();
        let start = range.start.nanos().max(series.view.horizon);
        SeriesScan::new(series, wanted, start, range.end.nanos(), direction)
    }

    /// The first instant that the retention policy still shows.
    pub(crate) fn horizon(&self) -> i64 {
        self.inner.horizon
    }

    /// The times at which rows of a series are deleted in segments of `rank`.
    pub(crate) fn deleted(&self, key: KeyRef<'_>, rank: u64) -> Ranges {
        self.inner.deletes.ranges(key, rank)
    }

    pub(crate) fn field_type(&self, measurement: &str, field: &str) -> Option<FieldType> {
        self.inner.catalog.field_type(self.inner.policy, measurement, field)
    }

    pub(crate) fn wanted(series: &Series, field: &str) -> Wanted {
        let measurement = series.key().measurement();
        let view = &series.view;
        let field_type = view.catalog.field_type(view.policy, measurement, field);
        Wanted { name: field.to_owned(), field_type: field_type.unwrap_or(FieldType::Float) }
    }
}
