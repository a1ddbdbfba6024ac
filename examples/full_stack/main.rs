//! The whole suite in one process: watch this host and Kubernetes clusters, keep the history, answer queries, draw.

mod args;
mod body;
mod node;
mod server;
mod sources;
mod stack;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use stripchart_core::error_chain;

use crate::args::Args;
use crate::sources::Sources;
use crate::stack::Stack;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("full_stack: {}", error_chain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    // Mistakes on the command line and a taken address first: the folder stays untouched then.
    let sources = Sources::parse(&args.sources)?;
    let listener = server::bind(args.listen)?;
    let address = listener.local_addr()?;
    let stack = Arc::new(Stack::start(args, sources)?);
    println!("stripchart: data in {}, kept for {}", args.data.display(), kept(args));
    println!("open http://{address}/ in a browser; Ctrl-C stops");
    if !args.auth && !address.ip().is_loopback() {
        eprintln!(
            "warning: whoever can reach {address} can read and write; --auth asks for a password"
        );
    }
    let manners = server::Manners {
        connections: args.connections as usize,
        patience: args.patience.to_std(),
    };
    server::serve(listener, &stack, manners)?;
    println!("stopping: writing out what is in memory");
    stack.stop()?;
    println!("stopped; the history is in {}", args.data.display());
    Ok(())
}

fn kept(args: &Args) -> String {
    let age = match args.retention.nanos() {
        0 => "ever".to_owned(),
        _ => args.retention.to_string(),
    };
    match args.max_disk {
        None => age,
        Some(bytes) => format!("{age}, at most {} MB", bytes / 1_000_000),
    }
}
