//! Where frames come from.

use std::error::Error;
use std::fmt;
use std::ops::ControlFlow;

use crate::{Frame, Timestamp};

/// A question to a [`FrameSource`].
#[derive(Debug, Clone, Copy)]
pub struct FrameRequest<'a> {
    /// The database that unqualified names belong to.
    pub database: &'a str,
    /// The retention policy that unqualified names belong to; `None` for the database's default.
    pub retention_policy: Option<&'a str>,
    /// One statement in the language of the source, for the suite's own engine InfluxQL.
    pub statement: &'a str,
    /// What `now()` means.
    pub now: Timestamp,
}

/// Answers questions with frames: the query engine, or a test's table.
pub trait FrameSource: Send + Sync {
    /// Answers `request`, handing each frame to `each` as it is ready, until that says to stop.
    ///
    /// # Errors
    ///
    /// [`SourceError`]; frames handed out before stay good, but the answer is not whole.
    fn stream(
        &self,
        request: &FrameRequest<'_>,
        each: &mut dyn FnMut(Frame) -> ControlFlow<()>,
    ) -> Result<(), SourceError>;

    /// Answers `request` with all frames at once.
    ///
    /// # Errors
    ///
    /// As [`FrameSource::stream`].
    fn frames(&self, request: &FrameRequest<'_>) -> Result<Vec<Frame>, SourceError> {
        let mut frames = Vec::new();
        self.stream(request, &mut |frame| {
            frames.push(frame);
            ControlFlow::Continue(())
        })?;
        Ok(frames)
    }
}

impl<S: FrameSource + ?Sized> FrameSource for std::sync::Arc<S> {
    fn stream(
        &self,
        request: &FrameRequest<'_>,
        each: &mut dyn FnMut(Frame) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        (**self).stream(request, each)
    }
}

/// Why a question was not answered: the source's own error, whole.
#[derive(Debug)]
pub struct SourceError(Box<dyn Error + Send + Sync>);

impl SourceError {
    /// From the source's own error, or a text.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        SourceError(error.into())
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for SourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
