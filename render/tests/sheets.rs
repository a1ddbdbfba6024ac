//! Pages put together by somebody else.
#![cfg(feature = "html")]

#[path = "support/markup.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod markup;

use markup::{check, text_of};
use stripchart_core::{Column, Frame, Strings, Timestamp, Unit, Values};
use stripchart_render::page::{Page, PageRequest, Sheet, Site};

const NOW: Timestamp = Timestamp::from_secs(1_790_000_003);

fn texts(name: &str, values: &[&str]) -> Column {
    let mut texts = Strings::default();
    values.iter().for_each(|value| texts.push(value));
    Column::new(name, Values::String(texts))
}

fn numbers(name: &str, unit: Unit, values: &[f64]) -> Column {
    Column::new(name, Values::Float(values.to_vec())).unit(unit)
}

fn line(title: &str, name: &str) -> Frame {
    let times = (0..6).map(|i| (1_790_000_000 - i * 10) * 1_000_000_000).rev().collect();
    Frame::new("series")
        .tag("title", title)
        .tag("series", name)
        .column(Column::new("time", Values::Time(times)))
        .column(numbers("value", Unit::Cores, &[0.5, 1.0, 0.75, 0.5, 0.25, 2.0]))
}

fn drawn(frames: &[Frame], query: &str) -> Page {
    let sheet = Sheet { status: 200, title: "a <b> & c", path: "/containers/a%20b", frames };
    let site = Site { containers_path: Some("/containers/".to_owned()), ..Site::default() };
    site.sheet(&sheet, &PageRequest::from_query(query, NOW))
}

fn all() -> Vec<Frame> {
    vec![
        Frame::new("crumbs")
            .column(texts("name", &["/", "a <b> & c"]))
            .column(texts("href", &["/containers/", ""])),
        Frame::new("section").tag("title", "Section & more"),
        Frame::new("facts")
            .tag("title", "CPU")
            .column(texts("name", &["Shares"]))
            .column(texts("value", &["<1024>"])),
        Frame::new("links").column(texts("name", &["inside", "outside", "script", "odd"])).column(
            texts(
                "href",
                &["/docker/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"],
            ),
        ),
        Frame::new("gauges")
            .tag("title", "Now")
            .column(texts("name", &["CPU", "Memory", "/"]))
            .column(numbers("percent", Unit::Percent, &[20.0, 80.0, 250.0]))
            .column(texts("text", &["0.2 of 1", "8 of 10", "full"])),
        line("Usage", "user"),
        line("Usage", "<kernel>"),
        line("Other", "total"),
        Frame::new("stacks")
            .tag("title", "1 of 4")
            .tag("total", "4096")
            .column(texts("name", &["hot", "cold"]))
            .column(numbers("value", Unit::Bytes, &[1024.0, 512.0])),
        Frame::new("bars")
            .column(texts("name", &["/dev/sda"]))
            .column(numbers("used", Unit::Bytes, &[5.0]))
            .column(numbers("capacity", Unit::Bytes, &[0.0]))
            .column(texts("text", &["5 B"])),
        Frame::new("choice")
            .tag("title", "Interface")
            .tag("parameter", "interface")
            .tag("current", "eth0")
            .column(texts("value", &["eth0", "a&b"])),
        Frame::new("table")
            .tag("title", "Processes")
            .tag("all", "9")
            .column(texts("Command", &["sh", "<x>"]))
            .column(texts("href", &["/containers/sh", ""]))
            .column(numbers("RSS", Unit::Bytes, &[1024.0, f64::NAN])),
        Frame::new("note").column(texts("text", &["a <i>note</i>"])),
        Frame::new("unheard-of").column(texts("text", &["never shown"])),
    ]
}

#[test]
fn every_kind_of_frame_is_drawn_and_nothing_of_it_is_markup() {
    let page = drawn(&all(), "");
    check(&page.body).unwrap();
    let text = text_of(&page.body);
    for want in [
        "a <b> & c",
        "Section & more",
        "<1024>",
        "<kernel>",
        "80%",
        "100%",
        "hot 1",
        "<x>",
        "2 of 9",
        "a <i>note</i>",
    ] {
        assert!(text.contains(want), "{want:?} is missing in {text}");
    }
    assert!(!text.contains("never shown"));
    // Two lines share the first chart; each chart is drawn for wide and for narrow windows.
    assert_eq!(page.body.matches("class=\"plot wide\"").count(), 2);
    assert_eq!(page.body.matches("tile gauge warning").count(), 1);
    assert_eq!(page.body.matches("tile gauge critical").count(), 1);
    assert!(page.body.contains("<a href=\"/containers/\" aria-current=\"page\">Containers</a>"));
    assert!(!page.body.contains("Time range"), "there is no time to choose");
}

#[test]
fn links_stay_on_the_site() {
    let body = drawn(&all(), "theme=dark").body;
    assert!(body.contains("<a href=\"/docker/\">inside</a>"), "{body}");
    for outside in ["href=\"//", "javascript:", "href=\"/\\", "href=\"http"] {
        assert!(!body.contains(outside), "{outside}");
    }
    // What the reader chose before goes along.
    assert!(body.contains("/containers/a%20b?theme=dark&amp;interface=a%26b"), "{body}");
    assert!(body.contains("?theme=dark&amp;rows=all\">Show all"), "{body}");
}

#[test]
fn the_same_frames_give_the_same_page_and_none_gives_one_too() {
    assert_eq!(drawn(&all(), "").body, drawn(&all(), "").body);
    let empty = drawn(&[], "");
    check(&empty.body).unwrap();
    let holes =
        [Frame::new("gauges"), Frame::new("table"), Frame::new("series"), Frame::new("crumbs")];
    check(&drawn(&holes, "").body).unwrap();
}
