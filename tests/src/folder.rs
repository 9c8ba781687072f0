//! A folder of a test's own under the system's temporary directory, gone when the test passed and
//! kept when it failed. Short paths, since a Unix socket's path ends at 107 bytes.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// The folder; removed on drop unless the thread panics.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new, empty folder.
    pub fn new() -> Self {
        Self(first_new(|| {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("ringsocket-test-{}-{number}", std::process::id());
            std::env::temp_dir().join(name)
        }))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file in it, with the folders above it, and gives its path.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        let parent = path.parent().expect("a file in the folder");
        std::fs::create_dir_all(parent).expect("creating a folder for a test");
        std::fs::write(&path, contents).expect("writing a file for a test");
        path
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // A leftover in the temporary directory harms nobody.
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// Makes a folder at the first of these paths where there is nothing: tests that failed have left
/// theirs, and the number of a process is used again.
fn first_new(mut paths: impl FnMut() -> PathBuf) -> PathBuf {
    loop {
        let path = paths();
        match std::fs::create_dir(&path) {
            Ok(()) => return path,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => panic!("creating a folder for a test: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_failed_test_has_left_is_not_used_again() {
        let folder = Folder::new();
        let mut number = 0;
        let mut made = || {
            first_new(|| {
                number += 1;
                folder.path().join(format!("{}", number / 2))
            })
        };
        let all = [made(), made(), made()];
        assert_eq!(all, ["0", "1", "2"].map(|name| folder.path().join(name)));
    }
}
