//! `/proc/PID/net/snmp` and `/proc/PID/net/netstat`: counters of protocols.
//!
//! ```text
//! Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens ...
//! Tcp: 1 200 120000 -1 1234 ...
//! ```
//!
//! Two lines for each protocol: names, then values. Newer kernels add names at the end. `MaxConn` may be -1, no limit.
//!
//! Kernel source: net/ipv4/proc.c.

use crate::ParseError;
use crate::text::{Line, Lines};

/// Hands each counter of `protocol` (`Tcp`, `TcpExt`) in `text` to `each`, in the kernel's order. None if the protocol is
/// not there.
///
/// # Errors
///
/// [`ParseError`] if the text is cut short, there are not as many values as names, or a value is no number; counters before
/// the fault were handed over.
///
/// ```
/// use stripchart_collector::proc::pid::net_counters;
/// let mut counters = Vec::new();
/// net_counters(b"Tcp: MaxConn InSegs\nTcp: -1 7\n", "Tcp", |name, value| counters.push((name, value)))?;
/// assert_eq!(counters, [("MaxConn", -1), ("InSegs", 7)]);
/// # Ok::<(), stripchart_collector::ParseError>(())
/// ```
pub fn net_counters<'a>(
    text: &'a [u8],
    protocol: &str,
    mut each: impl FnMut(&'a str, i64),
) -> Result<(), ParseError> {
    const VALUES: &str = "a line of values for the line of names";
    let mut lines = Lines::new(text)?.filter_map(|line| rest_of(line, protocol));
    let Some((names_line, names)) = lines.next() else { return Ok(()) };
    let at_end = || ParseError::at_end(names_line.number + 1, VALUES);
    let (values_line, values) = lines.next().ok_or_else(at_end)?;
    let mut values = crate::text::Fields::new(values_line.number, values);
    let mut names = crate::text::Fields::new(names_line.number, names);
    while let Some(name) = names.next_field() {
        let name = std::str::from_utf8(name).map_err(|_| names.error("a name", name))?;
        let word = values.word("as many values as names")?;
        let value = std::str::from_utf8(word).ok().and_then(|word| word.parse::<i128>().ok());
        let value = value.ok_or_else(|| values.error("a number", word))?;
        each(name, i64::try_from(value).unwrap_or(i64::MAX));
    }
    Ok(())
}

/// What follows `protocol:`, if the line is of it.
fn rest_of<'a>(line: Line<'a>, protocol: &str) -> Option<(Line<'a>, &'a [u8])> {
    let rest = line.text.strip_prefix(protocol.as_bytes())?.strip_prefix(b":")?;
    Some((line, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, protocol: &str) -> Result<Vec<(String, i64)>, String> {
        let mut found = Vec::new();
        net_counters(text.as_bytes(), protocol, |name, value| found.push((name.to_owned(), value)))
            .map_err(|error| error.to_string())?;
        Ok(found)
    }

    #[test]
    fn counters_of_one_protocol() {
        let text = "Ip: Forwarding\nIp: 1\nTcp: MaxConn InSegs\nTcp: -1 18446744073709551615\nTcpExt: TW\nTcpExt: 3\n";
        let tcp = [("MaxConn".to_owned(), -1), ("InSegs".to_owned(), i64::MAX)];
        assert_eq!(all(text, "Tcp").unwrap(), tcp);
        assert_eq!(all(text, "TcpExt").unwrap(), [("TW".to_owned(), 3)]);
        assert_eq!(all(text, "Udp").unwrap(), []);
    }

    #[test]
    fn faults_are_told_with_their_line() {
        let cases = [
            (
                "Tcp: A B\n",
                "line 2: expected a line of values for the line of names, found end of file",
            ),
            ("Tcp: A B\nTcp: 1\n", "line 2: expected as many values as names, found end of line"),
            ("Tcp: A\nTcp: x\n", "line 2: expected a number, found \"x\""),
            ("Tcp: A\nTcp: 1", "line 2: expected a line end, found end of file"),
        ];
        for (text, want) in cases {
            assert_eq!(all(text, "Tcp").unwrap_err(), want, "{text:?}");
        }
    }
}
