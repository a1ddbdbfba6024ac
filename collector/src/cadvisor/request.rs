//! What requests say: names in paths, options in queries, documents in bodies.

use std::time::Duration;

use chrono::DateTime;
use stripchart_core::Timestamp;

use super::model::Window;

/// Samples given by version 1 unless told otherwise, and by version 2.
const DEFAULT_NUM_STATS: usize = 60;
const DEFAULT_COUNT: usize = 64;

/// The options after a question mark, decoded, in order.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        let options = text.split('&').filter(|option| !option.is_empty()).map(|option| {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            (decoded(&name.replace('+', " ")), decoded(&value.replace('+', " ")))
        });
        Query(options.collect())
    }

    /// The first of that name; an empty one counts as not given.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let first = self.0.iter().find(|(option, _)| option == name)?;
        Some(first.1.as_str()).filter(|value| !value.is_empty())
    }
}

/// `%41` to `A`; what is no such reference stays, what is no UTF-8 is replaced.
pub(super) fn decoded(text: &str) -> String {
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let pair = bytes.get(at + 1).and_then(digit).zip(bytes.get(at + 2).and_then(digit));
        match pair.filter(|_| *byte == b'%') {
            Some((high, low)) => {
                out.push(high << 4 | low);
                at += 3;
            }
            None => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The absolute name of a container out of the rest of a path: `/`, or without a slash at the end.
pub(super) fn container_name(rest: &str) -> String {
    format!("/{}", rest.trim_matches('/'))
}

/// Go's way to write yes and no.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// RFC 3339.
pub(super) fn parse_time(text: &str) -> Option<Timestamp> {
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    time.timestamp_nanos_opt().map(Timestamp::from_nanos)
}

/// Which samples the body of a request to version 1 asks for.
pub(super) fn window_of_body(body: &[u8]) -> Result<Window, String> {
    let mut window = Window::newest(Some(DEFAULT_NUM_STATS));
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(window);
    }
    let document: serde_json::Value = serde_json::from_slice(body)
        .map_err(|error| format!("unable to decode the json value: {error}"))?;
    let Some(document) = document.as_object() else {
        return Err("unable to decode the json value: expected an object".to_owned());
    };
    let expected = |name: &str, what: &str, found: &serde_json::Value| {
        format!("unable to decode the json value: {name}: expected {what}, found {found}")
    };
    if let Some(value) = document.get("num_stats").filter(|value| !value.is_null()) {
        let count = value.as_i64().ok_or_else(|| expected("num_stats", "a whole number", value))?;
        window.count = usize::try_from(count).ok();
    }
    for (name, bound) in [("start", &mut window.start), ("end", &mut window.end)] {
        let Some(value) = document.get(name).filter(|value| !value.is_null()) else { continue };
        // Go writes a time that was not set as the year 1, which 64 bits of nanoseconds do not reach.
        if value.as_str().is_some_and(|text| text.starts_with("0001-01-01T00:00:00")) {
            continue;
        }
        let time = value.as_str().and_then(parse_time);
        *bound = Some(time.ok_or_else(|| expected(name, "a time of RFC 3339", value))?);
    }
    Ok(window)
}

/// How containers are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdType {
    /// By the path of the cgroup.
    Name,
    /// By a name or id of a runtime.
    Docker,
    /// By a name or id of a runtime.
    Podman,
}

/// The options of version 2.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) id_type: IdType,
    pub(super) window: Window,
    /// How old the newest sample may be.
    pub(super) max_age: Option<Duration>,
    pub(super) recursive: bool,
}

impl Options {
    pub(super) fn parse(query: &Query) -> Result<Self, String> {
        let id_type = match query.get("type") {
            None | Some("name") => IdType::Name,
            Some("docker") => IdType::Docker,
            Some("podman") => IdType::Podman,
            Some(other) => return Err(format!("unknown 'type' {other:?}")),
        };
        let count = match query.get("count") {
            None => Some(DEFAULT_COUNT),
            Some(text) => match text.parse::<i64>() {
                Ok(-1) => None,
                Ok(count) if count >= 0 => Some(usize::try_from(count).unwrap_or(usize::MAX)),
                _ => {
                    return Err(format!(
                        "failed to parse 'count' option: {text:?}: expected -1 or more"
                    ));
                }
            },
        };
        let max_age = match query.get("max_age") {
            None => None,
            Some(text) => Some(go_duration(text).ok_or_else(|| {
                format!(
                    "failed to parse 'max_age' option: expected a duration as 10s, found {text:?}"
                )
            })?),
        };
        Ok(Options {
            id_type,
            window: Window::newest(count),
            max_age,
            recursive: query.get("recursive").and_then(parse_bool).unwrap_or(false),
        })
    }
}

/// A duration as Go writes one: `1h2m3.5s`, `0`; a negative one is none at all.
fn go_duration(text: &str) -> Option<Duration> {
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut sum = None;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (digits, after) = rest.split_at(number);
        let unit = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, next) = after.split_at(unit);
        let unit_secs = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        let part = Duration::try_from_secs_f64(digits.parse::<f64>().ok()? * unit_secs).ok()?;
        (sum, rest) = (Some(sum.unwrap_or(Duration::ZERO).saturating_add(part)), next);
    }
    sum.map(|sum| if negative { Duration::ZERO } else { sum })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_decoded() {
        let query = Query::parse("a=1&b=%2Fx+y&c&a=2&d=%zz%4");
        assert_eq!(query.get("a"), Some("1"));
        assert_eq!(query.get("b"), Some("/x y"));
        assert_eq!(query.get("c"), None);
        assert_eq!(query.get("d"), Some("%zz%4"));
        assert_eq!(container_name(&decoded("system.slice/a%5cx2db/")), "/system.slice/a\\x2db");
        assert_eq!(container_name(""), "/");
    }

    #[test]
    fn bodies_of_version_1() {
        let window = |body: &str| window_of_body(body.as_bytes());
        assert_eq!(window("").unwrap().count, Some(60));
        assert_eq!(window("{}").unwrap().count, Some(60));
        assert_eq!(window(r#"{"num_stats":-1,"num_samples":3}"#).unwrap().count, None);
        let some = window(
            r#"{"num_stats":2,"start":"2023-11-14T23:13:20+01:00","end":"0001-01-01T00:00:00Z"}"#,
        );
        let some = some.unwrap();
        assert_eq!((some.count, some.end), (Some(2), None));
        assert_eq!(some.start, Some(Timestamp::from_secs(1_700_000_000)));
        for (body, want) in [
            ("[1]", "expected an object"),
            (r#"{"num_stats":"a"}"#, "num_stats: expected a whole number, found \"a\""),
            (r#"{"start":"soon"}"#, "start: expected a time of RFC 3339"),
            ("{", "unable to decode"),
        ] {
            let error = window(body).unwrap_err();
            assert!(error.contains(want), "{error}");
        }
    }

    #[test]
    fn options_of_version_2() {
        let options = |text: &str| Options::parse(&Query::parse(text));
        let plain = options("").unwrap();
        assert_eq!(
            (plain.id_type, plain.window.count, plain.recursive),
            (IdType::Name, Some(64), false)
        );
        let all = options("type=docker&count=-1&recursive=True&max_age=1m0.5s").unwrap();
        assert_eq!((all.id_type, all.window.count, all.recursive), (IdType::Docker, None, true));
        for text in ["type=pod", "count=-2", "count=x", "max_age=soon", "max_age=5", "max_age=s"] {
            assert!(options(text).is_err(), "{text}");
        }
        assert_eq!(all.max_age, Some(Duration::from_millis(60_500)));
        assert_eq!(go_duration("-1h"), Some(Duration::ZERO));
        assert_eq!(go_duration("1µs"), Some(Duration::from_micros(1)));
        assert!(options("max_age=0").is_ok() && options("max_age=0s").is_ok());
    }
}
