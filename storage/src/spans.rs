//! Spans of time as pairs of nanoseconds, each from its start to before its end: what several cover, and what one has left.

/// The spans of time that `spans` cover, in order, those that touch as one.
pub(crate) fn union(mut spans: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    spans.sort_unstable();
    let mut out: Vec<(i64, i64)> = Vec::with_capacity(spans.len());
    for (start, end) in spans {
        match out.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => out.push((start, end)),
        }
    }
    out
}

/// What `range` has outside `taken`, which is in order and does not overlap.
pub(crate) fn without(range: (i64, i64), taken: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let mut out = Vec::new();
    let mut from = range.0;
    for (start, end) in taken {
        if *start >= range.1 {
            break;
        }
        if *start > from {
            out.push((from, *start));
        }
        from = from.max(*end);
    }
    if from < range.1 {
        out.push((from, range.1));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_add_and_subtract() {
        assert_eq!(union(vec![(5, 7), (0, 2), (2, 3), (6, 9)]), [(0, 3), (5, 9)]);
        assert_eq!(without((0, 10), &[(-5, 1), (3, 4), (9, 20)]), [(1, 3), (4, 9)]);
        assert_eq!(without((0, 10), &[]), [(0, 10)]);
        assert_eq!(without((0, 10), &[(0, 10)]), []);
    }
}
