//! `ringsocket new-app`: writes the project of a new app, which builds and passes its test at once.
//! Not for: building it, and the test's client (`ringsocket-try`).

mod name;
mod sdk;
mod template;

pub use name::Name;
pub use template::Language;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sdk::Sdk;

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// What the app is called.
    pub name: Name,
    /// What it is written in.
    pub language: Language,
    /// The folder to make, if not `./NAME`.
    pub path: Option<PathBuf>,
    /// RingSocket's source tree, to build the app with that; otherwise with the one that this
    /// program was built in, or with what the package libringsocket-dev has installed.
    pub sdk: Option<PathBuf>,
}

/// Makes the project, in a folder of its own, and says what can be done with it.
///
/// # Errors
/// With what to do about it: the folder exists already, or cannot be made or filled, or `sdk` is no
/// source tree. Then all is as before.
pub fn run(wish: &Wish) -> Result<String, String> {
    let sdk = Sdk::find(wish.sdk.as_deref())?;
    let folder = wish.path.clone().unwrap_or_else(|| PathBuf::from(wish.name.as_str()));
    make(&folder, &template::files(&wish.name, wish.language, &sdk))?;
    let steps = template::steps(wish.language, &folder.display().to_string());
    Ok(format!("{steps}{}", sdk.advice()))
}

/// Makes a folder with these files, whose paths are relative, or else leaves nothing behind.
fn make(folder: &Path, files: &[(String, String)]) -> Result<(), String> {
    let shown = folder.display();
    fs::create_dir(folder).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            format!("{shown} is there already: choose another name, or a new folder with --path")
        }
        io::ErrorKind::NotFound => format!("cannot make {shown}: make the folder above it first"),
        _ => format!("cannot make {shown}: {error}"),
    })?;
    fill(folder, files).inspect_err(|_| {
        // Nothing was in it but what is ours. Should some of that stay, the error matters more.
        let _ = fs::remove_dir_all(folder);
    })
}

fn fill(folder: &Path, files: &[(String, String)]) -> Result<(), String> {
    for (path, text) in files {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::Folder;

    fn wish(language: Language, path: PathBuf) -> Wish {
        Wish { name: "my-app".parse().unwrap(), language, path: Some(path), sdk: None }
    }

    #[test]
    fn the_project_is_where_it_is_wanted() {
        let dir = Folder::new("new-app");
        let path = dir.path().join("elsewhere");
        let said = run(&wish(Language::C, path.clone())).unwrap();
        assert!(said.contains(&format!("cd {}", path.display())), "{said}");
        for file in ["my-app.c", "Makefile", "README.md", "conversation.txt", ".gitignore"] {
            assert!(path.join(file).is_file(), "{file}");
        }
    }

    #[test]
    fn what_exists_is_left_alone() {
        let dir = Folder::new("new-app-exists");
        let path = dir.path().join("there");
        fs::create_dir(&path).unwrap();
        let error = run(&wish(Language::C, path.clone())).unwrap_err();
        assert!(error.contains("is there already: choose"), "{error}");
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);

        let below = dir.path().join("nowhere/app");
        let error = run(&wish(Language::Rust, below)).unwrap_err();
        assert!(error.contains("make the folder above it first"), "{error}");
    }

    #[test]
    fn a_project_that_cannot_be_written_is_not_left_behind() {
        let dir = Folder::new("new-app-partial");
        // The second file would lie below the first one.
        let files = [("a".to_owned(), "x".to_owned()), ("a/b".to_owned(), "y".to_owned())];
        let error = make(&dir.path().join("b"), &files).unwrap_err();
        assert!(error.starts_with("cannot write "), "{error}");
        assert!(!dir.path().join("b").exists());

        let mut wish = wish(Language::Rust, dir.path().join("b"));
        wish.sdk = Some(dir.path().to_owned());
        let error = run(&wish).unwrap_err();
        assert!(error.contains("is not RingSocket's source tree"), "{error}");
        assert!(!dir.path().join("b").exists());
    }
}
