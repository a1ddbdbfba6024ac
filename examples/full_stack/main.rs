//! The whole suite in one process: watch this host and Kubernetes clusters, keep the history, answer queries, draw.

mod args;
mod pages;
mod server;
mod stack;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

use crate::args::Args;
use crate::stack::Stack;

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("full_stack: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    // The address first: a taken port is the commonest mistake, and the folder stays untouched then.
    let listener = server::bind(args.listen)?;
    let address = listener.local_addr()?;
    let stack = Stack::start(args)?;
    println!("stripchart {}: {}", env!("CARGO_PKG_VERSION"), stack.summary());
    println!("listening on http://{address}/  (Ctrl-C stops)");
    server::serve(listener, &stack, &args.allow_hosts)?;
    println!("stopping: writing out what is in memory");
    stack.stop()?;
    println!("stopped");
    Ok(())
}

/// The error and what caused it, in one line.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
