//! Tables of fixtures with what they should give.

use std::path::Path;

use stripchart_collector::ParseError;

/// Checks each fixture of `kind` in `cases` against what `read` makes of it, or the error's text, and that no fixture
/// was forgotten.
pub(crate) fn check<T: PartialEq + std::fmt::Debug>(
    kind: &str,
    read: impl Fn(&[u8]) -> Result<T, ParseError>,
    cases: &[(&str, Result<T, &str>)],
) {
    let folder = Path::new("tests/fixtures").join(kind);
    for (case, want) in cases {
        let text =
            std::fs::read(folder.join(case)).unwrap_or_else(|e| panic!("{kind}/{case}: {e}"));
        let got = read(&text).map_err(|error| error.to_string());
        match (&got, want) {
            (Ok(got), Ok(want)) => assert_eq!(got, want, "{kind}/{case}"),
            (Err(got), Err(want)) => assert_eq!(got, want, "{kind}/{case}"),
            _ => panic!("{kind}/{case}: got {got:?}, want {want:?}"),
        }
    }
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let mut named: Vec<_> = cases.iter().map(|(case, _)| (*case).to_owned()).collect();
    named.sort();
    assert_eq!(files, named, "every fixture of {kind} is in the table");
}
