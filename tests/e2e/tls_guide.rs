//! The configurations in the guide to TLS and in the README: each is one that the daemon takes.
//! Not for: what they do (`tls`), nor credentials and units (tests/nspawn).

use ringsocket_tests::apps::root;
use ringsocket_tests::certificates::Authority;
use ringsocket_tests::daemon::run;
use ringsocket_tests::folder::Folder;

/// The JSON of a document, each piece made a whole file.
fn configurations(document: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(document)).unwrap();
    let pieces = text.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
    let whole = |piece: &str| match piece.starts_with('{') {
        true => piece.to_owned(),
        false => format!("{{\n{piece}}}\n"),
    };
    pieces.map(whole).collect()
}

/// What a piece that is about ports leaves out.
const CERTS: &str = r#"{ "certs": [ { "hostnames": [ "example.com" ],
    "privkey_path": "example.com.key", "pubchain_path": "example.com.pem" } ],"#;

#[test]
fn every_configuration_of_the_guide_is_valid() {
    let folder = Folder::new();
    let authority = Authority::new("Root");
    let names = ["localhost", "example.com", "www.example.com", "*.example.com"];
    let certificate = authority.server(&names);
    let (key, chain) = certificate.write(folder.path(), "example.com").unwrap();
    let clients = folder.write("clients.pem", authority.pem());
    // No matter what they do: check says that they are there.
    let apps = folder.write("apps/echo.so", "").parent().unwrap().display().to_string();
    let all = [configurations("docs/tls.md"), configurations("README.md")].concat();
    assert!(all.len() >= 5, "{all:?}");
    for text in all {
        let whole = match text.contains("\"certs\"") {
            true => text,
            false => text.replacen('{', CERTS, 1),
        };
        let mut ours = whole.replace("/etc/ringsocket/clients.pem", &clients.display().to_string());
        for place in ["", "/etc/ringsocket/certs/localhost/", "/etc/ringsocket/certs/example.com/"]
        {
            for (theirs, path) in [
                ("privkey.pem", &key),
                ("fullchain.pem", &chain),
                ("example.com.key", &key),
                ("example.com.pem", &chain),
            ] {
                ours = ours.replace(&format!("\"{place}{theirs}\""), &format!("{path:?}"));
            }
        }
        let file = folder.write("ringsocket.json", &ours);
        let output = run(&["check", &file.display().to_string(), "--apps", &apps]);
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{ours}\n{said}");
        assert!(!said.contains("warning"), "{ours}\n{said}");
    }
}
