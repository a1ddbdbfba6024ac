//! What goes wrong, and what is said about it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use stripchart_collector::{ClusterSampler, SummarySource};

use crate::{Recorder, constant, ten_past, tiny};

/// A document, or why there is none.
type Answer = Result<Vec<u8>, &'static str>;

/// A source whose answer a test changes as it goes.
fn switched(name: &str) -> (SummarySource, Arc<Mutex<Answer>>) {
    let answer = Arc::new(Mutex::new(Err("not set")));
    let given = Arc::clone(&answer);
    let source = SummarySource::from_fn(name, move |_| Ok(given.lock().clone()?));
    (source, answer)
}

fn warnings(sampler: &ClusterSampler) -> Vec<String> {
    sampler.take_warnings().iter().map(ToString::to_string).collect()
}

#[test]
fn a_dead_source_leaves_its_node_out_and_is_told_once() {
    let (source, answer) = switched("http://b");
    let mut sampler = ClusterSampler::builder()
        .source(source)
        .source(constant("http://a", tiny("a", 1)))
        .build()
        .unwrap();
    let sink = Recorder::default();
    const REFUSED: &str = "http://b: the source's function failed: refused";
    const NO_JSON: &str = "http://b: not a kubelet summary: line 1, column 1: expected value; no kubelet summary, it begins \"oops\"";
    // The answer, rows of its node, nodes, warnings.
    type Case = (Answer, usize, usize, &'static [&'static str]);
    let rounds: [Case; 7] = [
        (Err("refused"), 0, 1, &[REFUSED]),
        (Err("refused"), 0, 1, &[]),
        (Ok(b"oops".to_vec()), 0, 1, &[NO_JSON]),
        (Ok(tiny("b", 2)), 1, 2, &[]),
        (Err("refused"), 0, 1, &[REFUSED]),
        (Ok(tiny("b", 3)), 1, 2, &[]),
        (Ok(tiny("b", 3)), 1, 2, &[]),
    ];
    for (round, (given, rows, nodes, want)) in rounds.into_iter().enumerate() {
        *answer.lock() = given;
        let _ = sampler.step(ten_past(60 * i64::try_from(round).unwrap() + 5), &sink);
        let lines = sink.take();
        assert_eq!(lines.matches("nodename=b").count(), rows, "round {round}");
        assert_eq!(lines.matches("nodename=a").count(), 1, "round {round}");
        let last = sampler.last_round().unwrap();
        assert_eq!((last.nodes, last.failed, last.sources), (nodes, 2 - nodes, 2));
        assert_eq!(warnings(&sampler), want, "round {round}");
    }
}

#[test]
fn a_node_that_comes_twice_counts_once() {
    let mut sampler = ClusterSampler::builder()
        .source(constant("first", tiny("a", 1)))
        .source(constant("second", tiny("a", 2)))
        .build()
        .unwrap();
    let sink = Recorder::default();
    let _ = sampler.step(ten_past(5), &sink);
    assert!(sink.take().starts_with("memory/usage,nodename=a,type=node value=1i "));
    assert_eq!(
        warnings(&sampler),
        ["second: node \"a\" came from first already, so this one is left out"]
    );
    assert_eq!(sampler.last_round().unwrap().failed, 1);
}

#[test]
fn a_round_that_the_sink_refuses_is_lost_and_told_once() {
    let mut sampler =
        ClusterSampler::builder().source(constant("a", tiny("a", 1))).build().unwrap();
    let closed = Recorder { refuse: true, ..Recorder::default() };
    let _ = sampler.step(ten_past(5), &closed);
    let _ = sampler.step(ten_past(65), &closed);
    assert_eq!(warnings(&sampler), ["sink: the sink is closed"]);
    let round = sampler.last_round().unwrap();
    assert!(!round.written && round.rows == 1);
    let open = Recorder::default();
    let _ = sampler.step(ten_past(125), &open);
    assert_eq!(open.take().lines().count(), 1);
    assert!(sampler.last_round().unwrap().written);
}

#[test]
fn when_no_source_answers_nothing_is_written() {
    let (source, _) = switched("a");
    let mut sampler = ClusterSampler::builder().source(source).build().unwrap();
    let closed = Recorder { refuse: true, ..Recorder::default() };
    let _ = sampler.step(ten_past(5), &closed);
    assert_eq!(warnings(&sampler).len(), 1, "the source's; the sink was not bothered");
    assert_eq!(sampler.last_round().unwrap().rows, 0);
}

#[test]
fn warnings_nobody_takes_do_not_pile_up() {
    let sources = (0..300).map(|n| switched(&n.to_string()).0);
    let mut sampler = ClusterSampler::builder().sources(sources).build().unwrap();
    let _ = sampler.step(ten_past(5), &Recorder::default());
    let taken = sampler.take_warnings();
    assert_eq!((taken.len(), taken[99].source.as_str()), (100, "299"));
    assert_eq!(taken[0].at, ten_past(5));
}

#[test]
fn files_say_what_is_wrong_with_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("long.json"), tiny("n", 1)).expect("written");
    let limits = stripchart_collector::kubelet::FetchLimits::new(Duration::from_secs(5), 20);
    let cases = [
        ("missing.json", "cannot open"),
        ("", "cannot open"), // the folder itself
        ("long.json", "expected a document of at most 20 bytes, found more"),
    ];
    for (name, want) in cases {
        let error = SummarySource::file(path(name)).fetch(&limits).unwrap_err();
        assert_eq!(error.to_string(), want, "{name}");
    }
}

#[test]
fn source_texts_are_read_or_refused() {
    let name = |text: &str| {
        text.parse::<SummarySource>().map(|s| s.name().to_owned()).map_err(|e| e.to_string())
    };
    assert_eq!(name("summary:/a/b.json"), Ok("/a/b.json".to_owned()));
    assert_eq!(name("summary:file:b.json"), Ok("b.json".to_owned()));
    assert_eq!(name("b.json"), Ok("b.json".to_owned()));
    let place = "expected http://HOST:PORT, or the path of a file";
    for text in ["", "summary:", "summary:file:", "ftp://a/b"] {
        assert_eq!(name(text), Err(format!("source {text:?}: {place}")));
    }
    assert!(name("https://a:10250").unwrap_err().contains("kubectl proxy"));

    let all: Vec<_> = SummarySource::parse_list("summary:a.json, summary:b.json,c.json").unwrap();
    assert_eq!(
        all.iter().map(SummarySource::name).collect::<Vec<_>>(),
        ["a.json", "b.json", "c.json"]
    );
    assert!(SummarySource::parse_list("a.json,,b.json").is_err());
}

#[test]
fn descriptions_are_checked() {
    let build = |seconds: f64, timeout: u64| {
        ClusterSampler::builder()
            .source(constant("a", Vec::new()))
            .resolution(Duration::from_secs_f64(seconds))
            .timeout(Duration::from_secs(timeout))
            .build()
            .map(|sampler| sampler.resolution())
            .map_err(|error| error.to_string())
    };
    assert_eq!(build(1.0, 5), Ok(Duration::from_secs(1)));
    assert_eq!(
        build(0.5, 5),
        Err("resolution: expected one second to 292 years, found 500ms".to_owned())
    );
    assert!(build(1e10, 5).is_err());
    assert_eq!(build(60.0, 0), Err("timeout: expected more than zero, found 0".to_owned()));
    assert_eq!(
        ClusterSampler::builder().build().map(|_| ()).unwrap_err().to_string(),
        "expected at least one source of summaries, found none"
    );
}
