use std::io::Cursor;

use proptest::prelude::*;

use super::*;

/// The other end: what it says is written down before, what it is told is kept.
#[derive(Debug, Default)]
struct Canned {
    says: Cursor<Vec<u8>>,
    told: Vec<u8>,
}

impl Read for Canned {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        // In pieces that have nothing to do with frames.
        let end = piece.len().min(777);
        self.says.read(&mut piece[..end])
    }
}

impl Write for Canned {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.told.write(piece)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Frames one after the other.
pub(crate) fn frames(frames: &[(u8, u8, u32, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, flags, stream, payload) in frames {
        frame::write(&mut bytes, *kind, *flags, *stream, payload);
    }
    bytes
}

/// The answer `message` to question `number`, as a daemon sends it.
pub(crate) fn answer(number: u32, message: &[u8]) -> Vec<u8> {
    let mut body = vec![0];
    body.extend_from_slice(&frame::bytes_of(u32::try_from(message.len()).unwrap()));
    body.extend_from_slice(message);
    let mut bytes = frames(&[(kind::HEADERS, flag::END_HEADERS, number, OK)]);
    for piece in body.chunks(frame::PAYLOAD_MAX) {
        frame::write(&mut bytes, kind::DATA, 0, number, piece);
    }
    bytes.extend(frames(&[(kind::HEADERS, LAST, number, TRAILER)]));
    bytes
}

/// The refusal of question `number` with `code`.
pub(crate) fn refusal(number: u32, code: u32, message: &str) -> Vec<u8> {
    let mut block = OK.to_vec();
    header::write(&mut block, "grpc-status", &code.to_string());
    header::write(&mut block, "grpc-message", message);
    frames(&[(kind::HEADERS, LAST, number, &block)])
}

const OK: &[u8] = b"\x88";
const TRAILER: &[u8] = b"\x00\x0bgrpc-status\x010";
const LAST: u8 = flag::END_HEADERS | flag::END_STREAM;
const HEADERS_OVER: u8 = flag::END_HEADERS;

/// The reply to one question when the other end says `says`, and what it is told.
fn ask(says: Vec<u8>) -> (Result<Reply, String>, Vec<u8>) {
    let canned = Canned { says: Cursor::new(says), told: Vec::new() };
    let mut client = Client::open(canned).unwrap();
    let begun = client.stream_mut().told.len();
    let reply = client.ask("/a.B/C", &[("containerd-namespace", "k8s.io")], b"?");
    let told = client.stream_mut().told.split_off(begun);
    (reply.map_err(|error| error.to_string()), told)
}

fn message(says: Vec<u8>) -> Result<Vec<u8>, String> {
    ask(says).0.map(|reply| reply.unwrap())
}

#[test]
fn a_question_is_asked_as_grpc_has_it() {
    let (reply, told) = ask(answer(1, b"hello"));
    assert_eq!(reply, Ok(Ok(b"hello".to_vec())));
    let mut told = &told[..];
    let mut frames = Frames::default();
    let head = frames.read(&mut told).unwrap();
    assert_eq!((head.kind, head.flags, head.stream), (kind::HEADERS, HEADERS_OVER, 1));
    let text = String::from_utf8_lossy(head.payload).into_owned();
    for part in ["/a.B/C", "application/grpc", "te\u{8}trailers", "containerd-namespace\u{6}k8s.io"]
    {
        assert!(text.contains(part), "{part} is not in {text:?}");
    }
    let body = frames.read(&mut told).unwrap();
    assert_eq!(
        (body.kind, body.flags, body.payload),
        (kind::DATA, flag::END_STREAM, &b"\0\0\0\0\x01?"[..])
    );
}

#[test]
fn several_questions_go_through_one_connection() {
    let says = [answer(1, b"one"), refusal(3, 5, "no such container"), answer(5, &[7; 100_000])];
    let canned = Canned { says: Cursor::new(says.concat()), told: Vec::new() };
    let mut client = Client::open(canned).unwrap();
    let mut ask = || client.ask("/a.B/C", &[], b"").unwrap();
    assert_eq!(ask(), Ok(b"one".to_vec()));
    assert_eq!(ask(), Err(Refusal { code: 5, message: "no such container".into() }));
    assert_eq!(ask(), Ok(vec![7; 100_000]));
}

#[test]
fn what_a_daemon_says_in_between_is_answered_or_passed_over() {
    let mut says = frames(&[
        (kind::SETTINGS, 0, 0, b"\0\x05\0\0\x40\0"),
        (kind::SETTINGS, flag::ACK, 0, b""),
        (kind::PING, 0, 0, b"12345678"),
        (kind::WINDOW_UPDATE, 0, 0, b"\0\0\0\x09"),
        (kind::GOAWAY, 0, 0, b"\0\0\0\x01\0\0\0\0"),
        (99, 0xff, 77, b"of a later version"),
        // The end of an earlier question.
        (kind::RST_STREAM, 0, 9, b"\0\0\0\0"),
        (kind::HEADERS, flag::PADDED | flag::PRIORITY, 1, b"\x02PPPPP\x88--"),
        (kind::CONTINUATION, 0, 1, b""),
        (kind::CONTINUATION, HEADERS_OVER, 1, b"\x00\x01a\x01b"),
        (kind::DATA, flag::PADDED, 1, b"\x03\0\0\0---"),
        (kind::DATA, 0, 1, b""),
        (kind::DATA, 0, 1, b"\0\x02h"),
        (kind::DATA, 0, 1, b"i"),
    ]);
    says.extend(frames(&[(kind::HEADERS, LAST, 1, TRAILER)]));
    let (reply, told) = ask(says);
    assert_eq!(reply, Ok(Ok(b"hi".to_vec())));
    let told = |frame: &[u8]| memchr::memmem::find(&told, frame).is_some();
    assert!(told(b"\0\0\x08\x06\x01\0\0\0\x0012345678"), "the ping's own bytes");
    assert!(told(b"\0\0\0\x04\x01\0\0\0\0"), "the settings are taken");
}

#[test]
fn what_is_no_answer_is_told_in_a_sentence() {
    let with = |middle: &[(u8, u8, u32, &[u8])]| {
        [frames(&[(kind::HEADERS, HEADERS_OVER, 1, OK)]), frames(middle)].concat()
    };
    let over = |body: &[u8]| {
        let says = with(&[(kind::DATA, 0, 1, body), (kind::HEADERS, LAST, 1, TRAILER)]);
        message(says).unwrap_err()
    };
    const MESSAGE: &str = "expected one message that is not compressed";
    for body in [
        &b""[..],
        b"\0\0\0\0",
        b"\x01\0\0\0\x02hi",
        b"\0\0\0\0\x02h",
        b"\0\0\0\0\x01hi",
        b"\0\xff\xff\xff\xff",
    ] {
        assert!(over(body).starts_with(MESSAGE), "{body:?}: {}", over(body));
    }
    let long = vec![0; frame::PAYLOAD_MAX];
    let flood: Vec<_> = (0..257).map(|_| (kind::DATA, 0, 1, &long[..])).collect();
    let spun: Vec<_> = (0..3).map(|_| (kind::CONTINUATION, 0, 1, &long[..])).collect();
    let opened = frames(&[(kind::HEADERS, 0, 1, OK)]);
    let cases = [
        (Vec::new(), "expected a frame, found the end of the connection"),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            "expected a frame of at most 16384 bytes, found one of 4740180",
        ),
        (with(&[(kind::DATA, 0, 3, b"x")]), "expected the answer to question 1, found one to 3"),
        (
            with(&[(kind::RST_STREAM, 0, 1, b"\0\0\0\x08")]),
            "the question was broken off with error 8",
        ),
        (with(&[(kind::RST_STREAM, 0, 1, b"")]), "the question was broken off with error 0"),
        (
            with(&[(kind::GOAWAY, 0, 0, b"\0\0\0\0\0\0\0\x0btoo_many_pings")]),
            "the daemon ends the connection with error 11: too_many_pings",
        ),
        (with(&[(kind::PUSH_PROMISE, 0, 1, b"")]), "expected nothing that was not asked for"),
        (with(&[(kind::PING, 0, 0, b"123")]), "expected whole settings, and a ping of eight bytes"),
        (
            with(&[(kind::SETTINGS, 0, 0, b"123")]),
            "expected whole settings, and a ping of eight bytes",
        ),
        (
            with(&[(kind::CONTINUATION, 0, 1, b"")]),
            "expected headers to be continued at once, and only those, found a frame of kind 9",
        ),
        (
            [opened.clone(), frames(&[(kind::DATA, 0, 1, b"")])].concat(),
            "expected headers to be continued at once, and only those, found a frame of kind 0",
        ),
        ([opened, frames(&spun)].concat(), "expected headers of at most 16384 bytes"),
        (with(&flood), "expected an answer of at most 4194304 bytes"),
        (frames(&[(kind::HEADERS, LAST, 1, b"\x8d")]), "expected status 200, found 404"),
        (frames(&[(kind::HEADERS, LAST, 1, TRAILER)]), "expected status 200, found none"),
        (frames(&[(kind::HEADERS, LAST, 1, OK)]), "expected a number as grpc-status, found \"\""),
        (
            frames(&[(kind::HEADERS, LAST, 1, b"\xff")]),
            "expected a number of at most 28 bits in headers",
        ),
    ];
    for (says, error) in cases {
        assert_eq!(message(says).unwrap_err(), error);
    }
}

/// Bytes that look like frames more often than chance has it.
fn nearly_frames() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        Just(OK.to_vec()),
        Just(TRAILER.to_vec()),
        Just(b"\0\0\0\0\x02hi".to_vec()),
    ];
    let frame = (0_u8..11, any::<u8>(), 0_u32..4, payload);
    let frames = prop::collection::vec(frame, 0..20).prop_map(|all| {
        let all: Vec<_> = all.iter().map(|(k, f, s, p)| (*k, *f, *s, &p[..])).collect();
        frames(&all)
    });
    (frames, prop::collection::vec(any::<u8>(), 0..20)).prop_map(|(mut bytes, more)| {
        bytes.extend(more);
        bytes
    })
}

proptest! {
    #[test]
    fn whatever_the_other_end_says_gives_an_answer_or_an_error(says in nearly_frames()) {
        let _ = ask(says);
    }

    #[test]
    fn an_answer_with_a_byte_changed_is_an_answer_or_an_error(at in 0_usize..80, to in any::<u8>()) {
        let mut says = answer(1, &[9; 30]);
        if let Some(byte) = says.get_mut(at) {
            *byte = to;
        }
        let _ = ask(says);
    }

    #[test]
    fn an_answer_comes_whole_however_it_is_cut(message in prop::collection::vec(any::<u8>(), 0..200), sizes in prop::collection::vec(0_usize..30, 1..20)) {
        let mut body = vec![0];
        body.extend_from_slice(&frame::bytes_of(u32::try_from(message.len()).unwrap()));
        body.extend_from_slice(&message);
        let mut says = frames(&[(kind::HEADERS, HEADERS_OVER, 1, OK)]);
        let mut rest = &body[..];
        for size in sizes {
            let (piece, after) = rest.split_at(size.min(rest.len()));
            frame::write(&mut says, kind::DATA, 0, 1, piece);
            rest = after;
        }
        frame::write(&mut says, kind::DATA, 0, 1, rest);
        frame::write(&mut says, kind::HEADERS, LAST, 1, TRAILER);
        prop_assert_eq!(ask(says).0, Ok(Ok(message)));
    }
}
