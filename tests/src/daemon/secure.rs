//! A daemon with TLS: its sockets, certificates in the test's folder, and reloads that take new ones up.

use std::net::TcpListener;
use std::process::{Command, Output};

use super::{Builder, Daemon};
use crate::apps;
use crate::certificates::Certificate;

impl Builder {
    /// Adds `count` sockets named `wss`, on ports of their own.
    pub fn secure_sockets(mut self, count: usize) -> Self {
        for _ in 0..count {
            let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
            self = self.socket("wss", socket);
        }
        self
    }

    /// Puts a certificate into the test's folder, as `certs/NAME.pem` and `certs/NAME.key`.
    pub fn certificate(self, name: &str, certificate: &Certificate) -> Self {
        certificate.write(self.path(), name).expect("writing a certificate");
        self
    }

    /// With a runtime directory, so that `Daemon::reload` hears what came of it.
    pub fn reloadable(self) -> Self {
        let runtime = self.path().display().to_string();
        self.environment("RUNTIME_DIRECTORY", &runtime)
    }
}

impl Daemon {
    /// Replaces a certificate in the test's folder; the daemon is not told.
    #[track_caller]
    pub fn replace_certificate(&self, name: &str, certificate: &Certificate) {
        certificate.write(self.path(), name).expect("writing a certificate");
    }

    /// Asks for a reload as systemd does it, by `ringsocket reload`, which says what came of it. The
    /// daemon must have been built as `reloadable`.
    pub fn ask_to_reload(&self) -> Output {
        Command::new(apps::daemon())
            .args(["reload", &self.pid().to_string()])
            .env("RUNTIME_DIRECTORY", self.path())
            .output()
            .expect("running `ringsocket reload`")
    }

    /// The same, which must go well.
    #[track_caller]
    pub fn reload(&self) {
        let output = self.ask_to_reload();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}; log:\n{}", self.log());
    }

    /// The same, which must not go well; gives what was said of it.
    #[track_caller]
    pub fn reload_badly(&self) -> String {
        let output = self.ask_to_reload();
        assert_eq!(output.status.code(), Some(1), "log:\n{}", self.log());
        String::from_utf8(output.stderr).expect("words")
    }
}
