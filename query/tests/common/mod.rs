//! What several tests need.

use stripchart_core::Timestamp;
use stripchart_query::{Engine, ExecuteOptions};

/// The lines of an explanation, without the spaces before them.
pub(crate) fn explained(engine: &Engine, query: &str, now: Timestamp) -> Vec<String> {
    let options = ExecuteOptions::new(now).database("db");
    let results = engine.query(query, &options).expect("it parses");
    assert!(results[0].error.is_none(), "{query}: {:?}", results[0].error);
    let column = &results[0].frames[0].columns[0];
    assert_eq!(column.name, "QUERY PLAN");
    (0..column.len()).filter_map(|row| Some(column.get(row)?.as_str()?.trim().to_owned())).collect()
}
