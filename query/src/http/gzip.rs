//! Bodies compressed and decompressed, neither larger in memory than allowed.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use http::Request;
use http::header::CONTENT_ENCODING;

use super::body::Body;

/// Why a body was not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    /// It is larger than allowed, or would become so.
    TooLarge,
    /// It is not what its encoding says; the text is Go's.
    Gzip(String),
}

/// The body of `request`, decompressed, if it has at most `max_bytes` both before and after.
pub(super) fn read(request: &Request<Bytes>, max_bytes: usize) -> Result<Bytes, BodyError> {
    let body = request.body();
    if body.len() > max_bytes {
        return Err(BodyError::TooLarge);
    }
    let encoding = request.headers().get(CONTENT_ENCODING);
    if encoding.is_none_or(|encoding| encoding != "gzip") {
        return Ok(body.clone());
    }
    if !body.starts_with(&[0x1f, 0x8b]) {
        let text = if body.len() < 2 { "unexpected EOF" } else { "gzip: invalid header" };
        return Err(BodyError::Gzip(text.to_owned()));
    }
    let mut content = Vec::new();
    // One byte more than allowed tells a body that fits from one that does not, however far the latter would inflate.
    let limit = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
    match MultiGzDecoder::new(&body[..]).take(limit).read_to_end(&mut content) {
        Ok(_) if content.len() > max_bytes => Err(BodyError::TooLarge),
        Ok(_) => Ok(content.into()),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err(BodyError::Gzip("unexpected EOF".to_owned()))
        }
        Err(error) => Err(BodyError::Gzip(format!("gzip: {error}"))),
    }
}

/// `body`, compressed: as a whole if it is there as a whole, otherwise piece by piece.
pub(super) fn compressed(body: Body) -> Body {
    let is_whole = body.len().is_some();
    let pieces =
        Compressed { body, encoder: Some(GzEncoder::new(Vec::new(), Compression::fast())) };
    if is_whole {
        return Body::from(pieces.fold(Vec::new(), |mut all, piece| {
            all.extend_from_slice(&piece);
            all
        }));
    }
    Body::streaming(Bytes::new(), Box::new(pieces))
}

/// Pieces of a body, compressed. Each is flushed, so that the receiver has the rows that were made for it.
struct Compressed {
    body: Body,
    /// `None` at the end.
    encoder: Option<GzEncoder<Vec<u8>>>,
}

impl Iterator for Compressed {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let encoder = self.encoder.as_mut()?;
        match self.body.next() {
            // A vector takes every write.
            Some(piece) => {
                let _ = encoder.write_all(&piece).and_then(|()| encoder.flush());
                Some(std::mem::take(encoder.get_mut()).into())
            }
            None => self.encoder.take()?.finish().ok().map(Bytes::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn packed(body: Vec<u8>) -> Request<Bytes> {
        Request::post("/write").header(CONTENT_ENCODING, "gzip").body(body.into()).unwrap()
    }

    #[test]
    fn compressed_bodies_are_limited_by_what_they_become() {
        let lines = b"m v=1\n".repeat(100);
        assert_eq!(read(&packed(gzip(&lines)), 600).unwrap(), lines);
        assert_eq!(read(&packed(gzip(&lines)), 599), Err(BodyError::TooLarge));
        let bomb = gzip(&vec![b' '; 50_000_000]);
        assert!(bomb.len() < 100_000);
        assert_eq!(read(&packed(bomb), 1_000_000), Err(BodyError::TooLarge));
        let plain = Request::post("/write").body(Bytes::from(lines)).unwrap();
        assert_eq!(read(&plain, 599), Err(BodyError::TooLarge));
    }

    #[test]
    fn what_is_not_gzip_is_told_in_words() {
        let whole = gzip(b"m v=1");
        let cases = [
            (whole[..whole.len() - 3].to_vec(), "unexpected EOF"),
            (b"x".to_vec(), "unexpected EOF"),
            (b"plain text".to_vec(), "gzip: invalid header"),
        ];
        for (body, want) in cases {
            let got = read(&packed(body), 1000);
            assert_eq!(got, Err(BodyError::Gzip(want.to_owned())));
        }
        let mut broken = whole;
        let at = broken.len() - 6;
        broken[at] ^= 1;
        assert!(matches!(read(&packed(broken), 1000), Err(BodyError::Gzip(_))));
    }

    #[test]
    fn a_stream_is_compressed_piece_by_piece() {
        let texts = ["first,".repeat(1000), "second,".repeat(1000)];
        let pieces = texts.clone().map(Bytes::from).into_iter();
        let mut body = compressed(Body::streaming(Bytes::new(), Box::new(pieces)));
        assert_eq!(body.len(), None);
        let first = body.next().unwrap();
        let mut seen = vec![0; texts[0].len()];
        MultiGzDecoder::new(&first[..]).read_exact(&mut seen).unwrap();
        assert_eq!(seen, texts[0].as_bytes(), "readable before the rest is there");
        let mut all = first.to_vec();
        body.for_each(|piece| all.extend_from_slice(&piece));
        let mut text = String::new();
        MultiGzDecoder::new(&all[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text, texts.concat());

        let whole = compressed(Body::from("x".repeat(1000)));
        assert!(whole.len().is_some_and(|len| len < 100));
        let mut text = String::new();
        MultiGzDecoder::new(whole).read_to_string(&mut text).unwrap();
        assert_eq!(text, "x".repeat(1000));
    }
}
