//! Proxies: whose word about the address of a client is believed, and in which form.
//! Not for: the forms themselves (`ringsocket_proto::proxy` and `forwarded`).

use std::net::IpAddr;

use ipnet::IpNet;
use ringsocket_proto::Request;
use ringsocket_proto::forwarded::Syntax;

use crate::config::ForwardedHeader;
use crate::message::PeerAddress;

/// The proxies of the configuration.
#[derive(Debug, Default)]
pub struct Proxies {
    trusted: Vec<IpNet>,
    /// Where they write it; `None`: no header is believed.
    header: Option<Syntax>,
}

impl Proxies {
    /// Those in these networks, which write to this header.
    pub fn new(trusted: &[IpNet], header: ForwardedHeader) -> Self {
        let header = match header {
            ForwardedHeader::None => None,
            ForwardedHeader::XForwardedFor => Some(Syntax::XForwardedFor),
            ForwardedHeader::Forwarded => Some(Syntax::Forwarded),
        };
        Self { trusted: trusted.to_vec(), header }
    }

    /// The address of the client who sent a request over a connection from `address`: that one,
    /// unless it is a proxy's and the request says more.
    pub fn client(&self, request: &Request<'_>, address: PeerAddress) -> PeerAddress {
        let Some(header) = self.header.filter(|_| self.trust(address)) else { return address };
        let fields = request.all(header.name());
        let client = header.client(fields, address.to_inet(), |ip| self.trust_ip(ip));
        client.map_or(address, PeerAddress::inet)
    }

    /// Whether a connection from this address may say where its client comes from. On a unix
    /// socket each may: whoever reaches it was let in by the permissions of its file.
    pub fn trust(&self, address: PeerAddress) -> bool {
        address.ip().is_none_or(|ip| self.trust_ip(ip))
    }

    fn trust_ip(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.trusted.iter().any(|net| net.contains(&ip))
    }
}
