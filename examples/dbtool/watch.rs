//! Progress on standard error, and Ctrl-C.

use std::cell::{Cell, RefCell};
use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::text;

/// How often progress is shown: often enough to be alive, seldom enough to cost nothing.
const ON_TERMINAL: Duration = Duration::from_millis(100);
const ELSEWHERE: Duration = Duration::from_secs(1);

/// Shows how far the work is, and says when it is to stop.
#[derive(Debug)]
pub(crate) struct Watch {
    terminal: bool,
    shown: bool,
    began: Instant,
    last: Cell<Option<Instant>>,
    line: RefCell<String>,
    stop: Arc<AtomicBool>,
}

impl Watch {
    pub(crate) fn new(asked: bool) -> Self {
        let terminal = io::stderr().is_terminal();
        Watch {
            terminal,
            shown: terminal || asked,
            began: Instant::now(),
            last: Cell::default(),
            line: RefCell::default(),
            stop: Arc::default(),
        }
    }

    /// From now on Ctrl-C asks the work to stop at the next good place; a second one ends the program.
    pub(crate) fn catch_interrupt(&self) -> io::Result<()> {
        let stop = Arc::clone(&self.stop);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
            runtime.block_on(async {
                while tokio::signal::ctrl_c().await.is_ok() {
                    if stop.swap(true, Ordering::Relaxed) {
                        std::process::exit(130);
                    }
                }
            });
        })?;
        Ok(())
    }

    pub(crate) fn interrupted(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Tells how far the work is: rows, bytes, and of how many bytes.
    pub(crate) fn step(&self, rows: u64, bytes: u64, of: Option<u64>) -> ControlFlow<()> {
        if self.shown && self.is_time() {
            let part =
                of.filter(|of| *of > 0).map(|of| format!("{:3} %  ", bytes.min(of) * 100 / of));
            let rate = bytes as f64 / self.began.elapsed().as_secs_f64().max(1e-3);
            self.draw(format!(
                "{}{} rows, {}, {}/s",
                part.unwrap_or_default(),
                text::count(rows),
                text::bytes(bytes),
                text::bytes_f64(rate)
            ));
        }
        if self.interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Tells how much of a known amount is done.
    pub(crate) fn part(&self, done: u64, of: u64, what: &str) {
        if self.shown && self.is_time() {
            let part = done.min(of) * 100 / of.max(1);
            self.draw(format!("{part:3} %  {} of {what}", text::count(done)));
        }
    }

    fn is_time(&self) -> bool {
        let every = if self.terminal { ON_TERMINAL } else { ELSEWHERE };
        let since = self.last.get().unwrap_or(self.began).elapsed();
        if since >= every {
            self.last.set(Some(Instant::now()));
        }
        since >= every
    }

    fn draw(&self, line: String) {
        if self.terminal {
            eprint!("\r{line:<width$}", width = self.line.borrow().chars().count());
            *self.line.borrow_mut() = line;
        } else {
            eprintln!("{line}");
        }
    }

    /// Makes room for other words.
    pub(crate) fn clear(&self) {
        let width = self.line.take().chars().count();
        if width > 0 {
            eprint!("\r{:width$}\r", "");
        }
    }
}
