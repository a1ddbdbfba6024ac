//! Variables: what a reader of a dashboard chooses.

use stripchart_core::{Frame, FrameRequest, SourceError};

use super::{Macros, PanelRequest, VariableValue};

/// Something that a reader chooses and queries refer to as `$name`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Variable {
    /// The name, without the dollar.
    pub name: String,
    /// The name for people.
    pub label: String,
    /// The database that `query` is put to; empty for the page's own.
    pub database: String,
    /// A statement whose column `value`, or else its last, lists what can be chosen, such as `SHOW TAG VALUES ...`; may
    /// refer to variables before it.
    pub query: String,
    /// Whether everything can be chosen at once, which then is what is chosen at first.
    pub include_all: bool,
}

impl Variable {
    /// A variable to choose from what `query` answers.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        label: impl Into<String>,
        query: impl Into<String>,
    ) -> Self {
        Variable {
            name: name.into(),
            label: label.into(),
            query: query.into(),
            ..Variable::default()
        }
    }

    /// The same with the choice of everything.
    #[must_use]
    pub fn include_all(mut self) -> Self {
        self.include_all = true;
        self
    }

    /// What there is to choose from, in order; variables before this one are taken from `request`.
    ///
    /// # Errors
    ///
    /// The source's own, if it cannot answer.
    pub fn choices(&self, request: &PanelRequest<'_>) -> Result<Vec<String>, SourceError> {
        let macros = Macros { range: request.range, interval_ns: 1, variables: request.variables };
        let statement = macros.expand(&self.query);
        let question = FrameRequest {
            database: if self.database.is_empty() { request.database } else { &self.database },
            retention_policy: None,
            statement: &statement,
            now: request.now,
        };
        let mut choices: Vec<String> =
            request.source.frames(&question)?.iter().flat_map(texts).collect();
        choices.sort_unstable();
        choices.dedup();
        Ok(choices)
    }

    /// What is chosen if the reader chose nothing: everything, or else the first of the choices.
    #[must_use]
    pub fn default_value(&self, request: &PanelRequest<'_>) -> VariableValue {
        if self.include_all {
            return VariableValue::All;
        }
        let first = self.choices(request).ok().and_then(|choices| choices.into_iter().next());
        VariableValue::one(first.unwrap_or_default())
    }
}

fn texts(frame: &Frame) -> Vec<String> {
    let Some(column) = frame.get("value").or(frame.columns.last()) else { return Vec::new() };
    let texts = (0..column.len()).filter_map(|row| column.get(row)?.as_str().map(str::to_owned));
    texts.collect()
}
