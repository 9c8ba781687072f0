//! `ringsocket check`: says what is wrong in a file, where, and what to write instead.

use ringsocket_tests::daemon::run;
use ringsocket_tests::folder::Folder;

fn check(text: &str) -> (Option<i32>, String) {
    let folder = Folder::new();
    let path = folder.write("ringsocket.json", text);
    let output = run(&["check", &path.display().to_string()]);
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn a_good_file_is_well() {
    let text = r#"{ "apps": [{ "name": "a", "app_path": "/usr/lib/ringsocket/apps/echo.so",
        "endpoints": [{ "endpoint_id": 1, "url": "/a" }] }] }"#;
    let (status, said) = check(text);
    assert_eq!(status, Some(0), "{said}");
}

#[test]
fn mistakes_are_named_with_line_and_column_and_a_remedy() {
    let cases = [
        ("{\n  \"log_levl\": \"info\"\n}", "2:3", "log_level"),
        ("{\n\n  \"worker_c\": \"two\"\n}", "3:", "whole number"),
        ("{\n  \"worker_c\": 0\n}", "2:", "1"),
        ("{ \"apps\": [ }", "1:", "ringsocket.json"),
    ];
    for (text, place, remedy) in cases {
        let (status, said) = check(text);
        assert!(status.is_some_and(|status| status != 0), "{text}: {said}");
        assert!(said.contains(place), "{text}: no {place:?} in {said}");
        assert!(said.contains(remedy), "{text}: no {remedy:?} in {said}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let output = run(&["check", "/nonexistent/ringsocket.json"]);
    assert!(!output.status.success());
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(text.contains("/nonexistent/ringsocket.json"), "{text}");
}
