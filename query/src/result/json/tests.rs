use super::*;
use crate::QueryError;

fn json(results: &[StatementResult], options: &FormatOptions) -> String {
    let mut out = Vec::new();
    write_json(results, options, &mut out);
    String::from_utf8(out).unwrap()
}

fn frame() -> Frame {
    Frame::new("cpu")
        .tag("host", "a")
        .column(Column::new("time", Values::Time(vec![0, 1_500_000_000])))
        .column(Column::with_validity(
            "v",
            Values::Float(vec![1.0, 0.0]),
            [true, false].into_iter().collect::<Bitmap>(),
        ))
        .column(Column::new("s", Values::String(Strings::from_iter(["x<y", "\"\u{1}\n"]))))
}

fn result(frames: Vec<Frame>) -> StatementResult {
    StatementResult { frames, ..StatementResult::default() }
}

#[test]
fn a_series_with_tags_nulls_and_escapes() {
    assert_eq!(
        json(&[result(vec![frame()])], &FormatOptions::default()),
        concat!(
            r#"{"results":[{"statement_id":0,"series":[{"name":"cpu","tags":{"host":"a"},"columns":["time","v","s"],"#,
            r#""values":[["1970-01-01T00:00:00Z",1,"x\u003cy"],["1970-01-01T00:00:01.5Z",null,"\"\u0001\n"]]}]}]}"#,
            "\n"
        )
    );
}

#[test]
fn epochs_divide_toward_zero() {
    let options = FormatOptions { epoch: Some(Precision::Seconds), ..FormatOptions::default() };
    let times = Frame::new("m").column(Column::new("time", Values::Time(vec![-1_500_000_000])));
    assert!(json(&[result(vec![times])], &options).contains("[[-1]]"));
}

#[test]
fn floats_are_written_as_go_writes_them() {
    let cases = [
        (1.0, "1"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (1e-6, "0.000001"),
        (9.99e-7, "9.99e-7"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (-1.5e300, "-1.5e+300"),
        (f64::NAN, "null"),
    ];
    for (value, want) in cases {
        let frame = Frame::new("m").column(Column::new("v", Values::Float(vec![value])));
        let text = json(&[result(vec![frame])], &FormatOptions::default());
        assert!(text.contains(&format!("[[{want}]]")), "{text}");
    }
}

#[test]
fn partial_frames_of_one_series_join() {
    let mut first = frame();
    first.partial = true;
    let text = json(&[result(vec![first.clone(), frame()])], &FormatOptions::default());
    assert_eq!(text.matches("\"columns\"").count(), 1, "{text}");
    assert!(!text.contains("partial"));
    let text = json(&[result(vec![first])], &FormatOptions::default());
    assert!(text.contains("]],\"partial\":true}"), "{text}");
}

#[test]
fn errors_messages_and_nothing_at_all() {
    let mut failed = StatementResult::failed(1, QueryError::DatabaseRequired);
    failed.messages.push(Message::warning("careful"));
    let text = json(&[StatementResult::default(), failed], &FormatOptions::default());
    assert_eq!(
        text,
        concat!(
            r#"{"results":[{"statement_id":0},{"statement_id":1,"messages":[{"level":"warning","text":"careful"}],"#,
            r#""error":"database name required"}]}"#,
            "\n"
        )
    );
    assert_eq!(json(&[], &FormatOptions::default()), "{}\n");
    let mut out = Vec::new();
    write_error("a & b", false, &mut out);
    assert_eq!(out, b"{\"error\":\"a \\u0026 b\"}\n");
}

#[test]
fn pretty_is_indented_by_four() {
    let options = FormatOptions { pretty: true, ..FormatOptions::default() };
    let frame = Frame::new("m").column(Column::new("time", Values::Time(vec![0])));
    let want = r#"{
    "results": [
        {
            "statement_id": 0,
            "series": [
                {
                    "name": "m",
                    "columns": [
                        "time"
                    ],
                    "values": [
                        [
                            "1970-01-01T00:00:00Z"
                        ]
                    ]
                }
            ]
        }
    ]
}
"#;
    assert_eq!(json(&[result(vec![frame])], &options), want);
}
