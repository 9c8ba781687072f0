//! The folder of apps: which shared libraries lie there, and under which names they are served.
//! Not for: loading them (`host`).

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::apps::{MAX_APPS, is_sane_name};

/// What a scan of the folder found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Name and absolute path of each app, in the order of the names.
    pub apps: Vec<(String, PathBuf)>,
    /// Files that make the folder unusable: two for one name, or too many.
    pub errors: Vec<String>,
    /// Files that were passed over, and files that others may overwrite.
    pub warnings: Vec<String>,
}

/// Looks for `*.so` files (or links to files) in `dir`, not below it.
///
/// An app's name is the file's without `.so` and without a leading `lib`, which is what Cargo calls
/// a cdylib. Hidden files and those of other endings are passed over without a word, as package
/// managers leave such for a moment (`echo.so.dpkg-new`).
///
/// # Errors
/// If the folder cannot be read.
pub fn scan(dir: &Path) -> io::Result<Found> {
    let dir = std::path::absolute(dir)?;
    let mut found = Found::default();
    let mut apps: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(&dir)? {
        files.push(entry?.path());
    }
    files.sort();
    for file in files {
        let Some(stem) = stem(&file) else { continue };
        let shown = file.display();
        let name = stem.strip_prefix("lib").unwrap_or(&stem);
        match std::fs::metadata(&file) {
            Ok(about) if about.is_file() => {
                if about.permissions().mode() & 0o002 != 0 {
                    found.warnings.push(format!("anybody may overwrite {shown}: chmod o-w it"));
                }
            }
            Ok(_) => {
                found.warnings.push(format!("{shown} is no regular file and is passed over"));
                continue;
            }
            Err(error) => {
                found.warnings.push(format!("{shown} is passed over: {error}"));
                continue;
            }
        }
        if !is_sane_name(name) {
            found.warnings.push(format!("{shown} is passed over: {name:?} cannot be a name"));
        } else if let Some(first) = apps.get(name) {
            let first = first.display();
            found.errors.push(format!("{first} and {shown} are both called {name}: remove one"));
        } else {
            apps.insert(name.to_owned(), file);
        }
    }
    if apps.len() > MAX_APPS {
        found.errors.push(format!("more than {MAX_APPS} apps in {}", dir.display()));
    }
    found.apps = apps.into_iter().collect();
    Ok(found)
}

/// The file's name without `.so`; `None` for hidden files and other endings.
fn stem(file: &Path) -> Option<String> {
    let name = file.file_name()?.to_string_lossy().into_owned();
    name.strip_suffix(".so").filter(|_| !name.starts_with('.')).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::Folder;

    fn names(found: &Found) -> Vec<&str> {
        found.apps.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn libraries_are_found_by_name_and_everything_else_is_left() {
        let dir = Folder::new("scan");
        for file in ["libchat.so", "echo.so", ".hidden.so", "echo.so.dpkg-new", "README", "a.so.1"]
        {
            dir.file(file, b"");
        }
        std::fs::create_dir(dir.path().join("below.so")).unwrap();
        std::os::unix::fs::symlink("echo.so", dir.path().join("linked.so")).unwrap();
        std::os::unix::fs::symlink("nowhere", dir.path().join("dangling.so")).unwrap();
        let found = scan(dir.path()).unwrap();
        assert_eq!(names(&found), ["chat", "echo", "linked"]);
        assert_eq!(found.apps[0].1, dir.path().join("libchat.so"));
        assert_eq!(found.errors, [""; 0]);
        let expected = [
            format!(
                "{} is no regular file and is passed over",
                dir.path().join("below.so").display()
            ),
            format!(
                "{} is passed over: No such file or directory (os error 2)",
                dir.path().join("dangling.so").display()
            ),
        ];
        assert_eq!(found.warnings, expected);
    }

    #[test]
    fn two_files_for_one_name_are_refused() {
        let dir = Folder::new("twice");
        dir.file("libecho.so", b"");
        dir.file("echo.so", b"");
        let found = scan(dir.path()).unwrap();
        let path = |file| dir.path().join(file).display().to_string();
        let expected = format!(
            "{} and {} are both called echo: remove one",
            path("echo.so"),
            path("libecho.so")
        );
        assert_eq!(found.errors, [expected]);
    }

    #[test]
    fn odd_names_are_passed_over_with_a_word() {
        let dir = Folder::new("odd");
        for file in ["a b.so", "lib.so", ".so"] {
            dir.file(file, b"");
        }
        let found = scan(dir.path()).unwrap();
        assert_eq!(names(&found), [""; 0]);
        assert_eq!(found.warnings.len(), 2, "{:?}", found.warnings);
    }

    #[test]
    fn a_library_that_anybody_may_overwrite_is_named() {
        let dir = Folder::new("writable");
        dir.file("echo.so", b"");
        let path = dir.path().join("echo.so");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        let found = scan(dir.path()).unwrap();
        assert_eq!(
            found.warnings,
            [format!("anybody may overwrite {}: chmod o-w it", path.display())]
        );
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        let error = scan(Path::new("/nonexistent/ringsocket")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
