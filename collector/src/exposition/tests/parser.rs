//! Reads an exposition the plain way, strictly.

/// Both formats, read.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) families: Vec<Family>,
}

#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) samples: Vec<Sample>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: Vec<(String, String)>,
    pub(super) value: String,
    pub(super) time: Option<String>,
}

impl Parsed {
    pub(super) fn family(&self, name: &str) -> &Family {
        let found = self.families.iter().find(|family| family.name == name);
        found.unwrap_or_else(|| panic!("no family {name}"))
    }

    /// The one sample of `name` that has `labels`.
    pub(super) fn sample(&self, name: &str, labels: &[(&str, &str)]) -> &Sample {
        let has =
            |sample: &&Sample| labels.iter().all(|(name, value)| sample.label(name) == *value);
        let found: Vec<&Sample> = self.family(name).samples.iter().filter(has).collect();
        assert_eq!(found.len(), 1, "{name} {labels:?}");
        found[0]
    }
}

impl Sample {
    pub(super) fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// Reads `text`; an error names the line. Checked are: HELP and TYPE once, before the samples; names; samples of a family
/// together and no two with the same labels; labels in order; values that are numbers.
pub(super) fn parse(text: &str) -> Result<Parsed, String> {
    let mut families: Vec<Family> = Vec::new();
    let mut help: Option<String> = None;
    assert!(text.is_empty() || text.ends_with('\n'), "the last line has no end");
    for line in text.split_terminator('\n') {
        let wrong = |what: &str| Err(format!("{what}: {line:?}"));
        if let Some(rest) = line.strip_prefix("# HELP ") {
            if help.replace(rest.split(' ').next().unwrap_or_default().to_owned()).is_some() {
                return wrong("HELP without TYPE");
            }
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let Some((name, kind)) = rest.split_once(' ') else { return wrong("no type") };
            if help.take().as_deref() != Some(name) {
                return wrong("TYPE without HELP");
            }
            if families.iter().any(|family| family.name == name) {
                return wrong("a family begins again");
            }
            families.push(Family { name: name.into(), kind: kind.into(), samples: Vec::new() });
        } else if line != "# EOF" {
            let sample = sample(line).ok_or_else(|| format!("no sample: {line:?}"))?;
            let Some(family) = families.last_mut() else { return wrong("no family") };
            if family.name != sample.name && family.name != sample.name.trim_end_matches("_total") {
                return wrong("not of the family");
            }
            if family.samples.iter().any(|known| known.labels == sample.labels) {
                return wrong("the same labels a second time");
            }
            if !sample.labels.is_sorted_by(|a, b| a.0 < b.0) {
                return wrong("labels out of order");
            }
            family.samples.push(sample);
        }
    }
    Ok(Parsed { families })
}

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':')?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if label.is_empty() || !label.chars().all(good) {
                return None;
            }
            labels.push((label.to_owned(), value));
            match after.strip_prefix(',') {
                Some(after) => rest = after,
                None => {
                    rest = after.strip_prefix('}')?;
                    break;
                }
            }
        }
    }
    let mut words = rest.strip_prefix(' ')?.split(' ');
    let value = words.next()?.to_owned();
    value.parse::<f64>().ok()?;
    let time = words.next().map(str::to_owned);
    words.next().is_none().then(|| Sample { name: name.to_owned(), labels, value, time })
}

/// The text up to the closing quotation mark, and what comes after.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                escaped @ ('\\' | '"') => value.push(escaped),
                _ => return None,
            },
            c => value.push(c),
        }
    }
    None
}
