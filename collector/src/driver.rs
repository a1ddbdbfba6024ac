//! A thread that drives something step by step until it is told to stop.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;

/// A running thread with what it drives; dropping stops and joins it.
#[derive(Debug)]
pub(crate) struct Driver<S> {
    waker: Waker,
    thread: Option<JoinHandle<S>>,
}

/// Ends the wait of a driver's thread; of no effect once that stops.
#[derive(Debug, Clone)]
pub(crate) struct Waker(
    /// `None` once stopping: that the channel is closed tells the thread.
    Arc<Mutex<Option<Sender<()>>>>,
);

impl Waker {
    /// Ends the wait under way.
    pub(crate) fn wake(&self) {
        if let Some(wake) = &*self.0.lock() {
            // Fails only if the thread has ended, and then there is nobody to wake.
            let _ = wake.send(());
        }
    }
}

impl<S: Send + 'static> Driver<S> {
    /// Starts a thread called `name` that calls `turn` on `driven` again and again; `turn` says how long to wait.
    pub(crate) fn spawn(
        name: &str,
        driven: S,
        turn: impl FnMut(&mut S) -> Duration + Send + 'static,
    ) -> io::Result<Self> {
        let (wake, woken) = channel();
        let thread =
            Builder::new().name(name.to_owned()).spawn(move || run(driven, turn, &woken))?;
        Ok(Driver { waker: Waker(Arc::new(Mutex::new(Some(wake)))), thread: Some(thread) })
    }

    /// Ends the wait under way.
    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// What wakes it, for others.
    #[cfg(feature = "linux")]
    pub(crate) fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

impl<S> Driver<S> {
    /// Stops the thread after the turn under way and gives back what it drove; `None` if it was stopped before, or ended by
    /// a panic.
    pub(crate) fn stop(&mut self) -> Option<S> {
        *self.waker.0.lock() = None;
        self.thread.take()?.join().ok()
    }
}

fn run<S>(mut driven: S, mut turn: impl FnMut(&mut S) -> Duration, woken: &Receiver<()>) -> S {
    loop {
        match woken.recv_timeout(turn(&mut driven)) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return driven,
        }
    }
}

impl<S> Drop for Driver<S> {
    fn drop(&mut self) {
        self.stop();
    }
}
