//! MessagePack, as InfluxDB 1.8 writes it where `Accept: application/x-msgpack` asks for it.
//!
//! ```text
//! {"results": [{"statement_id": 0, "messages"?: [{"level", "text"}],
//!               "series": [{"name"?, "tags"?: {..}, "columns": [..], "values": [[..]], "partial"?: true}],
//!               "partial"?: true}
//!              | {"error": ".."}]}
//! ```
//!
//! Keys come in that order, and each number and length in the shortest form that its type has; so the bytes are
//! InfluxDB's too. An instant is an extension of type 5 with twelve bytes, seconds and nanoseconds since the epoch, or
//! an integer where an epoch is asked for. A statement that failed has its error and nothing else, not even its number.
//!
//! Lengths stand before what they count, so a document is written when all of it is there: for an answer of any size
//! ask for chunks, which are documents.

use stripchart_core::{Column, Frame, Precision, Values};

use super::{FormatOptions, StatementResult};

/// The extension type of instants.
const INSTANT: u8 = 5;

/// Appends `results` to `out` as one document.
///
/// ```
/// use stripchart_query::{FormatOptions, StatementResult, write_msgpack};
/// let mut bytes = Vec::new();
/// write_msgpack(&[StatementResult::default()], &FormatOptions::default(), &mut bytes);
/// assert_eq!(bytes, b"\x81\xa7results\x91\x82\xacstatement_id\x00\xa6series\x90");
/// ```
pub fn write_msgpack(results: &[StatementResult], options: &FormatOptions, out: &mut Vec<u8>) {
    map(1, out);
    string("results", out);
    array(results.len(), out);
    for result in results {
        write_result(result, options.epoch, out);
    }
}

/// Appends the document of a request that failed as a whole.
pub fn write_msgpack_error(error: &str, out: &mut Vec<u8>) {
    map(1, out);
    string("error", out);
    string(error, out);
}

fn write_result(result: &StatementResult, epoch: Option<Precision>, out: &mut Vec<u8>) {
    if let Some(error) = &result.error {
        return write_msgpack_error(&error.to_string(), out);
    }
    map(2 + usize::from(!result.messages.is_empty()) + usize::from(result.partial), out);
    string("statement_id", out);
    integer(i64::try_from(result.statement_id).unwrap_or(i64::MAX), out);
    if !result.messages.is_empty() {
        string("messages", out);
        array(result.messages.len(), out);
        for message in &result.messages {
            map(2, out);
            string("level", out);
            string(&message.level, out);
            string("text", out);
            string(&message.text, out);
        }
    }
    string("series", out);
    array(result.frames.len(), out);
    for frame in &result.frames {
        series(frame, epoch, out);
    }
    if result.partial {
        string("partial", out);
        boolean(true, out);
    }
}

fn series(frame: &Frame, epoch: Option<Precision>, out: &mut Vec<u8>) {
    let optional = [!frame.name.is_empty(), !frame.tags.is_empty(), frame.partial];
    map(2 + optional.iter().filter(|there| **there).count(), out);
    if !frame.name.is_empty() {
        string("name", out);
        string(&frame.name, out);
    }
    if !frame.tags.is_empty() {
        string("tags", out);
        map(frame.tags.len(), out);
        for (key, value) in &frame.tags {
            string(key, out);
            string(value, out);
        }
    }
    string("columns", out);
    array(frame.columns.len(), out);
    for column in &frame.columns {
        string(&column.name, out);
    }
    string("values", out);
    array(frame.row_count(), out);
    for row in 0..frame.row_count() {
        array(frame.columns.len(), out);
        for column in &frame.columns {
            value(column, row, epoch, out);
        }
    }
    if frame.partial {
        string("partial", out);
        boolean(true, out);
    }
}

fn value(column: &Column, row: usize, epoch: Option<Precision>, out: &mut Vec<u8>) {
    const NIL: u8 = 0xc0;
    if !column.is_valid(row) {
        return out.push(NIL);
    }
    match column.values() {
        Values::Float(values) => float(values[row], out),
        Values::Integer(values) => integer(values[row], out),
        Values::Unsigned(values) => unsigned(values[row], out),
        Values::Boolean(values) => boolean(values[row], out),
        Values::String(values) => string(values.get(row).unwrap_or_default(), out),
        Values::Time(values) => match epoch {
            Some(unit) => integer(values[row] / unit.nanos(), out),
            None => instant(values[row], out),
        },
    }
}

fn boolean(value: bool, out: &mut Vec<u8>) {
    out.push(if value { 0xc3 } else { 0xc2 });
}

#[expect(clippy::big_endian_bytes, reason = "MessagePack is")]
fn float(value: f64, out: &mut Vec<u8>) {
    out.push(0xcb);
    out.extend_from_slice(&value.to_be_bytes());
}

#[expect(clippy::big_endian_bytes, reason = "MessagePack is")]
fn instant(nanos: i64, out: &mut Vec<u8>) {
    const NANOS_PER_SEC: i64 = 1_000_000_000;
    // An extension of any length up to 255: its length, its type, its bytes.
    out.extend_from_slice(&[0xc7, 12, INSTANT]);
    out.extend_from_slice(&nanos.div_euclid(NANOS_PER_SEC).to_be_bytes());
    let fraction = u32::try_from(nanos.rem_euclid(NANOS_PER_SEC)).unwrap_or(0);
    out.extend_from_slice(&fraction.to_be_bytes());
}

/// Signed forms throughout, also where the value is not negative.
#[expect(clippy::big_endian_bytes, reason = "MessagePack is")]
fn integer(value: i64, out: &mut Vec<u8>) {
    if let Ok(short) = i8::try_from(value) {
        if short < -32 {
            out.push(0xd0);
        }
        out.extend_from_slice(&short.to_be_bytes());
    } else if let Ok(short) = i16::try_from(value) {
        out.push(0xd1);
        out.extend_from_slice(&short.to_be_bytes());
    } else if let Ok(short) = i32::try_from(value) {
        out.push(0xd2);
        out.extend_from_slice(&short.to_be_bytes());
    } else {
        out.push(0xd3);
        out.extend_from_slice(&value.to_be_bytes());
    }
}

fn unsigned(value: u64, out: &mut Vec<u8>) {
    match u32::try_from(value) {
        Ok(short @ ..0x80) => out.extend(u8::try_from(short)),
        Ok(short) => sized(short, [Some(0xcc), Some(0xcd), Some(0xce)], out),
        Err(_) => wide(value, out),
    }
}

#[expect(clippy::big_endian_bytes, reason = "MessagePack is")]
fn wide(value: u64, out: &mut Vec<u8>) {
    out.push(0xcf);
    out.extend_from_slice(&value.to_be_bytes());
}

fn string(text: &str, out: &mut Vec<u8>) {
    header(text.len(), 0xa0, 32, [Some(0xd9), Some(0xda), Some(0xdb)], out);
    out.extend_from_slice(text.as_bytes());
}

fn array(len: usize, out: &mut Vec<u8>) {
    header(len, 0x90, 16, [None, Some(0xdc), Some(0xdd)], out);
}

fn map(len: usize, out: &mut Vec<u8>) {
    header(len, 0x80, 16, [None, Some(0xde), Some(0xdf)], out);
}

/// A length: in the byte itself below `fixed`, otherwise behind a marker.
fn header(len: usize, marker: u8, fixed: usize, wider: [Option<u8>; 3], out: &mut Vec<u8>) {
    match u8::try_from(len) {
        Ok(short) if len < fixed => out.push(marker | short),
        _ => sized(u32::try_from(len).unwrap_or(u32::MAX), wider, out),
    }
}

/// `value` behind the marker of the first size that holds it: one, two or four bytes; not all sizes are there.
#[expect(clippy::big_endian_bytes, reason = "MessagePack is")]
fn sized(value: u32, markers: [Option<u8>; 3], out: &mut Vec<u8>) {
    let [one, two, four] = markers;
    match (u8::try_from(value), one, u16::try_from(value), two) {
        (Ok(short), Some(marker), ..) => out.extend_from_slice(&[marker, short]),
        (_, _, Ok(short), Some(marker)) => {
            out.push(marker);
            out.extend_from_slice(&short.to_be_bytes());
        }
        _ => {
            out.extend(four);
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use stripchart_core::Bitmap;

    use super::*;
    use crate::{Message, QueryError};

    /// What influxd 1.6.7 answered to `SELECT * FROM m; SELECT v FROM nope; SELECT * FROM n GROUP BY *`, and a fourth
    /// statement that failed.
    #[test]
    fn the_bytes_of_influxdb() {
        let some = |bits: &[bool]| bits.iter().copied().collect::<Bitmap>();
        let many = Frame::new("m")
            .column(Column::new("time", Values::Time(vec![1_000_000_001, 3_000_000_000])))
            .column(Column::with_validity(
                "b",
                Values::Boolean(vec![true, false]),
                some(&[true, false]),
            ))
            .column(Column::new("h", Values::String(["a", "b"].into_iter().collect())))
            .column(Column::new("i", Values::Integer(vec![-200, 70_000])))
            .column(Column::new("v", Values::Float(vec![1.0, 3.0])));
        let tagged = Frame::new("n")
            .tag("g", "x y")
            .tag("h", "a")
            .column(Column::new("time", Values::Time(vec![1])))
            .column(Column::new("w", Values::Float(vec![1.0])));
        let results = [
            StatementResult { frames: vec![many], ..StatementResult::default() },
            StatementResult { statement_id: 1, ..StatementResult::default() },
            StatementResult { statement_id: 2, frames: vec![tagged], ..StatementResult::default() },
            StatementResult::failed(3, QueryError::NotExecuted),
        ];
        let mut got = Vec::new();
        write_msgpack(&results, &FormatOptions::default(), &mut got);
        let want: &[&[u8]] = &[
            b"\x81\xa7results\x94\x82\xacstatement_id\x00\xa6series\x91\x83\xa4name\xa1m\xa7columns\x95",
            b"\xa4time\xa1b\xa1h\xa1i\xa1v\xa6values\x92",
            b"\x95\xc7\x0c\x05\0\0\0\0\0\0\0\x01\0\0\0\x01\xc3\xa1a\xd1\xff\x38\xcb\x3f\xf0\0\0\0\0\0\0",
            b"\x95\xc7\x0c\x05\0\0\0\0\0\0\0\x03\0\0\0\0\xc0\xa1b\xd2\0\x01\x11\x70\xcb\x40\x08\0\0\0\0\0\0",
            b"\x82\xacstatement_id\x01\xa6series\x90",
            b"\x82\xacstatement_id\x02\xa6series\x91\x84\xa4name\xa1n\xa4tags\x82\xa1g\xa3x y\xa1h\xa1a",
            b"\xa7columns\x92\xa4time\xa1w\xa6values\x91",
            b"\x92\xc7\x0c\x05\0\0\0\0\0\0\0\0\0\0\0\x01\xcb\x3f\xf0\0\0\0\0\0\0",
            b"\x81\xa5error\xacnot executed",
        ];
        assert_eq!(got, want.concat());
    }

    #[test]
    fn pieces_messages_and_epochs() {
        let mut frame =
            Frame::new("").column(Column::new("time", Values::Time(vec![-1_500_000_000])));
        frame.partial = true;
        let result = StatementResult {
            frames: vec![frame],
            messages: vec![Message::warning("careful")],
            partial: true,
            ..StatementResult::default()
        };
        let mut got = Vec::new();
        let options = FormatOptions { epoch: Some(Precision::Seconds), ..FormatOptions::default() };
        write_msgpack(std::slice::from_ref(&result), &options, &mut got);
        let want: &[&[u8]] = &[
            b"\x81\xa7results\x91\x84\xacstatement_id\x00\xa8messages\x91\x82\xa5level\xa7warning\xa4text\xa7careful",
            b"\xa6series\x91\x83\xa7columns\x91\xa4time\xa6values\x91\x91\xff\xa7partial\xc3\xa7partial\xc3",
        ];
        assert_eq!(got, want.concat());
        let mut got = Vec::new();
        write_msgpack(&[result], &FormatOptions::default(), &mut got);
        let before_the_epoch = b"\xc7\x0c\x05\xff\xff\xff\xff\xff\xff\xff\xfe\x1d\xcd\x65\x00";
        assert!(got.windows(15).any(|bytes| bytes == before_the_epoch), "{got:x?}");
    }

    #[test]
    fn every_number_has_its_shortest_form() {
        let integers: &[(i64, &[u8])] = &[
            (0, b"\x00"),
            (127, b"\x7f"),
            (128, b"\xd1\x00\x80"),
            (-1, b"\xff"),
            (-32, b"\xe0"),
            (-33, b"\xd0\xdf"),
            (-129, b"\xd1\xff\x7f"),
            (32_768, b"\xd2\x00\x00\x80\x00"),
            (1 << 31, b"\xd3\0\0\0\0\x80\0\0\0"),
            (i64::MIN, b"\xd3\x80\0\0\0\0\0\0\0"),
        ];
        for (value, want) in integers {
            let mut got = Vec::new();
            integer(*value, &mut got);
            assert_eq!(got, *want, "{value}");
        }
        let unsigneds: &[(u64, &[u8])] = &[
            (127, b"\x7f"),
            (128, b"\xcc\x80"),
            (256, b"\xcd\x01\x00"),
            (65_536, b"\xce\0\x01\0\0"),
            (u64::MAX, b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff"),
        ];
        for (value, want) in unsigneds {
            let mut got = Vec::new();
            unsigned(*value, &mut got);
            assert_eq!(got, *want, "{value}");
        }
    }

    #[test]
    fn every_length_has_its_shortest_form() {
        type Write = fn(usize, &mut Vec<u8>);
        let text: Write = |len, out| string(&"x".repeat(len), out);
        let cases: &[(Write, usize, &[u8])] = &[
            (text, 31, b"\xbf"),
            (text, 32, b"\xd9\x20"),
            (text, 256, b"\xda\x01\x00"),
            (text, 65_536, b"\xdb\0\x01\0\0"),
            (array, 15, b"\x9f"),
            (array, 16, b"\xdc\x00\x10"),
            (array, 65_536, b"\xdd\0\x01\0\0"),
            (map, 15, b"\x8f"),
            (map, 16, b"\xde\x00\x10"),
        ];
        for (write, len, want) in cases {
            let mut got = Vec::new();
            write(*len, &mut got);
            assert_eq!(&got[..want.len()], *want, "{len}");
        }
    }
}
