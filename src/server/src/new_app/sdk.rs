//! Where the headers, the Rust SDK and `ringsocket-try` are that a new project is built and tested
//! with: installed by the package libringsocket-dev, or in RingSocket's source tree.

use std::path::Path;

/// The Rust SDK as it is installed: a link to the current version, so that projects outlive it.
const INSTALLED: &str = "/usr/share/ringsocket/ringsocket-app";
/// The header as it is installed.
const HEADER: &str = "/usr/include/ringsocket.h";

/// Where they are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sdk {
    /// Where the package puts them.
    Installed,
    /// In the source tree with this root; `daemon` is what tests start.
    Tree { root: String, daemon: String },
}

impl Sdk {
    /// The tree that was named, or the one that this program was built in, or what is installed.
    pub(super) fn find(named: Option<&Path>) -> Result<Self, String> {
        let daemon = std::env::current_exe()
            .map_err(|error| format!("cannot tell where this program is: {error}"))?;
        let own = || daemon.ancestors().skip(1).find(|folder| is_tree(folder)).map(Path::to_owned);
        let root = match named {
            Some(root) if !is_tree(root) => {
                let root = root.display();
                return Err(format!("{root} is not RingSocket's source tree: it has no src/try"));
            }
            Some(root) => root
                .canonicalize()
                .map_err(|error| format!("cannot tell where {} is: {error}", root.display()))?,
            None => match own() {
                Some(root) => root,
                None => return Ok(Self::Installed),
            },
        };
        Ok(Self::Tree { root: plain(&root)?, daemon: plain(&daemon)? })
    }

    /// The folder of the Rust SDK.
    pub(super) fn rust(&self) -> String {
        match self {
            Self::Installed => INSTALLED.to_owned(),
            Self::Tree { root, .. } => format!("{root}/src/app"),
        }
    }

    /// What is missing, for who has just made a project.
    pub(super) fn advice(&self) -> &'static str {
        match self {
            Self::Installed if !Path::new(HEADER).exists() => {
                "It needs the package libringsocket-dev: sudo apt install libringsocket-dev\n"
            }
            _ => "",
        }
    }
}

fn is_tree(folder: &Path) -> bool {
    ["src/app/Cargo.toml", "src/app/include/ringsocket.h", "src/try/ringsocket-try"]
        .iter()
        .all(|file| folder.join(file).is_file())
}

/// A path that means itself wherever it is written: in a makefile, a string of Rust or TOML, and a
/// line for the shell.
fn plain(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+@,".contains(c);
    match path.to_str() {
        Some(text) if text.chars().all(is_plain) => Ok(text.to_owned()),
        _ => {
            Err(format!("make(1) would misread {shown}: move it to a path without such characters"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::Folder;

    #[test]
    fn a_tree_is_found_by_its_files_and_named_in_full() {
        let dir = Folder::new("new-app-sdk");
        let error = Sdk::find(Some(dir.path())).unwrap_err();
        assert!(error.contains("is not RingSocket's source tree"), "{error}");
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let Sdk::Tree { root: found, daemon } = Sdk::find(Some(&root)).unwrap() else { panic!() };
        assert_eq!(Path::new(&found), root.canonicalize().unwrap());
        assert!(Path::new(&daemon).is_absolute(), "{daemon}");
        assert!(Path::new(&Sdk::Tree { root: found, daemon }.rust()).join("Cargo.toml").exists());
    }

    #[test]
    fn paths_that_a_makefile_would_misread_are_refused() {
        assert_eq!(plain(Path::new("/home/zoë/a-b_c.d")).unwrap(), "/home/zoë/a-b_c.d");
        for bad in ["/a b", "/a$b", "/a\"b", "/a#b", "/a:b", "/a\\b", "/a'b"] {
            assert!(plain(Path::new(bad)).is_err(), "{bad}");
        }
    }
}
