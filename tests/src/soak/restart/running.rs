//! A daemon that somebody else runs, such as systemd, and that commands restart. It has to serve the apps
//! keeper and echo, and to let as many connections in as there will be. Not for: setting that up, which
//! `tests/nspawn` does.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

use super::Restartable;
use crate::tls::Offer;

/// Such a daemon.
#[derive(Debug)]
pub struct Running {
    plain: SocketAddr,
    secure: SocketAddr,
    offer: Offer,
    commands: VecDeque<String>,
    /// The one that is under way, and what it prints.
    under_way: Option<(Child, BufReader<ChildStdout>)>,
}

impl Running {
    /// One that serves at `plain` without TLS, and at `secure` with a certificate for `localhost`, for
    /// clients with this `offer`. Each of the `commands`, which are for the shell, restarts it: prints a
    /// line when the daemon is about to be told, and ends when the next process is ready.
    pub fn new(
        plain: SocketAddr,
        secure: SocketAddr,
        offer: Offer,
        commands: impl Into<VecDeque<String>>,
    ) -> Self {
        Self { plain, secure, offer, commands: commands.into(), under_way: None }
    }
}

impl Restartable for Running {
    fn plain(&self) -> SocketAddr {
        self.plain
    }

    fn secure(&self) -> SocketAddr {
        self.secure
    }

    fn offer(&self) -> Offer {
        self.offer.clone()
    }

    fn begin(&mut self) -> Result<(), String> {
        let command = self.commands.pop_front().ok_or("no command is left to restart it with")?;
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &command]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = shell.spawn().map_err(|error| error.to_string())?;
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let result = output.read_line(&mut String::new()).map_err(|error| error.to_string());
        self.under_way = Some((child, output));
        result.map(drop)
    }

    fn end(&mut self) -> Result<(), String> {
        let (mut child, mut output) = self.under_way.take().ok_or("nothing was begun")?;
        let mut said = String::new();
        output.read_to_string(&mut said).map_err(|error| error.to_string())?;
        let status = child.wait().map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(format!("a restart: {status}: {said}")) }
    }

    fn log(&self) -> String {
        "its log is where it runs".to_owned()
    }
}
