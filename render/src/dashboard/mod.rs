//! Dashboards as data: panels, the questions they ask, and the variables that a reader chooses.
//!
//! A [`Dashboard`] is plain data, built in code or read from a file. A [`Panel`] knows its queries, in the language of
//! whatever [`FrameSource`](stripchart_core::FrameSource) answers them, and how to draw the answers.
//! [`Panel::ask`] puts them, and [`Answered::picture`] draws the answers, neither knowing of pages, files or clocks.
//! Fields are called as Grafana calls them where they mean the same.
//!
//! ```
//! use stripchart_core::Unit;
//! use stripchart_render::dashboard::{Dashboard, Panel, PanelQuery, Stacking};
//!
//! let dashboard = Dashboard::new("web", "Web server").panel(
//!     Panel::time_series("requests", "Requests")
//!         .unit(Unit::CountPerSecond)
//!         .stacking(Stacking::Normal)
//!         .query(PanelQuery::new(
//!             r#"SELECT mean("rate") FROM "http" WHERE $timeFilter GROUP BY time($interval), "code" fill(none)"#,
//!         ).label("$tag_code")),
//! );
//! assert_eq!(dashboard.panels[0].name, "requests");
//! ```

mod builtin;
mod draw;
mod interval;
mod macros;
mod run;
mod time_spec;
mod variable;

pub use builtin::{cgroup, cluster, host, namespace, node, pod};
pub use draw::{Answered, Look, PanelRequest};
pub use interval::{bucket_interval_ns, snap};
pub use macros::{Macros, VariableValue};
pub use run::Asked;
#[cfg(feature = "html")]
pub(crate) use run::is_absence;
pub use time_spec::{RangeSpec, TimeSpec, TimeSpecError};
pub use variable::Variable;

use stripchart_core::Unit;

use crate::{Level, NullPolicy, Threshold};

/// Panels that belong together, with the variables that their queries share.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dashboard {
    /// What stands for it in addresses: letters, digits, `-` and `_`.
    pub uid: String,
    /// Its name for people.
    pub title: String,
    /// What a reader can choose.
    pub variables: Vec<Variable>,
    /// The panels, in reading order.
    pub panels: Vec<Panel>,
}

impl Dashboard {
    /// A dashboard without panels yet.
    #[must_use]
    pub fn new(uid: impl Into<String>, title: impl Into<String>) -> Self {
        Dashboard { uid: uid.into(), title: title.into(), ..Dashboard::default() }
    }

    /// The same with a variable more.
    #[must_use]
    pub fn variable(mut self, variable: Variable) -> Self {
        self.variables.push(variable);
        self
    }

    /// The same with a panel more.
    #[must_use]
    pub fn panel(mut self, panel: Panel) -> Self {
        self.panels.push(panel);
        self
    }

    /// The panel called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Panel> {
        self.panels.iter().find(|panel| panel.name == name)
    }
}

/// What a panel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum PanelKind {
    /// Values over time, with axes and a legend.
    #[default]
    TimeSeries,
    /// The newest value in large digits over a sparkline.
    Stat,
}

/// How the values of a time series are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum DrawStyle {
    /// A line.
    #[default]
    Line,
    /// A line with the area below it filled.
    Area,
    /// A bar for each point.
    Bars,
}

/// Whether series are piled on one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Stacking {
    /// Each stands on zero.
    #[default]
    None,
    /// Each stands on the one before.
    Normal,
}

/// A picture on a dashboard, and the questions it is drawn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// What stands for it in addresses; one of its kind in a dashboard.
    pub name: String,
    /// Its title; may refer to variables.
    pub title: String,
    /// A sentence on how to read it; may be empty.
    pub description: String,
    /// What it is.
    pub kind: PanelKind,
    /// How a time series is drawn.
    pub draw_style: DrawStyle,
    /// Whether its series are piled up.
    pub stacking: Stacking,
    /// What one of its numbers is.
    pub unit: Unit,
    /// The least value of the axis, if fixed.
    pub min: Option<f64>,
    /// The largest value of the axis, if fixed.
    pub max: Option<f64>,
    /// What happens where values are missing.
    pub null_policy: NullPolicy,
    /// The questions.
    pub queries: Vec<PanelQuery>,
    /// Marks for a stat's value, ascending.
    pub thresholds: Vec<Threshold>,
    /// Series beyond this number are left out, the smallest first, and the reader is told.
    pub max_series: usize,
    /// Whether series that are zero throughout are left out, too.
    pub hide_zero: bool,
}

impl Panel {
    /// Values over time as lines.
    #[must_use]
    pub fn time_series(name: impl Into<String>, title: impl Into<String>) -> Self {
        Panel {
            name: name.into(),
            title: title.into(),
            description: String::new(),
            kind: PanelKind::TimeSeries,
            draw_style: DrawStyle::Line,
            stacking: Stacking::None,
            unit: Unit::None,
            min: None,
            max: None,
            null_policy: NullPolicy::Gap,
            queries: Vec::new(),
            thresholds: Vec::new(),
            max_series: 10,
            hide_zero: false,
        }
    }

    /// The newest value over a sparkline.
    #[must_use]
    pub fn stat(name: impl Into<String>, title: impl Into<String>) -> Self {
        Panel { kind: PanelKind::Stat, ..Panel::time_series(name, title) }
    }

    /// The same with a sentence on how to read it.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// The same in `unit`.
    #[must_use]
    pub fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// The same drawn as `draw_style`.
    #[must_use]
    pub fn draw_style(mut self, draw_style: DrawStyle) -> Self {
        self.draw_style = draw_style;
        self
    }

    /// The same with series piled up, drawn as areas.
    #[must_use]
    pub fn stacking(mut self, stacking: Stacking) -> Self {
        self.stacking = stacking;
        if stacking != Stacking::None && self.draw_style == DrawStyle::Line {
            self.draw_style = DrawStyle::Area;
        }
        self
    }

    /// The same with the ends of its axis fixed.
    #[must_use]
    pub fn bounds(mut self, min: f64, max: f64) -> Self {
        (self.min, self.max) = (Some(min), Some(max));
        self
    }

    /// The same with an axis that begins at zero.
    #[must_use]
    pub fn zero_based(mut self) -> Self {
        self.min = Some(0.0);
        self
    }

    /// The same with at most so many series.
    #[must_use]
    pub fn max_series(mut self, max_series: usize) -> Self {
        self.max_series = max_series;
        self
    }

    /// The same without the series that are zero throughout.
    #[must_use]
    pub fn hide_zero(mut self) -> Self {
        self.hide_zero = true;
        self
    }

    /// The same marked from `warning` and from `critical` on.
    #[must_use]
    pub fn thresholds(mut self, warning: f64, critical: f64) -> Self {
        self.thresholds = vec![
            Threshold::new(warning, Level::Warning, "high"),
            Threshold::new(critical, Level::Critical, "very high"),
        ];
        self
    }

    /// The same with a question more.
    #[must_use]
    pub fn query(mut self, query: PanelQuery) -> Self {
        self.queries.push(query);
        self
    }
}

/// What becomes of the series that a query answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Combine {
    /// Each is drawn.
    #[default]
    Each,
    /// One is drawn, at each instant the sum of those that have a value there.
    Sum,
    /// One is drawn, at each instant the largest of those that have a value there.
    Max,
}

/// A question that a panel asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PanelQuery {
    /// The database asked; empty for the page's own.
    pub database: String,
    /// The statement, with macros.
    pub statement: String,
    /// The label of each series, as [`LabelTemplate`](crate::LabelTemplate) reads it; empty for one made from tags.
    pub label: String,
    /// What becomes of the series.
    pub combine: Combine,
    /// Drawn dashed: a limit rather than a measurement.
    pub dashed: bool,
    /// Drawn downward from zero.
    pub mirrored: bool,
}

impl PanelQuery {
    /// A question to the page's own database, its series labelled by their tags.
    #[must_use]
    pub fn new(statement: impl Into<String>) -> Self {
        PanelQuery { statement: statement.into(), ..PanelQuery::default() }
    }

    /// The same to `database`.
    #[must_use]
    pub fn database(mut self, database: impl Into<String>) -> Self {
        self.database = database.into();
        self
    }

    /// The same with its series labelled after `label`.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// The same with its series added up.
    #[must_use]
    pub fn sum(mut self) -> Self {
        self.combine = Combine::Sum;
        self
    }

    /// The same with the largest of its series.
    #[must_use]
    pub fn largest(mut self) -> Self {
        self.combine = Combine::Max;
        self
    }

    /// The same drawn dashed.
    #[must_use]
    pub fn dashed(mut self) -> Self {
        self.dashed = true;
        self
    }

    /// The same drawn downward from zero.
    #[must_use]
    pub fn mirrored(mut self) -> Self {
        self.mirrored = true;
        self
    }
}
