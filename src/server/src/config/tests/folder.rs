//! Apps that come from the folder, by themselves or by name.

use super::*;

#[test]
fn an_app_without_path_and_endpoints_is_the_one_of_its_name() {
    let dir = Folder::new("byname");
    dir.file("libecho.so", b"");
    let text = r#"{ "apps": [{ "name": "echo" }] }"#;
    let Loaded { config, warnings } = parse("c.json", text, &around(dir.path())).unwrap();
    assert_eq!(warnings.to_string(), "");
    assert_eq!(config.apps[0].path, dir.path().join("libecho.so"));
    assert_eq!(config.apps[0].endpoints[0].url.path, "/echo");
}

#[test]
fn the_folder_of_apps_may_be_empty_but_not_missing_or_ambiguous() {
    let dir = Folder::new("empty");
    let shown = dir.path().display();
    let loaded = parse("c.json", "{}", &around(dir.path())).unwrap();
    assert_eq!(
        loaded.warnings.to_string(),
        format!(
            "c.json:1:1: warning: no app (*.so) in {shown}: every request will be answered with \
             404\n1 | {{}}\n  | ^\n  copy one there and reload the service\n"
        )
    );
    dir.file("echo.so", b"");
    dir.file("libecho.so", b"");
    let report = parse("c.json", "{}", &around(dir.path())).unwrap_err();
    assert!(report.to_string().contains("are both called echo: remove one"), "{report}");
    let said = said("{}");
    let expected = "c.json:1:1: error: cannot read the folder of apps /nonexistent/apps: No such \
                    file or directory (os error 2)\n";
    assert!(said.starts_with(expected), "{said}");
}
