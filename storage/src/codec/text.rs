//! Runs of texts.

use stripchart_core::Strings;

use super::ints::{decode_ints, encode_ints};
use crate::bytes::{Bad, Reader, put_len, put_str};

const TEXT_DICTIONARY: u8 = 0;

pub(super) fn encode_texts<'a>(texts: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
    let mut known = std::collections::HashMap::new();
    let mut list = Vec::new();
    let mut indexes = Vec::new();
    for text in texts {
        let index = *known.entry(text).or_insert_with(|| {
            list.push(text);
            i64::try_from(list.len() - 1).unwrap_or(i64::MAX)
        });
        indexes.push(index);
    }
    out.push(TEXT_DICTIONARY);
    put_len(out, list.len());
    list.iter().for_each(|text| put_str(out, text));
    encode_ints(&indexes, out);
}

/// Reads what stands before the indexes: the different texts.
pub(super) fn dictionary<'a>(reader: &mut Reader<'a>) -> Result<Vec<&'a str>, Bad> {
    match reader.u8()? {
        TEXT_DICTIONARY => {}
        other => return reader.bad("a text codec", other.to_string()),
    }
    let count = reader.count(reader.rest())?;
    (0..count).map(|_| reader.str()).collect()
}

pub(super) fn decode_texts(reader: &mut Reader<'_>, n: usize) -> Result<Strings, Bad> {
    let list = dictionary(reader)?;
    let mut strings = Strings::default();
    let mut total = 0;
    for index in decode_ints(reader, n)? {
        let text = usize::try_from(index).ok().and_then(|index| list.get(index));
        let Some(text) = text else {
            return reader.bad("an index into the dictionary", index.to_string());
        };
        // A short block may claim a long text over and over.
        total += text.len();
        if total > MAX_TEXT {
            return reader.bad("less text", format!("{total} bytes"));
        }
        strings.push(text);
    }
    Ok(strings)
}

/// Bytes of text that a run may have.
pub(crate) const MAX_TEXT: usize = 1 << 30;
