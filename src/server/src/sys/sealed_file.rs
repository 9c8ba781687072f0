//! A file in memory that nobody can change any more (memfd_create(2), `F_ADD_SEALS` of fcntl(2)).
//! Not for: memory that is written to while others map it (`shared_memory`).

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;

/// Whether code from it may be mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// It is data.
    Data,
    /// It is code, or has some.
    Code,
}

/// A file of these parts, one behind another, that can be neither written to nor resized. In
/// /proc/PID/maps it is called `name`. Its position is its end.
///
/// # Errors
/// Those of memfd_create(2) and write(2). Code is refused (EACCES) where `vm.memfd_noexec` is 2.
pub fn sealed_file(name: &str, of: Use, parts: &[&[u8]]) -> io::Result<OwnedFd> {
    let mut file = File::from(create(name, of)?);
    for part in parts {
        file.write_all(part)?;
    }
    seal(&file)?;
    Ok(file.into())
}

/// Seals a file that nobody has mapped.
///
/// `F_SEAL_WRITE` would wait until nobody holds a page of the file, as the kernel itself does for
/// moments, and fail with EBUSY where they last on a loaded machine. It says no more than
/// `F_SEAL_FUTURE_WRITE` but to who mapped the file before in order to write to it.
fn seal(file: &File) -> Result<(), Errno> {
    let seals = SealFlags::FUTURE_WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(file, seals)
}

fn create(name: &str, of: Use) -> Result<OwnedFd, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    if of == Use::Data {
        return memfd_create(name, flags);
    }
    // Linux knows the flag since 6.3, and wants it where vm.memfd_noexec is 1.
    match memfd_create(name, flags | MemfdFlags::EXEC) {
        Err(Errno::INVAL) => memfd_create(name, flags),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::FileExt;
    use std::os::unix::net::UnixStream;

    #[test]
    fn it_has_all_parts_and_can_be_neither_written_nor_resized() {
        for of in [Use::Data, Use::Code] {
            let file = File::from(sealed_file("test", of, &[b"some", b"", b" code"]).expect("one"));
            let mut bytes = [0; 9];
            file.read_exact_at(&mut bytes, 0).expect("its bytes");
            assert_eq!(&bytes, b"some code");

            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            let again = OpenOptions::new().write(true).open(path).expect("opened once more");
            for file in [&file, &again] {
                assert_eq!(file.metadata().expect("its size").len(), 9);
                assert!(file.write_at(b"x", 0).is_err(), "within");
                assert!(file.write_at(b"x", 9).is_err(), "at its end");
                assert!(file.set_len(0).is_err() && file.set_len(10).is_err(), "resized");
                assert!(fcntl_add_seals(file, SealFlags::WRITE).is_err(), "sealed further");
            }
        }
    }

    #[test]
    fn who_holds_a_page_is_not_waited_for() {
        let mut file = File::from(create("test", Use::Data).expect("a memfd"));
        file.write_all(&[1; 4096]).expect("a page");
        // What sendfile(2) has put into a socket is the page itself until somebody reads it.
        let (into, _unread) = UnixStream::pair().expect("a pair");
        assert_eq!(rustix::fs::sendfile(&into, &file, Some(&mut 0), 4096), Ok(4096));
        assert_eq!(fcntl_add_seals(&file, SealFlags::WRITE), Err(Errno::BUSY));
        assert_eq!(seal(&file), Ok(()));
    }
}
