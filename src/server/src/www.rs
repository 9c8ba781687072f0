//! The pages of a `www_root` folder, all in memory, so that a worker never touches the file system
//! and no request can leave the folder: a path is looked up in a table, never opened.
//! Not for: HTTP (the worker writes the response), nor for large or changing sites.

mod walk;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most files of one folder, those below it included.
pub const MAX_FILES: usize = 1_000;
/// The largest file, in bytes.
pub const MAX_FILE_SIZE: u64 = 16 << 20;
/// All files of one folder together, in bytes.
pub const MAX_SITE_SIZE: u64 = 64 << 20;

/// A file as it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The value of `Content-Type`. Serve it with `X-Content-Type-Options: nosniff`.
    pub content_type: &'static str,
    /// The whole body.
    pub body: Vec<u8>,
}

/// The pages of one folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    /// By path from the folder on, with a leading slash, not percent-encoded: `/css/chat.css`.
    pages: HashMap<String, Arc<Page>>,
}

/// Why a folder cannot be served.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// A file or folder could not be read.
    Io(PathBuf, io::Error),
    /// More than [`MAX_FILES`] files.
    TooManyFiles(PathBuf),
    /// A file of more than [`MAX_FILE_SIZE`] bytes.
    FileTooLarge(PathBuf, u64),
    /// More than [`MAX_SITE_SIZE`] bytes in all.
    SiteTooLarge(PathBuf),
    /// Folders within folders beyond all measure.
    TooDeep(PathBuf),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Io(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            LoadError::TooManyFiles(path) => {
                let path = path.display();
                write!(f, "{path} has more than {MAX_FILES} files: is this the right www_root?")
            }
            LoadError::FileTooLarge(path, size) => {
                let (path, max) = (path.display(), MAX_FILE_SIZE >> 20);
                write!(f, "{path} has {size} bytes; a www_root takes files of up to {max} MiB")
            }
            LoadError::SiteTooLarge(path) => {
                let (path, max) = (path.display(), MAX_SITE_SIZE >> 20);
                write!(f, "the files of {path} have more than {max} MiB together")
            }
            LoadError::TooDeep(path) => {
                let (path, max) = (path.display(), walk::MAX_DEPTH);
                write!(f, "{path} lies more than {max} folders deep")
            }
        }
    }
}

impl std::error::Error for LoadError {}

impl Pages {
    /// Reads the folder and those below it. Also returns warnings: files that were left out though
    /// they may have been meant to be served.
    ///
    /// Hidden files and folders (`.git`, `.env`) and files of unknown types are left out. A link to
    /// a file within the folder is followed; one that leaves it, or leads to a folder, is left out.
    ///
    /// # Errors
    /// If something cannot be read or a bound is exceeded.
    pub fn load(root: &Path) -> Result<(Self, Vec<String>), LoadError> {
        let found = walk::read(root)?;
        Ok((Pages { pages: found.pages }, found.warnings))
    }

    /// The page at `path`, which is the path of a request target without its query.
    ///
    /// The path is percent-decoded once and must then be exactly that of a file; `/` and `/dir/`
    /// stand for their `index.html`.
    pub fn get(&self, path: &str) -> Option<Arc<Page>> {
        if !path.starts_with('/') {
            return None;
        }
        let mut path = percent_decode(path)?;
        if path.ends_with('/') {
            path.push_str("index.html");
        }
        self.pages.get(&path).cloned()
    }

    /// The page at `path` of pages that are served at an endpoint's path: for `/chat`, both
    /// `/chat` and `/chat/` give `index.html`, and `/chat/a.css` gives `a.css`.
    pub fn get_below(&self, endpoint: &str, path: &str) -> Option<Arc<Page>> {
        let below = path.strip_prefix(endpoint.trim_end_matches('/'))?;
        self.get(if below.is_empty() { "/" } else { below })
    }

    /// How many pages there are.
    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// Whether there is no page at all.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }
}

/// Decodes `%41`; `None` on a malformed escape or if the result is no UTF-8.
fn percent_decode(path: &str) -> Option<String> {
    let mut bytes = path.bytes();
    let mut decoded = Vec::with_capacity(path.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// The type of a file by its ending; `None`: not served.
fn content_type(file: &Path) -> Option<&'static str> {
    let ending = file.extension()?.to_str()?.to_ascii_lowercase();
    Some(match ending.as_str() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
