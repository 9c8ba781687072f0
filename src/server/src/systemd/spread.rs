//! Whether each address has as many sockets as there are workers, as far as it has several at all.
//! Not for: which worker gets which (`server::plumbing`): every socket is served, whatever the numbers.

use super::sockets::{Listener, LocalAddr};
use crate::counted::counted;

/// A line for each address whose sockets (`ReusePort=`, systemd.socket(5)) are not one for each worker.
/// A single one is shared by all, which is how units are shipped.
pub fn uneven(listeners: &[Listener], worker_c: usize) -> Vec<String> {
    let mut counts: Vec<(&LocalAddr, usize)> = Vec::new();
    for listener in listeners {
        match counts.iter_mut().find(|(addr, _)| *addr == &listener.local) {
            Some((_, count)) => *count += 1,
            None => counts.push((&listener.local, 1)),
        }
    }
    let several = counts.iter().filter(|(_, count)| *count > 1 && *count != worker_c);
    let line = |(addr, count): &(&LocalAddr, usize)| {
        let effect = match *count < worker_c {
            true => "some workers wait at the same one",
            false => "some workers serve several",
        };
        let workers = counted(worker_c, "worker");
        format!(
            "{addr} has {count} sockets for {workers}: {effect}, and connections are not spread \
             evenly; write \"worker_c\": {count} into the configuration, or have a socket for each \
             worker: list `ports` there and run systemctl daemon-reload && systemctl restart \
             ringsocket.socket, or write ListenStream={addr} once for each in the unit"
        )
    };
    several.map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::os::fd::OwnedFd;
    use std::sync::Arc;

    #[test]
    fn only_several_sockets_of_an_address_are_counted() {
        // Any descriptor will do: only addresses are looked at.
        let fd: Arc<OwnedFd> = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap().into());
        let listener = |port: u16| Listener {
            fd: Arc::clone(&fd),
            name: "ws".into(),
            local: LocalAddr::Inet(([127, 0, 0, 1], port).into()),
            port: Some(port),
            is_tls: false,
        };
        let listeners: Vec<Listener> = [1, 2, 2, 3, 3, 3].map(listener).into();
        let heads = |worker_c| {
            let lines = uneven(&listeners, worker_c);
            lines.iter().map(|line| line.split(';').next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let two_of = |has, workers, effect| {
            format!(
                "127.0.0.1:{has} sockets for {workers}: {effect}, and connections are not spread evenly"
            )
        };
        let (few, many) = ("some workers wait at the same one", "some workers serve several");
        assert_eq!(heads(2), [two_of("3 has 3", "2 workers", many)]);
        assert_eq!(heads(3), [two_of("2 has 2", "3 workers", few)]);
        assert_eq!(heads(1), ["2 has 2", "3 has 3"].map(|has| two_of(has, "1 worker", many)));
    }
}
