//! Starting a program with inherited sockets as systemd does (sd_listen_fds(3)): descriptors from
//! 3 on, `LISTEN_FDS`, `LISTEN_FDNAMES`, and `LISTEN_PID` of the process itself. For what
//! systemd-socket-activate cannot give, such as sockets that share a port.
#![expect(unsafe_code, reason = "descriptors are moved into place between fork and exec")]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// The first inherited descriptor (SD_LISTEN_FDS_START).
const FIRST: RawFd = 3;

/// A command that runs `program` with `sockets` as its descriptors 3, 4, ... under their names.
/// Arguments, environment and streams can still be added; `sockets` must stay open until the
/// command was started. With `SOFT_NOFILE` in its environment that is its soft limit of open files.
pub fn command(program: &Path, sockets: &[(String, OwnedFd)]) -> Command {
    // LISTEN_PID must name the process that reads it, which is known only after the fork, where
    // setting a variable is not allowed any more: so a shell sets it and becomes the program.
    let mut command = Command::new("/bin/sh");
    let limit = r#"[ -z "$SOFT_NOFILE" ] || ulimit -S -n "$SOFT_NOFILE""#;
    let start = r#"LISTEN_PID=$$ exec "$0" "$@""#;
    command.args(["-c", &format!("{limit}; {start}")]).arg(program);
    let names: Vec<&str> = sockets.iter().map(|(name, _)| name.as_str()).collect();
    command.env("LISTEN_FDS", sockets.len().to_string());
    command.env("LISTEN_FDNAMES", names.join(":"));
    let mut fds: Vec<RawFd> = sockets.iter().map(|(_, fd)| fd.as_raw_fd()).collect();
    // SAFETY: the closure runs in the child between fork and exec, where only async-signal-safe
    // calls are allowed: it calls fcntl and dup2, and allocates nothing (`fds` was built before).
    unsafe { command.pre_exec(move || move_into_place(&mut fds)) };
    command
}

fn move_into_place(fds: &mut [RawFd]) -> io::Result<()> {
    let end = FIRST + fds.len() as RawFd;
    for fd in fds.iter_mut() {
        // Out of the way first: a socket may sit where another one has to go.
        // SAFETY: no pointers; the copy is close-on-exec, so that nothing but dup2's results stay.
        *fd = check(unsafe { libc::fcntl(*fd, libc::F_DUPFD_CLOEXEC, end) })?;
    }
    for (fd, place) in fds.iter().zip(FIRST..) {
        // SAFETY: no pointers. What was at `place` in this forked child is the parent's and
        // close-on-exec anyway; the result is not close-on-exec.
        check(unsafe { libc::dup2(*fd, place) })?;
    }
    Ok(())
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn the_program_finds_its_sockets_in_order_and_its_own_pid() {
        let listen = || TcpListener::bind("127.0.0.1:0").expect("a free port");
        let sockets: Vec<(String, OwnedFd)> =
            ["a", "b"].map(|name| (name.to_owned(), listen().into())).into();
        let script = r#"[ $$ = $LISTEN_PID ] && echo $LISTEN_FDS $LISTEN_FDNAMES &&
            readlink /proc/self/fd/3 /proc/self/fd/4"#;
        let output = command(Path::new("/bin/sh"), &sockets)
            .args(["-c", script])
            .output()
            .expect("running a shell");
        let text = String::from_utf8(output.stdout).unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("2 a:b"));
        for (_, fd) in &sockets {
            let link = std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).unwrap();
            assert_eq!(lines.next(), link.to_str());
        }
    }
}
