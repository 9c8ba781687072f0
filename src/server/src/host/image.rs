//! The file of an app, read as a whole and copied, so that no running app depends on it: a mapped
//! file that is written to changes the code under the feet of who runs it.
//! Not for: loading it (`library`).

use std::fmt;
use std::fs::{File, Metadata};
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{Mode, OFlags};

use crate::sys::sealed_file::{Use, sealed_file};

/// The largest file that is taken for an app, in bytes.
const MAX_SIZE: u64 = 1 << 30;

/// Who has written to a file so lately may not have finished.
pub const QUIET: Duration = Duration::from_secs(1);

/// What tells one file from another, and from itself before it was written to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    file: (u64, u64),
    size: u64,
    /// Times of the last change of the content and of anything, seconds and nanoseconds each.
    times: [i64; 4],
}

impl Stamp {
    fn of(about: &Metadata) -> Self {
        Self {
            file: (about.dev(), about.ino()),
            size: about.size(),
            times: [about.mtime(), about.mtime_nsec(), about.ctime(), about.ctime_nsec()],
        }
    }

    /// That of the file at this path.
    ///
    /// # Errors
    /// Those of stat(2).
    pub fn look(path: &Path) -> io::Result<Self> {
        Ok(Self::of(&std::fs::metadata(path)?))
    }

    /// Whether nobody has touched the file for a while. The time of its last change counts, which
    /// nobody can set, as cp(1) and tar(1) do with that of the content; unless it lies in the
    /// future, where clocks of two machines differ.
    pub fn is_quiet(&self) -> bool {
        let [_, _, seconds, nanoseconds] = self.times;
        let since = Duration::new(seconds.max(0) as u64, nanoseconds as u32);
        let age = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + since);
        age.map_or(true, |age| age >= QUIET)
    }
}

/// What a file contains, as far as it must be told from another content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Print {
    size: u64,
    hash: u64,
}

/// A whole file.
#[derive(Debug)]
pub struct Image {
    bytes: Vec<u8>,
    /// Which file it is.
    pub stamp: Stamp,
    /// What it contains.
    pub print: Print,
}

/// Why a file cannot be taken, now or ever.
#[derive(Debug)]
pub enum ImageError {
    /// It cannot be read.
    Read(io::Error),
    /// It was written to while it was read.
    Changing,
    /// It says of itself that it is longer.
    Cut,
    /// It is no file, or too large for any app.
    Unfit(&'static str),
    /// It cannot be copied.
    Copy(io::Error),
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Changing => f.write_str("it is being written to"),
            Self::Cut => f.write_str("it is not whole: its own header says that it is longer"),
            Self::Unfit(why) => f.write_str(why),
            Self::Copy(error) => {
                write!(f, "no private copy of it can be made (memfd_create(2)): {error}")?;
                match error.kind() {
                    io::ErrorKind::PermissionDenied => {
                        f.write_str("; sysctl vm.memfd_noexec=2 forbids it: set it to 1 or 0")
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

impl Image {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or is not whole.
    pub fn read(path: &Path) -> Result<Self, ImageError> {
        // O_NONBLOCK, as to open a FIFO would wait for who writes to it; files do not care.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::open(path, flags, Mode::empty());
        let mut file = File::from(file.map_err(|errno| ImageError::Read(errno.into()))?);
        let before = file.metadata().map_err(ImageError::Read)?;
        if !before.is_file() {
            return Err(ImageError::Unfit("it is no regular file"));
        }
        if before.len() > MAX_SIZE {
            return Err(ImageError::Unfit("it is larger than 1 GiB"));
        }
        let mut bytes = Vec::with_capacity(before.len() as usize + 1);
        let read = (&mut file).take(MAX_SIZE + 1).read_to_end(&mut bytes);
        read.map_err(ImageError::Read)?;
        let stamp = Stamp::of(&file.metadata().map_err(ImageError::Read)?);
        if stamp != Stamp::of(&before) || stamp.size != bytes.len() as u64 {
            return Err(ImageError::Changing);
        }
        if is_cut(&bytes) {
            return Err(ImageError::Cut);
        }
        let mut hasher = DefaultHasher::new();
        hasher.write(&bytes);
        let print = Print { size: stamp.size, hash: hasher.finish() };
        Ok(Self { bytes, stamp, print })
    }

    /// Copies it into memory that is nobody else's and never changes. In /proc/PID/maps it is called
    /// `name`.
    ///
    /// # Errors
    /// Those of memfd_create(2) and write(2).
    pub fn copy(&self, name: &str) -> Result<OwnedFd, ImageError> {
        sealed_file(name, Use::Code, &[&self.bytes]).map_err(ImageError::Copy)
    }
}

/// Whether an ELF file (elf(5)) of this machine's kind ends before it should: linkers put the table
/// of sections at the end. What is of another kind is left to dlopen(3), which says what it is.
fn is_cut(bytes: &[u8]) -> bool {
    const CLASS_64: u8 = 2;
    const DATA: u8 = if cfg!(target_endian = "little") { 1 } else { 2 };
    const LOAD: u32 = 1;
    if bytes.len() < 64 {
        let head: &[u8] = b"\x7fELF";
        return bytes.iter().zip(head).all(|(byte, of_head)| byte == of_head);
    }
    if !bytes.starts_with(b"\x7fELF") || bytes[4] != CLASS_64 || bytes[5] != DATA {
        return false;
    }
    let (programs, sections) = (long(bytes, 0x20), long(bytes, 0x28));
    let (program_size, program_c) = (short(bytes, 0x36), short(bytes, 0x38));
    let (section_size, section_c) = (short(bytes, 0x3a), short(bytes, 0x3c));
    let is_beyond = |start: u64, size: u64| start.saturating_add(size) > bytes.len() as u64;
    is_beyond(programs, program_size * program_c)
        || is_beyond(sections, section_size * section_c)
        || (0..program_c).any(|index| {
            let at = (programs + index * program_size) as usize;
            let header = bytes.get(at..at + 56);
            header.is_none_or(|header| {
                short(header, 0) == u64::from(LOAD) && is_beyond(long(header, 8), long(header, 32))
            })
        })
}

/// The number of eight bytes there, which the caller has seen to.
fn long(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes))
}

/// Likewise of two.
fn short(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |bytes| u16::from_ne_bytes(*bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::Folder;

    /// A library: this program, which is one as far as its header goes.
    fn library() -> Vec<u8> {
        std::fs::read("/proc/self/exe").expect("the bytes of this test")
    }

    #[test]
    fn no_first_part_of_a_library_is_whole() {
        let bytes = library();
        assert!(!is_cut(&bytes));
        for len in [0, 1, 4, 63, 64, 100, 4096, bytes.len() / 2, bytes.len() - 1] {
            assert!(is_cut(&bytes[..len]), "{len} bytes");
        }
        for other in [&b"#!/bin/sh"[..], &[b'x'; 100]] {
            assert!(!is_cut(other), "for dlopen to judge");
        }
    }

    #[test]
    fn a_header_that_points_anywhere_harms_nobody() {
        let mut bytes = library();
        for at in [0x20, 0x28, 0x36, 0x38, 0x3a, 0x3c] {
            for fill in [0, 0x7f, 0xff] {
                let before = bytes[at..at + 2].to_vec();
                bytes[at..at + 2].fill(fill);
                let _ = is_cut(&bytes);
                bytes[at..at + 2].copy_from_slice(&before);
            }
        }
        let head = &mut bytes[..4096];
        head[0x20..0x28].fill(0xff);
        assert!(is_cut(head));
    }

    #[test]
    fn a_fifo_is_refused_and_not_waited_for() {
        let folder = Folder::new("fifo");
        let path = folder.path().join("app.so");
        let (kind, nobody) = (rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR);
        rustix::fs::mknodat(rustix::fs::CWD, &path, kind, nobody, 0).expect("a FIFO");
        assert!(matches!(Image::read(&path), Err(ImageError::Unfit(_))));
    }

    #[test]
    fn the_same_content_has_the_same_print_and_another_another() {
        let folder = Folder::new("image");
        let print = |name: &str, bytes: &[u8]| {
            folder.file(name, bytes);
            Image::read(&folder.path().join(name)).expect("a file").print
        };
        assert_eq!(print("a", b"same and more"), print("b", b"same and more"));
        assert_ne!(print("a", b"same and more"), print("b", b"some and more"));
        assert!(matches!(
            Image::read(folder.path()),
            Err(ImageError::Read(_) | ImageError::Unfit(_))
        ));
    }

    #[test]
    fn the_setting_that_forbids_copies_is_named_when_it_does() {
        let said = |errno: rustix::io::Errno| ImageError::Copy(errno.into()).to_string();
        assert!(said(rustix::io::Errno::ACCESS).contains("vm.memfd_noexec=2"));
        assert!(!said(rustix::io::Errno::NOSPC).contains("noexec"), "it has nothing to do with it");
    }

    #[test]
    fn who_was_touched_just_now_is_not_quiet() {
        let folder = Folder::new("quiet");
        folder.file("app.so", b"x");
        assert!(!Stamp::look(&folder.path().join("app.so")).expect("a file").is_quiet());
        assert!(Stamp::look(Path::new("/bin/sh")).expect("a file").is_quiet());
    }
}
