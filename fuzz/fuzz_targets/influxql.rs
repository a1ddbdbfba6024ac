//! InfluxQL: any text is parsed or refused with a place inside it; what is parsed prints as text that parses back equal.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stripchart_query::parse_query;

fuzz_target!(|text: &str| {
    match parse_query(text) {
        Ok(query) => {
            let printed = query.to_string();
            // Passwords are not printed.
            if !printed.contains("[REDACTED]") {
                assert_eq!(parse_query(&printed), Ok(query), "{printed}");
            }
        }
        Err(error) => {
            assert!(error.offset() <= text.len());
            let _ = error.excerpt(text);
        }
    }
});
