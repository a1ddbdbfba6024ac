//! The answer to a question out of a list of points, as plainly as it can be said and as slowly as it may be.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::question::{Function, Question, SERIES, Wrapper, seconds};

/// A value of a field or of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Float(f64),
    Integer(i64),
    Unsigned(u64),
    Boolean(bool),
    Text(String),
}

impl Value {
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Value::Float(v) => Some(*v),
            Value::Integer(v) => Some(*v as f64),
            Value::Unsigned(v) => Some(*v as f64),
            _ => None,
        }
    }

    /// A number of the same type, cut to a whole one where that is needed.
    fn like(&self, number: f64) -> Option<Value> {
        match self {
            Value::Float(_) => Some(Value::Float(number)),
            Value::Integer(_) => Some(Value::Integer(number as i64)),
            Value::Unsigned(_) => Some(Value::Unsigned(number as u64)),
            Value::Boolean(_) => Some(Value::Boolean(false)),
            Value::Text(_) => Some(Value::Text(String::new())),
        }
    }

    fn compare(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
            (Value::Text(a), Value::Text(b)) => a.cmp(b),
            (a, b) => a.number().partial_cmp(&b.number()).expect("numbers"),
        }
    }

    fn less(&self, other: &Value) -> Value {
        match (self, other) {
            (Value::Integer(a), Value::Integer(b)) => Value::Integer(a - b),
            (Value::Unsigned(a), Value::Unsigned(b)) => Value::Unsigned(a.wrapping_sub(*b)),
            (a, b) => Value::Float(a.number().expect("a number") - b.number().expect("a number")),
        }
    }

    fn plus(&self, other: &Value) -> Value {
        match (self, other) {
            (Value::Integer(a), Value::Integer(b)) => Value::Integer(a + b),
            (Value::Unsigned(a), Value::Unsigned(b)) => Value::Unsigned(a + b),
            (a, b) => Value::Float(a.number().expect("a number") + b.number().expect("a number")),
        }
    }
}

/// A stored row.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) series: usize,
    /// In half hours.
    pub(crate) at: i64,
    pub(crate) fields: BTreeMap<&'static str, Value>,
}

/// Rows by series and half hour.
pub(crate) type Stored = BTreeMap<(usize, i64), BTreeMap<&'static str, Value>>;

/// What windows and rows hold: nothing, something that is no number, or a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Absent,
    NoNumber,
    Is(Value),
}

/// A row of an answer: the tags grouped by, the second, the value.
pub(crate) type Answer = Vec<(Vec<String>, i64, Option<Value>)>;

/// A point: second and value.
type Points = Vec<(i64, Value)>;

/// The answer to `question` over `stored`.
pub(crate) fn answer(stored: &Stored, question: &Question) -> Answer {
    let mut groups: BTreeMap<Vec<String>, Points> = BTreeMap::new();
    if question.start.is_some_and(|start| start >= question.end) {
        return Answer::new(); // about no time at all
    }
    let (start, end) = question.read();
    for ((series, at), fields) in stored {
        let second = seconds(*at, *series, question);
        let kept = second < end
            && start.is_none_or(|start| second >= start)
            && (!question.positive || matches!(fields.get("i"), Some(Value::Integer(i)) if *i > 0))
            && question.host.is_none_or(|host| tag(*series, "h") == host);
        if let Some(value) = fields.get(question.field).filter(|_| kept) {
            let key = question.by.iter().map(|key| tag(*series, key).to_owned()).collect();
            groups.entry(key).or_default().push((second, value.clone()));
        }
    }
    let mut answer = Vec::new();
    for (key, mut points) in groups {
        points.sort_by_key(|point| point.0);
        let mut rows = match &question.function {
            Function::Raw => points.into_iter().map(|(at, v)| (at, Cell::Is(v))).collect(),
            _ => rows(&points, question),
        };
        if question.function == Function::Raw && question.descending {
            rows.reverse();
        }
        let limit = question.limit.unwrap_or(usize::MAX);
        let kept = rows.into_iter().skip(question.offset).take(limit);
        answer.push(
            kept.map(|(at, cell)| {
                let value = match cell {
                    Cell::Is(value) => wrapped(value, question.wrapper),
                    _ => None,
                };
                (key.clone(), at, value)
            })
            .collect::<Vec<_>>(),
        );
    }
    if question.descending {
        answer.reverse();
    }
    answer.concat()
}

fn tag(series: usize, key: &str) -> &'static str {
    SERIES[series].iter().find(|(k, _)| *k == key).map_or("", |(_, value)| value)
}

fn wrapped(value: Value, wrapper: Wrapper) -> Option<Value> {
    Some(match (wrapper, value) {
        (Wrapper::None, value) => value,
        (Wrapper::Abs, Value::Float(v)) => Value::Float(v.abs()),
        (Wrapper::Abs, Value::Integer(v)) => Value::Integer(v.abs()),
        (Wrapper::Round, Value::Float(v)) => Value::Float(v.round()),
        (Wrapper::Abs | Wrapper::Round, value) => value,
        (Wrapper::Twice, Value::Float(v)) => Value::Float(v * 2.0),
        (Wrapper::Twice, Value::Integer(v)) => Value::Integer(v.wrapping_mul(2)),
        (Wrapper::Twice, Value::Unsigned(v)) => Value::Unsigned(v.wrapping_mul(2)),
        (Wrapper::Halved, Value::Unsigned(v)) => Value::Unsigned(v / 2),
        (Wrapper::Halved, value) => Value::Float(value.number()? / 2.0),
        (Wrapper::Rest, Value::Float(v)) => Value::Float(v % 3.0),
        (Wrapper::Rest, Value::Integer(v)) => Value::Integer(v % 3),
        (Wrapper::Rest, Value::Unsigned(v)) => Value::Unsigned(v % 3),
        _ => return None,
    })
}

/// The rows of one series of the answer, in its order, filled.
fn rows(points: &Points, question: &Question) -> Vec<(i64, Cell)> {
    match &question.function {
        Function::Aggregate(name) => aggregated(name, points, question),
        Function::Several(name, n) => several(name, *n, points, question),
        Function::Transform { name, n, over } => {
            let values: Points = match over {
                None => in_order(points.clone(), question),
                Some(aggregate) => aggregated(aggregate, points, question)
                    .into_iter()
                    .filter_map(|(at, cell)| match cell {
                        Cell::Is(value) => Some((at, value)),
                        _ => None,
                    })
                    .collect(),
            };
            transformed(name, *n, &values)
        }
        Function::Raw => unreachable!("answered by itself"),
    }
}

fn in_order(mut points: Points, question: &Question) -> Points {
    if question.descending {
        points.reverse();
    }
    points
}

/// The windows from the first to the last asked for, each with its points, in the order of the answer.
fn windows(points: &Points, question: &Question) -> Vec<(i64, Points)> {
    let (start, end) = question.read();
    let last = question.window(end - 1);
    let mut label = question.window(start.unwrap_or(points[0].0));
    let mut windows = Vec::new();
    while label <= last {
        let inside = points.iter().filter(|point| question.window(point.0) == label);
        windows.push((label, inside.cloned().collect()));
        label = question.window_after(label);
    }
    if question.descending {
        windows.reverse();
    }
    windows
}

fn aggregated(name: &str, points: &Points, question: &Question) -> Vec<(i64, Cell)> {
    if question.interval.is_none() {
        let (at, cell) = reduced(name, points, question);
        let label = if name == "integral" { 0 } else { question.start.unwrap_or(0) };
        return match cell {
            Cell::Absent => Vec::new(),
            cell => vec![(at.unwrap_or(label), cell)],
        };
    }
    let mut computed: Vec<(i64, Cell)> = windows(points, question)
        .into_iter()
        .map(|(label, inside)| match inside.is_empty() {
            true => (label, Cell::Absent),
            false => (label, reduced(name, &inside, question).1),
        })
        .collect();
    // Without a lower bound the first window is the first that something was computed for.
    if question.read().0.is_none() {
        let absent = |row: &&(i64, Cell)| row.1 == Cell::Absent;
        let (before, after) = match question.descending {
            false => (computed.iter().take_while(absent).count(), 0),
            true => (0, computed.iter().rev().take_while(absent).count()),
        };
        computed.truncate(computed.len() - after);
        computed.drain(..before.min(computed.len()));
    }
    // Nothing at all to be seen, nothing is filled.
    if computed.iter().all(|(_, cell)| *cell == Cell::Absent) {
        return Vec::new();
    }
    filled(name, &computed, question.fill)
}

fn filled(name: &str, rows: &[(i64, Cell)], fill: &str) -> Vec<(i64, Cell)> {
    let some = rows.iter().find_map(|(_, cell)| match cell {
        Cell::Is(value) => Some(value.clone()),
        _ => None,
    });
    let like = some.unwrap_or(Value::Float(0.0));
    let counts = matches!(name, "count" | "count_distinct");
    let mut filled = Vec::new();
    for (index, (label, cell)) in rows.iter().enumerate() {
        let cell = match (cell, fill) {
            (Cell::Absent, "none") => continue,
            (Cell::Absent, "null") if counts => Cell::Is(Value::Integer(0)),
            (Cell::Absent, "null") => Cell::NoNumber,
            (Cell::Absent, "7") => like.like(7.0).map_or(Cell::NoNumber, Cell::Is),
            (Cell::Absent, "previous") => {
                let before = rows[..index].iter().rev().map(|row| &row.1);
                let mut present = before.filter(|cell| **cell != Cell::Absent);
                present.next().cloned().unwrap_or(Cell::NoNumber)
            }
            (Cell::Absent, _) => between(rows, index),
            (cell, _) => cell.clone(),
        };
        filled.push((*label, cell));
    }
    filled
}

/// The place of row `index` on the line from the row with points before it to the one after.
fn between(rows: &[(i64, Cell)], index: usize) -> Cell {
    let present = |index: &usize| rows[*index].1 != Cell::Absent;
    let before = (0..index).rev().find(present);
    let after = (index..rows.len()).find(present);
    let (Some(before), Some(after)) = (before, after) else { return Cell::NoNumber };
    let (Cell::Is(a), Cell::Is(b)) = (&rows[before].1, &rows[after].1) else {
        return Cell::NoNumber;
    };
    let (Some(from), Some(to)) = (a.number(), b.number()) else { return Cell::NoNumber };
    let share = (index - before) as f64;
    let value = (to - from) / (after - before) as f64 * share + from;
    a.like(value).map_or(Cell::NoNumber, Cell::Is)
}

/// One value out of points, and whose time it bears if it is one of them.
fn reduced(name: &str, points: &Points, question: &Question) -> (Option<i64>, Cell) {
    let mut sorted: Vec<&(i64, Value)> = points.iter().collect();
    sorted.sort_by(|a, b| a.1.compare(&b.1).then(a.0.cmp(&b.0)));
    let numbers: Vec<f64> = points.iter().filter_map(|point| point.1.number()).collect();
    let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
    let (least, greatest) = (sorted[0], sorted[sorted.len() - 1]);
    let selected = |point: &(i64, Value)| (Some(point.0), Cell::Is(point.1.clone()));
    let found = |value: Value| (None, Cell::Is(value));
    match name {
        "count" => found(Value::Integer(points.len() as i64)),
        "count_distinct" => found(Value::Integer(distinct(points).len() as i64)),
        "sum" => {
            let sum = points[1..].iter().fold(points[0].1.clone(), |sum, p| sum.plus(&p.1));
            found(sum)
        }
        "mean" => found(Value::Float(mean)),
        "spread" => found(greatest.1.less(&least.1)),
        "min" => selected(least),
        "max" => {
            let same = sorted.iter().find(|point| point.1 == greatest.1);
            selected(same.expect("the greatest is there"))
        }
        "first" => {
            let at = points[0].0;
            let mut same = sorted.iter().filter(|point| point.0 == at);
            // The greatest of several at once, but of truth values the least.
            let least = matches!(points[0].1, Value::Boolean(_));
            selected(if least { same.next() } else { same.next_back() }.expect("the first"))
        }
        "last" => {
            let at = points[points.len() - 1].0;
            selected(sorted.iter().rev().find(|point| point.0 == at).expect("the last"))
        }
        "median" => {
            let value = |index: usize| sorted[index].1.number().expect("a number");
            let middle = sorted.len() / 2;
            found(Value::Float(if sorted.len() % 2 == 1 {
                value(middle)
            } else {
                f64::midpoint(value(middle - 1), value(middle))
            }))
        }
        "stddev" if points.len() < 2 => (None, Cell::NoNumber),
        "stddev" => {
            let squares: f64 = numbers.iter().map(|v| (v - mean) * (v - mean)).sum();
            found(Value::Float((squares / (numbers.len() as f64 - 1.0)).sqrt()))
        }
        "mode" => {
            // Equal values stay in the order of the answer, so that a question asked backwards may find another.
            let mut sorted = in_order(points.clone(), question);
            sorted.sort_by(|a, b| a.1.compare(&b.1));
            found(mode(&sorted.iter().collect::<Vec<_>>()))
        }
        "percentile" => {
            // The 30th: InfluxDB rounds the rank half up, and has none below the first.
            let rank = (points.len() as f64 * 0.3 + 0.5).floor() as usize;
            match rank.checked_sub(1) {
                None => (None, Cell::Absent),
                Some(rank) => {
                    // Of points alike the one read first comes first.
                    let mut sorted = in_order(points.clone(), question);
                    sorted.sort_by(|a, b| a.1.compare(&b.1));
                    selected(&sorted[rank])
                }
            }
        }
        "integral" => {
            let area = points.windows(2).map(|pair| {
                let heights = numbers_of(&pair[0].1, &pair[1].1);
                (heights.0 + heights.1) / 2.0 * (pair[1].0 - pair[0].0) as f64
            });
            found(Value::Float(area.sum()))
        }
        other => panic!("no model of {other}"),
    }
}

fn numbers_of(a: &Value, b: &Value) -> (f64, f64) {
    (a.number().expect("a number"), b.number().expect("a number"))
}

/// The first of each value, in the order of the points.
fn distinct(points: &Points) -> Points {
    let mut found: Points = Vec::new();
    for point in points {
        if !found.iter().any(|known| known.1 == point.1) {
            found.push(point.clone());
        }
    }
    found
}

/// The most frequent; of equally frequent ones InfluxDB prefers the one whose last point, or second if it has but two, is
/// not later than that of the one found before, in order of value; of truth values `true`. What comes only once is never
/// found, unless it is the least.
fn mode(sorted: &[&(i64, Value)]) -> Value {
    if let Value::Boolean(_) = sorted[0].1 {
        let yes = sorted.iter().filter(|point| point.1 == Value::Boolean(true)).count();
        return Value::Boolean(yes * 2 >= sorted.len());
    }
    let (mut best, mut most, mut best_time) = (sorted[0].1.clone(), 0, sorted[0].0);
    let (mut current, mut frequency, mut current_time) = (sorted[0].1.clone(), 0, sorted[0].0);
    for (at, value) in sorted {
        if *value != current {
            (current, frequency, current_time) = (value.clone(), 1, *at);
            continue;
        }
        frequency += 1;
        if most > frequency || (most == frequency && current_time > best_time) {
            continue;
        }
        (best, most, best_time) = (value.clone(), frequency, *at);
    }
    best
}

/// Functions with several rows a window.
fn several(name: &str, n: usize, points: &Points, question: &Question) -> Vec<(i64, Cell)> {
    let windows = match question.interval {
        None => vec![(question.start.unwrap_or(0), points.clone())],
        Some(_) => windows(points, question),
    };
    let mut rows = Vec::new();
    for (label, inside) in windows {
        let mut chosen = match name {
            "distinct" => distinct(&in_order(inside, question)),
            _ => extremes(name, n, inside),
        };
        chosen.sort_by(|a, b| {
            let value = a.1.compare(&b.1);
            a.0.cmp(&b.0).then(if name == "top" { value.reverse() } else { value })
        });
        for (at, value) in chosen {
            rows.push((if name == "distinct" { label } else { at }, Cell::Is(value)));
        }
    }
    rows
}

fn extremes(name: &str, n: usize, mut points: Points) -> Points {
    points.sort_by(|a, b| {
        let value = a.1.compare(&b.1);
        (if name == "top" { value.reverse() } else { value }).then(a.0.cmp(&b.0))
    });
    points.truncate(n);
    points
}

/// Functions of each point and those before it, in the order of the answer.
fn transformed(name: &str, n: usize, points: &Points) -> Vec<(i64, Cell)> {
    let numbers: Vec<f64> = points.iter().filter_map(|point| point.1.number()).collect();
    if let Some((skipped, values)) = crate::technical::values(name, n, &numbers) {
        let rows = points.iter().zip(values).skip(skipped);
        return rows
            .filter(|(_, value)| !value.is_infinite())
            .map(|(point, value)| {
                let cell =
                    if value.is_nan() { Cell::NoNumber } else { Cell::Is(Value::Float(value)) };
                (point.0, cell)
            })
            .collect();
    }
    let mut rows = Vec::new();
    for index in 0..points.len() {
        let (at, value) = &points[index];
        let before = index.checked_sub(1).map(|before| &points[before]);
        let seconds = before.map_or(0, |before| (at - before.0).abs());
        let found = match (name, before) {
            ("cumulative_sum", _) => {
                let earlier = points[..index].iter().rev();
                Some(earlier.fold(value.clone(), |sum, point| sum.plus(&point.1)))
            }
            ("moving_average", _) if index + 1 >= n => {
                let sum: f64 = numbers[index + 1 - n..=index].iter().sum();
                Some(Value::Float(sum / n as f64))
            }
            ("difference", Some(before)) => Some(value.less(&before.1)),
            ("non_negative_difference", Some(before)) => {
                Some(value.less(&before.1)).filter(|rise| rise.number() >= Some(0.0))
            }
            // Per ten minutes.
            ("derivative", Some(before)) => {
                Some(Value::Float(rise(value, &before.1) / (seconds as f64 / 600.0)))
            }
            ("non_negative_derivative", Some(before)) => {
                let rise = rise(value, &before.1);
                Some(Value::Float(rise / (seconds as f64 / 600.0))).filter(|_| rise >= 0.0)
            }
            // In minutes.
            ("elapsed", Some(before)) => Some(Value::Integer((at - before.0) / 60)),
            _ => None,
        };
        rows.extend(found.map(|value| (*at, Cell::Is(value))));
    }
    rows
}

fn rise(now: &Value, before: &Value) -> f64 {
    let (now, before) = numbers_of(now, before);
    now - before
}

/// What was stored, after what was done in order.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Write(Vec<Row>),
    /// What is in memory goes into segments.
    Seal,
    /// Hours pass: segments are merged, packed tighter, dropped.
    Wait(i64),
    /// Rows of a host between two half hours, the second outside, are deleted.
    Delete {
        host: Option<&'static str>,
        from: i64,
        to: i64,
    },
}

/// The rows that are left.
pub(crate) fn stored(steps: &[Step]) -> Stored {
    let mut stored = Stored::new();
    for step in steps {
        match step {
            Step::Write(rows) => {
                for row in rows {
                    let fields = stored.entry((row.series, row.at)).or_default();
                    fields.extend(row.fields.clone());
                }
            }
            Step::Delete { host, from, to } => stored.retain(|(series, at), _| {
                let meant = host.is_none_or(|host| tag(*series, "h") == host);
                !(meant && (*from..*to).contains(at))
            }),
            Step::Seal | Step::Wait(_) => {}
        }
    }
    stored.retain(|_, fields| !fields.is_empty());
    stored
}
