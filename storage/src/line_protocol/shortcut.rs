//! The quick way through a line that is like those before it.
//!
//! ```text
//! cpu,host=a,region=eu usage_user=58i,usage_system=2i 1451606400000000000
//! |-------------------||-----------------------------||------------------|
//!   compared with the    read by the template of the    compared with that of
//!   entry expected next  entry's last line              the last line
//! ```
//!
//! Nothing is looked for: no line end, no comma, no `=`. What is expected is compared, and what is new, the values, is read.
//! Where the order of series is another than last time, lines are taken in groups, all of a group are looked up before the
//! first is read, and the memory that they need is waited for once.
//!
//! Whatever is not as expected is declined, and the grammar decides.

use stripchart_core::{Batch, BatchSeries, Precision, Timestamp};

use super::line::Body;
use super::memo::{self, GROUP, Memo};
use super::template::{self, Staged, Templates};
use super::word::{DIGITS_MAX, digits_at, word_at};

/// Templates tried for a line.
const TEMPLATES_TRIED: usize = 4;

/// Wrong predictions, of about as many, after which no more are made until they would be right again.
const ASTRAY_MIN: u8 = 4;
const ASTRAY_MAX: u8 = 12;

/// Bytes that a group of lines spans at most, the last one aside: they are to be in the nearest cache when they are read.
const GROUP_BYTES: usize = 24 << 10;

/// What is remembered from line to line and from body to body; all of it belongs to one batch.
#[derive(Debug)]
pub(super) struct Shortcuts {
    pub(super) memo: Memo,
    pub(super) templates: Templates,
    staged: Staged,
    /// The entry of the last line, and the one that should follow it.
    last: u32,
    expected: u32,
    /// How far from being right the last predictions were.
    astray: u8,
    group: Group,
}

impl Shortcuts {
    pub(super) const fn new(memo_bytes: usize) -> Self {
        Shortcuts {
            memo: Memo::new(memo_bytes),
            templates: Templates::new(),
            staged: Staged::new(),
            last: memo::NONE,
            expected: memo::NONE,
            astray: 0,
            group: Group::new(),
        }
    }

    /// Forgets what belongs to another batch.
    pub(super) fn clear(&mut self) {
        self.memo.clear();
        self.templates.clear();
        self.last = memo::NONE;
        self.expected = memo::NONE;
    }

    /// Prepares for another body.
    pub(super) fn begin_body(&mut self) {
        self.group.clear();
    }

    /// Writes the line that begins at `at` to `batch` and gives where the next begins; `None` if it is not as expected.
    #[inline(always)]
    pub(super) fn line(
        &mut self,
        body: &mut Body<'_>,
        at: usize,
        times: &mut Times,
        batch: &mut Batch,
    ) -> Option<usize> {
        let bytes = body.bytes;
        let predicted = if self.astray < ASTRAY_MIN {
            self.memo.end_in(self.expected, bytes, at)
        } else {
            None
        };
        let fields = match predicted {
            Some(fields) => {
                self.astray = 0;
                self.last = self.expected;
                fields
            }
            None => self.search(bytes, at)?,
        };
        let entry = self.memo.entry(self.last)?;
        self.expected = entry.next;
        entry.used = true;
        let mut tried = entry.template;
        for _ in 0..TEMPLATES_TRIED {
            let template = self.templates.get(tried)?;
            let text = if template.has_texts() { body.text()? } else { "" };
            if let Some(end) = template.read(bytes, fields, &mut self.staged)
                && let Some((time, next)) = times.end_of_line(bytes, end)
            {
                template.write(&self.staged, text, entry.series, time, batch);
                if entry.template != tried {
                    self.templates.correct(entry.template, tried);
                    entry.template = tried;
                }
                return Some(next);
            }
            tried = self.templates.other_than(tried);
        }
        None
    }

    /// Looks up the series that begins at `at`; gives where its fields begin.
    #[inline(never)]
    fn search(&mut self, body: &[u8], at: usize) -> Option<usize> {
        let (hash, fields) = if self.astray < ASTRAY_MIN {
            let fields = fields_at(body, at)?;
            (memo::hash(&body[at..fields]), fields)
        } else {
            match self.group.at(at) {
                Some(found) => found,
                None => {
                    self.group.fill(body, at);
                    self.memo.warm(&self.group.hashes[..self.group.len]);
                    self.group.at(at)?
                }
            }
        };
        let index = self.memo.find(hash, &body[at..fields]);
        if index == memo::NONE {
            return None;
        }
        self.follow(index);
        Some(fields)
    }

    /// Notes that a line of the entry at `index` follows the last line.
    fn follow(&mut self, index: u32) {
        if index == memo::NONE {
            (self.last, self.expected) = (memo::NONE, memo::NONE);
            return;
        }
        match self.memo.entry(self.last) {
            Some(last) if last.next == index => self.astray = self.astray.saturating_sub(2),
            Some(last) => {
                last.next = index;
                self.astray = (self.astray + 1).min(ASTRAY_MAX);
            }
            None => {}
        }
        self.last = index;
    }

    /// The series that `raw`, the bytes up to and with the space that ends it, stands for.
    pub(super) fn series(&mut self, raw: &[u8]) -> Option<BatchSeries> {
        let index = self.memo.find(memo::hash(raw), raw);
        self.memo.entry(index).map(|entry| entry.series)
    }

    /// Remembers a line that the grammar has read: its series, as for [`Shortcuts::series`], and what its fields look like,
    /// if they can be foretold.
    pub(super) fn learn(&mut self, raw: &[u8], series: BatchSeries, template: u32) {
        let hash = memo::hash(raw);
        let index = match self.memo.find(hash, raw) {
            memo::NONE => self.memo.insert(hash, raw, series),
            index => index,
        };
        self.follow(index);
        let Some(entry) = self.memo.entry(index) else { return };
        (self.expected, entry.used) = (entry.next, true);
        if template != template::NONE && template != entry.template {
            self.templates.correct(entry.template, template);
            entry.template = template;
        }
    }
}

/// Where the fields of the line that begins at `at` begin: after the first space that no backslash stands before.
#[inline]
fn fields_at(body: &[u8], at: usize) -> Option<usize> {
    let mut from = at;
    loop {
        let end = from + memchr::memchr2(b' ', b'\n', body.get(from..)?)?;
        if body[end] == b'\n' || end == at {
            return None;
        }
        if body[end - 1] != b'\\' {
            return Some(end + 1);
        }
        from = end + 1;
    }
}

/// Lines ahead, where they seem to be: what is taken for a line end may stand in a text, so nothing is believed.
#[derive(Debug)]
struct Group {
    /// Where each line begins, and its fields.
    places: [(usize, usize); GROUP],
    hashes: [u32; GROUP],
    len: usize,
    next: usize,
}

impl Group {
    const fn new() -> Self {
        Group { places: [(0, 0); GROUP], hashes: [0; GROUP], len: 0, next: 0 }
    }

    fn clear(&mut self) {
        self.len = 0;
    }

    /// The hash of the series that begins at `at`, and where its fields begin, if a line was foreseen there.
    #[inline]
    fn at(&mut self, at: usize) -> Option<(u32, usize)> {
        while self.next < self.len {
            let (line, fields) = self.places[self.next];
            if line > at {
                return None;
            }
            self.next += 1;
            if line == at {
                return Some((self.hashes[self.next - 1], fields));
            }
        }
        None
    }

    /// Looks ahead, from the line that begins at `at`.
    fn fill(&mut self, body: &[u8], at: usize) {
        (self.len, self.next) = (0, 0);
        let mut line = at;
        while self.len < GROUP && line - at < GROUP_BYTES {
            let Some(fields) = fields_at(body, line) else { return };
            self.places[self.len] = (line, fields);
            self.hashes[self.len] = memo::hash(&body[line..fields]);
            self.len += 1;
            match memchr::memchr(b'\n', &body[fields..]) {
                Some(len) => line = fields + len + 1,
                None => return,
            }
        }
    }
}

/// Reads timestamps, of which most are equal to the one before.
#[derive(Debug)]
pub(super) struct Times {
    precision: Precision,
    default_time: Timestamp,
    /// A space, the 19 digits of the last timestamp, a line feed: bytes 0 to 7, 8 to 15, 13 to 20.
    words: [u64; 3],
    last: Timestamp,
}

impl Times {
    /// For timestamps counted in `precision`, and `default_time` for points without one.
    pub(super) fn new(precision: Precision, default_time: Timestamp) -> Self {
        Times {
            precision,
            default_time: default_time.align_down(precision.nanos()),
            // No text: the bytes that the last two share are not the same.
            words: [0, 0, u64::MAX],
            last: default_time,
        }
    }

    /// The time of a point without timestamp.
    pub(super) const fn default_time(&self) -> Timestamp {
        self.default_time
    }

    /// The time that is `count` since the epoch, if there is one.
    #[inline]
    pub(super) fn at(&self, count: i64) -> Option<Timestamp> {
        let nanos = count.checked_mul(self.precision.nanos())?;
        Some(Timestamp::from_nanos(nanos))
            .filter(|at| (Timestamp::MIN..=Timestamp::MAX).contains(at))
    }

    /// The time that the line whose fields end at `at` has, and where the next line begins; `None` if anything is unusual.
    #[inline(always)]
    fn end_of_line(&mut self, body: &[u8], at: usize) -> Option<(Timestamp, usize)> {
        let words = [word_at(body, at), word_at(body, at + 8), word_at(body, at + 13)];
        if words == self.words {
            return Some((self.last, at + 21));
        }
        self.other(body, at, words)
    }

    #[inline(never)]
    fn other(&mut self, body: &[u8], at: usize, words: [u64; 3]) -> Option<(Timestamp, usize)> {
        if body.get(at) != Some(&b' ') {
            return Some((self.default_time, line_break(body, at)?));
        }
        let negative = body.get(at + 1) == Some(&b'-');
        let start = at + 1 + usize::from(negative);
        let (len, magnitude) = digits_at(body, start, 0);
        let count = i64::try_from(magnitude).ok().filter(|_| (1..=DIGITS_MAX).contains(&len))?;
        let time = self.at(if negative { -count } else { count })?;
        let next = line_break(body, start + len)?;
        if next == at + 21 && body[next - 1] == b'\n' {
            (self.words, self.last) = (words, time);
        }
        Some((time, next))
    }
}

/// Where the line begins that a line break at `at` ends the one before of; the end of the body is one too.
fn line_break(body: &[u8], at: usize) -> Option<usize> {
    match body.get(at..)? {
        [] => Some(at),
        [b'\n', ..] => Some(at + 1),
        [b'\r', b'\n', ..] => Some(at + 2),
        _ => None,
    }
}
