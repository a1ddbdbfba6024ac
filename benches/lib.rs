//! What the benches share: data made from a seed, so that two runs measure the same, and the means to measure.

pub mod datasets;
pub mod exporter;
pub mod measure;
pub mod shapes;
pub mod tsbs;

/// A source of rows that come in rounds: every series that lives reports once, then time passes.
pub trait Rounds {
    /// Appends the rows of the next round to `out`, as line protocol.
    fn round(&mut self, out: &mut String);
}

impl<F: FnMut(&mut String)> Rounds for F {
    fn round(&mut self, out: &mut String) {
        self(out);
    }
}
