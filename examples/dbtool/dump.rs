//! `dbtool dump`.

use std::error::Error;
use std::io::{self, BufWriter, Write};

use serde_json::{Map, Value, json};
use stripchart_core::{Timestamp, ValueRef};
use stripchart_storage::{ExportError, Sealed};

use crate::Outcome;
use crate::args::{DumpArgs, What};
use crate::info::{kind_name, log_json};
use crate::text;
use crate::watch::Watch;

pub(crate) fn run(args: &DumpArgs, watch: &Watch) -> Result<Outcome, Box<dyn Error>> {
    let sealed = Sealed::open(&args.dir)?;
    let mut out = BufWriter::new(io::stdout().lock());
    match args.what {
        What::Rows => rows(args, &sealed, watch, &mut out)?,
        What::Segments => segments(args, &sealed, &mut out)?,
        What::Log => log(args, &sealed, &mut out)?,
        What::Files => files(args, &sealed, &mut out)?,
    }
    out.flush()?;
    Ok(Outcome::Done)
}

fn rows(
    args: &DumpArgs,
    sealed: &Sealed,
    watch: &Watch,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    watch.catch_interrupt()?;
    let limit = args.limit.unwrap_or(u64::MAX);
    let mut printed = 0;
    let done = args.selection.export().blocks(sealed, |block| {
        for (row, at) in block.rows.timestamps.iter().enumerate() {
            if printed == limit || watch.interrupted() {
                return Err(ExportError::Cancelled);
            }
            let columns = block.fields.iter().zip(&block.rows.columns);
            let values =
                columns.filter_map(|(field, column)| Some((field.name.as_str(), column.get(row)?)));
            let line = if args.json {
                let fields: Map<String, Value> =
                    values.map(|(name, value)| (name.to_owned(), json_of(value))).collect();
                let tags: Map<String, Value> = block
                    .series
                    .tags()
                    .map(|(key, value)| (key.to_owned(), value.into()))
                    .collect();
                json!({
                    "time": Timestamp::from_nanos(*at).to_string(),
                    "database": block.database,
                    "policy": block.policy,
                    "measurement": block.series.measurement(),
                    "tags": tags,
                    "fields": fields,
                })
                .to_string()
            } else {
                let mut line = format!("{}  {} ", Timestamp::from_nanos(*at), block.series);
                values.for_each(|(name, value)| line += &format!(" {name}={}", text_of(value)));
                line
            };
            writeln!(out, "{line}").map_err(ExportError::Write)?;
            printed += 1;
        }
        Ok(())
    });
    match done {
        Err(ExportError::Cancelled) if !watch.interrupted() => Ok(()),
        done => Ok(done?),
    }
}

/// A value as line protocol has it, and what that has no form for.
fn text_of(value: ValueRef<'_>) -> String {
    let mut text = String::new();
    match stripchart_core::line_protocol::write_value(value, &mut text) {
        Ok(()) => text,
        Err(_) => value.as_f64().map_or(String::new(), |float| float.to_string()),
    }
}

/// A value in JSON, which has no NaN and no infinity: those are texts.
fn json_of(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Float(value) if value.is_finite() => value.into(),
        ValueRef::Float(value) => value.to_string().into(),
        ValueRef::Integer(value) => value.into(),
        ValueRef::Unsigned(value) => value.into(),
        ValueRef::Boolean(value) => value.into(),
        ValueRef::String(value) => value.into(),
        ValueRef::Time(value) => value.to_string().into(),
    }
}

fn segments(args: &DumpArgs, sealed: &Sealed, out: &mut impl Write) -> io::Result<()> {
    let all = sealed.segments();
    if args.json {
        for segment in all {
            let line = json!({
                "path": segment.path,
                "id": segment.id,
                "database": segment.database,
                "policy": segment.policy,
                "shard_start_ns": segment.shard.0,
                "shard_end_ns": segment.shard.1,
                "first_ns": segment.bounds.0,
                "last_ns": segment.bounds.1,
                "series": segment.series,
                "rows": segment.rows,
                "bytes": segment.bytes,
            });
            writeln!(out, "{line}")?;
        }
        return Ok(());
    }
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|segment| {
            vec![
                segment.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                segment.database.clone(),
                segment.policy.clone(),
                text::count(segment.series),
                text::count(segment.rows),
                text::bytes(segment.bytes),
                text::time(segment.bounds.0),
                text::time(segment.bounds.1),
            ]
        })
        .collect();
    let head = ["segment", "database", "policy", ">series", ">rows", ">size", "first", "last"];
    text::table(out, "", &head, &rows)
}

fn log(args: &DumpArgs, sealed: &Sealed, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let files = sealed.log_files()?;
    if args.json {
        for file in &files {
            writeln!(out, "{}", log_json(file))?;
        }
        return Ok(());
    }
    let number = |record: Option<u64>| record.map_or("-".to_owned(), |record| record.to_string());
    let rows: Vec<Vec<String>> = files
        .iter()
        .map(|file| {
            let torn = format!("{} unfinished", text::counted(file.torn_bytes, "byte"));
            let note = file.damage.clone().or((file.torn_bytes > 0).then_some(torn));
            vec![
                file.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                number(file.records.map(|(first, _)| first)),
                number(file.records.map(|(_, last)| last)),
                text::bytes(file.bytes),
                note.unwrap_or_default(),
            ]
        })
        .collect();
    text::table(out, "", &["file", ">first record", ">last record", ">size", ""], &rows)?;
    writeln!(out, "sealed to record {}", sealed.sealed_seq())?;
    Ok(())
}

fn files(args: &DumpArgs, sealed: &Sealed, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let files = sealed.files()?;
    if args.json {
        for file in &files {
            let kind = kind_name(file.kind);
            writeln!(out, "{}", json!({ "path": file.path, "kind": kind, "bytes": file.bytes }))?;
        }
        return Ok(());
    }
    let row = |file: &stripchart_storage::FileInfo| {
        let path = file.path.to_string_lossy().into_owned();
        vec![path, kind_name(file.kind).to_owned(), text::bytes(file.bytes)]
    };
    let rows: Vec<Vec<String>> = files.iter().map(row).collect();
    Ok(text::table(out, "", &["file", "kind", ">size"], &rows)?)
}
