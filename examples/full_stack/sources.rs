//! `--source`: what is watched.

use std::error::Error;
use std::fmt;

use stripchart_collector::SummarySource;

/// All that is watched.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// Whether this host is.
    pub(crate) host: bool,
    /// Whose Summaries are.
    pub(crate) summaries: Vec<SummarySource>,
}

impl Sources {
    /// Reads the texts after `--source`.
    pub(crate) fn parse(texts: &[String]) -> Result<Self, SourceError> {
        let mut sources = Sources::default();
        for text in texts {
            match text.as_str() {
                "host" => sources.host = true,
                "none" => {}
                summary if summary.starts_with("summary:") => {
                    match SummarySource::parse_list(summary) {
                        Ok(list) => sources.summaries.extend(list),
                        Err(cause) => {
                            return Err(SourceError {
                                text: text.clone(),
                                cause: Some(Box::new(cause)),
                            });
                        }
                    }
                }
                _ => return Err(SourceError { text: text.clone(), cause: None }),
            }
        }
        Ok(sources)
    }
}

/// A text that names no source.
#[derive(Debug)]
pub(crate) struct SourceError {
    text: String,
    cause: Option<Box<dyn Error>>,
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "--source={}: expected host, none, summary:http://NODE:PORT/stats/summary or summary:FILE",
            self.text
        )
    }
}

impl Error for SourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref()
    }
}
