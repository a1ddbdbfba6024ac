//! Programs that speak to InfluxDB, pointed at full_stack: real ones where they are installed, and what others send, as they
//! send it.
//!
//! The Python clients are looked for in the Python that `STRIPCHART_PYTHON` names, else in `python3`:
//! `python3 -m venv V && V/bin/pip install influxdb influxdb-client`, then `STRIPCHART_PYTHON=V/bin/python`.

#![allow(clippy::unwrap_used, reason = "test code outside of test functions")]

mod common;

use std::path::Path;
use std::process::Command;

use common::{Answer, Server, percent_encoded};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

/// A server for others to write to, and its folder.
fn server(arguments: &[&str]) -> (Server, TempDir) {
    let data = tempdir().unwrap();
    let all = [&["--source", "none", "--retention", "0s"], arguments].concat();
    (Server::start(data.path(), &all), data)
}

/// The same, asking for a password; `ann` may do everything.
fn guarded() -> (Server, TempDir) {
    let (server, data) = server(&["--auth"]);
    let made = server.post(
        &format!(
            "/query?q={}",
            percent_encoded("CREATE USER ann WITH PASSWORD 'pa:ss' WITH ALL PRIVILEGES")
        ),
        "",
    );
    assert_eq!((made.status, made.body.trim()), (200, r#"{"results":[{"statement_id":0}]}"#));
    (server, data)
}

fn python_client(script: &str, module: &str, account: &[&str], server: &Server) {
    let python = std::env::var("STRIPCHART_PYTHON").unwrap_or("python3".to_owned());
    let found = Command::new(&python).args(["-c", &format!("import {module}")]).output();
    if !found.is_ok_and(|found| found.status.success()) {
        println!("skipped: {python} has no module {module}");
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
    let (host, port) = server.address.split_once(':').unwrap();
    let output =
        Command::new(&python).arg(script).args([host, port]).args(account).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_python_client_of_1x() {
    let (open, _data) = server(&[]);
    python_client("influxdb_1x.py", "influxdb", &[], &open);
    let (guarded, _data) = guarded();
    python_client("influxdb_1x.py", "influxdb", &["ann", "pa:ss"], &guarded);
}

#[test]
fn the_python_client_of_2x() {
    let (open, _data) = server(&[]);
    python_client("influxdb_2x.py", "influxdb_client", &[], &open);
    let (guarded, _data) = guarded();
    python_client("influxdb_2x.py", "influxdb_client", &["ann", "pa:ss"], &guarded);
}

/// The shell, with these arguments; what it said on both streams.
fn shell(server: &Server, arguments: &[&str]) -> String {
    let (host, port) = server.address.split_once(':').unwrap();
    let output = Command::new("influx")
        .args(["-host", host, "-port", port])
        .args(arguments)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn shell_is_installed() -> bool {
    let found = Command::new("influx").arg("-version").output().is_ok();
    if !found {
        println!("skipped: the influx shell is not installed");
    }
    found
}

#[test]
fn the_influx_shell_in_every_format() {
    if !shell_is_installed() {
        return;
    }
    let (server, data) = server(&[]);
    let import = data.path().join("import.txt");
    let lines: String =
        (0..20_000).map(|at| format!("m,host=h{} v={at}i {at}\n", at % 3)).collect();
    let text = format!("# DDL\nCREATE DATABASE shell\n# DML\n# CONTEXT-DATABASE: shell\n{lines}");
    std::fs::write(&import, text).unwrap();
    let imported =
        shell(&server, &["-import", "-path", import.to_str().unwrap(), "-precision", "s"]);
    assert!(
        imported.contains("Processed 20000 inserts") && imported.contains("Failed 0 inserts"),
        "{imported}"
    );

    let ask = |format: &[&str], statement: &str| {
        shell(&server, &[&["-database", "shell", "-execute", statement], format].concat())
    };
    // Raw rows come in chunks of ten thousand, which the shell asks for.
    let all = ask(&["-precision", "s"], "SELECT v FROM m");
    assert_eq!(
        all.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).count(),
        20_000
    );
    let csv = ask(&["-format", "csv"], "SELECT sum(v) FROM m GROUP BY host");
    assert!(csv.contains("m,host=h0,0,66663333"), "{csv}");
    let json = ask(&["-format", "json", "-pretty"], "SELECT count(v) FROM m");
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["results"][0]["series"][0]["values"], json!([[0, 20_000]]));
    let rfc3339 = ask(&["-precision", "rfc3339"], "SELECT last(v) FROM m");
    assert!(rfc3339.contains("1970-01-01T05:33:19Z 19999"), "{rfc3339}");
    assert!(ask(&[], "SHOW RETENTION POLICIES").contains("autogen 0s       168h0m0s"));
    assert!(ask(&[], "SELECT nonsense(v) FROM m").contains("ERR: undefined function nonsense()"));
}

#[test]
fn the_influx_shell_logs_in() {
    if !shell_is_installed() {
        return;
    }
    let (server, _data) = guarded();
    let nobody = shell(&server, &["-execute", "SHOW DATABASES"]);
    assert!(nobody.contains("unable to parse authentication credentials"), "{nobody}");
    let wrong = ["-username", "ann", "-password", "guess", "-execute", "SHOW DATABASES"];
    assert!(shell(&server, &wrong).contains("authorization failed"));
    let ann = |statement: &str| {
        shell(&server, &["-username", "ann", "-password", "pa:ss", "-execute", statement])
    };
    assert_eq!(
        ann("CREATE DATABASE d; CREATE USER bob WITH PASSWORD 'b'; GRANT READ ON d TO bob").trim(),
        ""
    );
    assert!(ann("SHOW GRANTS FOR bob").contains("d        READ"), "{}", ann("SHOW GRANTS FOR bob"));
    let bob = |statement: &str| {
        let account = ["-username", "bob", "-password", "b", "-database", "d"];
        shell(&server, &[&account[..], &["-execute", statement]].concat())
    };
    let refused = bob("INSERT m v=1");
    assert!(refused.contains("user is not authorized to write to database"), "{refused}");
    let refused = bob("DROP DATABASE d");
    let want =
        "bob not authorized to execute statement 'DROP DATABASE d', requires admin privilege";
    assert!(refused.contains(want), "{refused}");
    assert_eq!(server.get("/").status, 401, "pages ask too");
    let page = server.send("GET", "/", &[("Authorization", "Basic YW5uOnBhOnNz")], b"").unwrap();
    assert_eq!(page.status, 200);
}

fn results(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

/// What Grafana's InfluxQL data source sends, for saving it, editing a query, filling variables and drawing a panel.
#[test]
fn grafana_s_data_source() {
    let (server, _data) = server(&[]);
    server.post("/query?q=CREATE%20DATABASE%20site", "");
    let mut lines = String::new();
    for minute in 0..10_i64 {
        for (host, region) in [("web-1", "eu"), ("web-2", "eu"), ("db.1", "us")] {
            let at = 1_700_000_040_000 + minute * 60_000;
            lines.push_str(&format!(
                "cpu,host={host},region={region} usage={minute},idle=1i {at}\n"
            ));
        }
    }
    lines.push_str("events,type=deploy title=\"v1\",text=\"all \\\"new\\\"\" 1700000100000\n");
    assert_eq!(server.post("/write?db=site&precision=ms", &lines).status, 204);

    let get = |statement: &str| {
        let target = format!("/query?db=site&epoch=ms&q={}", percent_encoded(statement));
        let headers = [("User-Agent", "Grafana/10.4.2"), ("Accept", "application/json")];
        results(&server.send("GET", &target, &headers, b"").unwrap())
    };
    let post = |statement: &str| {
        let form = format!("q={}", percent_encoded(statement));
        let headers = [
            ("User-Agent", "Grafana/10.4.2"),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Accept-Encoding", "identity"),
        ];
        results(&server.send("POST", "/query?db=site&epoch=ms", &headers, form.as_bytes()).unwrap())
    };
    let one = |name: &str, columns: Value, values: Value| {
        let mut series = json!({"columns": columns, "values": values});
        if !name.is_empty() {
            series["name"] = name.into();
        }
        json!({"results": [{"statement_id": 0, "series": [series]}]})
    };

    // Save & test, old and new.
    let policies = get("SHOW RETENTION POLICIES on \"site\"");
    assert_eq!(
        policies,
        one(
            "",
            json!(["name", "duration", "shardGroupDuration", "replicaN", "default"]),
            json!([["autogen", "0s", "168h0m0s", 1, true]])
        )
    );
    assert_eq!(policies, post("SHOW RETENTION POLICIES on \"site\""));
    assert_eq!(
        get("SHOW MEASUREMENTS LIMIT 100"),
        one("measurements", json!(["name"]), json!([["cpu"], ["events"]]))
    );
    assert!(get("SHOW DATABASES").to_string().contains("[\"site\"]"));

    // The query editor.
    let keys = [
        (
            "SHOW MEASUREMENTS WITH MEASUREMENT =~ /(?i)CPU/ LIMIT 100",
            "measurements",
            json!(["name"]),
            json!([["cpu"]]),
        ),
        ("SHOW TAG KEYS FROM \"cpu\"", "cpu", json!(["tagKey"]), json!([["host"], ["region"]])),
        (
            "SHOW FIELD KEYS FROM \"cpu\"",
            "cpu",
            json!(["fieldKey", "fieldType"]),
            json!([["idle", "integer"], ["usage", "float"]]),
        ),
        (
            "SHOW TAG VALUES FROM \"cpu\" WITH KEY = \"host\" WHERE \"region\" = 'eu'",
            "cpu",
            json!(["key", "value"]),
            json!([["host", "web-1"], ["host", "web-2"]]),
        ),
        // A variable that depends on another, with several values chosen.
        (
            "SHOW TAG VALUES FROM \"cpu\" WITH KEY = \"host\" WHERE \"region\" =~ /^(us|ap\\-1)$/",
            "cpu",
            json!(["key", "value"]),
            json!([["host", "db.1"]]),
        ),
        (
            "SHOW TAG VALUES WITH KEY = \"type\"",
            "events",
            json!(["key", "value"]),
            json!([["type", "deploy"]]),
        ),
    ];
    for (statement, name, columns, values) in keys {
        let want = one(name, columns, values);
        assert_eq!(get(statement), want, "{statement}");
        assert_eq!(post(statement), want, "{statement}");
    }

    // A panel of two targets, drawn.
    let during = "time >= 1700000100000ms and time <= 1700000219999ms";
    let targets = format!(
        "SELECT mean(\"usage\") FROM \"cpu\" WHERE (\"host\" =~ /^(web\\-1|db\\.1)$/) AND {during} GROUP BY time(1m), \"host\" fill(null);\
         SELECT max(\"usage\") * 2 FROM \"autogen\".\"cpu\" WHERE (\"region\"::tag = 'eu') AND {during} GROUP BY time(2m) fill(linear)"
    );
    let series = |host: &str| {
        json!({"name": "cpu", "tags": {"host": host}, "columns": ["time", "mean"],
               "values": [[1_700_000_100_000_i64, 1], [1_700_000_160_000_i64, 2]]})
    };
    let want = json!({"results": [
        {"statement_id": 0, "series": [series("db.1"), series("web-1")]},
        {"statement_id": 1, "series": [{"name": "cpu", "columns": ["time", "max"],
            "values": [[1_700_000_040_000_i64, 2], [1_700_000_160_000_i64, 4]]}]},
    ]});
    assert_eq!(post(&targets), want);
    assert_eq!(get(&targets), want);

    // A table, an annotation, and a mistake in a query.
    let annotation = "SELECT \"title\", \"text\" FROM \"events\" WHERE time >= 1700000000000ms and time <= 1700001000000ms";
    assert_eq!(
        get(annotation),
        one(
            "events",
            json!(["time", "title", "text"]),
            json!([[1_700_000_100_000_i64, "v1", "all \"new\""]])
        )
    );
    let target =
        format!("/query?db=site&epoch=ms&q={}", percent_encoded("SELECT mean(usage FROM cpu"));
    let mistake = server.get(&target);
    assert_eq!(mistake.status, 400);
    assert!(mistake.body.contains("error parsing query: found FROM, expected"), "{}", mistake.body);
}

/// What the Go client of Heapster's time sends, which has parameters that are present and empty.
#[test]
fn heapster_s_and_cadvisor_s_sinks() {
    let (server, _data) = server(&[]);
    let agent = |name: &'static str| [("User-Agent", name), ("Content-Type", "")];
    let ping = server.send("GET", "/ping", &agent("heapster/v1.5.4"), b"").unwrap();
    assert_eq!(ping.status, 204);
    assert!(ping.head.to_ascii_lowercase().contains("x-influxdb-version: 1.8.10"), "{}", ping.head);
    let query = |statement: &str| {
        let target = format!("/query?db=&q={}", percent_encoded(statement));
        server.send("POST", &target, &agent("heapster/v1.5.4"), b"").unwrap().body
    };
    for statement in [
        "CREATE DATABASE k8s WITH NAME \"default\"",
        "CREATE DATABASE k8s WITH NAME \"default\"",
        "CREATE RETENTION POLICY \"default\" ON k8s DURATION 0d REPLICATION 1 DEFAULT",
    ] {
        assert_eq!(query(statement), "{\"results\":[{\"statement_id\":0}]}\n", "{statement}");
    }
    let tags = "container_name=kube-dns,hostname=node-1,labels=app:dns\\,tier:\\ node,namespace_name=kube-system,\
                nodename=node-1,pod_id=7d8e,pod_name=kube-dns-1,type=pod_container";
    let body = format!(
        "cpu/usage,{tags} value=1200000i 1700000000000000000\ncpu/usage_rate,{tags} value=12i 1700000000000000000\n\
         cpu/node_utilization,nodename=node-1,type=node value=0.25 1700000000000000000\n\
         cpu/usage_rate,{tags} value=14i 1700000060000000000\n"
    );
    let target = "/write?consistency=&db=k8s&precision=&rp=default";
    let wrote = server.send("POST", target, &agent("heapster/v1.5.4"), body.as_bytes()).unwrap();
    assert_eq!((wrote.status, wrote.body.as_str()), (204, ""));
    let panel = "SELECT sum(\"value\") FROM \"cpu/usage_rate\" WHERE \"type\" = 'pod_container' AND \"pod_name\" =~ /kube-dns-1$/ AND \
                 time > 1699999980s AND time < 1700000100s GROUP BY time(1m), \"labels\" fill(null)";
    let drawn = server.query("k8s", panel);
    assert!(drawn.contains(r#""tags":{"labels":"app:dns,tier: node"}"#), "{drawn}");
    assert!(
        drawn.contains(r#"["2023-11-14T22:13:00Z",12],["2023-11-14T22:14:00Z",14]"#),
        "{drawn}"
    );

    query("CREATE DATABASE cadvisor");
    let body = "cpu_usage_total,container_name=/,machine=node-1 value=42i 1700000000000000000\n\
                fs_limit,container_name=/,device=/dev/sda1,machine=node-1 value=1000i 1700000000000000000\n\
                load_average,container_name=/docker/abc,machine=node-1 value=3i 1700000000000000000";
    let target = "/write?consistency=&db=cadvisor&precision=&rp=";
    let wrote = server.send("POST", target, &agent("cAdvisor/v0.49.1"), body.as_bytes()).unwrap();
    assert_eq!((wrote.status, wrote.body.as_str()), (204, ""));
    let measurements = server.query("cadvisor", "SHOW MEASUREMENTS");
    assert!(
        measurements.contains(r#"[["cpu_usage_total"],["fs_limit"],["load_average"]]"#),
        "{measurements}"
    );
}

/// What Telegraf's output sends: a database made by form, then rows as they are cut from its buffer.
#[test]
fn telegraf_s_output() {
    let (server, _data) = server(&[]);
    let form = format!("q={}", percent_encoded("CREATE DATABASE \"telegraf\""));
    let headers = [
        ("User-Agent", "Telegraf/1.30.0 Go/1.22.0"),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let made = server.send("POST", "/query", &headers, form.as_bytes()).unwrap();
    assert_eq!(made.body, "{\"results\":[{\"statement_id\":0}]}\n");
    let headers = [
        ("User-Agent", "Telegraf/1.30.0 Go/1.22.0"),
        ("Content-Type", "text/plain; charset=utf-8"),
    ];
    let body = "cpu,cpu=cpu-total,host=h usage_idle=98.5,usage_user=1.25 1700000000000000000\n\
                system,host=h uptime_format=\"2 days, 3:04\",uptime=183840i 1700000000000000000\n";
    let wrote = server.send("POST", "/write?db=telegraf", &headers, body.as_bytes()).unwrap();
    assert_eq!(wrote.status, 204);
    // It gives up a batch that was refused in part, and sends one again that met an error of the server.
    let wrote =
        server.send("POST", "/write?db=telegraf", &headers, b"cpu,host=h usage_idle=1i").unwrap();
    assert_eq!(wrote.status, 400);
    assert!(wrote.body.contains("partial write: field type conflict"), "{}", wrote.body);
    let kept = server.query("telegraf", "SELECT uptime_format FROM system");
    assert!(kept.contains("2 days, 3:04"), "{kept}");
    let figures: Value = serde_json::from_str(&server.get("/debug/vars").body).unwrap();
    assert_eq!(figures["database:telegraf"]["values"]["numSeries"], 2);
    assert_eq!(figures["httpd"]["values"]["pointsWrittenOK"], 2);
}
