//! `dbtool export` and `dbtool import`.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use stripchart_storage::{
    Db, Export, ExportError, ExportReport, Import, ImportReport, Progress, Sealed, SyncPolicy,
};

use crate::Outcome;
use crate::args::{ExportArgs, Format, ImportArgs};
use crate::text;
use crate::watch::Watch;

/// Refused lines that are shown; the rest is counted.
const REFUSED_SHOWN: usize = 20;

pub(crate) fn export(args: &ExportArgs, watch: &Watch) -> Result<Outcome, Box<dyn Error>> {
    watch.catch_interrupt()?;
    let mut export = args.selection.export();
    if args.no_definitions {
        export = export.without_definitions();
    }
    // Also where the database is opened for good: that would create one where there is none.
    let sealed = Sealed::open(&args.dir)?;
    let report = if args.sealed {
        write(&export, &sealed, args, watch)?
    } else {
        drop(sealed);
        write(&export, &Db::open(&args.dir)?, args, watch)?
    };
    watch.clear();
    let ExportReport { rows, series, bytes, left_out, left_out_first, .. } = report;
    eprintln!(
        "exported {} of {}, {}",
        text::counted(rows, "row"),
        text::counted(series, "series"),
        text::bytes(bytes)
    );
    match left_out_first {
        None => Ok(Outcome::Done),
        Some(first) => {
            let values = text::counted(left_out, "value");
            eprintln!(
                "dbtool: {values} left out that line protocol cannot express, the first: {first}"
            );
            Ok(Outcome::InPart)
        }
    }
}

fn write(
    export: &Export,
    source: &impl stripchart_storage::Source,
    args: &ExportArgs,
    watch: &Watch,
) -> Result<ExportReport, Box<dyn Error>> {
    let output = &*args.output;
    if args.format == Format::Parquet {
        return write_parquet(export, source, args, watch);
    }
    let step = |progress: &Progress| watch.step(progress.rows, progress.bytes, None);
    if output == Path::new("-") {
        return Ok(export.lines(source, io::stdout().lock(), step)?);
    }
    // Under another name first: what has this name is complete.
    let mut name = output.file_name().ok_or("expected a file to write to")?.to_owned();
    name.push(".part");
    let part = output.with_file_name(name);
    let file = File::create(&part).map_err(|error| named(&part, error))?;
    let mut file = BufWriter::new(file);
    let finished = export.lines(source, &mut file, step).and_then(|report| {
        file.flush().and_then(|()| file.get_ref().sync_all()).map_err(ExportError::Write)?;
        Ok(report)
    });
    match finished {
        Ok(report) => {
            fs::rename(&part, output).map_err(|error| named(output, error))?;
            Ok(report)
        }
        Err(error) => {
            let _ = fs::remove_file(&part);
            Err(error.into())
        }
    }
}

#[cfg(feature = "parquet")]
fn write_parquet(
    export: &Export,
    source: &impl stripchart_storage::Source,
    args: &ExportArgs,
    watch: &Watch,
) -> Result<ExportReport, Box<dyn Error>> {
    if args.output == Path::new("-") {
        return Err("expected a folder for Parquet files; name one with --output".into());
    }
    let host = || fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let who = args.who.clone().or_else(host).unwrap_or_else(|| "host".to_owned());
    let step = |progress: &Progress| watch.step(progress.rows, progress.bytes, None);
    Ok(export.parquet(source, &args.output, who.trim(), step)?)
}

#[cfg(not(feature = "parquet"))]
fn write_parquet(
    _: &Export,
    _: &impl stripchart_storage::Source,
    _: &ExportArgs,
    _: &Watch,
) -> Result<ExportReport, Box<dyn Error>> {
    Err(NO_PARQUET.into())
}

#[cfg(not(feature = "parquet"))]
const NO_PARQUET: &str = "this dbtool knows no Parquet; build it with --features parquet";

fn named(path: &Path, error: io::Error) -> String {
    format!("{}: {error}", path.display())
}

pub(crate) fn import(args: &ImportArgs, watch: &Watch) -> Result<Outcome, Box<dyn Error>> {
    watch.catch_interrupt()?;
    // Before the folder is created: a mistyped file leaves nothing behind.
    let input = Input::open(&args.file)?;
    // One sync when all is in is enough: should the machine fail before, the file is still there to be read again.
    let db = Db::builder().sync(SyncPolicy::Never).open(&args.dir)?;
    let mut import = Import::new().precision(args.precision());
    if let Some(database) = &args.database {
        import = import.into_database(database, args.policy.as_deref());
    }
    let done = match input {
        Input::Lines(input, len) => {
            import.lines(&db, input, |progress| watch.step(progress.rows, progress.bytes, len))
        }
        #[cfg(feature = "parquet")]
        Input::Parquet => import
            .parquet(&db, &args.file, |progress| watch.step(progress.rows, progress.bytes, None)),
    };
    // What came before an error stays.
    db.close()?;
    watch.clear();
    let ImportReport { lines, rows, refused, refused_count, .. } = done?;
    for refused in refused.iter().take(REFUSED_SHOWN) {
        eprintln!("dbtool: {refused}");
    }
    let shown = refused.len().min(REFUSED_SHOWN) as u64;
    if refused_count > shown {
        eprintln!("dbtool: and {} more", text::counted(refused_count - shown, "line"));
    }
    eprintln!(
        "imported {} from {}{}",
        text::counted(rows, "row"),
        text::counted(lines, "line"),
        if refused_count > 0 {
            format!(", refused {}", text::count(refused_count))
        } else {
            String::new()
        }
    );
    Ok(if refused_count > 0 { Outcome::InPart } else { Outcome::Done })
}

/// What is read.
enum Input {
    /// Line protocol, and its length if known.
    Lines(Box<dyn Read>, Option<u64>),
    #[cfg(feature = "parquet")]
    Parquet,
}

impl Input {
    fn open(path: &Path) -> Result<Input, Box<dyn Error>> {
        if path == Path::new("-") {
            return Ok(Input::Lines(Box::new(io::stdin().lock()), None));
        }
        let file = File::open(path).map_err(|error| named(path, error))?;
        let meta = file.metadata()?;
        if meta.is_dir() || path.extension().is_some_and(|extension| extension == "parquet") {
            #[cfg(feature = "parquet")]
            return Ok(Input::Parquet);
            #[cfg(not(feature = "parquet"))]
            return Err(format!("{}: {NO_PARQUET}", path.display()).into());
        }
        Ok(Input::Lines(Box::new(file), meta.is_file().then_some(meta.len())))
    }
}
