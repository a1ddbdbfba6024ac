//! Requests that have to say who they are: what each user may do, over a real database.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

use std::sync::Arc;

use bytes::Bytes;
use http::request::Builder;
use http::{Request, Response};
use stripchart_core::Timestamp;
use stripchart_query::http::{InfluxDb, InfluxDbBuilder};
use stripchart_query::{Engine, ExecuteOptions};
use stripchart_storage::Db;

const NOW: Timestamp = Timestamp::from_secs(2_000_000_000);

/// A database in which `ann` may do everything, `bob` read `d`, `eve` write to it.
struct Users {
    engine: Arc<Engine>,
    _folder: tempfile::TempDir,
}

impl Users {
    fn new() -> Self {
        let users = Users::nobody();
        users.run(
            "CREATE USER ann WITH PASSWORD 'a' WITH ALL PRIVILEGES; CREATE USER bob WITH PASSWORD 'b:b'; \
             CREATE USER eve WITH PASSWORD 'e'; GRANT READ ON d TO bob; GRANT WRITE ON d TO eve",
        );
        users
    }

    /// The same without users.
    fn nobody() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Arc::new(Engine::new(Db::open(folder.path()).unwrap()));
        let users = Users { engine, _folder: folder };
        users.run("CREATE DATABASE d; CREATE DATABASE other");
        users
    }

    fn run(&self, text: &str) {
        for result in self.engine.query(text, &ExecuteOptions::new(NOW)).unwrap() {
            assert!(result.error.is_none(), "{text}: {:?}", result.error);
        }
    }

    fn api(&self) -> InfluxDbBuilder {
        InfluxDb::builder(Arc::clone(&self.engine)).authentication(true)
    }
}

fn send(api: &InfluxDb, request: Builder, body: &str) -> Response<Bytes> {
    let request = request.body(Bytes::from(body.to_owned())).unwrap();
    api.respond(&request, NOW).expect("a path of InfluxDB's")
}

fn text(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).unwrap()
}

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// The texts are those that an influxd gave to the same requests.
#[test]
fn who_asks_is_asked_who_they_are() {
    let users = Users::new();
    let api = users.api().build();
    let unreadable = "{\"error\":\"unable to parse authentication credentials\"}";
    let failed = "{\"error\":\"authorization failed\"}";
    let cases: &[(&str, &str, u16, &str)] = &[
        ("/query?q=SHOW+USERS", "", 401, unreadable),
        ("/query?q=SHOW+USERS&u=ann&p=a", "", 200, "[\"ann\",true]"),
        ("/query?q=SHOW+USERS&u=ann&p=x", "Basic YW5uOmE=", 401, failed), // the URL wins
        ("/query?q=SHOW+USERS&u=nobody&p=a", "", 401, failed),
        ("/query?q=SHOW+USERS", "Basic YW5uOmE=", 200, "[\"ann\",true]"),
        ("/query?q=SHOW+USERS", "Basic !!!", 401, unreadable),
        ("/query?q=SHOW+USERS", "Basic OmE=", 401, "{\"error\":\"username required\"}"),
        ("/query?q=SHOW+USERS", "Token ann:a", 200, "[\"ann\",true]"),
        ("/query?q=SHOW+USERS", "Bearer a.b.c", 401, "{\"error\":\"bearer auth disabled\"}"),
        ("/query?db=d&q=SELECT+v+FROM+m", "Token bob:b:b", 200, "\"statement_id\":0"),
        (
            "/query?db=other&q=SELECT+v+FROM+m",
            "Token bob:b:b",
            403,
            "{\"error\":\"error authorizing query: bob not authorized to execute statement 'SELECT v FROM m', \
             requires READ on other\"}",
        ),
        (
            "/query?db=d&q=SELECT+v+INTO+x+FROM+m",
            "Token bob:b:b",
            403,
            "bob not authorized to execute statement 'SELECT v INTO x FROM m', requires WRITE on d\"}",
        ),
        (
            "/query?q=CREATE+DATABASE+z",
            "Token bob:b:b",
            403,
            "bob not authorized to execute statement 'CREATE DATABASE z', requires admin privilege\"}",
        ),
        ("/query?q=SELECT", "Token bob:b:b", 400, "error parsing query: found EOF"),
        ("/write?db=d", "", 401, unreadable),
        ("/write?db=d", "Token ann:a", 204, ""),
        ("/write?db=d", "Token eve:e", 204, ""),
        (
            "/write?db=d",
            "Token bob:b:b",
            403,
            "{\"error\":\"\\\"bob\\\" user is not authorized to write to database \\\"d\\\"\"}",
        ),
        ("/write?db=nodb", "Token bob:b:b", 404, "database not found: \\\"nodb\\\""),
        ("/api/v2/write?bucket=d", "Token eve:e", 204, ""),
        ("/api/v2/write?bucket=other/autogen", "Token eve:e", 403, "to database \\\"other\\\""),
        ("/api/v2/write?bucket=d", "Token eve", 401, unreadable),
        ("/debug/vars", "", 401, unreadable),
        ("/debug/vars", "Token bob:b:b", 200, "\"database:d\""),
        ("/debug/requests", "", 401, unreadable),
        ("/debug/requests", "Token bob:b:b", 200, "\"eve\": {\"writes\":3,\"queries\":0}"),
        ("/ping", "", 204, ""),
        ("/health", "", 200, "pass"),
    ];
    for (url, authorization, status, want) in cases {
        let mut request =
            if url.contains("write") { Request::post(*url) } else { Request::get(*url) };
        if !authorization.is_empty() {
            request = request.header("authorization", *authorization);
        }
        let response = send(&api, request, "m v=1");
        assert_eq!(response.status().as_u16(), *status, "{url} {authorization}");
        assert!(text(&response).contains(want), "{url} {authorization}: {}", text(&response));
        let challenge = if *status == 401 { "Basic realm=\"InfluxDB\"" } else { "" };
        assert_eq!(header(&response, "www-authenticate"), challenge, "{url} {authorization}");
    }
}

#[test]
fn a_user_is_shown_the_databases_that_he_may_use() {
    let users = Users::new();
    let api = users.api().build();
    for (who, want) in [("ann:a", "[[\"d\"],[\"other\"]]"), ("bob:b:b", "[[\"d\"]]")] {
        for accept in ["application/json", "application/x-msgpack"] {
            let request = Request::get("/query?q=SHOW+DATABASES").header("accept", accept);
            let response = send(&api, request.header("authorization", format!("Token {who}")), "");
            let shown = String::from_utf8_lossy(response.body());
            match accept {
                "application/json" => assert!(shown.contains(want), "{who}: {shown}"),
                _ => assert_eq!(shown.contains("other"), want.contains("other"), "{who}: {shown}"),
            }
        }
    }
}

#[test]
fn tokens_are_taken_where_there_is_a_secret() {
    // {"username":"ann","exp":4000000000} and the same of zoe, signed with "key" by Python's hmac.
    let ann = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VybmFtZSI6ImFubiIsImV4cCI6NDAwMDAwMDAwMH0.9poRFdVLHCM7hslaENthlo7C2JXal-EBKG7fPLS-D4I";
    let zoe = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VybmFtZSI6InpvZSIsImV4cCI6NDAwMDAwMDAwMH0.xf_ZyEwNcsG7okd0cZbagp2SOn2e5xJ90-W2CYnSCGY";
    let users = Users::new();
    let ask = |api: &InfluxDb, token: &str| {
        let request = Request::get("/query?q=SHOW+USERS");
        let response = send(api, request.header("authorization", format!("Bearer {token}")), "");
        (response.status().as_u16(), text(&response).trim().to_owned())
    };
    let api = users.api().shared_secret(*b"key").build();
    assert_eq!(ask(&api, ann).0, 200);
    assert_eq!(ask(&api, zoe), (401, "{\"error\":\"user not found\"}".to_owned()));
    let other = users.api().shared_secret(*b"other").build();
    assert_eq!(ask(&other, ann), (401, "{\"error\":\"signature is invalid\"}".to_owned()));
    let empty = users.api().shared_secret(*b"").build();
    assert_eq!(ask(&empty, ann), (401, "{\"error\":\"bearer auth disabled\"}".to_owned()));
    let open = users.api().authentication(false).build();
    assert_eq!(ask(&open, "nonsense").0, 200);
}

#[test]
fn before_there_is_an_administrator_only_one_can_be_made() {
    let users = Users::nobody();
    let api = users.api().build();
    let query = send(&api, Request::get("/query?q=SHOW+USERS&u=x&p=y"), "");
    assert_eq!(query.status(), 403);
    let want = "error authorizing query: create admin user first or disable authentication";
    assert!(text(&query).contains(want), "{}", text(&query));
    let write = send(&api, Request::post("/write?db=d&u=x&p=y"), "m v=1");
    assert_eq!(write.status(), 403);
    let want = "user is required to write to database \\\"d\\\"";
    assert!(text(&write).contains(want), "{}", text(&write));
    let create = "q=CREATE+USER+ann+WITH+PASSWORD+'a'+WITH+ALL+PRIVILEGES";
    let form = "application/x-www-form-urlencoded";
    let made = send(&api, Request::post("/query").header("content-type", form), create);
    assert_eq!(
        (made.status().as_u16(), text(&made)),
        (200, "{\"results\":[{\"statement_id\":0}]}\n")
    );
    assert_eq!(
        send(&api, Request::post("/query").header("content-type", form), create).status(),
        401
    );
    assert_eq!(send(&api, Request::get("/query?q=SHOW+USERS&u=ann&p=a"), "").status(), 200);
}

#[test]
fn paths_of_the_server_s_own_can_be_guarded_too() {
    let users = Users::new();
    let api = users.api().build();
    let page = |authorization: Option<&str>| {
        let request = Request::get("/my/page");
        let request = match authorization {
            Some(value) => request.header("authorization", value),
            None => request,
        };
        api.who_asks(&request.body(Bytes::new()).unwrap(), NOW)
    };
    let refused = page(None).unwrap_err();
    assert_eq!(refused.status(), 401);
    assert!(refused.headers().contains_key("www-authenticate"));
    let bob = page(Some("Basic Ym9iOmI6Yg==")).unwrap().unwrap();
    assert_eq!((bob.name(), bob.may_read("d"), bob.may_read("other")), ("bob", true, false));
}
