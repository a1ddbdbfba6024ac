//! Users outlive the process, are let in by their password, and may do what was granted.

use std::ops::ControlFlow;

use stripchart_core::{Precision, Timestamp};
use stripchart_query::{
    AuthError, Cancel, Engine, ExecuteOptions, FormatOptions, parse_query, parse_statement,
    write_csv,
};
use stripchart_storage::Db;

const NOW: Timestamp = Timestamp::from_secs(1000);

fn ask_with(engine: &Engine, query: &str, options: &ExecuteOptions<'_>) -> String {
    let mut text = String::new();
    let results = engine.query(query, options).expect(query);
    write_csv(&results, &FormatOptions::default(), &mut text);
    text.trim_end().to_owned()
}

fn ask(engine: &Engine, query: &str) -> String {
    ask_with(engine, query, &ExecuteOptions::new(NOW).database("db"))
}

fn allowed(engine: &Engine, user: Option<&str>, query: &str) -> String {
    let user = user.map(|name| engine.user(name).expect("readable").expect(name));
    match engine.authorize(user.as_ref(), &parse_query(query).expect(query), Some("db")) {
        Ok(()) => "yes".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_first_user_is_an_administrator_or_nobody_is_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::new(Db::open(folder.path()).unwrap());
    let nobody = "create admin user first or disable authentication";
    assert!(!engine.admin_exists().unwrap());
    assert_eq!(allowed(&engine, None, "SHOW DATABASES"), nobody);
    assert_eq!(allowed(&engine, None, "CREATE USER a WITH PASSWORD 'x'"), nobody);
    let create = "CREATE USER a WITH PASSWORD 'x' WITH ALL PRIVILEGES";
    assert_eq!(allowed(&engine, None, &format!("{create}; DROP DATABASE db")), nobody);
    assert_eq!(allowed(&engine, None, create), "yes");
    assert_eq!(ask(&engine, create), "");
    assert!(engine.admin_exists().unwrap());
    assert_eq!(allowed(&engine, None, create), "no user provided");
    assert_eq!(allowed(&engine, Some("a"), "DROP DATABASE db"), "yes");
}

#[test]
fn passwords_let_in_and_survive_the_process_but_are_nowhere_to_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::new(Db::open(folder.path()).unwrap());
    ask(&engine, "CREATE USER ann WITH PASSWORD 'sesame'; CREATE USER bob WITH PASSWORD ''");
    let wrong = |engine: &Engine, name: &str, password: &str| {
        matches!(engine.authenticate(name, password), Err(AuthError::Credentials))
    };
    assert_eq!(engine.authenticate("ann", "sesame").unwrap().name(), "ann");
    assert!(wrong(&engine, "ann", "simsim") && wrong(&engine, "ann", ""));
    assert!(wrong(&engine, "nobody", "sesame"));
    assert!(engine.authenticate("bob", "").is_ok());
    drop(engine);

    let engine = Engine::new(Db::open(folder.path()).unwrap());
    assert!(engine.authenticate("ann", "sesame").is_ok());
    ask(&engine, "SET PASSWORD FOR ann = 'other'");
    assert!(wrong(&engine, "ann", "sesame") && engine.authenticate("ann", "other").is_ok());
    ask(&engine, "DROP USER ann");
    assert!(wrong(&engine, "ann", "other"));

    let kept = std::fs::read(folder.path().join("documents/query.doc")).unwrap();
    let kept = String::from_utf8_lossy(&kept).into_owned();
    assert!(kept.contains("user\tbob\t-\t$2b$10$") && !kept.contains("sesame"), "{kept}");
    assert!(!format!("{engine:?}").contains("other"));
}

#[test]
fn rights_are_those_that_were_granted() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::new(Db::open(folder.path()).unwrap());
    ask(&engine, "CREATE DATABASE e; CREATE DATABASE db; CREATE DATABASE f");
    ask(&engine, "CREATE USER r WITH PASSWORD 'p'; GRANT READ ON db TO r");
    ask(&engine, "CREATE USER w WITH PASSWORD 'p'; GRANT WRITE ON db TO w; GRANT ALL ON f TO w");
    for (user, query, want) in [
        ("r", "SELECT v FROM m; SHOW MEASUREMENTS; SHOW DATABASES", "yes"),
        (
            "w",
            "SHOW MEASUREMENTS",
            "w not authorized to execute statement 'SHOW MEASUREMENTS', requires READ on db",
        ),
        (
            "r",
            "SHOW MEASUREMENTS; SELECT v INTO x FROM m",
            "r not authorized to execute statement 'SELECT v INTO x FROM m', requires WRITE on db",
        ),
        (
            "r",
            "SELECT v FROM (SELECT v FROM e..m)",
            "r not authorized to execute statement 'SELECT v FROM (SELECT v FROM e..m)', requires READ on e",
        ),
        (
            "w",
            "SET PASSWORD FOR r = 'hidden'",
            "w not authorized to execute statement 'SET PASSWORD FOR r = [REDACTED]', requires admin privilege",
        ),
        ("w", "DELETE FROM m; SELECT v INTO f..x FROM f..m", "yes"),
    ] {
        assert_eq!(allowed(&engine, Some(user), query), want);
    }
    let user = |name: &str| engine.user(name).unwrap().unwrap();
    engine.authorize_write(&user("w"), "db").unwrap();
    assert_eq!(
        engine.authorize_write(&user("r"), "db").unwrap_err().to_string(),
        "\"r\" user is not authorized to write to database \"db\""
    );
    // Lists show what the user may see.
    let w = user("w");
    let options = ExecuteOptions { user: Some(&w), ..ExecuteOptions::new(NOW) };
    let seen = ask_with(&engine, "SHOW DATABASES", &options);
    assert_eq!(seen, "name,tags,name\ndatabases,,db\ndatabases,,f");
    let queries = ask_with(&engine, "SHOW CONTINUOUS QUERIES", &options);
    assert_eq!(queries, "name,tags,name,query");
    // What is taken away is gone for whoever asks from then on.
    ask(&engine, "REVOKE ALL ON db FROM w");
    assert!(engine.authorize_write(&user("w"), "db").is_err() && w.may_write("db"));
}

#[test]
fn a_query_is_listed_while_it_runs_and_can_be_killed() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::new(Db::open(folder.path()).unwrap());
    ask(&engine, "CREATE DATABASE db");
    let lines: String = (0..5000).map(|second| format!("m v=1 {second}\n")).collect();
    let writer = engine.db().writer("db", None).unwrap();
    writer.write_lines(lines.as_bytes(), Precision::Seconds, NOW).unwrap();

    let mut options = ExecuteOptions::new(NOW).database("db");
    options.chunk_rows = Some(10);
    let statement = parse_statement("SELECT v FROM m").unwrap();
    let (mut frames, mut listed) = (0, String::new());
    let other = engine.clone();
    let done = engine.run(&statement, &options, &mut |_| {
        frames += 1;
        if frames == 1 {
            // Half a second later somebody else looks, and ends it.
            let later = Timestamp::from_nanos(NOW.nanos() + 500_900_000);
            listed = ask_with(&other, "SHOW QUERIES", &ExecuteOptions::new(later));
            let id = listed.lines().nth(1).and_then(|line| line.split(',').nth(2)).unwrap();
            assert_eq!(ask(&other, &format!("KILL QUERY {id}")), "");
            let again = ask(&other, &format!("KILL QUERY {id}"));
            assert_eq!(again, "error\nalready killed");
        }
        ControlFlow::Continue(())
    });
    assert_eq!(done.unwrap_err().to_string(), "query interrupted");
    assert!(frames < 500, "{frames}");
    assert!(listed.contains(",SELECT v FROM m,db,500ms,running"), "{listed}");
    assert!(listed.contains(",SHOW QUERIES,,0s,running"), "{listed}");
    let after = ask(&engine, "SHOW QUERIES");
    assert_eq!(after.lines().count(), 2, "{after}");
}

#[test]
fn the_statements_of_one_query_are_listed_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::new(Db::open(folder.path()).unwrap()).max_concurrent_queries(1);
    let query = parse_query("SHOW DATABASES; SHOW USERS").unwrap();
    let cancel = Cancel::new();
    let mut options = ExecuteOptions::new(NOW);
    options.cancel = Some(&cancel);
    let running = engine.begin(&query, &options).unwrap();
    options.running = Some(&running);
    let mut nothing = |_| ControlFlow::Continue(());
    for statement in &query.statements {
        engine.run(statement, &options, &mut nothing).unwrap();
    }
    let listed = ask(&engine, "SHOW QUERIES");
    assert!(listed.contains("SHOW DATABASES;\nSHOW USERS"), "{listed}");
    // No more than one, but for those that list and end others.
    let refused = ask(&engine, "SHOW DATABASES; SHOW USERS");
    assert_eq!(refused, "error\n\"max-concurrent-queries limit exceeded(1, 1)\"");
    assert_eq!(ask(&engine, &format!("KILL QUERY {}", running.id())), "");
    assert!(cancel.is_cancelled());
    drop(running);
    assert_eq!(ask(&engine, "SHOW DATABASES"), "name,tags,name");
}
