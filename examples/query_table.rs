//! Asks a stored database a question in InfluxQL and prints the answer as tables.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Parser;
use stripchart_core::{Frame, ValueRef};
use stripchart_query::{Engine, ExecuteOptions};
use stripchart_storage::Db;

/// Ask an embedded database in InfluxQL. Statements are separated by `;`.
#[derive(Debug, Parser)]
struct Args {
    /// The question
    #[arg(default_value = "SHOW MEASUREMENTS; SHOW FIELD KEYS")]
    query: String,
    /// Folder of the database, as store_lines made it; full_stack's is free when that does not run
    #[arg(long, value_name = "DIR", default_value = "stripchart-lines")]
    data: PathBuf,
    /// Name of the database in it
    #[arg(long, default_value = "lines")]
    database: String,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("query_table: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    if !args.data.is_dir() {
        return Err(
            format!("{}: no such folder; make one with store_lines", args.data.display()).into()
        );
    }
    let engine = Engine::new(Db::open(&args.data)?);
    let options = ExecuteOptions::new(SystemTime::now().into()).database(&args.database);
    for result in engine.query(&args.query, &options)? {
        if let Some(error) = result.error {
            return Err(error.into());
        }
        if result.frames.is_empty() {
            println!("nothing found");
        }
        result.frames.iter().for_each(print_table);
    }
    Ok(())
}

fn print_table(frame: &Frame) {
    let tags: Vec<_> = frame.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    println!("{} {}", frame.name, tags.join(" "));
    let columns: Vec<Vec<String>> = frame
        .columns
        .iter()
        .map(|column| {
            let cells = (0..frame.row_count()).map(|row| cell(column.get(row)));
            std::iter::once(column.name.clone()).chain(cells).collect()
        })
        .collect();
    let widths: Vec<_> = columns
        .iter()
        .map(|cells| cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    for row in 0..=frame.row_count() {
        let line: Vec<_> = columns
            .iter()
            .zip(&widths)
            .map(|(cells, width)| format!("{:<width$}", cells[row]))
            .collect();
        println!("  {}", line.join("  ").trim_end());
        if row == 0 {
            println!(
                "  {}",
                widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join("  ")
            );
        }
    }
    println!();
}

fn cell(value: Option<ValueRef<'_>>) -> String {
    match value {
        None => String::new(),
        Some(ValueRef::Float(v)) => v.to_string(),
        Some(ValueRef::Integer(v)) => v.to_string(),
        Some(ValueRef::Unsigned(v)) => v.to_string(),
        Some(ValueRef::Boolean(v)) => v.to_string(),
        Some(ValueRef::String(v)) => v.to_owned(),
        Some(ValueRef::Time(v)) => v.to_string(),
    }
}
