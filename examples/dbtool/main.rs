//! Looks into a stripchart database, takes rows out, puts rows in, keeps it in order.

mod args;
mod dump;
mod info;
mod text;
mod transfer;
mod upkeep;
mod watch;

use std::error::Error;
use std::io::{self, ErrorKind};
use std::process::ExitCode;

use clap::Parser;
use stripchart_core::error_chain;
use stripchart_storage::{ExportError, ImportError, OpenError};

use crate::args::{Args, Command};
use crate::watch::Watch;

/// How it went, as an exit status says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// But for something that was told of.
    InPart,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let watch = Watch::new(args.progress);
    let result = match &args.command {
        Command::Info(args) => info::run(args),
        Command::Dump(args) => dump::run(args, &watch),
        Command::Export(args) => transfer::export(args, &watch),
        Command::Import(args) => transfer::import(args, &watch),
        Command::Verify(args) => upkeep::verify(args, &watch),
        Command::Repair(args) => upkeep::repair(args, &watch),
        Command::Compact(args) => upkeep::compact(args, &watch),
        Command::Snapshot(args) => upkeep::snapshot(args),
        Command::Restore(args) => upkeep::run_restore(args),
    };
    watch.clear();
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::InPart) => ExitCode::from(3),
        // Whoever reads what is printed has read enough.
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dbtool: {}{}", error_chain(&*error), hint(&*error, &args.command));
            if watch.interrupted() { ExitCode::from(130) } else { ExitCode::FAILURE }
        }
    }
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    let io = match error.downcast_ref::<ExportError>() {
        Some(ExportError::Write(error)) => Some(error),
        _ => error.downcast_ref::<io::Error>(),
    };
    io.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// What this program offers against an error.
fn hint(error: &(dyn Error + 'static), command: &Command) -> &'static str {
    match (error.downcast_ref::<OpenError>(), error.downcast_ref::<ImportError>(), command) {
        (Some(OpenError::Locked { .. }), _, Command::Export(_)) => {
            "; or export what is sealed, with --sealed"
        }
        (_, Some(ImportError::NoDatabase { .. }), _) => ", with --database",
        _ => "",
    }
}
