//! Where the credentials of the service lie (systemd.exec(5), `LoadCredential=`): files that only it
//! can read, known by bare names.
//! Not for: what stands in them.
//!
//! systemd makes its folder of credentials when the service starts, and leaves it as it is when the
//! service is reloaded (versions 252 to 257). So the step of the unit that runs before a reload puts
//! fresh copies beside them, in the runtime directory, and these go first. Their folder is a link, which
//! each such step turns to new copies, and then it removes those before.

use std::path::{Path, PathBuf};

/// The folder of fresh copies, in the runtime directory.
const FRESH: &str = "credentials";

/// The folders that are searched for credentials, as they were when this was made: what is read
/// from one of these is of one age, so make it anew for each load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Without links, in the order of the search.
    folders: Vec<PathBuf>,
    are_given: bool,
}

impl Credentials {
    /// Those of this process. It has none unless systemd has started it.
    pub fn here() -> Self {
        let fresh = super::outcome::directory().map(|runtime| runtime.join(FRESH));
        let given = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|path| !path.is_empty());
        Self::of(fresh.into_iter().chain(given.map(PathBuf::from)))
    }

    /// Those in these folders, of which some may not be there.
    pub fn of(folders: impl IntoIterator<Item = PathBuf>) -> Self {
        let folders: Vec<_> = folders.into_iter().collect();
        let are_given = !folders.is_empty();
        let folders = folders.iter().filter_map(|folder| folder.canonicalize().ok()).collect();
        Credentials { folders, are_given }
    }

    /// Whether this process has been given any.
    pub fn are_given(&self) -> bool {
        self.are_given
    }

    /// Where the file of a configured path lies: an absolute path is what it is, and a bare name is
    /// looked for. `None`: there is no credential of this name.
    ///
    /// If a folder has gone meanwhile, so has what lay in it: nothing older is found in its place.
    pub fn find(&self, path: &Path) -> Option<PathBuf> {
        if path.is_absolute() {
            return Some(path.to_owned());
        }
        let has_or_had = |folder: &&PathBuf| folder.join(path).exists() || !folder.exists();
        Some(self.folders.iter().find(has_or_had)?.join(path))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::config::tests::Folder;

    #[test]
    fn fresh_copies_go_first_and_absolute_paths_are_what_they_are() {
        let dir = Folder::new("credentials");
        let [fresh, given] = ["fresh", "given"].map(|name| dir.path().join(name));
        let credentials = || Credentials::of([fresh.clone(), given.clone()]);
        assert_eq!(credentials().find(Path::new("key")), None);
        dir.file("given/key", b"");
        assert_eq!(credentials().find(Path::new("key")), Some(given.join("key")));
        dir.file("fresh/key", b"");
        assert_eq!(credentials().find(Path::new("key")), Some(fresh.join("key")));
        assert_eq!(credentials().find(Path::new("/a/key")), Some("/a/key".into()));
        assert!(credentials().are_given() && !Credentials::default().are_given());
        assert!(Credentials::of([dir.path().join("none")]).are_given());
    }

    #[test]
    fn what_comes_or_goes_in_between_is_not_mixed_with_what_was_there() {
        let dir = Folder::new("credentials");
        let path = |name: &str| dir.path().join(name);
        let credentials = || Credentials::of([path("fresh"), path("given")]);
        for folder in ["given", "fresh.1", "fresh.2"] {
            dir.file(&format!("{folder}/key"), b"");
            dir.file(&format!("{folder}/chain"), b"");
        }
        let given = credentials();
        symlink("fresh.1", path("fresh")).unwrap();
        assert_eq!(given.find(Path::new("chain")), Some(path("given/chain")));
        let first = credentials();
        assert_eq!(first.find(Path::new("key")), Some(path("fresh.1/key")));
        fs::remove_file(path("fresh")).unwrap();
        symlink("fresh.2", path("fresh")).unwrap();
        assert_eq!(first.find(Path::new("chain")), Some(path("fresh.1/chain")));
        fs::remove_dir_all(path("fresh.1")).unwrap();
        assert_eq!(first.find(Path::new("chain")), Some(path("fresh.1/chain")), "it was there");
        assert_eq!(credentials().find(Path::new("chain")), Some(path("fresh.2/chain")));
    }
}
