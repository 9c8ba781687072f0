//! Tests of the pages: what is read, what is found, and what can never be reached.

use super::*;
use crate::config::tests::Folder;
use std::os::unix::fs::symlink;

fn load(folder: &Folder) -> (Pages, Vec<String>) {
    Pages::load(folder.path()).unwrap()
}

fn chat() -> Folder {
    let folder = Folder::new("www");
    folder.file("index.html", b"<h1>");
    folder.file("css/chat.css", b"p {}");
    folder.file("sub/index.html", b"sub");
    folder.file("\u{e4} b.txt", b"umlaut");
    folder
}

#[test]
fn pages_are_found_by_their_exact_decoded_path() {
    let (pages, warnings) = load(&chat());
    assert_eq!(warnings, [""; 0]);
    assert_eq!(pages.len(), 4);
    let body = |path| pages.get(path).map(|page| page.body.clone());
    assert_eq!(body("/"), Some(b"<h1>".to_vec()));
    assert_eq!(body("/index.html"), body("/"));
    assert_eq!(body("/sub/"), Some(b"sub".to_vec()));
    assert_eq!(body("/%C3%A4%20b.txt"), Some(b"umlaut".to_vec()));
    assert_eq!(body("/%63ss/chat.css"), Some(b"p {}".to_vec()));
    assert_eq!(pages.get("/css/chat.css").unwrap().content_type, "text/css; charset=utf-8");
}

#[test]
fn nothing_else_is_found() {
    let (pages, _) = load(&chat());
    for path in [
        "",
        "index.html",
        "/sub",
        "/css/",
        "/CSS/chat.css",
        "//",
        "//index.html",
        "/./index.html",
        "/sub/../index.html",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/css%00/chat.css",
        "/index.html/",
        "/index.html%00.css",
        "/%",
        "/%4",
        "/%zz",
        "/%+1",
        "/%ff",
        "*",
        "/%2563ss/chat.css",
        "%2Findex.html",
    ] {
        assert_eq!(pages.get(path), None, "{path:?}");
    }
}

#[test]
fn an_endpoints_pages_lie_below_its_path() {
    let (pages, _) = load(&chat());
    let body = |endpoint, path| pages.get_below(endpoint, path).map(|page| page.body.clone());
    assert_eq!(body("/chat", "/chat"), Some(b"<h1>".to_vec()));
    assert_eq!(body("/chat", "/chat/"), Some(b"<h1>".to_vec()));
    assert_eq!(body("/chat/", "/chat/css/chat.css"), Some(b"p {}".to_vec()));
    assert_eq!(body("/", "/css/chat.css"), Some(b"p {}".to_vec()));
    assert_eq!(body("/chat", "/chatter/css/chat.css"), None);
    assert_eq!(body("/chat", "/css/chat.css"), None);
}

#[test]
fn hidden_files_are_left_out_without_a_word_and_strange_types_with_one() {
    let folder = chat();
    folder.file(".env", b"SECRET=1");
    folder.file(".git/config.txt", b"secret");
    folder.file("run.sh", b"#!");
    let (pages, warnings) = load(&folder);
    assert_eq!(pages.len(), 4);
    assert_eq!(pages.get("/.git/config.txt"), None);
    let shown = folder.path().join("run.sh");
    let expected = format!("{} is not served: files of its type are not served", shown.display());
    assert_eq!(warnings, [expected]);
}

#[test]
fn links_stay_within_the_folder() {
    let outside = Folder::new("outside");
    outside.file("secret.txt", b"secret");
    let folder = chat();
    folder.file(".hidden.txt", b"hidden");
    let link = |target: &Path, name: &str| symlink(target, folder.path().join(name)).unwrap();
    link(Path::new("index.html"), "start.html");
    link(&outside.path().join("secret.txt"), "a.txt");
    link(Path::new("../../../../../../etc/hostname"), "b.txt");
    link(outside.path(), "c");
    link(Path::new("."), "d");
    link(Path::new("nowhere"), "e.txt");
    link(Path::new(".hidden.txt"), "f.txt");
    let (pages, warnings) = load(&folder);
    assert_eq!(pages.get("/start.html").unwrap().body, b"<h1>");
    assert_eq!(pages.len(), 5);
    let why: Vec<&str> = warnings.iter().map(|line| line.split_once(": ").unwrap().1).collect();
    let expected = [
        "the link leaves the folder",
        "the link leaves the folder",
        "the link leaves the folder",
        "the link leads to no regular file",
        "the link leads nowhere: No such file or directory (os error 2)",
        "the link leads to a hidden file",
    ];
    assert_eq!(why, expected);
}

#[test]
fn sockets_and_pipes_are_never_opened() {
    let folder = chat();
    let socket = folder.path().join("socket.txt");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let (pages, warnings) = load(&folder);
    assert_eq!(pages.len(), 4);
    assert_eq!(warnings, [format!("{} is not served: it is no regular file", socket.display())]);
}

#[test]
fn every_bound_has_its_error() {
    let folder = Folder::new("large");
    let sparse = |name: String, size: u64| {
        std::fs::File::create(folder.path().join(name)).unwrap().set_len(size).unwrap();
    };
    sparse("a.txt".into(), MAX_FILE_SIZE + 1);
    let error = Pages::load(folder.path()).unwrap_err();
    assert!(matches!(error, LoadError::FileTooLarge(_, size) if size == MAX_FILE_SIZE + 1));
    assert!(
        error
            .to_string()
            .ends_with("a.txt has 16777217 bytes; a www_root takes files of up to 16 MiB")
    );

    (0..4).for_each(|n| sparse(format!("{n}.txt"), MAX_FILE_SIZE));
    sparse("a.txt".into(), 0);
    assert_eq!(Pages::load(folder.path()).unwrap().0.len(), 5);
    sparse("a.txt".into(), 1);
    assert!(matches!(Pages::load(folder.path()), Err(LoadError::SiteTooLarge(_))));

    let folder = Folder::new("many");
    (0..MAX_FILES).for_each(|n| folder.file(&format!("{n}.txt"), b""));
    assert_eq!(Pages::load(folder.path()).unwrap().0.len(), MAX_FILES);
    folder.file("below/one.txt", b"");
    assert!(matches!(Pages::load(folder.path()), Err(LoadError::TooManyFiles(_))));

    let folder = Folder::new("deep");
    folder.file(&format!("{}x.txt", "d/".repeat(walk::MAX_DEPTH)), b"");
    assert_eq!(Pages::load(folder.path()).unwrap().0.len(), 1);
    folder.file(&format!("{}x.txt", "d/".repeat(walk::MAX_DEPTH + 1)), b"");
    assert!(matches!(Pages::load(folder.path()), Err(LoadError::TooDeep(_))));

    let error = Pages::load(Path::new("/nonexistent/www")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read /nonexistent/www: No such file or directory (os error 2)"
    );
}

#[test]
fn types_go_by_the_ending_whatever_its_case() {
    let of = |name: &str| content_type(Path::new(name));
    assert_eq!(of("a.HTML"), Some("text/html; charset=utf-8"));
    assert_eq!(of("a.min.mjs"), Some("text/javascript; charset=utf-8"));
    assert_eq!(of("a.js.map"), Some("application/json"));
    assert_eq!(["a", "a.php", "a.so", "html"].map(of), [None; 4]);
}
