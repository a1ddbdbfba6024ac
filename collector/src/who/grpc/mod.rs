//! Questions by gRPC to a daemon on this host: one question, one answer, over HTTP/2.
//!
//! ```text
//! we                                        the daemon
//! preface, SETTINGS, WINDOW_UPDATE  ----->
//! HEADERS :path=/Service/Method     ----->
//! DATA    question, END_STREAM      ----->
//!                                   <-----  SETTINGS, WINDOW_UPDATE, PING: acknowledged or passed over
//!                                   <-----  HEADERS :status=200
//!                                   <-----  DATA    answer
//!                                   <-----  HEADERS grpc-status=0, END_STREAM
//! ```
//!
//! A question and an answer are each a byte 0, the length in four bytes, and a message. One that is refused has no DATA, and
//! in its headers the reason. There is one question at a time, of a few dozen bytes, so that no window for what is sent has
//! to be kept; headers are packed without a table ([`header`]), so that nothing is kept of them either.
//!
//! It is written here because what there is brings an executor of asynchronous tasks and some forty crates for it.

mod frame;
mod header;
pub(crate) mod protobuf;

use std::io::{self, Read, Write};

use self::frame::{Frame, Frames, flag, kind};
use self::header::{field, place};
use super::socket::malformed;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Longest answer; a container's specification, which lists its mounts and permitted system calls, is far shorter.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// The same for the protocol, which has it in four bytes: what the other side may send of one answer without being asked
/// for more.
const WINDOW: u32 = 4 << 20;
const _: () = assert!(WINDOW as usize == ANSWER_BYTES_MAX, "an answer fits its window");

/// The window of a connection as it is at first.
const WINDOW_AT_FIRST: u32 = 65_535;

/// Longest block of headers.
const HEADERS_BYTES_MAX: usize = 16 << 10;

/// The bits of the number of a question; the highest means nothing.
const NUMBER: u32 = u32::MAX >> 1;

/// Frames of one answer: a thousand times as many as an answer takes, since empty ones cost their sender nothing.
const FRAMES_MAX: usize = 1 << 18;

/// Why a question was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The status of gRPC.
    pub(crate) code: u32,
    /// In words, as the daemon has them.
    pub(crate) message: String,
}

impl Refusal {
    /// There is no such thing.
    pub(crate) const NOT_FOUND: u32 = 5;
}

/// The answer to a question.
pub(crate) type Reply = Result<Vec<u8>, Refusal>;

/// A connection to a daemon.
#[derive(Debug)]
pub(crate) struct Client<S> {
    stream: S,
    frames: Frames,
    /// The number of the next question; they are odd.
    next: u32,
}

impl<S: Read + Write> Client<S> {
    /// Begins to speak through `stream`.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub(crate) fn open(mut stream: S) -> io::Result<Self> {
        let mut out = PREFACE.to_vec();
        let mut settings = Vec::new();
        // No table for headers, nothing unasked for, room for a whole answer, and short headers.
        for (id, value) in [(1, 0), (2, 0), (4, WINDOW), (6, 16 << 10)] {
            settings.extend_from_slice(&[0, id]);
            settings.extend_from_slice(&frame::bytes_of(value));
        }
        frame::write(&mut out, kind::SETTINGS, 0, 0, &settings);
        let more = frame::bytes_of(WINDOW - WINDOW_AT_FIRST);
        frame::write(&mut out, kind::WINDOW_UPDATE, 0, 0, &more);
        stream.write_all(&out)?;
        Ok(Client { stream, frames: Frames::default(), next: 1 })
    }

    /// What the other end is reached through.
    pub(crate) const fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Asks `question` of the method `path`, with `metadata` beside it, and waits for the answer.
    ///
    /// # Errors
    ///
    /// Those of the stream; `InvalidData` where what comes is no answer. The connection is of no use then.
    ///
    /// # Panics
    ///
    /// If question and metadata are longer than 16 KiB, which nothing that is asked here is.
    pub(crate) fn ask(
        &mut self,
        path: &str,
        metadata: &[(&str, &str)],
        question: &[u8],
    ) -> io::Result<Reply> {
        let number = self.next;
        self.next = number
            .checked_add(2)
            .filter(|next| *next <= NUMBER)
            .ok_or_else(|| malformed("fewer questions"))?;
        let mut out = Vec::new();
        frame::write(&mut out, kind::HEADERS, flag::END_HEADERS, number, &headers(path, metadata));
        let mut body = vec![0];
        let length = u32::try_from(question.len()).unwrap_or(u32::MAX);
        body.extend_from_slice(&frame::bytes_of(length));
        body.extend_from_slice(question);
        frame::write(&mut out, kind::DATA, flag::END_STREAM, number, &body);
        self.stream.write_all(&out)?;
        let mut answer = Answer::new(number);
        for _ in 0..FRAMES_MAX {
            out.clear();
            let over = answer.take(&self.frames.read(&mut self.stream)?, &mut out)?;
            if over {
                // What would be written now is about what is over.
                return answer.reply();
            }
            if !out.is_empty() {
                self.stream.write_all(&out)?;
            }
        }
        Err(malformed(format!("an answer of at most {FRAMES_MAX} frames")))
    }
}

/// The headers of a question.
fn headers(path: &str, metadata: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    header::write_fixed(&mut block, field::METHOD_POST);
    header::write_fixed(&mut block, field::SCHEME_HTTP);
    header::write_at(&mut block, place::PATH, path);
    header::write_at(&mut block, place::AUTHORITY, "localhost");
    header::write_at(&mut block, place::CONTENT_TYPE, "application/grpc");
    header::write(&mut block, "te", "trailers");
    for (name, value) in metadata {
        header::write(&mut block, name, value);
    }
    block
}

/// An answer as it comes in.
#[derive(Debug, Default)]
struct Answer {
    number: u32,
    /// Headers that have not come whole.
    block: Vec<u8>,
    /// Whether more of them has to come next, and whether nothing comes after them.
    continued: Option<bool>,
    /// The status of HTTP, once headers came.
    status: Option<String>,
    grpc_status: Option<String>,
    grpc_message: String,
    body: Vec<u8>,
}

impl Answer {
    fn new(number: u32) -> Self {
        Answer { number, ..Answer::default() }
    }

    /// Takes a frame in, adding to `out` what has to be said to it; answers whether it was the last.
    fn take(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) -> io::Result<bool> {
        if self.continued.is_some() != (frame.kind == kind::CONTINUATION) {
            let what = "headers to be continued at once, and only those";
            return Err(malformed(format!("{what}, found a frame of kind {}", frame.kind)));
        }
        match frame.kind {
            kind::HEADERS => {
                self.check(frame)?;
                self.continued = Some(frame.has(flag::END_STREAM));
                self.headers(frame)
            }
            kind::CONTINUATION => {
                self.check(frame)?;
                self.headers(frame)
            }
            kind::DATA => {
                self.check(frame)?;
                self.data(frame, out)
            }
            kind::RST_STREAM if frame.stream == self.number => {
                let what = format!("the question was broken off with error {}", frame.number_at(0));
                Err(io::Error::other(what))
            }
            kind::GOAWAY if frame.number_at(0) & NUMBER < self.number => {
                let what = format!(
                    "the daemon ends the connection with error {}: {}",
                    frame.number_at(4),
                    short(&String::from_utf8_lossy(frame.payload.get(8..).unwrap_or_default()))
                );
                Err(io::Error::other(what))
            }
            kind::SETTINGS | kind::PING if !frame.has(flag::ACK) => {
                let settings = frame.kind == kind::SETTINGS;
                let unit = if settings { 6 } else { 8 };
                if !frame.payload.len().is_multiple_of(unit) || frame.stream != 0 {
                    return Err(malformed("whole settings, and a ping of eight bytes"));
                }
                let echo = if settings { &[] } else { frame.payload };
                frame::write(out, frame.kind, flag::ACK, 0, echo);
                Ok(false)
            }
            kind::PUSH_PROMISE => Err(malformed("nothing that was not asked for")),
            _ => Ok(false),
        }
    }

    fn check(&self, frame: &Frame<'_>) -> io::Result<()> {
        match frame.stream {
            stream if stream == self.number => Ok(()),
            other => Err(malformed(format!(
                "the answer to question {}, found one to {other}",
                self.number
            ))),
        }
    }

    fn headers(&mut self, frame: &Frame<'_>) -> io::Result<bool> {
        let piece = if frame.kind == kind::HEADERS { frame.content()? } else { frame.payload };
        if self.block.len() + piece.len() > HEADERS_BYTES_MAX {
            return Err(malformed(format!("headers of at most {HEADERS_BYTES_MAX} bytes")));
        }
        self.block.extend_from_slice(piece);
        if !frame.has(flag::END_HEADERS) {
            return Ok(false);
        }
        let block = std::mem::take(&mut self.block);
        header::read(&block, |name, value| match name {
            ":status" => self.status = Some(value.to_owned()),
            "grpc-status" => self.grpc_status = Some(value.to_owned()),
            "grpc-message" => self.grpc_message = value.to_owned(),
            _ => {}
        })?;
        Ok(self.continued.take().unwrap_or(false))
    }

    fn data(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) -> io::Result<bool> {
        let piece = frame.content()?;
        if self.body.len() + piece.len() > ANSWER_BYTES_MAX {
            return Err(malformed(format!("an answer of at most {ANSWER_BYTES_MAX} bytes")));
        }
        self.body.extend_from_slice(piece);
        // What came is made room for again, padding too.
        if let Some(room) = u32::try_from(frame.payload.len()).ok().filter(|room| *room > 0) {
            frame::write(out, kind::WINDOW_UPDATE, 0, 0, &frame::bytes_of(room));
        }
        Ok(frame.has(flag::END_STREAM))
    }

    /// What it says, once it is over.
    fn reply(self) -> io::Result<Reply> {
        match self.status.as_deref() {
            Some("200") => {}
            other => {
                let found = short(other.unwrap_or("none"));
                return Err(malformed(format!("status 200, found {found}")));
            }
        }
        let status = self.grpc_status.unwrap_or_default();
        let code = status.parse::<u32>();
        let code = code.map_err(|_| {
            malformed(format!("a number as grpc-status, found {:?}", short(&status)))
        })?;
        if code != 0 {
            return Ok(Err(Refusal { code, message: short(&self.grpc_message).to_owned() }));
        }
        const MESSAGE: &str = "one message that is not compressed, with its length before it";
        match self.body.split_first_chunk::<5>() {
            Some(([0, length @ ..], message))
                if frame::bytes_of(u32::try_from(message.len()).unwrap_or(u32::MAX)) == *length =>
            {
                Ok(Ok(message.to_vec()))
            }
            _ => Err(malformed(format!("{MESSAGE}, found {} bytes", self.body.len()))),
        }
    }
}

/// The beginning of a text from outside, for people to read.
fn short(text: &str) -> &str {
    let end = text.char_indices().nth(200).map_or(text.len(), |(at, _)| at);
    &text[..end]
}

#[cfg(test)]
pub(crate) mod tests;
