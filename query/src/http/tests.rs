//! Requests and what is answered, with a stand-in for engine and database.

use std::io::{Read, Write};
use std::sync::Mutex;

use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::request::Builder;
use stripchart_core::{Column, FieldType, Frame, Precision, RejectReason, Values};

use super::backend::{
    Figures, Health, QueryContext, Unreadable, WriteContext, WriteFailure, Written,
};
use super::body::Pieces;
use super::wanted::Format;
use super::*;
use crate::ast::Query;
use crate::result::StatementResult;
use crate::{AuthError, QueryError, User, write_csv, write_json, write_msgpack};

/// Knows database `db` and policy `rp`; answers each statement with its text; takes lines by what they say.
#[derive(Default)]
struct Fake {
    /// What was asked, in words.
    asked: Mutex<Vec<String>>,
    degraded: bool,
}

impl Backend for Fake {
    fn execute(&self, query: Query, context: QueryContext) -> Pieces {
        let mut results = Vec::new();
        for (statement_id, statement) in query.statements.iter().enumerate() {
            let text = statement.to_string();
            let QueryContext { database, policy, chunk_rows, .. } = &context;
            let name = |name: &Option<String>| name.clone().unwrap_or("-".to_owned());
            let asked = format!("{} {} {chunk_rows:?} {text}", name(database), name(policy));
            self.asked.lock().unwrap().push(asked);
            if text.contains("fails") {
                results.push(StatementResult::failed(statement_id, QueryError::DatabaseRequired));
                continue;
            }
            let times = Column::new("time", Values::Time(vec![1_500_000_000]));
            let frame =
                Frame::new("m").column(times).column(Column::new("v", Values::Integer(vec![7])));
            let mut messages = Vec::from_iter(context.remark.and_then(|remark| remark(statement)));
            let pieces = if chunk_rows.is_some() { 2 } else { 1 };
            for piece in 1..=pieces {
                let partial = piece < pieces;
                results.push(StatementResult {
                    statement_id,
                    frames: vec![Frame { partial, ..frame.clone() }],
                    partial,
                    messages: std::mem::take(&mut messages),
                    ..StatementResult::default()
                });
            }
        }
        let rows = if context.chunk_rows.is_some() { 1 } else { results.len() };
        let documents = results.chunks(rows).map(|results| document(results, &context));
        Box::new(documents.collect::<Vec<_>>().into_iter())
    }

    fn has_database(&self, name: &str) -> bool {
        name == "db"
    }

    fn write(&self, body: &[u8], context: &WriteContext<'_>) -> Result<Written, WriteFailure> {
        let mut written = Written::default();
        match context.policy {
            None | Some("rp") => {}
            Some("shut") => return Err(WriteFailure::Unavailable("the disk is full".into())),
            Some(_) => return Err(WriteFailure::PolicyNotFound),
        }
        let time = context.default_time.nanos();
        self.asked.lock().unwrap().push(format!("{:?} {time}", context.precision));
        for (index, line) in std::str::from_utf8(body).unwrap().lines().enumerate() {
            match line {
                "old" => written.refused.push(RejectReason::BeyondRetention),
                "typed" => written.refused.push(RejectReason::FieldType {
                    measurement: "m".into(),
                    field: "v".into(),
                    found: FieldType::Integer,
                    expected: FieldType::Float,
                }),
                bad if bad.starts_with("bad") => {
                    written.unreadable_count += 1;
                    written.unreadable.push(Unreadable {
                        sentence: format!("unable to parse '{bad}': missing fields"),
                        position: format!("line {}, column 4: expected a field", index + 1),
                    });
                }
                "many" => written.unreadable_count += 70,
                "" => {}
                _ => written.rows += 1,
            }
        }
        Ok(written)
    }

    fn health(&self) -> Health {
        let checks =
            if self.degraded { vec![("writes", "the disk is full".to_owned())] } else { vec![] };
        Health { serving: true, checks }
    }

    fn figures(&self) -> Vec<Figures> {
        let tags = [("database".to_owned(), "db".into())].into_iter().collect();
        let values = [("numSeries".to_owned(), 2.into())].into_iter().collect();
        vec![Figures { name: "database", tags, values }]
    }

    fn has_admin(&self) -> Result<bool, AuthError> {
        Ok(true)
    }

    fn authenticate(&self, _name: &str, _password: &str) -> Result<User, AuthError> {
        Err(AuthError::Credentials)
    }

    fn user(&self, _name: &str) -> Result<Option<User>, AuthError> {
        Ok(None)
    }

    fn authorize(&self, _: Option<&User>, _: &Query, _: Option<&str>) -> Result<(), AuthError> {
        Ok(())
    }

    fn authorize_write(&self, _user: &User, _database: &str) -> Result<(), AuthError> {
        Ok(())
    }
}

fn document(results: &[StatementResult], context: &QueryContext) -> Bytes {
    let mut out = Vec::new();
    match context.format {
        Format::Json => write_json(results, &context.text, &mut out),
        Format::MessagePack => write_msgpack(results, &context.text, &mut out),
        Format::Csv => {
            let mut text = String::new();
            write_csv(results, &context.text, &mut text);
            out = text.into_bytes();
        }
    }
    out.into()
}

const NOW: Timestamp = Timestamp::from_nanos(1_700_000_000_123_456_789);

fn api() -> InfluxDb {
    InfluxDb::with_backend(Arc::new(Fake::default()))
}

fn send(api: &InfluxDb, request: Builder, body: impl Into<Bytes>) -> Response<Bytes> {
    api.respond(&request.body(body.into()).unwrap(), NOW).expect("a path of InfluxDB's")
}

fn text(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).unwrap()
}

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

const ANSWER: &str = r#"{"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","v"],"values":[["1970-01-01T00:00:01.5Z",7]]}]}]}
"#;

#[test]
fn ping_and_health() {
    let api = api();
    let cases = [
        ("/ping", 204, ""),
        ("/ping?verbose=false", 204, ""),
        ("/ping?verbose=true", 200, "{\"version\":\"1.8.10\"}"),
        ("/status", 204, ""),
        (
            "/health",
            200,
            "{\"checks\":[],\"message\":\"ready for queries and writes\",\"name\":\"influxdb\",\"status\":\"pass\",\
             \"version\":\"1.8.10\"}",
        ),
    ];
    for (path, status, body) in cases {
        let response = send(&api, Request::get(path), "");
        assert_eq!((response.status().as_u16(), text(&response)), (status, body), "{path}");
        assert_eq!(header(&response, "x-influxdb-version"), "1.8.10");
        assert_eq!(header(&response, "x-influxdb-build"), "stripchart");
    }
    let degraded = InfluxDb::with_backend(Arc::new(Fake { degraded: true, ..Fake::default() }));
    let response = send(&degraded, Request::get("/health"), "");
    assert_eq!(response.status(), 200);
    assert!(text(&response).contains("the disk is full"), "{}", text(&response));
    assert!(api.respond(&Request::get("/nosuch").body(Bytes::new()).unwrap(), NOW).is_none());
}

#[test]
fn every_request_has_an_id_of_its_own_or_keeps_its_sender_s() {
    let api = api();
    let ids: Vec<String> = (0..3)
        .map(|_| header(&send(&api, Request::get("/ping"), ""), "request-id").to_owned())
        .collect();
    assert!(ids[0] != ids[1] && ids[1] != ids[2], "{ids:?}");
    assert_eq!(ids[0].len(), 36);
    assert_eq!(&ids[0][14..15], "1", "a version 1 UUID: {}", ids[0]);
    let response = send(&api, Request::get("/ping").header("X-Request-Id", "mine"), "");
    assert_eq!(header(&response, "request-id"), "mine");
    assert_eq!(header(&response, "x-request-id"), "mine");
}

#[test]
fn methods() {
    let api = api();
    let response = send(&api, Request::delete("/query?q=SHOW+DATABASES"), "");
    assert_eq!(
        (response.status().as_u16(), header(&response, "allow")),
        (405, "GET, POST, OPTIONS")
    );
    assert_eq!(send(&api, Request::get("/write?db=db"), "m v=1").status(), 405);
    assert_eq!(send(&api, Request::options("/write"), "").status(), 200);
}

#[test]
fn queries_come_by_url_by_form_and_with_parameters() {
    let api = api();
    let form = "application/x-www-form-urlencoded";
    let get = send(&api, Request::get("/query?db=db&q=+SELECT+v%0AFROM+m+"), "");
    assert_eq!((get.status().as_u16(), text(&get)), (200, ANSWER));
    assert_eq!(header(&get, "content-type"), "application/json");
    let post =
        send(&api, Request::post("/query").header("content-type", form), "q=SELECT%20v%20FROM%20m");
    assert_eq!(text(&post), ANSWER);
    let other =
        Request::post("/query?q=SELECT+v+FROM+m").header("content-type", "application/json");
    assert_eq!(text(&send(&api, other, "q=nonsense")), ANSWER);
    let bound = "/query?q=SELECT+v+FROM+m+WHERE+h=$h&params=%7B%22h%22:%22a%22%7D";
    assert_eq!(text(&send(&api, Request::get(bound), "")), ANSWER);
}

#[test]
fn database_policy_and_pieces_reach_the_engine() {
    let fake = Arc::new(Fake::default());
    let api = InfluxDb::with_backend(fake.clone());
    for url in [
        "?db=d&rp=r",
        "?db=&rp=",
        "?chunked=true",
        "?chunked=true&chunk_size=5",
        "?chunked=1&chunk_size=5",
    ] {
        send(&api, Request::get(format!("/query{url}&q=SHOW+USERS")), "");
    }
    let want = [
        "d r None SHOW USERS",
        "- - None SHOW USERS",
        "- - Some(10000) SHOW USERS",
        "- - Some(5) SHOW USERS",
        "- - None SHOW USERS",
    ];
    assert_eq!(*fake.asked.lock().unwrap(), want);
}

#[test]
fn times_are_written_as_asked() {
    let api = api();
    let cases = [
        ("", "\"1970-01-01T00:00:01.5Z\""),
        ("ms", "1500"),
        ("s", "1"),
        ("u", "1500000"),
        ("us", "1500000000"),
    ];
    for (epoch, want) in cases {
        let url = format!("/query?q=SELECT+v+FROM+m&epoch={epoch}");
        let response = send(&api, Request::get(url), "");
        assert!(text(&response).contains(&format!("[[{want},7]]")), "{epoch}: {}", text(&response));
    }
    let pretty = send(&api, Request::get("/query?q=SELECT+v+FROM+m&pretty=true"), "");
    assert!(text(&pretty).starts_with("{\n    \"results\": [\n"), "{}", text(&pretty));
}

#[test]
fn refused_queries() {
    let api = api();
    let cases = [
        ("", "missing required parameter \\\"q\\\""),
        ("q=+", "missing required parameter \\\"q\\\""),
        (
            "q=SHOW+USERS;SELECT",
            "error parsing query: found EOF, expected identifier, string, number, bool at line 1, char 19",
        ),
        ("q=SHOW+USERS&params=%7B", "error parsing query parameters: unexpected EOF"),
        (
            "q=SELECT+v+FROM+$x",
            "error parsing query: found $x, expected identifier at line 1, char 15",
        ),
    ];
    for (url, want) in cases {
        let response = send(&api, Request::get(format!("/query?{url}")), "");
        let want_body = format!("{{\"error\":\"{want}\"}}\n");
        assert_eq!(
            (response.status().as_u16(), text(&response)),
            (400, want_body.as_str()),
            "{url}"
        );
        assert_eq!(header(&response, "x-influxdb-error"), want.replace('\\', ""));
    }
}

#[test]
fn a_failed_statement_is_an_answer_like_any_other() {
    let response = send(&api(), Request::get("/query?q=SHOW+USERS;SELECT+v+FROM+fails"), "");
    assert_eq!(response.status(), 200);
    let want = "{\"statement_id\":1,\"error\":\"database name required\"}]}\n";
    assert!(text(&response).ends_with(want), "{}", text(&response));
}

#[test]
fn statements_that_change_something_should_come_by_post() {
    let api = api();
    let url = "/query?q=SHOW+USERS;CREATE+DATABASE+x;SELECT+v+INTO+y+FROM+fails";
    let warning = "\"messages\":[{\"level\":\"warning\",\"text\":\"deprecated use of 'CREATE DATABASE x' in a read only \
                   context, please use a POST request instead\"}]";
    let by_get = send(&api, Request::get(url), "");
    assert_eq!(text(&by_get).matches(warning).count(), 1, "{}", text(&by_get));
    assert_eq!(text(&by_get).matches("deprecated").count(), 1, "a failed one has no warning");
    assert!(!text(&send(&api, Request::post(url), "")).contains("deprecated"));
    let browser = Request::get(url).header("user-agent", "Mozilla/5.0 (X11; Linux)");
    assert_eq!(
        send(&api, browser, "").status(),
        403,
        "an image on a foreign page could ask for it"
    );
    let browser =
        Request::get("/query?q=SHOW+USERS").header("user-agent", "Mozilla/5.0 (X11; Linux)");
    assert_eq!(send(&api, browser, "").status(), 200);
}

#[test]
fn chunks_are_documents_line_by_line() {
    let response = send(&api(), Request::get("/query?chunked=true&q=SHOW+USERS;SHOW+QUERIES"), "");
    let lines: Vec<&str> = text(&response).lines().collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[0].contains("\"statement_id\":0") && lines[0].contains("\"partial\":true"));
    assert!(lines[3].contains("\"statement_id\":1") && !lines[3].contains("partial"));
}

#[test]
fn csv_and_compression_where_accepted() {
    let api = api();
    let cases = [
        ("text/csv", "text/csv", "name,tags,time,v\nm,,1500000000,7\n"),
        ("application/csv, */*;q=0.5", "application/csv", "name,tags,time,v\nm,,1500000000,7\n"),
        ("text/csv;q=0.1, application/json", "application/json", ANSWER),
        ("text/html", "application/json", ANSWER),
        ("*/*", "application/json", ANSWER),
    ];
    for (accept, content_type, body) in cases {
        let request = Request::get("/query?q=SELECT+v+FROM+m").header("accept", accept);
        let response = send(&api, request, "");
        assert_eq!(
            (header(&response, "content-type"), text(&response)),
            (content_type, body),
            "{accept}"
        );
    }
    let wrong = Request::get("/query?q=SELECT,").header("accept", "text/csv");
    let response = send(&api, wrong, "");
    assert!(
        text(&response).starts_with("error\n\"error parsing query: found"),
        "{}",
        text(&response)
    );

    let url = format!("/query?q={}", ["SELECT+v+FROM+m"; 20].join(";"));
    let plain = send(&api, Request::get(&url), "");
    let packed = send(&api, Request::get(&url).header("accept-encoding", "deflate, gzip"), "");
    assert_eq!(header(&packed, "content-encoding"), "gzip");
    let mut unpacked = String::new();
    GzDecoder::new(&packed.body()[..]).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, text(&plain));
    let refused = send(&api, Request::get(&url).header("accept-encoding", "gzip;q=0"), "");
    assert_eq!(refused.body(), plain.body());
}

#[test]
fn writes() {
    let api = api();
    let cases: &[(&str, &str, u16, &str)] = &[
        ("?db=db", "m v=1", 204, ""),
        ("?consistency=&db=db&precision=&rp=", "m v=1", 204, ""),
        ("?db=db&rp=rp&consistency=quorum", "m v=1", 204, ""),
        ("?db=db", "", 204, ""),
        ("?db=db", "\n\n", 204, ""),
        ("", "m v=1", 400, "database is required"),
        ("?db=", "m v=1", 400, "database is required"),
        ("?db=nodb", "m v=1", 404, "database not found: \\\"nodb\\\""),
        ("?db=db&rp=norp", "m v=1", 500, "retention policy not found: norp"),
        ("?db=db&rp=shut", "m v=1", 503, "the disk is full"),
        ("?db=db&consistency=most", "m v=1", 400, "invalid consistency level"),
        (
            "?db=db",
            "bad",
            400,
            "unable to parse 'bad': missing fields (line 1, column 4: expected a field)",
        ),
        (
            "?db=db",
            "bad\nbad2",
            400,
            "unable to parse 'bad': missing fields\\nunable to parse 'bad2': missing fields \
             (line 1, column 4: expected a field; line 2, column 4: expected a field)",
        ),
        (
            "?db=db",
            "m v=1\nbad",
            400,
            "partial write: unable to parse 'bad': missing fields dropped=0 (line 2, column 4: expected a field)",
        ),
        (
            "?db=db",
            "m v=1\nold\nold",
            400,
            "partial write: points beyond retention policy dropped=2",
        ),
        (
            "?db=db",
            "typed",
            400,
            "partial write: field type conflict: input field \\\"v\\\" on measurement \\\"m\\\" is type integer, \
             already exists as type float dropped=1",
        ),
    ];
    for (url, body, status, want) in cases {
        let response = send(&api, Request::post(format!("/write{url}")), *body);
        let want =
            if want.is_empty() { String::new() } else { format!("{{\"error\":\"{want}\"}}\n") };
        assert_eq!(
            (response.status().as_u16(), text(&response)),
            (*status, want.as_str()),
            "{url} {body:?}"
        );
    }
    let form = Request::post("/write").header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(send(&api, form, "db=db").status(), 400, "a form in the body is no parameter here");
}

#[test]
fn points_without_a_time_have_one_as_coarse_as_the_others() {
    let fake = Arc::new(Fake::default());
    let api = InfluxDb::with_backend(fake.clone());
    for precision in ["", "ns", "u", "ms", "s", "m", "h", "us"] {
        send(&api, Request::post(format!("/write?db=db&precision={precision}")), "m v=1");
    }
    for precision in ["", "ns", "us", "s"] {
        send(
            &api,
            Request::post(format!("/api/v2/write?bucket=db/rp&precision={precision}")),
            "m v=1",
        );
    }
    let (ns, u, s) = (Precision::Nanoseconds, Precision::Microseconds, Precision::Seconds);
    let line = |p: Precision, time: i64| format!("{p:?} {time}");
    let want = [
        line(ns, 1_700_000_000_123_456_789),
        line(ns, 1_700_000_000_123_456_789),
        line(u, 1_700_000_000_123_456_000),
        line(Precision::Milliseconds, 1_700_000_000_123_000_000),
        line(s, 1_700_000_000_000_000_000),
        line(Precision::Minutes, 1_699_999_980_000_000_000),
        line(Precision::Hours, 1_699_999_200_000_000_000),
        line(ns, 1_700_000_000_123_456_789), // InfluxDB takes a misspelling for nanoseconds
        line(ns, 1_700_000_000_123_456_789),
        line(ns, 1_700_000_000_123_456_789),
        line(u, 1_700_000_000_123_456_000),
        line(s, 1_700_000_000_000_000_000),
    ];
    assert_eq!(*fake.asked.lock().unwrap(), want);
}

#[test]
fn buckets_are_databases_and_policies() {
    let api = api();
    let cases = [
        ("bucket=db", 204, ""),
        ("bucket=db/rp", 204, ""),
        ("bucket=db%2Fnorp", 500, "retention policy not found: norp"),
        (
            "bucket=",
            404,
            "bucket name \\\"\\\" is missing a slash; not in \\\"database/retention-policy\\\" format",
        ),
        ("bucket=/rp", 404, "bucket name \\\"/rp\\\" is in db/rp form but has an empty database"),
        ("bucket=db&precision=h", 400, "invalid precision \\\"h\\\" (use ns, us, ms or s)"),
    ];
    for (url, status, want) in cases {
        let response = send(&api, Request::post(format!("/api/v2/write?{url}")), "m v=1");
        let want =
            if want.is_empty() { String::new() } else { format!("{{\"error\":\"{want}\"}}\n") };
        assert_eq!((response.status().as_u16(), text(&response)), (status, want.as_str()), "{url}");
    }
}

#[test]
fn compressed_writes_are_read_and_limited() {
    let api = InfluxDbBuilder { inner: api() }.max_body_bytes(100).build();
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(b"m v=1\n").unwrap();
    let small = encoder.finish().unwrap();
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&[b'\n'; 101]).unwrap();
    let large = encoder.finish().unwrap();
    let cases = [
        (small.clone(), 204, ""),
        (large, 413, "{\"error\":\"Request Entity Too Large\"}\n"),
        (small[..9].to_vec(), 400, "{\"error\":\"unexpected EOF\"}\n"),
        (b"m v=1".to_vec(), 400, "{\"error\":\"gzip: invalid header\"}\n"),
    ];
    for (body, status, want) in cases {
        let request = Request::post("/write?db=db").header("content-encoding", "gzip");
        let response = send(&api, request, body);
        assert_eq!((response.status().as_u16(), text(&response)), (status, want));
    }
    let plain = send(&api, Request::post("/write?db=db"), vec![b'\n'; 101]);
    assert_eq!(plain.status(), 413);
}

#[test]
fn other_origins_may_read_only_if_the_guard_says_so() {
    let cors = "access-control-allow-origin";
    let ask =
        |origin: &str| Request::get("/ping").header("host", "localhost").header("origin", origin);
    let open = api();
    assert_eq!(header(&send(&open, ask("http://grafana.example"), ""), cors), "");
    let guarded =
        InfluxDbBuilder { inner: api() }.guard(Guard::new(["grafana.example".into()])).build();
    assert_eq!(
        header(&send(&guarded, ask("http://grafana.example"), ""), cors),
        "http://grafana.example"
    );
    let refused = send(&guarded, ask("http://evil.example"), "");
    assert_eq!((refused.status().as_u16(), header(&refused, cors)), (403, ""));
}

#[test]
fn messagepack_where_accepted() {
    let wants = |request: Builder| request.header("accept", "application/x-msgpack");
    let response = send(&api(), wants(Request::get("/query?q=SELECT+v+FROM+m&epoch=s")), "");
    assert_eq!(header(&response, "content-type"), "application/x-msgpack");
    let want = b"\x81\xa7results\x91\x82\xacstatement_id\0\xa6series\x91\x83\xa4name\xa1m\xa7columns\x92\xa4time\xa1v\
                 \xa6values\x91\x92\x01\x07";
    assert_eq!(response.body(), &want[..]);
    let response = send(&api(), wants(Request::get("/query")), "");
    assert_eq!(response.status(), 400);
    assert_eq!(response.body(), &b"\x81\xa5error\xbemissing required parameter \"q\""[..]);
}

#[test]
fn flux_is_not_spoken() {
    let response = send(&api(), Request::post("/api/v2/query?org=x"), "from(bucket: \"x\")");
    assert_eq!(response.status(), 403);
    assert_eq!(
        text(&response),
        "Flux query service disabled. Verify flux-enabled=true in the [http] section of the InfluxDB config.\n"
    );
    assert_eq!(send(&api(), Request::get("/api/v2/query"), "").status(), 405);
}

#[test]
fn figures_are_json_by_name() {
    let api = api();
    send(&api, Request::post("/write?db=db"), "m v=1\nm v=2");
    send(&api, Request::get("/query"), "");
    let response = send(&api, Request::get("/debug/vars"), "");
    let vars: serde_json::Value = serde_json::from_str(text(&response)).unwrap();
    let httpd = &vars["httpd"]["values"];
    let seen = ["req", "queryReq", "writeReq", "pointsWrittenOK", "writeReqBytes", "clientError"];
    assert_eq!(seen.map(|name| httpd[name].as_u64().unwrap()), [3, 1, 1, 2, 11, 1]);
    assert_eq!(vars["database:db"]["tags"]["database"], "db");
    assert_eq!(vars["system"]["uptime"], 0);
    assert_eq!(vars["system"]["started"], NOW.to_string());
}

#[test]
fn who_asked_lately_is_told_by_name_and_address() {
    let api = api();
    let from = |address: [u8; 4], request: Builder, body: &'static str| {
        let mut request = request.body(Bytes::from_static(body.as_bytes())).unwrap();
        request.extensions_mut().insert(ClientAddress(std::net::IpAddr::from(address)));
        api.respond(&request, NOW).unwrap()
    };
    from([10, 0, 0, 7], Request::post("/write?db=db"), "m v=1");
    from([10, 0, 0, 7], Request::get("/query?q=SHOW+DATABASES"), "");
    from([10, 0, 0, 8], Request::get("/query"), "");
    from([10, 0, 0, 8], Request::get("/ping"), "");
    send(&api, Request::post("/api/v2/write?bucket=db"), "m v=1");
    let told = send(&api, Request::get("/debug/requests?seconds=1"), "");
    assert_eq!(header(&told, "content-type"), "application/json; charset=utf-8");
    assert_eq!(
        text(&told),
        "{\n\"10.0.0.7\": {\"writes\":1,\"queries\":1},\n\
         \"10.0.0.8\": {\"writes\":0,\"queries\":1},\n\
         \"unknown\": {\"writes\":1,\"queries\":0}\n}\n"
    );
    assert_eq!(text(&send(&api, Request::get("/debug/requests?seconds=0"), "")), "{\n}\n");
    for (seconds, why) in [
        ("ten", "seconds: expected a number, found \"ten\""),
        ("21601", "exceeded maximum interval time: 21601s > 6h"),
    ] {
        let path = format!("/debug/requests?seconds={seconds}");
        let refused = send(&api, Request::get(path), "");
        assert_eq!(refused.status(), 400);
        let why = serde_json::json!({ "error": why });
        assert_eq!(serde_json::from_str::<serde_json::Value>(text(&refused)).unwrap(), why);
    }
    assert_eq!(send(&api, Request::post("/debug/requests"), "").status(), 405);
}

#[test]
fn a_path_that_is_nobody_s() {
    let api = api();
    let request = Request::get("/nosuch").body(Bytes::new()).unwrap();
    let response = api.not_found(&request, NOW).map(Body::into_bytes);
    assert_eq!((response.status().as_u16(), text(&response)), (404, "404 page not found\n"));
    assert_eq!(header(&response, "x-content-type-options"), "nosniff");
    assert_eq!(header(&response, "x-influxdb-version"), "1.8.10");
}
