//! A daemon of the test's own to be restarted, with sockets, certificate and apps as the load wants them.
//! The test plays systemd, and holds what the daemon stores.

use std::net::SocketAddr;

use super::Restartable;
use crate::certificates::Authority;
use crate::daemon::{Builder, Daemon};
use crate::sys;
use crate::tls::Offer;

/// Descriptors that the daemon needs beside those of connections.
const SPARE: usize = 200;

/// Such a daemon, and who vouches for it.
#[derive(Debug)]
pub struct Own {
    daemon: Daemon,
    authority: Authority,
}

impl Own {
    /// Starts one that has room for so many connections.
    pub fn start(connections: usize) -> Self {
        let authority = Authority::new("root");
        let config = format!(
            r#"{{ "worker_c": 2, "fd_alloc_c": {}, "max_conn_c_per_addr": 0,
                "max_handshake_rate_per_addr": 0, "certs": [ {{ "hostnames": ["localhost"],
                "privkey_path": "{{dir}}/certs/site.key",
                "pubchain_path": "{{dir}}/certs/site.pem" }} ] }}"#,
            connections + SPARE
        );
        let mut builder = Builder::new().app("echo").app("keeper").config(&config).restartable();
        builder = builder.certificate("site", &authority.server(&["localhost"]));
        for name in ["ws", "wss"] {
            let first = sys::listen_shared(0).expect("a free port");
            let port = first.local_addr().expect("a bound socket").port();
            let second = sys::listen_shared(port).expect("a socket of the port");
            builder = builder.socket(name, first).socket(name, second);
        }
        Self { daemon: builder.start(), authority }
    }

    /// Stops it, which must go well.
    pub fn stop(self) {
        self.daemon.stop_well();
    }
}

impl Restartable for Own {
    fn plain(&self) -> SocketAddr {
        self.daemon.addresses()[0]
    }

    fn secure(&self) -> SocketAddr {
        self.daemon.addresses()[2]
    }

    fn offer(&self) -> Offer {
        Offer::new(&self.authority)
    }

    fn begin(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        self.daemon.restart();
        Ok(())
    }

    fn log(&self) -> String {
        format!("log of the daemon:\n{}", self.daemon.log())
    }
}
