//! The file `catalog`: a checkpoint of the catalog, and the mark of a database folder.
//!
//! ```text
//! 0           8     10    12              20             20+n
//! +-----------+-----+-----+---------------+--------------+--------+
//! | "SCHARTCT"| ver | 0   | sealed seq    | catalog, n B | crc32c |
//! |  magic    | u16 | u16 | u64           |              | of all |
//! +-----------+-----+-----+---------------+--------------+--------+
//! ```
//!
//! What records of the log up to `sealed seq` say is in the catalog and in segments; replay begins after it. The file is
//! written anew under the name `catalog.tmp`, synced, and renamed: a checkpoint is there whole or not at all. The catalog's
//! bytes are also the payload of a log record whenever somebody changes it; fields that appear in batches are not recorded
//! apart, for replaying the batch finds them again.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use stripchart_core::{MetricKind, Unit};

use super::{Catalog, Database, Meaning, Measurement, PolicyId, RetentionPolicy, Schema};
use crate::ReadError;
use crate::bytes::{Bad, Reader, put_len, put_str, put_varint, put_zigzag};
use crate::codec::{take_type, type_id};
use crate::crc;
use crate::rollup::Rollup;
use crate::vfs::Vfs;
use crate::whole::{self, Written};

/// Its name in the folder.
pub(crate) const NAME: &str = "catalog";
pub(crate) const TMP_NAME: &str = "catalog.tmp";

const MAGIC: &[u8; 8] = b"SCHARTCT";
pub(crate) const VERSION: u16 = 2;
const VERSION_AT: usize = MAGIC.len();
const SEQ_AT: usize = VERSION_AT + 4;
const BODY_AT: usize = SEQ_AT + 8;
const CRC_LEN: usize = 4;
const _: () = assert!(BODY_AT == 20, "the drawing above and docs/format/catalog.md say 20");

/// A catalog, and the number of the last log record that it and the segments cover.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Checkpoint {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) sealed_seq: u64,
}

/// Replaces the file in `folder`.
pub(crate) fn write(
    vfs: &dyn Vfs,
    folder: &Path,
    checkpoint: &Checkpoint,
) -> Result<Written, ReadError> {
    let (tmp, path) = (folder.join(TMP_NAME), folder.join(NAME));
    whole::write(vfs, &tmp, &path, &encode_file(checkpoint))
}

/// Reads the file in `folder`.
pub(crate) fn read(vfs: &dyn Vfs, folder: &Path) -> Result<Checkpoint, ReadError> {
    let path = folder.join(NAME);
    let bytes = vfs.read(&path).map_err(|e| ReadError::io(&path, "read", e))?;
    decode_file(&path, &bytes)
}

fn encode_file(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend(VERSION.to_le_bytes());
    out.extend([0, 0]);
    out.extend(checkpoint.sealed_seq.to_le_bytes());
    encode(&checkpoint.catalog, &mut out);
    out.extend(crc32c::crc32c(&out).to_le_bytes());
    out
}

fn decode_file(path: &Path, bytes: &[u8]) -> Result<Checkpoint, ReadError> {
    let bad = |bad: Bad| ReadError::corrupt(path, bad.offset as u64, bad.expected, bad.found);
    let mut reader = Reader::new(bytes);
    if reader.take(MAGIC.len()).map_err(bad)? != MAGIC {
        return Err(ReadError::corrupt(path, 0, "the magic SCHARTCT of a catalog", "other bytes"));
    }
    let version = reader.u16().map_err(bad)?;
    ReadError::check_version(path, version, VERSION..=VERSION)?;
    let body = bytes.len().checked_sub(CRC_LEN).filter(|end| *end >= BODY_AT);
    let Some(end) = body else {
        return Err(ReadError::corrupt(path, 0, "at least 24 bytes", bytes.len().to_string()));
    };
    let stored = Reader::new(&bytes[end..]).u32().map_err(bad)?;
    let computed = crc32c::crc32c(&bytes[..end]);
    if !crc::holds(stored, computed) {
        let found = format!("{stored:08x}");
        return Err(ReadError::corrupt(path, end as u64, "the checksum of the file", found));
    }
    let sealed_seq = Reader::new(&bytes[SEQ_AT..BODY_AT]).u64().map_err(bad)?;
    let catalog =
        decode(&bytes[BODY_AT..end]).map_err(|b| bad(Bad { offset: b.offset + BODY_AT, ..b }))?;
    Ok(Checkpoint { catalog: Arc::new(catalog), sealed_seq })
}

/// Appends the catalog.
pub(crate) fn encode(catalog: &Catalog, out: &mut Vec<u8>) {
    put_varint(out, u64::from(catalog.next_policy));
    put_len(out, catalog.databases.len());
    for database in catalog.databases.values() {
        put_str(out, &database.name);
        put_len(out, database.policies.len());
        database.policies.iter().for_each(|policy| put_policy(policy, out));
    }
    put_len(out, catalog.schemas.len());
    for (policy, schema) in &catalog.schemas {
        put_varint(out, u64::from(policy.0));
        put_len(out, schema.measurements.len());
        for (name, measurement) in &schema.measurements {
            put_str(out, name);
            put_measurement(measurement, out);
        }
    }
}

fn put_policy(policy: &RetentionPolicy, out: &mut Vec<u8>) {
    put_str(out, &policy.name);
    put_varint(out, u64::from(policy.id.0));
    // No policy lasts zero nanoseconds: that stands for ever.
    put_zigzag(out, policy.duration_ns.unwrap_or(0));
    put_zigzag(out, policy.shard_duration_ns);
    put_varint(out, u64::from(policy.replicas));
    out.push(u8::from(policy.is_default));
    put_len(out, policy.rollups.len());
    for rollup in &policy.rollups {
        put_str(out, &rollup.into);
        put_zigzag(out, rollup.every_ns);
        put_varint(out, rollup.rank);
    }
}

fn put_measurement(measurement: &Measurement, out: &mut Vec<u8>) {
    put_len(out, measurement.fields.len());
    for (name, field_type) in &measurement.fields {
        put_str(out, name);
        out.push(type_id(*field_type));
    }
    put_len(out, measurement.meanings.len());
    for (name, meaning) in &measurement.meanings {
        put_str(out, name);
        out.push(match meaning.kind {
            MetricKind::Gauge => 0,
            MetricKind::Cumulative => 1,
            MetricKind::Delta => 2,
        });
        put_str(out, meaning.unit.id());
        put_str(out, &meaning.description);
    }
}

/// Reads a catalog, which must take all of `bytes`.
pub(crate) fn decode(bytes: &[u8]) -> Result<Catalog, Bad> {
    let mut reader = Reader::new(bytes);
    let next_policy = take_u32(&mut reader)?;
    let mut databases = BTreeMap::new();
    for _ in 0..reader.count(reader.rest())? {
        let name = reader.str()?.to_owned();
        let count = reader.count(reader.rest())?;
        let policies =
            (0..count).map(|_| take_policy(&mut reader)).collect::<Result<Vec<_>, _>>()?;
        if policies.is_empty() {
            return reader.bad("a policy of every database", "none");
        }
        databases.insert(name.clone(), Database { name, policies });
    }
    let mut schemas = BTreeMap::new();
    for _ in 0..reader.count(reader.rest())? {
        let policy = PolicyId(take_u32(&mut reader)?);
        let mut schema = Schema::default();
        for _ in 0..reader.count(reader.rest())? {
            let name = reader.str()?;
            schema.measurements.insert(name.into(), Arc::new(take_measurement(&mut reader)?));
        }
        schemas.insert(policy, Arc::new(schema));
    }
    reader.end()?;
    Ok(Catalog { databases, schemas, next_policy })
}

fn take_u32(reader: &mut Reader<'_>) -> Result<u32, Bad> {
    let value = reader.varint()?;
    u32::try_from(value).or_else(|_| reader.bad("a number of 32 bits", value.to_string()))
}

fn take_policy(reader: &mut Reader<'_>) -> Result<RetentionPolicy, Bad> {
    let name = reader.str()?.to_owned();
    let id = PolicyId(take_u32(reader)?);
    let duration_ns = Some(reader.zigzag()?).filter(|duration| *duration != 0);
    let shard_duration_ns = reader.zigzag()?;
    if shard_duration_ns <= 0 || duration_ns.is_some_and(|duration| duration < 0) {
        return reader.bad("a positive duration", "another one");
    }
    let replicas = take_u32(reader)?;
    let is_default = reader.u8()? != 0;
    let mut rollups = Vec::new();
    for _ in 0..reader.count(reader.rest())? {
        let mut rollup = Rollup::new(reader.str()?, reader.zigzag()?);
        if rollup.every_ns <= 0 {
            return reader.bad("a positive span", rollup.every_ns.to_string());
        }
        rollup.rank = reader.varint()?;
        rollups.push(rollup);
    }
    Ok(RetentionPolicy { name, duration_ns, shard_duration_ns, replicas, is_default, rollups, id })
}

fn take_measurement(reader: &mut Reader<'_>) -> Result<Measurement, Bad> {
    let mut measurement = Measurement::default();
    for _ in 0..reader.count(reader.rest())? {
        let name = reader.str()?;
        measurement.fields.insert(name.into(), take_type(reader)?);
    }
    for _ in 0..reader.count(reader.rest())? {
        let name = reader.str()?;
        let kind = match reader.u8()? {
            0 => MetricKind::Gauge,
            1 => MetricKind::Cumulative,
            2 => MetricKind::Delta,
            other => return reader.bad("a kind of metric", other.to_string()),
        };
        // A unit that this release does not know is none.
        let unit = Unit::from_id(reader.str()?).unwrap_or_default();
        let description = reader.str()?.to_owned();
        measurement.meanings.insert(name.into(), Meaning { kind, unit, description });
    }
    Ok(measurement)
}

#[cfg(test)]
mod tests {
    use stripchart_core::{FieldDescriptor, FieldType};

    use super::*;
    use crate::catalog::{Change, PolicySpec};
    use crate::vfs::sim::SimVfs;

    fn sample() -> Catalog {
        let spec = PolicySpec { duration_ns: Some(7_200_000_000_000), ..PolicySpec::default() };
        let create = Change::CreateDatabase { name: "db".into(), policy: Some(spec) };
        let mut catalog = Catalog::default().after(&create).unwrap().unwrap();
        catalog.add_field(PolicyId(0), "cpu", "user", FieldType::Float);
        let fields = vec![FieldDescriptor::new(
            "cpu",
            "user",
            FieldType::Float,
            MetricKind::Gauge,
            Unit::Percent,
            "time in user mode",
        )];
        catalog.after(&Change::Describe { policy: PolicyId(0), fields }).unwrap().unwrap()
    }

    #[test]
    fn the_file_comes_back_and_damage_is_noticed() {
        let vfs = SimVfs::new();
        let checkpoint = Checkpoint { catalog: Arc::new(sample()), sealed_seq: 77 };
        let folder = Path::new("/");
        write(&vfs, folder, &checkpoint).unwrap().durable().unwrap();
        assert_eq!(read(&vfs, folder).unwrap(), checkpoint);
        let good = vfs.read(Path::new("/catalog")).unwrap();
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 0x10;
            assert!(decode_file(folder, &bytes).is_err(), "flip at {at}");
            assert!(decode_file(folder, &good[..at]).is_err(), "cut at {at}");
        }
        let mut newer = good;
        newer[VERSION_AT] = 9;
        let error = decode_file(folder, &newer).unwrap_err();
        assert!(matches!(error, ReadError::Version { found: 9, newest: VERSION, .. }), "{error}");
    }
}
