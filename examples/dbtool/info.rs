//! `dbtool info`.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};
use stripchart_core::error_chain;
use stripchart_storage::{
    Database, FileKind, LogFileInfo, MeasurementInfo, RetentionPolicy, Sealed, SegmentInfo,
};

use crate::Outcome;
use crate::args::InfoArgs;
use crate::text;

/// All that is said.
struct Info {
    sealed: Sealed,
    /// The process that has the database open, as far as can be seen.
    process: Option<u32>,
    policies: Vec<PolicyInfo>,
    log: Vec<LogFileInfo>,
    files: BTreeMap<FileKind, (u64, u64)>,
    /// What is wrong.
    damage: Vec<String>,
}

struct PolicyInfo {
    database: Database,
    policy: RetentionPolicy,
    segments: Vec<SegmentInfo>,
    measurements: Option<Vec<MeasurementInfo>>,
}

pub(crate) fn run(args: &InfoArgs) -> Result<Outcome, Box<dyn Error>> {
    let info = Info::gather(args)?;
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", info.json())?;
    } else {
        info.print(&mut out, &args.dir)?;
    }
    out.flush()?;
    info.damage.iter().for_each(|damage| eprintln!("dbtool: {damage}"));
    Ok(if info.damage.is_empty() { Outcome::Done } else { Outcome::InPart })
}

impl Info {
    fn gather(args: &InfoArgs) -> Result<Info, Box<dyn Error>> {
        let sealed = Sealed::open(&args.dir)?;
        let mut damage: Vec<String> =
            sealed.damaged().iter().map(|error| error.to_string()).collect();
        let mut segments = sealed.segments();
        let mut policies = Vec::new();
        for database in sealed.catalog().databases() {
            for policy in database.policies() {
                let mine = |segment: &mut SegmentInfo| {
                    segment.database == database.name() && segment.policy == policy.name
                };
                let measured =
                    (!args.quick).then(|| sealed.measurements(database.name(), Some(&policy.name)));
                let measurements = measured.and_then(|measured| {
                    measured.map_err(|error| damage.push(error_chain(&error))).ok()
                });
                policies.push(PolicyInfo {
                    database: database.clone(),
                    policy: policy.clone(),
                    segments: segments.extract_if(.., mine).collect(),
                    measurements,
                });
            }
        }
        let log = sealed.log_files()?;
        damage.extend(log.iter().filter_map(|file| file.damage.clone()));
        let mut files: BTreeMap<FileKind, (u64, u64)> = BTreeMap::new();
        for file in sealed.files()? {
            let (count, bytes) = files.entry(file.kind).or_default();
            *count += 1;
            *bytes += file.bytes;
        }
        for file in sealed.quarantined()? {
            let name = file.path.file_name().unwrap_or_default().to_string_lossy();
            damage.push(format!("{name} is in quarantine: {}", file.why));
        }
        damage.sort_unstable();
        damage.dedup();
        Ok(Info { process: process(&args.dir), sealed, policies, log, files, damage })
    }

    /// Records of the log that are in no segment yet.
    fn unsealed(&self) -> u64 {
        let last = self.log.iter().filter_map(|file| file.records).map(|(_, last)| last).max();
        last.map_or(0, |last| last.saturating_sub(self.sealed.sealed_seq()))
    }

    fn bytes(&self) -> u64 {
        self.files.values().map(|(_, bytes)| bytes).sum()
    }

    fn print(&self, out: &mut impl Write, dir: &Path) -> io::Result<()> {
        writeln!(out, "{}: {} in all files", dir.display(), text::bytes(self.bytes()))?;
        if let Some(process) = self.process {
            writeln!(out, "open in process {process}")?;
        }
        let unsealed = self.unsealed();
        if unsealed > 0 {
            let records = text::counted(unsealed, "record");
            writeln!(out, "{records} of the log not sealed yet, and not counted below")?;
        }
        for policy in &self.policies {
            policy.print(out)?;
        }
        writeln!(out, "\nfiles")?;
        let rows: Vec<Vec<String>> = self
            .files
            .iter()
            .map(|(kind, (count, bytes))| {
                let note = if *kind == FileKind::Log { self.log_note() } else { String::new() };
                vec![kind_name(*kind).to_owned(), text::count(*count), text::bytes(*bytes), note]
            })
            .collect();
        text::table(out, "  ", &["kind", ">files", ">size", ""], &rows)
    }

    fn log_note(&self) -> String {
        let first = self.log.iter().filter_map(|file| file.records).map(|(first, _)| first).min();
        let last = self.log.iter().filter_map(|file| file.records).map(|(_, last)| last).max();
        let torn: u64 = self.log.iter().map(|file| file.torn_bytes).sum();
        let mut note = match (first, last) {
            (Some(first), Some(last)) => {
                format!("records {first} to {last}, sealed to {}", self.sealed.sealed_seq())
            }
            _ => format!("no records, sealed to {}", self.sealed.sealed_seq()),
        };
        if torn > 0 {
            note += &format!(", {} of an unfinished one", text::counted(torn, "byte"));
        }
        note
    }

    fn json(&self) -> Value {
        let files: serde_json::Map<String, Value> = self
            .files
            .iter()
            .map(|(kind, (count, bytes))| {
                (kind_name(*kind).to_owned(), json!({ "files": count, "bytes": bytes }))
            })
            .collect();
        json!({
            "bytes": self.bytes(),
            "process": self.process,
            "sealed_record": self.sealed.sealed_seq(),
            "unsealed_records": self.unsealed(),
            "policies": self.policies.iter().map(PolicyInfo::json).collect::<Vec<_>>(),
            "log": self.log.iter().map(log_json).collect::<Vec<_>>(),
            "files": files,
            "damage": self.damage,
        })
    }
}

impl PolicyInfo {
    fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    fn rows(&self) -> u64 {
        self.segments.iter().map(|segment| segment.rows).sum()
    }

    fn values(&self) -> u64 {
        self.measurements.iter().flatten().map(|measurement| measurement.values).sum()
    }

    fn bounds(&self) -> Option<(i64, i64)> {
        let first = self.segments.iter().map(|segment| segment.bounds.0).min()?;
        let last = self.segments.iter().map(|segment| segment.bounds.1).max()?;
        Some((first, last))
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let PolicyInfo { database, policy, .. } = self;
        let kept = policy.duration_ns.map_or("kept for ever".to_owned(), |duration| {
            format!("kept for {}", text::duration(duration))
        });
        let default = if policy.is_default { ", the default" } else { "" };
        writeln!(
            out,
            "\ndatabase {:?}, policy {:?}: {kept}, shards of {}{default}",
            database.name(),
            policy.name,
            text::duration(policy.shard_duration_ns),
        )?;
        for rollup in &policy.rollups {
            let every = text::duration(rollup.every_ns);
            writeln!(out, "  rolled up into {:?} every {every}", rollup.into)?;
        }
        let segments = text::counted(self.segments.len() as u64, "segment");
        let mut size = format!(
            "  {segments}, {}, {}",
            text::bytes(self.bytes()),
            text::counted(self.rows(), "row")
        );
        if let Some(per_value) = text::per_value(self.bytes(), self.values()) {
            size += &format!(", {}, {per_value}", text::counted(self.values(), "value"));
        }
        writeln!(out, "{size}")?;
        if let Some((first, last)) = self.bounds() {
            writeln!(out, "  {} to {}", text::time(first), text::time(last))?;
        }
        let Some(measurements) = self.measurements.as_ref().filter(|all| !all.is_empty()) else {
            return Ok(());
        };
        let rows: Vec<Vec<String>> = measurements.iter().map(measurement_row).collect();
        let head =
            ["measurement", ">fields", ">series", ">rows", ">values", ">size", "first", "last"];
        text::table(out, "  ", &head, &rows)
    }

    fn json(&self) -> Value {
        json!({
            "database": self.database.name(),
            "policy": self.policy.name,
            "default": self.policy.is_default,
            "duration_ns": self.policy.duration_ns,
            "shard_duration_ns": self.policy.shard_duration_ns,
            "rollups": self.policy.rollups.iter().map(|rollup| {
                json!({ "into": rollup.into, "every_ns": rollup.every_ns })
            }).collect::<Vec<_>>(),
            "segments": self.segments.len(),
            "bytes": self.bytes(),
            "rows": self.rows(),
            "values": self.measurements.as_ref().map(|_| self.values()),
            "first_ns": self.bounds().map(|(first, _)| first),
            "last_ns": self.bounds().map(|(_, last)| last),
            "measurements": self.measurements.as_ref().map(|all| {
                all.iter().map(measurement_json).collect::<Vec<_>>()
            }),
        })
    }
}

fn measurement_row(info: &MeasurementInfo) -> Vec<String> {
    let bounds = info.bounds;
    vec![
        info.name.clone(),
        text::count(info.fields.len() as u64),
        text::count(info.series),
        text::count(info.rows),
        text::count(info.values),
        text::bytes(info.value_bytes),
        bounds.map_or(String::new(), |(first, _)| first.to_string()),
        bounds.map_or(String::new(), |(_, last)| last.to_string()),
    ]
}

fn measurement_json(info: &MeasurementInfo) -> Value {
    let fields: serde_json::Map<String, Value> = info
        .fields
        .iter()
        .map(|field| (field.name.clone(), field.field_type.name().into()))
        .collect();
    json!({
        "measurement": info.name,
        "fields": fields,
        "series": info.series,
        "rows": info.rows,
        "values": info.values,
        "value_bytes": info.value_bytes,
        "first_ns": info.bounds.map(|(first, _)| first.nanos()),
        "last_ns": info.bounds.map(|(_, last)| last.nanos()),
    })
}

pub(crate) fn log_json(file: &LogFileInfo) -> Value {
    json!({
        "path": file.path,
        "bytes": file.bytes,
        "first_record": file.records.map(|(first, _)| first),
        "last_record": file.records.map(|(_, last)| last),
        "torn_bytes": file.torn_bytes,
        "damage": file.damage,
    })
}

pub(crate) fn kind_name(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Catalog => "catalog",
        FileKind::Log => "log",
        FileKind::Segment => "segments",
        FileKind::Lock => "lock",
        FileKind::Tombstone => "tombstones",
        FileKind::Document => "documents",
        FileKind::Quarantine => "quarantine",
        FileKind::Temporary => "unfinished",
        _ => "other",
    }
}

/// The process that has signed the lock, if it still runs. A look only: taking the lock would disturb who wants it.
fn process(dir: &Path) -> Option<u32> {
    let pid: u32 = std::fs::read_to_string(dir.join("LOCK")).ok()?.trim().parse().ok()?;
    let running = Path::new("/proc").join(pid.to_string()).exists();
    (running && pid != std::process::id()).then_some(pid)
}
