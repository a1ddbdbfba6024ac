//! InfluxDB's interface over a real database: what is written by HTTP is answered by HTTP.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use stripchart_core::Timestamp;
use stripchart_query::Engine;
use stripchart_query::http::InfluxDb;
use stripchart_storage::Db;

struct Server {
    influx: InfluxDb,
    engine: Arc<Engine>,
    _folder: tempfile::TempDir,
}

impl Server {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Arc::new(Engine::new(Db::open(folder.path()).unwrap()));
        Server { influx: InfluxDb::new(Arc::clone(&engine)), engine, _folder: folder }
    }

    fn send(&self, method: &str, target: &str, body: &str) -> Response<Bytes> {
        let request = Request::builder()
            .method(method)
            .uri(target)
            .body(Bytes::from(body.to_owned()))
            .unwrap();
        self.influx.respond(&request, Timestamp::from_secs(100)).unwrap()
    }

    /// Status and body of a write to database `d`.
    fn write(&self, parameters: &str, lines: &str) -> (u16, String) {
        let response = self.send("POST", &format!("/write?db=d{parameters}"), lines);
        (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
    }

    fn query(&self, text: &str) -> String {
        let text = text.replace(' ', "+").replace('=', "%3D");
        let response = self.send("POST", &format!("/query?db=d&epoch=s&q={text}"), "");
        assert_eq!(response.status(), 200);
        String::from_utf8(response.body().to_vec()).unwrap()
    }
}

#[test]
fn the_first_steps_of_everybody() {
    let server = Server::new();
    let created = server.send("POST", "/query?q=CREATE+DATABASE+d", "");
    assert_eq!(created.body(), "{\"results\":[{\"statement_id\":0}]}\n");
    let lines = "cpu,host=a idle=1.5 10\ncpu,host=b idle=2.5 20\ncpu,host=a idle=3.5 30\n";
    assert_eq!(server.write("&precision=s", lines), (204, String::new()));
    assert_eq!(
        server.query("SELECT mean(idle) FROM cpu GROUP BY host"),
        concat!(
            r#"{"results":[{"statement_id":0,"series":["#,
            r#"{"name":"cpu","tags":{"host":"a"},"columns":["time","mean"],"values":[[0,2.5]]},"#,
            r#"{"name":"cpu","tags":{"host":"b"},"columns":["time","mean"],"values":[[0,2.5]]}]}]}"#,
            "\n"
        )
    );
    let health = server.send("GET", "/health", "");
    assert!(health.body().starts_with(b"{\"checks\":[],"), "{health:?}");
}

#[test]
fn good_lines_are_kept_and_bad_ones_told() {
    let server = Server::new();
    server.query("CREATE DATABASE d");
    let (status, body) = server.write("", "m v=1 1\nm v= 2\nm v=3 3\n");
    assert_eq!(status, 400);
    let sentence = "partial write: unable to parse 'm v= 2': missing field value dropped=0";
    assert!(body.starts_with(&format!("{{\"error\":\"{sentence} (line 2, column 5: ")), "{body}");
    assert!(server.query("SELECT count(v) FROM m").contains("[[0,2]]"));

    let (status, body) = server.write("", "m v=4i 4\nm w=1 5");
    let sentence = "partial write: field type conflict: input field \\\"v\\\" on measurement \\\"m\\\" is type integer, \
                    already exists as type float dropped=1";
    assert_eq!((status, body), (400, format!("{{\"error\":\"{sentence}\"}}\n")));
    assert!(server.query("SELECT count(w) FROM m").contains("[[0,1]]"), "the other line is kept");
}

#[test]
fn destinations_that_do_not_exist() {
    let server = Server::new();
    let (status, body) = server.write("", "m v=1");
    assert_eq!((status, body.as_str()), (404, "{\"error\":\"database not found: \\\"d\\\"\"}\n"));
    server.query("CREATE DATABASE d");
    let (status, body) = server.write("&rp=nosuch", "m v=1");
    assert_eq!(
        (status, body.as_str()),
        (500, "{\"error\":\"retention policy not found: nosuch\"}\n")
    );
}

#[test]
fn a_point_without_time_is_of_now_and_as_coarse_as_the_others() {
    let server = Server::new();
    server.query("CREATE DATABASE d");
    server.write("&precision=m", "m v=1");
    assert!(server.query("SELECT v FROM m").contains("[[60,1]]"));
}

#[test]
fn one_series_one_document_where_chunks_are_asked_for() {
    let server = Server::new();
    server.query("CREATE DATABASE d");
    server.write("&precision=s", "m,h=a v=1 1\nm,h=a v=2 2\nm,h=a v=3 3\nm,h=b v=4 4");
    let target = "/query?db=d&epoch=s&chunked=true&chunk_size=2&q=SELECT+v+FROM+m+GROUP+BY+h;SELECT+nonsense(v)+FROM+m";
    let response = server.send("GET", target, "");
    let body = String::from_utf8(response.body().to_vec()).unwrap();
    let lines: Vec<&str> = body.lines().collect();
    assert_eq!(lines.len(), 4, "{body}");
    assert!(lines[0].contains("[[1,1],[2,2]],\"partial\":true}],\"partial\":true"), "{}", lines[0]);
    assert!(lines[1].contains("[[3,3]]}],\"partial\":true"), "{}", lines[1]);
    assert!(lines[2].contains("[[4,4]]}]}]"), "{}", lines[2]);
    assert!(lines[3].contains("\"statement_id\":1,\"error\":"), "{}", lines[3]);

    let target = "/query?db=d&epoch=s&chunked=true&chunk_size=2&q=\
                  SELECT+count(v)+FROM+m+WHERE+time%3C5s+GROUP+BY+time(1s)";
    let response = server.send("GET", target, "");
    let body = String::from_utf8(response.body().to_vec()).unwrap();
    assert_eq!(body.lines().count(), 2, "four windows in two documents: {body}");
}

#[test]
fn a_closed_database_asks_to_be_written_to_later() {
    let server = Server::new();
    server.query("CREATE DATABASE d");
    server.engine.db().close().unwrap();
    let (status, body) = server.write("", "m v=1");
    assert_eq!(status, 503, "{body}");
}

/// Telegraf's input `influxdb` makes a point of each object with a name, tags and numbers, and reads `system` for itself.
#[test]
fn figures_as_telegraf_reads_them() {
    let server = Server::new();
    server.query("CREATE DATABASE d");
    server.write("", "m,h=a v=1 1\nm,h=b v=2 2");
    let vars = server.send("GET", "/debug/vars", "");
    let vars: serde_json::Value = serde_json::from_slice(vars.body()).unwrap();
    let object = vars.as_object().unwrap();
    for member in ["currentTime", "started", "uptime"] {
        assert!(object["system"].get(member).is_some(), "{member}");
    }
    let mut names: Vec<&str> = Vec::new();
    for (key, figures) in object.iter().filter(|(key, _)| *key != "system") {
        names.push(figures["name"].as_str().unwrap());
        assert!(figures["tags"].as_object().unwrap().values().all(|tag| tag.is_string()), "{key}");
        let values = figures["values"].as_object().unwrap();
        assert!(!values.is_empty() && values.values().all(|value| value.is_number()), "{key}");
    }
    names.dedup();
    let want =
        ["cq", "database", "httpd", "queryExecutor", "shard", "storage", "subscriber", "write"];
    assert_eq!(names, want);
    let figure = |key: &str, name: &str| vars[key]["values"][name].as_u64();
    assert_eq!(figure("database:d", "numSeries"), Some(2));
    assert_eq!(figure("write", "pointReq"), Some(2));
    assert_eq!(figure("queryExecutor", "queriesFinished"), Some(1));
    assert_eq!(figure("httpd", "pointsWrittenOK"), Some(2));
}
