//! Lines that come in pieces.

use stripchart_core::{Batch, Precision, Timestamp};

use super::error::{Fault, Kind, ParseError};
use super::line::whole_lines_len;
use super::parser::LineParser;
use super::report::ParseReport;

/// Bytes of the longest line, unless told otherwise.
const LINE_LEN_MAX: usize = 1 << 20;

/// Parses a text that comes in pieces, cut anywhere: from a socket, a pipe, a file that is too large for memory.
///
/// Each piece is parsed as far as it has whole lines, in place; what is left, a part of a line, is kept until its end comes.
/// The result is that of [`LineParser::parse`] on the whole text, except that a line is refused when more of it would have
/// to be kept than the feeder may.
///
/// ```
/// use stripchart_core::{Batch, Precision, Timestamp};
/// use stripchart_storage::line_protocol::LineFeeder;
///
/// let (mut feeder, mut batch) = (LineFeeder::new(), Batch::new());
/// let (precision, now) = (Precision::Seconds, Timestamp::EPOCH);
/// assert_eq!(feeder.feed(b"cpu,host=a user=1.5 60\ncpu,ho", precision, now, &mut batch).rows, 1);
/// assert_eq!(feeder.feed(b"st=b user=2.5 60\ncpu user=", precision, now, &mut batch).rows, 1);
/// let report = feeder.finish(precision, now, &mut batch);
/// assert_eq!((report.errors[0].line, batch.row_count()), (3, 2));
/// ```
#[derive(Debug)]
pub struct LineFeeder {
    parser: LineParser,
    /// A line without its end.
    begun: Vec<u8>,
    place: Place,
    /// The rest of a line that was refused is passed over.
    skipping: bool,
    line_len_max: usize,
    /// Lines before the one that is begun.
    lines: usize,
}

impl Default for LineFeeder {
    fn default() -> Self {
        LineFeeder::new()
    }
}

impl LineFeeder {
    /// A feeder of a new [`LineParser`] that keeps up to 1 MiB of a line.
    #[must_use]
    pub const fn new() -> Self {
        LineFeeder::with_parser(LineParser::new(), LINE_LEN_MAX)
    }

    /// A feeder of `parser` that keeps up to `line_len_max` bytes of a line.
    #[must_use]
    pub const fn with_parser(parser: LineParser, line_len_max: usize) -> Self {
        LineFeeder {
            parser,
            begun: Vec::new(),
            place: Place::START,
            skipping: false,
            line_len_max,
            lines: 0,
        }
    }

    /// The parser, for another text; what was fed and has no end of line is dropped.
    #[must_use]
    pub fn into_parser(self) -> LineParser {
        self.parser
    }

    /// Bytes kept of a line whose end has not come yet.
    #[must_use]
    pub const fn kept_bytes(&self) -> usize {
        self.begun.len()
    }

    /// Appends to `batch` the points of the lines that end in `piece`, and tells which of them it refused; their numbers
    /// count from the first piece on.
    ///
    /// A line of which more than the feeder keeps comes without its end is refused, and what follows is passed over up to
    /// the next line feed. Precision and default time are those of [`LineParser::parse`].
    pub fn feed(
        &mut self,
        piece: &[u8],
        precision: Precision,
        default_time: Timestamp,
        batch: &mut Batch,
    ) -> ParseReport {
        let (mut report, mut piece) = (ParseReport::default(), piece);
        while !piece.is_empty() {
            if self.skipping {
                let Some(end) = memchr::memchr(b'\n', piece) else { break };
                (self.skipping, self.lines, piece) = (false, self.lines + 1, &piece[end + 1..]);
                continue;
            }
            if self.begun.is_empty() {
                let (whole, rest) = piece.split_at(whole_len(piece));
                self.parse(whole, precision, default_time, batch, &mut report);
                piece = rest;
            }
            let end = self.place.line_end(piece);
            if self.begun.len() + end.unwrap_or(piece.len()) > self.line_len_max {
                let room = self.line_len_max + 1 - self.begun.len();
                self.begun.extend_from_slice(&piece[..room]);
                self.refuse(&mut report);
                piece = &piece[room - 1..];
                continue;
            }
            let (part, rest) = piece.split_at(end.map_or(piece.len(), |end| end + 1));
            self.begun.extend_from_slice(part);
            if end.is_some() {
                self.parse_begun(precision, default_time, batch, &mut report);
            }
            piece = rest;
        }
        report
    }

    /// Ends the text: parses the line that is begun, if one is. What is fed next is another text, whose lines count from 1.
    pub fn finish(
        &mut self,
        precision: Precision,
        default_time: Timestamp,
        batch: &mut Batch,
    ) -> ParseReport {
        let mut report = ParseReport::default();
        self.parse_begun(precision, default_time, batch, &mut report);
        (self.skipping, self.lines) = (false, 0);
        report
    }

    fn parse_begun(
        &mut self,
        precision: Precision,
        default_time: Timestamp,
        batch: &mut Batch,
        report: &mut ParseReport,
    ) {
        let mut line = std::mem::take(&mut self.begun);
        self.parse(&line, precision, default_time, batch, report);
        line.clear();
        (self.begun, self.place) = (line, Place::START);
    }

    fn parse(
        &mut self,
        body: &[u8],
        precision: Precision,
        default_time: Timestamp,
        batch: &mut Batch,
        report: &mut ParseReport,
    ) {
        report.absorb(self.parser.parse(body, precision, default_time, batch), self.lines);
        self.lines += line_feeds(body);
    }

    /// Refuses the line that is begun, of which there is a byte too many.
    fn refuse(&mut self, report: &mut ParseReport) {
        let max = u32::try_from(self.line_len_max).unwrap_or(u32::MAX);
        let too_much =
            self.begun.split_last().map_or(&[][..], |(last, _)| std::slice::from_ref(last));
        let fault = Fault::at(too_much, Kind::LineTooLong { max });
        report.add(ParseError::new(&self.begun, self.lines + 1, fault));
        self.begun.pop();
        self.lines += line_feeds(&self.begun);
        self.begun.clear();
        (self.place, self.skipping) = (Place::START, true);
    }
}

fn line_feeds(text: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', text).count()
}

/// How many bytes of `piece`, which begins with a line, are whole lines.
fn whole_len(piece: &[u8]) -> usize {
    if memchr::memchr(b'"', piece).is_some() {
        return whole_lines_len(piece);
    }
    memchr::memrchr(b'\n', piece).map_or(0, |end| end + 1)
}

/// Where in a line the next byte stands, as far as it matters to where the line ends: that is at the first line feed which
/// is not inside a text. What comes in pieces must be looked at byte by byte, but no byte twice.
#[derive(Debug, Clone, Copy)]
struct Place {
    part: Part,
    /// The byte before, and the one before that.
    before: [u8; 2],
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    Blanks,
    Comment,
    Series,
    Fields,
    Text,
    /// After a backslash in a text.
    Escape,
}

impl Place {
    const START: Place = Place { part: Part::Blanks, before: [0; 2] };

    /// Goes on over `piece` to the end of the line; gives where that is, if it is there.
    fn line_end(&mut self, piece: &[u8]) -> Option<usize> {
        piece.iter().position(|byte| self.ends_with(*byte))
    }

    /// Goes on by one byte; tells whether that ends the line.
    fn ends_with(&mut self, byte: u8) -> bool {
        let [last, before_last] = self.before;
        let in_text = matches!(self.part, Part::Text | Part::Escape);
        self.part = match (self.part, byte) {
            (Part::Blanks, b' ' | b'\t' | 0) => Part::Blanks,
            (Part::Blanks, b'#') => Part::Comment,
            (Part::Blanks, _) => Part::Series,
            (Part::Series, b' ') if last != b'\\' => Part::Fields,
            // A quote opens a text after the `=` of a field.
            (Part::Fields, b'"') if last == b'=' && before_last != b'\\' => Part::Text,
            (Part::Text, b'"') => Part::Fields,
            (Part::Text, b'\\') => Part::Escape,
            (Part::Escape, _) => Part::Text,
            (part, _) => part,
        };
        self.before = [byte, last];
        byte == b'\n' && !in_text
    }
}

#[cfg(test)]
mod tests {
    use super::super::leaf;
    use super::super::tests::{nearly_lines, points_of};
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000_000);

    fn feed(feeder: &mut LineFeeder, pieces: &[&[u8]]) -> (Batch, ParseReport) {
        let (mut batch, mut report) = (Batch::new(), ParseReport::default());
        for piece in pieces {
            report.absorb(feeder.feed(piece, Precision::Nanoseconds, NOW, &mut batch), 0);
        }
        report.absorb(feeder.finish(Precision::Nanoseconds, NOW, &mut batch), 0);
        assert_eq!(feeder.kept_bytes(), 0);
        (batch, report)
    }

    #[test]
    fn a_line_that_is_too_long_is_refused_and_the_rest_kept() {
        let text = b"a v=1 1\nb,t=tttttttttttttttttttttttttttttt v=1 2\nc v=1 3\nd v=\"\n4567890123456789\n\" 4\ne v=x\nf v=1 5";
        for len in 1..text.len() {
            let mut feeder = LineFeeder::with_parser(LineParser::new(), 20);
            let pieces: Vec<&[u8]> = text.chunks(len).collect();
            let (batch, report) = feed(&mut feeder, &pieces);
            let last = report.errors.last().unwrap();
            assert_eq!((last.line, last.column), (7, 5), "{report}");
            // What is whole in one piece need not be kept.
            if len <= 20 {
                let times: Vec<_> = points_of(&batch).iter().map(|point| point.1).collect();
                assert_eq!(times, [1, 3, 5], "{len}");
                assert_eq!(
                    report.errors[0].to_string(),
                    "unable to parse 'b,t=ttttttttttttttttt': line of more than 20 bytes \
                     (line 2, column 21: expected the end of the line, found 't')"
                );
                assert_eq!((report.errors[1].line, report.errors[1].column), (5, 15));
            }
        }
    }

    #[test]
    fn numbers_count_from_the_first_piece_and_errors_are_bounded() {
        let mut feeder = LineFeeder::new();
        let text = "m v=1\nm v=x\n".repeat(100);
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(5).collect();
        for _ in 0..2 {
            let (batch, report) = feed(&mut feeder, &pieces);
            assert_eq!((batch.row_count(), report.rows), (100, 100));
            assert_eq!((report.error_count, report.errors.len()), (100, 64));
            assert_eq!(report.errors[63].line, 128);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn pieces_are_read_as_the_whole_is(body in nearly_lines(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
            cuts.sort_unstable();
            let (mut pieces, mut from) = (Vec::new(), 0);
            for cut in cuts.into_iter().chain([body.len()]) {
                pieces.push(&body[from..cut]);
                from = cut;
            }
            let mut want = Batch::new();
            let want_report = LineParser::new().parse(&body, Precision::Nanoseconds, NOW, &mut want);
            let (batch, report) = feed(&mut LineFeeder::new(), &pieces);
            prop_assert_eq!(report, want_report);
            prop_assert_eq!(points_of(&batch), points_of(&want));
        }

        #[test]
        fn lines_end_where_the_search_for_their_end_finds_it(body in nearly_lines()) {
            let (len, _) = leaf::line_len(&body);
            let end = Place::START.clone().line_end(&body);
            prop_assert_eq!(end.unwrap_or(body.len()), len);
        }
    }
}
