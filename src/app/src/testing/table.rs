//! The table of functions that [`TestHost`](super::TestHost) offers to its app, and what they work
//! on.
#![expect(unsafe_code, reason = "plays the server's part of the C interface")]

use super::posted::{Posted, host_acquire, host_post, host_release};
use super::restart;
use super::topics::Topics;
use super::upgrades::{self, Asked, Value};
use super::{LogLine, Received, Visit};
use crate::context::borrow;
use crate::{Level, abi};
use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int};
use std::mem::size_of;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// A client that is there.
pub(super) struct Client {
    pub(super) visit: Visit,
    /// What was agreed on of what the visit offers.
    pub(super) subprotocol: Option<String>,
    pub(super) received: Vec<Received>,
    /// Code and reason with which the app closes it.
    pub(super) closed: Option<(u16, String)>,
}

/// What the app is doing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Callback {
    Init,
    /// With the client that is being opened, or asked about.
    Open(abi::ClientId),
    /// With the client that is being opened again.
    Reopen(abi::ClientId),
    Save,
    Other,
    Quit,
}

/// What the functions of the host table work on.
pub(super) struct World {
    pub(super) clients: BTreeMap<abi::ClientId, Client>,
    /// Those whom the app is or was asked about, with its answer.
    pub(super) asked: BTreeMap<abi::ClientId, Asked>,
    /// What belongs to clients.
    pub(super) values: BTreeMap<abi::ClientId, Value>,
    /// The client whose `close` is running: nothing reaches it, but it can be asked about.
    pub(super) closing: Option<(abi::ClientId, Client)>,
    pub(super) callback: Callback,
    pub(super) max_message_size: usize,
    pub(super) timer: Option<Duration>,
    pub(super) log: Vec<LogLine>,
    /// What `save` has written; `None` after too much.
    pub(super) written: Option<Vec<u8>>,
    /// What threads of the app have posted.
    pub(super) posted: Arc<Posted>,
    /// Header fields that a request points to, until the callback returns.
    pub(super) headers: Vec<Vec<abi::Header>>,
    /// Names that a certificate points to, likewise.
    pub(super) names: Vec<Vec<abi::Bytes>>,
    pub(super) topics: Topics,
}

impl World {
    fn is_mute(&self) -> bool {
        matches!(self.callback, Callback::Init | Callback::Quit)
    }

    /// The client that is being opened, or asked about.
    fn newcomer(&self) -> Option<&Client> {
        let (Callback::Open(id) | Callback::Reopen(id)) = self.callback else { return None };
        self.clients.get(&id).or_else(|| self.asked.get(&id).map(|asked| &asked.client))
    }

    /// Has all open clients get a message for which `receives` holds.
    fn send(
        &mut self,
        kind: abi::DataKind,
        payload: &[u8],
        receives: impl Fn(&abi::ClientId, &Topics) -> bool,
    ) -> c_int {
        if self.is_mute() {
            return abi::E_CALL;
        }
        if payload.len() > self.max_message_size {
            return abi::E_SIZE;
        }
        let message = match (kind, std::str::from_utf8(payload)) {
            (abi::DataKind::BIN, _) => Received::Binary(payload.to_vec()),
            (abi::DataKind::UTF8, Ok(text)) => Received::Text(text.to_owned()),
            _ => return abi::E_ARG,
        };
        for (id, client) in &mut self.clients {
            if client.closed.is_none() && receives(id, &self.topics) {
                client.received.push(message.clone());
            }
        }
        abi::OK
    }

    fn set_subscription(&mut self, client: abi::ClientId, topic: &[u8], begins: bool) -> c_int {
        if self.is_mute() {
            abi::E_CALL
        } else if !self.clients.contains_key(&client) {
            abi::E_CLIENT
        } else if !is_topic(topic) {
            abi::E_SIZE
        } else {
            self.topics.set(client, topic, begins)
        }
    }
}

fn is_topic(name: &[u8]) -> bool {
    (1..=abi::TOPIC_MAX_SIZE).contains(&name.len())
}

/// The server's context of a call: begins with what the app may see.
#[repr(C)]
pub(super) struct Call {
    pub(super) rs: abi::Rs,
    pub(super) world: World,
}

/// The table that the app calls.
pub(super) static HOST: abi::Host = abi::Host {
    abi_version: abi::ABI_VERSION,
    struct_size: size_of::<abi::Host>() as u32,
    send: host_send,
    close: host_close,
    client_info: host_client_info,
    request: host_request,
    set_timer: host_set_timer,
    get_conf: host_get_conf,
    log: host_log,
    subscribe: host_subscribe,
    unsubscribe: host_unsubscribe,
    publish: host_publish,
    accept: upgrades::accept,
    refuse: upgrades::refuse,
    client_data: upgrades::client_data,
    set_client_data: upgrades::set_client_data,
    acquire: host_acquire,
    post: host_post,
    release: host_release,
    tls: host_tls,
    write_state: restart::host_write_state,
    is_resumed: restart::host_is_resumed,
};

/// The world behind the context of a call.
///
/// # Safety
///
/// `rs` is the first member of a [`Call`], and no other borrow of its world exists during `'a`: the
/// methods of [`TestHost`] hold none while they call the app.
pub(super) unsafe fn world<'a>(rs: *mut abi::Rs) -> &'a mut World {
    // SAFETY: as the caller promises.
    unsafe { &mut (*rs.cast::<Call>()).world }
}

unsafe extern "C" fn host_send(
    rs: *mut abi::Rs,
    kind: abi::DataKind,
    data: *const u8,
    size: usize,
    to: abi::Recipients,
    clients: *const abi::ClientId,
    client_c: usize,
) -> c_int {
    // SAFETY: the app hands over the context it was given, and slices.
    let (world, payload, listed) =
        unsafe { (world(rs), borrow(data, size), borrow(clients, client_c)) };
    let receives = |id: &_, _: &Topics| match to {
        abi::Recipients::LISTED => listed.contains(id),
        abi::Recipients::ALL => true,
        _ => !listed.contains(id),
    };
    world.send(kind, payload, receives)
}

unsafe extern "C" fn host_close(
    rs: *mut abi::Rs,
    client: abi::ClientId,
    code: u16,
    reason: *const u8,
    reason_size: usize,
) -> c_int {
    // SAFETY: the app hands over the context it was given, and a slice.
    let (world, reason) = unsafe { (world(rs), borrow(reason, reason_size)) };
    if world.is_mute() {
        return abi::E_CALL;
    }
    if !matches!(code, 1000..=1003 | 1007..=1009 | 1011..=1014 | 3000..=4999) {
        return abi::E_CODE;
    }
    if reason_size > abi::CLOSE_REASON_MAX_SIZE {
        return abi::E_SIZE;
    }
    let Ok(reason) = std::str::from_utf8(reason) else { return abi::E_ARG };
    match world.clients.get_mut(&client) {
        Some(client) if client.closed.is_none() => {
            client.closed = Some((code, reason.to_owned()));
            abi::OK
        }
        _ => abi::E_CLIENT,
    }
}

unsafe extern "C" fn host_client_info(
    rs: *mut abi::Rs,
    client: abi::ClientId,
    info: *mut abi::ClientInfo,
) -> c_int {
    // SAFETY: the app hands over the context it was given.
    let world = unsafe { world(rs) };
    let closing = world.closing.as_ref().filter(|(id, _)| *id == client);
    let asked = world.asked.get(&client).and_then(Asked::undecided);
    let open = world.clients.get(&client).or(closing.map(|(_, client)| client));
    let Some(client) = open.or(asked) else {
        return abi::E_CLIENT;
    };
    let mut found = abi::ClientInfo { endpoint_id: client.visit.endpoint, ..Default::default() };
    if let Some(address) = client.visit.address {
        found.port = address.port();
        match address.ip() {
            IpAddr::V4(ip) => {
                found.family = abi::FAMILY_IPV4;
                found.ip[..4].copy_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                found.family = abi::FAMILY_IPV6;
                found.ip = ip.octets();
            }
        }
    }
    // SAFETY: the app hands over a place of that type.
    unsafe { info.write(found) };
    abi::OK
}

unsafe extern "C" fn host_request(rs: *mut abi::Rs, request: *mut abi::Request) -> c_int {
    // SAFETY: the app hands over the context it was given.
    let world = unsafe { world(rs) };
    let Some(client) = world.newcomer() else { return abi::E_CALL };
    let visit = &client.visit;
    let at = visit.target.iter().position(|&byte| byte == b'?');
    let (path, query) = match at {
        Some(at) => (&visit.target[..at], &visit.target[at + 1..]),
        None => (&visit.target[..], &[][..]),
    };
    let headers: Vec<abi::Header> = visit
        .headers
        .iter()
        .map(|(name, value)| abi::Header {
            name: abi::Bytes::of(name),
            value: abi::Bytes::of(value),
        })
        .collect();
    let filled = abi::Request {
        path: abi::Bytes::of(path),
        query: abi::Bytes::of(query),
        host: abi::Bytes::of(&visit.host),
        subprotocol: abi::Bytes::of(client.subprotocol.as_deref().unwrap_or_default().as_bytes()),
        header_c: headers.len(),
        headers: headers.as_ptr(),
    };
    world.headers.push(headers);
    // SAFETY: the app hands over a place of that type.
    unsafe { request.write(filled) };
    abi::OK
}

unsafe extern "C" fn host_tls(rs: *mut abi::Rs, tls: *mut abi::Tls) -> c_int {
    // SAFETY: the app hands over the context it was given.
    let world = unsafe { world(rs) };
    let Some(client) = world.newcomer() else { return abi::E_CALL };
    let bytes = |text: &String| abi::Bytes::of(text.as_bytes());
    let mut filled = abi::Tls::NONE;
    if let Some(known) = &client.visit.tls {
        filled.version = bytes(&known.version);
        filled.server_name = bytes(&known.server_name);
        if let Some((subject, names)) = &known.certificate {
            let names: Vec<abi::Bytes> = names.iter().map(bytes).collect();
            filled.has_certificate = 1;
            filled.subject = bytes(subject);
            (filled.alternative_names, filled.alternative_name_c) = (names.as_ptr(), names.len());
            world.names.push(names);
        }
    }
    // SAFETY: the app hands over a place of that type.
    unsafe { tls.write(filled) };
    abi::OK
}

unsafe extern "C" fn host_set_timer(rs: *mut abi::Rs, microseconds: u64) -> c_int {
    // SAFETY: the app hands over the context it was given.
    let world = unsafe { world(rs) };
    if world.callback == Callback::Quit {
        return abi::E_CALL;
    }
    world.timer = Some(Duration::from_micros(microseconds)).filter(|after| !after.is_zero());
    abi::OK
}

unsafe extern "C" fn host_get_conf(rs: *mut abi::Rs, conf: *mut abi::Conf) -> c_int {
    // SAFETY: the app hands over the context it was given, and a place of that type.
    unsafe {
        (*conf).worker_c = 2;
        (*conf).max_ws_msg_size = world(rs).max_message_size as u64;
        (*conf).app_name = abi::Bytes::of(b"test");
        (*conf).log_level = abi::LEVEL_DEBUG;
    }
    abi::OK
}

unsafe extern "C" fn host_log(
    rs: *mut abi::Rs,
    level: c_int,
    file: *const c_char,
    line: u32,
    _func: *const c_char,
    text: *const u8,
    size: usize,
) {
    // SAFETY: the app hands over the context it was given, a NUL-terminated name or null, and a
    // slice.
    let (world, file, text) = unsafe {
        let file = (!file.is_null()).then(|| CStr::from_ptr(file));
        (world(rs), file, borrow(text, size))
    };
    world.log.push(LogLine {
        level: Level::from_abi(level).expect("a level of the interface"),
        text: String::from_utf8_lossy(text).into_owned(),
        file: file.map(|file| file.to_string_lossy().into_owned()),
        line,
    });
}

unsafe extern "C" fn host_subscribe(
    rs: *mut abi::Rs,
    client: abi::ClientId,
    topic: *const u8,
    size: usize,
) -> c_int {
    // SAFETY: the app hands over the context it was given, and a slice.
    let (world, topic) = unsafe { (world(rs), borrow(topic, size)) };
    world.set_subscription(client, topic, true)
}

unsafe extern "C" fn host_unsubscribe(
    rs: *mut abi::Rs,
    client: abi::ClientId,
    topic: *const u8,
    size: usize,
) -> c_int {
    // SAFETY: the app hands over the context it was given, and a slice.
    let (world, topic) = unsafe { (world(rs), borrow(topic, size)) };
    world.set_subscription(client, topic, false)
}

unsafe extern "C" fn host_publish(
    rs: *mut abi::Rs,
    topic: *const u8,
    topic_size: usize,
    kind: abi::DataKind,
    data: *const u8,
    size: usize,
    except: *const abi::ClientId,
    except_c: usize,
) -> c_int {
    // SAFETY: the app hands over the context it was given, and slices.
    let (world, payload) = unsafe { (world(rs), borrow(data, size)) };
    // SAFETY: as above.
    let (topic, except) = unsafe { (borrow(topic, topic_size), borrow(except, except_c)) };
    if !world.is_mute() && !is_topic(topic) {
        return abi::E_SIZE;
    }
    world.send(kind, payload, |id, topics| topics.has(*id, topic) && !except.contains(id))
}
