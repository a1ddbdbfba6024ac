//! What was made of timestamp columns, kept for the series that share them.
//!
//! Whole measurements share a column, so the one used last is looked at first. What is kept is bounded: where the columns are many, as of
//! series that each have their own, all are given up at once and made again as they are met.

use std::collections::HashMap;

/// A segment of a view, and a timestamp column of it.
pub(crate) type ColumnAt = (u32, u32);

/// Something for each of some timestamp columns.
#[derive(Debug)]
pub(crate) struct Remembered<V> {
    values: HashMap<ColumnAt, V>,
    last: Option<(ColumnAt, V)>,
    weight: usize,
    most_weight: usize,
}

impl<V: Clone> Remembered<V> {
    /// Nothing yet; what is kept weighs at most about `most_weight`.
    pub(crate) fn new(most_weight: usize) -> Self {
        Remembered { values: HashMap::new(), last: None, weight: 0, most_weight }
    }

    /// What is kept for `column`, or what `make` makes of it, and how much that weighs.
    pub(crate) fn get<E>(
        &mut self,
        column: ColumnAt,
        make: impl FnOnce() -> Result<(V, usize), E>,
    ) -> Result<V, E> {
        if let Some((last, value)) = &self.last
            && *last == column
        {
            return Ok(value.clone());
        }
        let value = match self.values.get(&column) {
            Some(value) => value.clone(),
            None => {
                let (value, weight) = make()?;
                self.weight += weight;
                if self.weight > self.most_weight {
                    self.values.clear();
                    self.weight = weight;
                }
                self.values.insert(column, value.clone());
                value
            }
        };
        self.last = Some((column, value.clone()));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn a_column_is_made_once_while_there_is_room() {
        let mut kept = Remembered::new(10);
        let mut made = Vec::new();
        for column in [(0, 1), (0, 1), (0, 2), (0, 1), (1, 1), (0, 2)] {
            let weight = if column == (1, 1) { 8 } else { 5 };
            let value = kept.get(column, || {
                made.push(column);
                Ok::<_, Infallible>((column.0 * 10 + column.1, weight))
            });
            assert_eq!(value, Ok(column.0 * 10 + column.1));
        }
        // The heavy one left no room for those before.
        assert_eq!(made, [(0, 1), (0, 2), (1, 1), (0, 2)]);
    }
}
