//! Just enough of HTML to see that a page is put together right.

/// Elements that have no end tag.
const VOID: [&str; 5] = ["meta", "link", "input", "br", "img"];

/// A tag: its name, whether it ends an element, whether it closes itself, and its attributes.
struct Tag {
    name: String,
    is_end: bool,
    closes_itself: bool,
    attributes: Vec<(String, String)>,
}

/// The tags of `html` and, in between, its text.
fn pieces(html: &str) -> impl Iterator<Item = Result<Tag, &str>> {
    let mut rest = html;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if !rest.starts_with('<') {
            let end = rest.find('<').unwrap_or(rest.len());
            let (text, after) = rest.split_at(end);
            rest = after;
            return Some(Err(text));
        }
        let end = rest.find('>').expect("a tag ends");
        let (tag, after) = (&rest[1..end], &rest[end + 1..]);
        rest = after;
        Some(Ok(tag_of(tag)))
    })
}

fn tag_of(text: &str) -> Tag {
    let is_end = text.starts_with('/');
    let closes_itself = text.ends_with('/');
    let text = text.trim_matches('/');
    let (name, mut rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let mut attributes = Vec::new();
    while !rest.trim_start().is_empty() {
        rest = rest.trim_start();
        let end = rest.find(['=', ' ']).unwrap_or(rest.len());
        let name = rest[..end].to_owned();
        rest = &rest[end..];
        let mut value = String::new();
        if let Some(quoted) = rest.strip_prefix("=\"") {
            let end = quoted.find('"').expect("a value ends");
            value = unescaped(&quoted[..end]);
            rest = &quoted[end + 1..];
        } else {
            assert!(!rest.starts_with('='), "values are quoted: {text}");
        }
        attributes.push((name, value));
    }
    Tag { name: name.to_owned(), is_end, closes_itself, attributes }
}

fn unescaped(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&#39;", "'").replace("&amp;", "&")
}

/// All attributes of all tags.
pub(crate) fn attributes(html: &str) -> impl Iterator<Item = (String, String)> {
    pieces(html).filter_map(Result::ok).flat_map(|tag| tag.attributes)
}

/// What a reader reads, white space made single blanks.
pub(crate) fn text_of(html: &str) -> String {
    let mut text = String::new();
    for piece in pieces(html) {
        match piece {
            Err(part) => text.push_str(&unescaped(part)),
            // Inline elements do not part words.
            Ok(tag) if ["strong", "small", "em", "span", "code"].contains(&tag.name.as_str()) => {}
            Ok(_) => text.push(' '),
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether every element that begins also ends, in order, ids are unique, and what refers to an id finds it.
///
/// # Errors
///
/// What is wrong, in words.
pub(crate) fn check(html: &str) -> Result<(), String> {
    let mut open: Vec<String> = Vec::new();
    let mut ids: Vec<String> = Vec::new();
    let mut wanted: Vec<String> = Vec::new();
    for tag in pieces(html).filter_map(Result::ok) {
        if tag.name.starts_with('!') {
            continue;
        }
        for (name, value) in &tag.attributes {
            match name.as_str() {
                "id" if ids.contains(value) => return Err(format!("id {value} occurs twice")),
                "id" => ids.push(value.clone()),
                "aria-labelledby" => wanted.extend(value.split(' ').map(str::to_owned)),
                _ => {}
            }
        }
        if tag.is_end {
            let opened = open.pop();
            if opened.as_ref() != Some(&tag.name) {
                return Err(format!("</{}> ends {opened:?}", tag.name));
            }
        } else if !tag.closes_itself && !VOID.contains(&tag.name.as_str()) {
            open.push(tag.name);
        }
    }
    if let Some(lost) = wanted.iter().find(|id| !ids.contains(id)) {
        return Err(format!("no element has the id {lost}"));
    }
    if open.is_empty() { Ok(()) } else { Err(format!("left open: {open:?}")) }
}
