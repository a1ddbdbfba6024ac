//! Which format a client would rather have.

use super::TextFormat;

/// The format that the header `accept` prefers; Prometheus' own where it names neither, for everything reads that.
pub(super) fn format(accept: &str) -> TextFormat {
    let mut best = (0, TextFormat::Prometheus);
    for range in accept.split(',') {
        let Some((format, quality)) = offer(range) else { continue };
        // The first of those that are liked the same.
        if quality > best.0 {
            best = (quality, format);
        }
    }
    best.1
}

/// The format that a media range stands for, and its quality in thousandths.
fn offer(range: &str) -> Option<(TextFormat, u32)> {
    let mut parts = range.split(';').map(str::trim);
    let media = parts.next()?.to_ascii_lowercase();
    let (mut version, mut quality) = (None, 1000);
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "version" => version = Some(value.to_owned()),
            "q" => quality = thousandths(value)?,
            _ => {}
        }
    }
    let format = match (media.as_str(), version.as_deref()) {
        ("application/openmetrics-text", None | Some("1.0.0")) => TextFormat::OpenMetrics,
        ("text/plain", None | Some("0.0.4")) | ("text/*" | "*/*", _) => TextFormat::Prometheus,
        _ => return None,
    };
    Some((format, quality))
}

fn thousandths(quality: &str) -> Option<u32> {
    let value: f64 = quality.parse().ok()?;
    (0.0..=1.0).contains(&value).then(|| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
        let thousandths = (value * 1000.0) as u32;
        thousandths
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_what_they_prefer() {
        let cases = [
            ("", TextFormat::Prometheus),
            ("*/*", TextFormat::Prometheus),
            ("text/html, application/xhtml+xml, */*;q=0.8", TextFormat::Prometheus),
            ("application/openmetrics-text", TextFormat::OpenMetrics),
            ("application/openmetrics-text; version=0.0.1", TextFormat::Prometheus),
            (
                "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.6",
                TextFormat::Prometheus,
            ),
            // Prometheus 2 and 3.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                TextFormat::OpenMetrics,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                 application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
                 text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                TextFormat::OpenMetrics,
            ),
            ("application/openmetrics-text;q=0", TextFormat::Prometheus),
            ("application/openmetrics-text;q=NaN, ;;, =,", TextFormat::Prometheus),
        ];
        for (accept, want) in cases {
            assert_eq!(format(accept), want, "{accept}");
        }
    }
}
