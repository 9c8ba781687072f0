//! Proxies: whose word about the address of a client is believed, and in which form.
//! Not for: the forms themselves (`ringsocket_proto::proxy` and `forwarded`).

use std::net::IpAddr;

use ipnet::IpNet;

use crate::message::PeerAddress;

/// The proxies of the configuration.
#[derive(Debug, Default)]
pub struct Proxies {
    trusted: Vec<IpNet>,
}

impl Proxies {
    /// Those in these networks.
    pub fn new(trusted: &[IpNet]) -> Self {
        Self { trusted: trusted.to_vec() }
    }

    /// Whether a connection from this address may say where its client comes from. On a unix
    /// socket each may: whoever reaches it was let in by the permissions of its file.
    pub fn trust(&self, address: PeerAddress) -> bool {
        match address {
            PeerAddress::Inet(address) => self.trust_ip(address.ip()),
            PeerAddress::Unix => true,
        }
    }

    fn trust_ip(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.trusted.iter().any(|net| net.contains(&ip))
    }
}
