//! A daemon that is restarted as `systemctl restart` does it: told to end by SIGUSR2, and started again with
//! its listening sockets and with what it has left in the store.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::{Builder, Daemon, Ended, run_logged};
use crate::activation;
use crate::sys::Signal;

/// What it takes to start the same daemon once more.
#[derive(Debug)]
pub(super) struct Again {
    program: PathBuf,
    arguments: Vec<OsString>,
    /// `None` for what is not to be inherited.
    environment: Vec<(OsString, Option<OsString>)>,
    sockets: Vec<(String, OwnedFd)>,
}

impl Again {
    /// Of a command that [`activation::command`] has made.
    pub(super) fn of(command: &Command, sockets: &[(String, OwnedFd)]) -> Self {
        // The shell's own option and script, and the program that it becomes.
        let mut words = command.get_args().skip(2).map(OsString::from);
        let program = words.next().expect("a program").into();
        let of_sockets = |name: &&std::ffi::OsStr| name.to_string_lossy().starts_with("LISTEN_");
        Self {
            program,
            arguments: words.collect(),
            environment: command
                .get_envs()
                .filter(|(name, _)| !of_sockets(name))
                .map(|(name, value)| (name.into(), value.map(OsString::from)))
                .collect(),
            sockets: copies(sockets),
        }
    }

    /// A command with the sockets, and behind them what is stored, as systemd passes it. The
    /// descriptors must stay open until it was started.
    fn command(&self, stored: Vec<(String, OwnedFd)>) -> (Command, Vec<(String, OwnedFd)>) {
        let (mut command, passed) = self.command_of(&self.program, stored);
        command.args(&self.arguments);
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        (command, passed)
    }

    /// A command of another program with the same.
    fn command_of(
        &self,
        program: &Path,
        stored: Vec<(String, OwnedFd)>,
    ) -> (Command, Vec<(String, OwnedFd)>) {
        let mut passed = copies(&self.sockets);
        passed.extend(stored);
        (activation::command(program, &passed), passed)
    }
}

fn copies(sockets: &[(String, OwnedFd)]) -> Vec<(String, OwnedFd)> {
    let copy = |fd: &OwnedFd| fd.try_clone().expect("a descriptor");
    sockets.iter().map(|(name, fd)| (name.clone(), copy(fd))).collect()
}

impl Builder {
    /// With sockets that stay open when it ends, as systemd's do, so that it can be restarted.
    pub fn restartable(mut self) -> Self {
        self.is_restartable = true;
        self
    }
}

impl Daemon {
    /// Restarts it, and waits until the next process is ready; gives how the one before it ended,
    /// which must be well. The daemon must have been built as `restartable`. From then on log and
    /// notices are those of the new process.
    #[track_caller]
    pub fn restart(&mut self) -> Ended {
        self.begin_restart();
        let ended = self.start_again();
        assert_eq!(ended.status.code(), Some(0), "{}; log:\n{}", ended.status, ended.log);
        self.wait_ready();
        ended
    }

    /// The first half: tells it to end for the next process.
    #[track_caller]
    pub fn begin_restart(&mut self) {
        self.signal(Signal::Usr2);
    }

    /// The second half: waits until it has ended, by itself or killed, and starts the next process,
    /// ready or not.
    #[track_caller]
    pub fn start_again(&mut self) -> Ended {
        self.start_next(Again::command)
    }

    /// The same with a process that has yet to do anything when it is killed, and never does.
    #[track_caller]
    pub fn start_idle(&mut self) -> Ended {
        self.start_next(|again, stored| {
            let (mut command, passed) = again.command_of(Path::new("/bin/sleep"), stored);
            command.arg("1000");
            (command, passed)
        })
    }

    #[track_caller]
    fn start_next(
        &mut self,
        command: impl FnOnce(&Again, Vec<(String, OwnedFd)>) -> (Command, Vec<(String, OwnedFd)>),
    ) -> Ended {
        let ended = self.end(Instant::now());
        let stored = self.notify.stored().expect("what it has left");
        self.notify.begin_anew();
        let again = self.again.as_ref().expect("a daemon that was built as restartable");
        let (command, _passed) = command(again, stored);
        (self.child, self.log) = run_logged(command);
        ended
    }

    /// Leaves a descriptor in the store as if the daemon had done so.
    pub fn store(&self, name: &str, fd: OwnedFd) {
        self.notify.store(name, fd);
    }

    /// The names of what it has left in the store and not removed.
    pub fn stored(&self) -> Vec<String> {
        let stored = self.notify.stored().expect("what it has left");
        stored.into_iter().map(|(name, _)| name).collect()
    }
}
