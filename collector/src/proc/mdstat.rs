//! `/proc/mdstat`: software RAID.
//!
//! ```text
//! Personalities : [raid1] [raid6]
//! md127 : active raid6 sdf1[2] sde1[1](F) sdg1[3](S)
//!       5855267840 blocks super 1.2 level 6, 64k chunk, algorithm 2 [8/7] [UUUUUUU_]
//!       [=>...................]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec
//!
//! unused devices: <none>
//! ```
//!
//! An array's name, `active` or `inactive` with a note such as `(read-only)`, its kind if active, its devices: `(F)` has
//! failed, `(S)` is a spare. Then lines that begin with blanks: size in blocks of 1 KiB, `[wanted/working]` where the kind
//! has redundancy; what is going on, `resync`, `recovery`, `reshape` or `check`, and how far.
//!
//! Kernel source: drivers/md/md.c, `md_seq_show`; each kind adds words of its own.

use crate::ParseError;
use crate::text::{Line, Lines, count, decimal};

/// The whole file, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MdStat<'a>(&'a [u8]);

/// One array.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct MdArray<'a> {
    /// Name, as `md0`.
    pub name: &'a str,
    /// `active` or `inactive`, or what is going on: `recovering`, `resyncing`, `reshaping`, `checking`.
    pub state: &'static str,
    /// Blocks of 1 KiB.
    pub blocks: u64,
    /// Blocks dealt with by what is going on; all of them if nothing is.
    pub blocks_synced: u64,
    /// The same in percent.
    pub synced_percent: f64,
    /// KiB each second that are being dealt with; 0 if nothing is going on.
    pub sync_kib_per_sec: u64,
    /// Minutes until that is done, by the kernel's guess; 0 if nothing is going on.
    pub sync_finish_minutes: f64,
    /// Devices that there should be.
    pub disks_total: u64,
    /// Those that work.
    pub disks_active: u64,
    /// Devices that failed.
    pub disks_failed: u64,
    /// Devices that wait to take the place of another.
    pub disks_spare: u64,
}

impl<'a> MdStat<'a> {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if the first line is not `Personalities`, or an array has neither `active` nor `inactive`, or no line with its blocks.
    ///
    /// ```
    /// use stripchart_collector::proc::MdStat;
    /// let text = b"Personalities : [raid1]\nmd0 : active raid1 sdb1[1] sda1[0](F)\n      1024 blocks [2/1] [_U]\n";
    /// let array = MdStat::parse(text)?.iter().next().unwrap();
    /// assert_eq!((array.name, array.blocks, array.disks_active, array.disks_failed), ("md0", 1024, 1, 1));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        const KINDS: &str = "a line \"Personalities\"";
        let mut lines = Lines::new(text)?;
        let first = lines.next().ok_or_else(|| ParseError::at_end(1, KINDS))?;
        if !first.text.starts_with(b"Personalities") {
            return Err(first.error(KINDS, first.text));
        }
        while let Some(line) = lines.next() {
            if is_array(&line) {
                MdArray::read(line, &mut lines)?;
            }
        }
        Ok(MdStat(text))
    }

    /// The arrays, in the kernel's order.
    pub fn iter(&self) -> impl Iterator<Item = MdArray<'a>> + use<'a> {
        let mut lines = Lines::numbered(self.0, 1);
        std::iter::from_fn(move || {
            let line = lines.by_ref().find(is_array)?;
            MdArray::read(line, &mut lines).ok()
        })
    }
}

/// Whether an array begins here.
fn is_array(line: &Line<'_>) -> bool {
    let mut fields = line.fields();
    let name = fields.next_field().unwrap_or_default();
    name.starts_with(b"md") && fields.next_field() == Some(b":")
}

impl<'a> MdArray<'a> {
    /// Reads the array that begins with `first`; leaves `lines` at the next.
    fn read(first: Line<'a>, lines: &mut Lines<'a>) -> Result<Self, ParseError> {
        let mut fields = first.fields();
        let name = fields.str("a name")?;
        fields.word("\":\"")?;
        let word = fields.word("\"active\" or \"inactive\"")?;
        let state = match word {
            b"active" => "active",
            b"inactive" => "inactive",
            other => return Err(first.error("\"active\" or \"inactive\"", other)),
        };
        let mut array = MdArray::new(name, state);
        while let Some(word) = fields.next_field() {
            if word.contains(&b'[') {
                array.disks_total += 1;
                array.disks_failed += u64::from(word.ends_with(b"(F)"));
                array.disks_spare += u64::from(word.ends_with(b"(S)"));
            }
        }
        array.disks_active = array.disks_total - array.disks_failed - array.disks_spare;
        let mut sized = false;
        let mut ahead = lines.clone();
        while let Some(line) = ahead.next().filter(|line| !is_array(line) && !is_footer(line)) {
            *lines = ahead.clone();
            let mut fields = line.fields();
            let number = fields.next_field().and_then(count);
            match number.filter(|_| fields.next_field() == Some(b"blocks")) {
                Some(blocks) => {
                    sized = true;
                    array.blocks = blocks;
                    array.blocks_synced = blocks;
                    array.take_disks(&line);
                }
                None => array.take_progress(&line),
            }
        }
        if array.state == "inactive" {
            // What the last line of an array that stands still says of devices at work is of the time before.
            array.disks_active = 0;
        }
        match sized {
            true => Ok(array),
            false => Err(ParseError::at_end(first.number + 1, "a line COUNT blocks")),
        }
    }

    const fn new(name: &'a str, state: &'static str) -> Self {
        MdArray {
            name,
            state,
            blocks: 0,
            blocks_synced: 0,
            synced_percent: 100.0,
            sync_kib_per_sec: 0,
            sync_finish_minutes: 0.0,
            disks_total: 0,
            disks_active: 0,
            disks_failed: 0,
            disks_spare: 0,
        }
    }

    /// Takes `[wanted/working]`, if it is there.
    fn take_disks(&mut self, line: &Line<'_>) {
        let mut fields = line.fields();
        while let Some(word) = fields.next_field() {
            let inside = word.strip_prefix(b"[").and_then(|word| word.strip_suffix(b"]"));
            let Some((wanted, working)) = inside.and_then(pair) else { continue };
            (self.disks_total, self.disks_active) = (wanted, working);
        }
    }

    /// Takes what is going on and how far it is, if the line tells it.
    fn take_progress(&mut self, line: &Line<'_>) {
        const DOINGS: [(&[u8], &str); 4] = [
            (b"recovery", "recovering"),
            (b"resync", "resyncing"),
            (b"reshape", "reshaping"),
            (b"check", "checking"),
        ];
        let mut fields = line.fields();
        while let Some(word) = fields.next_field() {
            // `resync=DELAYED` and `resync=PENDING` have no progress.
            let doing = word.split(|byte| *byte == b'=').next().unwrap_or_default();
            if let Some((_, name)) = DOINGS.iter().find(|(key, _)| *key == doing) {
                self.state = name;
                if word.len() > doing.len() + 1 {
                    self.blocks_synced = 0;
                    self.synced_percent = 0.0;
                }
            }
            let inside = word.strip_prefix(b"(").and_then(|word| word.strip_suffix(b")"));
            if let Some((done, _)) = inside.and_then(pair) {
                self.blocks_synced = done;
            }
            if let Some(percent) = word.strip_suffix(b"%").and_then(decimal) {
                self.synced_percent = percent;
            }
            let value = |key: &[u8], unit: &[u8]| word.strip_prefix(key)?.strip_suffix(unit);
            if let Some(minutes) = value(b"finish=", b"min").and_then(decimal) {
                self.sync_finish_minutes = minutes;
            }
            if let Some(speed) = value(b"speed=", b"K/sec").and_then(count) {
                self.sync_kib_per_sec = speed;
            }
        }
    }
}

fn is_footer(line: &Line<'_>) -> bool {
    line.text.starts_with(b"unused devices:")
}

fn pair(word: &[u8]) -> Option<(u64, u64)> {
    let slash = word.iter().position(|byte| *byte == b'/')?;
    Some((count(&word[..slash])?, count(&word[slash + 1..])?))
}
