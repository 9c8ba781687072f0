//! Reading a folder of pages, once, at start.
//! Not for: looking pages up (the module above).

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{LoadError, MAX_FILE_SIZE, MAX_FILES, MAX_SITE_SIZE, Page, content_type};

/// Folders within folders.
pub(super) const MAX_DEPTH: usize = 32;

struct Walk {
    /// The root without links, to recognise links that leave it.
    root: PathBuf,
    pages: HashMap<String, Arc<Page>>,
    warnings: Vec<String>,
    /// Bytes read so far.
    size: u64,
}

/// What a folder holds.
pub(super) struct Found {
    pub(super) pages: HashMap<String, Arc<Page>>,
    pub(super) warnings: Vec<String>,
}

pub(super) fn read(root: &Path) -> Result<Found, LoadError> {
    let root = root.canonicalize().map_err(|error| LoadError::Io(root.to_owned(), error))?;
    let mut walk =
        Walk { root: root.clone(), pages: HashMap::new(), warnings: Vec::new(), size: 0 };
    let mut folders = vec![(root, String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        if depth > MAX_DEPTH {
            return Err(LoadError::TooDeep(folder));
        }
        for entry in entries(&folder)? {
            let Some(name) = entry.file_name().and_then(|name| name.to_str()) else {
                walk.leave_out(&entry, "its name is no UTF-8");
                continue;
            };
            if name.starts_with('.') {
                continue;
            }
            let path = format!("{prefix}/{name}");
            let about = fs::symlink_metadata(&entry)
                .map_err(|error| LoadError::Io(entry.clone(), error))?;
            if about.is_dir() {
                folders.push((entry, path, depth + 1));
            } else if about.is_symlink() {
                walk.follow(entry, path)?;
            } else if about.is_file() {
                walk.take(&entry, &entry, path)?;
            } else {
                walk.leave_out(&entry, "it is no regular file");
            }
        }
    }
    Ok(Found { pages: walk.pages, warnings: walk.warnings })
}

/// What lies in a folder, sorted, so that warnings come in the same order every time.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let failed = |error| LoadError::Io(folder.to_owned(), error);
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        entries.push(entry.map_err(failed)?.path());
        // Names take memory before any file is counted.
        if entries.len() > 10 * MAX_FILES {
            return Err(LoadError::TooManyFiles(folder.to_owned()));
        }
    }
    entries.sort();
    Ok(entries)
}

impl Walk {
    fn leave_out(&mut self, file: &Path, why: &str) {
        self.warnings.push(format!("{} is not served: {why}", file.display()));
    }

    /// A link: only to a regular file within the root. Links to folders could run in circles.
    fn follow(&mut self, link: PathBuf, path: String) -> Result<(), LoadError> {
        match link.canonicalize() {
            Err(error) => self.leave_out(&link, &format!("the link leads nowhere: {error}")),
            Ok(target) if !target.starts_with(&self.root) => {
                self.leave_out(&link, "the link leaves the folder");
            }
            Ok(target) if !target.is_file() => {
                self.leave_out(&link, "the link leads to no regular file");
            }
            Ok(target) if self.is_hidden(&target) => {
                self.leave_out(&link, "the link leads to a hidden file");
            }
            Ok(target) => self.take(&link, &target, path)?,
        }
        Ok(())
    }

    fn is_hidden(&self, target: &Path) -> bool {
        let below = target.strip_prefix(&self.root).unwrap_or(target);
        below.components().any(|part| part.as_os_str().as_encoded_bytes().starts_with(b"."))
    }

    /// Reads `file`, which is served as `path` with the type of `named`.
    fn take(&mut self, named: &Path, file: &Path, path: String) -> Result<(), LoadError> {
        let Some(content_type) = content_type(named) else {
            self.leave_out(named, "files of its type are not served");
            return Ok(());
        };
        if self.pages.len() == MAX_FILES {
            return Err(LoadError::TooManyFiles(self.root.clone()));
        }
        let failed = |error| LoadError::Io(file.to_owned(), error);
        let opened = File::open(file).map_err(failed)?;
        let size = opened.metadata().map_err(failed)?.len();
        if size > MAX_FILE_SIZE {
            return Err(LoadError::FileTooLarge(file.to_owned(), size));
        }
        // The file may grow while it is read: the bound holds for what is read.
        let mut body = Vec::new();
        let read = opened.take(MAX_FILE_SIZE + 1).read_to_end(&mut body).map_err(failed)? as u64;
        if read > MAX_FILE_SIZE {
            return Err(LoadError::FileTooLarge(file.to_owned(), read));
        }
        self.size += read;
        if self.size > MAX_SITE_SIZE {
            return Err(LoadError::SiteTooLarge(self.root.clone()));
        }
        self.pages.insert(path, Arc::new(Page { content_type, body }));
        Ok(())
    }
}
