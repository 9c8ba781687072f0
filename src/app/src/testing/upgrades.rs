//! How [`TestHost`](super::TestHost) plays the server's part in upgrades that its app decides about,
//! and keeps the values of clients.
#![expect(unsafe_code, reason = "plays the server's part of the C interface")]

use super::table::{Call, Callback, Client, World, world};
use super::{Stopped, TestHost, Visit};
use crate::context::borrow;
use crate::{App, ClientId, abi};
use std::ffi::{c_int, c_void};
use std::mem::size_of;
use std::ptr;

/// What an app has answered to a client that asked to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It may come in.
    Accepted {
        /// The subprotocol agreed on.
        subprotocol: Option<String>,
        /// Header fields of the app's own.
        headers: Vec<(String, Vec<u8>)>,
    },
    /// It may not.
    Refused {
        /// The status.
        status: u16,
        /// Header fields of the app's own.
        headers: Vec<(String, Vec<u8>)>,
        /// What the body is; empty for plain text.
        content_type: String,
        /// The body.
        body: Vec<u8>,
    },
}

impl Answer {
    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Accepted { .. } => 101,
            Self::Refused { status, .. } => *status,
        }
    }

    /// The first header field of that name, in any case, if it is UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (Self::Accepted { headers, .. } | Self::Refused { headers, .. }) = self;
        let (_, value) = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }
}

/// A client that the app is or was asked about.
pub(super) struct Asked {
    pub(super) client: Client,
    offers: Vec<String>,
    answer: Option<Answer>,
    value: Option<Value>,
    /// It has been opened, or has left.
    is_over: bool,
}

impl Asked {
    pub(super) fn undecided(&self) -> Option<&Client> {
        (self.answer.is_none() && !self.is_over).then_some(&self.client)
    }
}

/// A value of the app's, given back when this is dropped.
pub(super) struct Value {
    data: *mut c_void,
    free: Option<abi::FreeFn>,
}

impl Drop for Value {
    fn drop(&mut self) {
        if let Some(free) = self.free.filter(|_| !self.data.is_null()) {
            // SAFETY: as the app has said, it may be called with this once.
            unsafe { free(self.data) }
        }
    }
}

impl<A: App> TestHost<A> {
    /// Has a client ask to be let in. If the app accepts it, it is opened; [`answer`](Self::answer)
    /// tells what the app has said.
    ///
    /// # Panics
    ///
    /// If the app has stopped, or fails now.
    pub fn ask(&mut self, visit: impl Into<Visit>) -> ClientId {
        self.try_ask(visit).unwrap_or_else(|_| self.give_up())
    }

    /// Has a client ask to be let in.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the app has stopped, or fails now.
    pub fn try_ask(&mut self, visit: impl Into<Visit>) -> Result<ClientId, Stopped> {
        let id = self.next_client;
        self.next_client += 1;
        let visit = visit.into();
        // The client's order decides (RFC 6455 section 4.2.2).
        let spoken = |offer: &&String| A::SUBPROTOCOLS.iter().any(|name| name == *offer);
        let subprotocol = visit.offers.iter().find(spoken).cloned();
        let offers = visit.offers.clone();
        let client = Client { visit, subprotocol, received: Vec::new(), closed: None };
        let mut asked = Asked { client, offers, answer: None, value: None, is_over: false };
        let Some(upgrade) = self.app.upgrade else {
            let subprotocol = asked.client.subprotocol.clone();
            asked.answer = Some(Answer::Accepted { subprotocol, headers: Vec::new() });
            self.world_mut().asked.insert(id, asked);
            self.enter_accepted()?;
            return Ok(ClientId::new(id).expect("counted from 1"));
        };
        self.world_mut().asked.insert(id, asked);
        let call = self.call;
        self.call(Callback::Open(id), |rs, state| {
            // SAFETY: a valid context and state, and a request that is borrowed for the call. No borrow
            // of the world is held meanwhile.
            unsafe { ask(call, id, |raw| upgrade(rs, state, id, raw)) }
        })?;
        Ok(ClientId::new(id).expect("counted from 1"))
    }

    /// What the app has answered to a client, if it has.
    #[must_use]
    pub fn answer(&self, client: ClientId) -> Option<&Answer> {
        self.world().asked.get(&client.get())?.answer.as_ref()
    }

    /// Opens those whom the app has accepted.
    pub(super) fn enter_accepted(&mut self) -> Result<(), Stopped> {
        let mut asked = self.world_mut().asked.iter_mut();
        let accepted = asked.find_map(|(id, asked)| {
            let Some(Answer::Accepted { subprotocol, .. }) = &asked.answer else { return None };
            if std::mem::replace(&mut asked.is_over, true) {
                return None;
            }
            let client = Client {
                visit: asked.client.visit.clone(),
                subprotocol: subprotocol.clone(),
                received: Vec::new(),
                closed: None,
            };
            Some((*id, client, asked.value.take()))
        });
        let Some((id, client, value)) = accepted else { return Ok(()) };
        if let Some(value) = value {
            self.world_mut().values.insert(id, value);
        }
        self.enter(id, client)
    }

    /// A client leaves; true if it has not been opened.
    pub(super) fn withdraw(&mut self, client: abi::ClientId) -> bool {
        let Some(asked) = self.world_mut().asked.get_mut(&client) else { return false };
        !std::mem::replace(&mut asked.is_over, true)
    }
}

/// Calls `upgrade` with what a client asks for.
///
/// # Safety
///
/// `call` is that of a host, and nobody borrows its world but `upgrade`.
unsafe fn ask(
    call: *mut Call,
    id: abi::ClientId,
    upgrade: impl FnOnce(&abi::Upgrade) -> c_int,
) -> c_int {
    let rs = call.cast::<abi::Rs>();
    // SAFETY: a valid context, of whose table the results are copied out.
    let (request, client, tls, offers) = unsafe {
        let host = (*rs).host;
        let nothing = abi::Bytes::EMPTY;
        let mut request = abi::Request {
            path: nothing,
            query: nothing,
            host: nothing,
            subprotocol: nothing,
            headers: ptr::null(),
            header_c: 0,
        };
        ((*host).request)(rs, &mut request);
        let mut client = abi::ClientInfo::default();
        ((*host).client_info)(rs, id, &mut client);
        let offers = world(rs).asked.get(&id).map(|asked| asked.offers.clone());
        let mut tls = abi::Tls::NONE;
        ((*host).tls)(rs, &mut tls);
        (request, client, tls, offers.unwrap_or_default())
    };
    let offered: Vec<_> = offers.iter().map(|name| abi::Bytes::of(name.as_bytes())).collect();
    upgrade(&abi::Upgrade {
        struct_size: size_of::<abi::Upgrade>() as u32,
        reserved: 0,
        method: abi::Bytes::of(b"GET"),
        request,
        client,
        offered: offered.as_ptr(),
        offered_c: offered.len(),
        tls: &tls,
    })
}

/// The fields, if the server would take them.
///
/// # Safety
///
/// They are as the header says.
unsafe fn fields(
    headers: *const abi::Header,
    count: usize,
) -> Result<Vec<(String, Vec<u8>)>, c_int> {
    // SAFETY: as the caller promises.
    let copy = |header: &abi::Header| unsafe {
        let name = borrow(header.name.data, header.name.size);
        (
            String::from_utf8_lossy(name).into_owned(),
            borrow(header.value.data, header.value.size).to_vec(),
        )
    };
    // SAFETY: as the caller promises.
    let fields: Vec<_> = unsafe { borrow(headers, count) }.iter().map(copy).collect();
    let size: usize = fields.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    if count > abi::RESPONSE_HEADER_MAX_C || size > abi::RESPONSE_HEADER_MAX_SIZE {
        return Err(abi::E_SIZE);
    }
    let is_bad = |(name, value): &(String, Vec<u8>)| {
        let lower = name.to_ascii_lowercase();
        !abi::is_token(name.as_bytes())
            || abi::RESERVED_HEADERS.contains(&lower.as_str())
            || lower.starts_with("sec-websocket-")
            || value.trim_ascii() != value
            || value.iter().any(|&byte| byte < b' ' && byte != b'\t' || byte == 0x7f)
    };
    if fields.iter().any(is_bad) { Err(abi::E_ARG) } else { Ok(fields) }
}

fn undecided(world: &mut World, client: abi::ClientId) -> Result<&mut Asked, c_int> {
    if matches!(world.callback, Callback::Init | Callback::Quit) {
        return Err(abi::E_CALL);
    }
    let asked = world.asked.get_mut(&client).filter(|asked| asked.undecided().is_some());
    asked.ok_or(abi::E_CLIENT)
}

fn status(result: Result<(), c_int>) -> c_int {
    result.err().unwrap_or(abi::OK)
}

pub(super) unsafe extern "C" fn accept(
    rs: *mut abi::Rs,
    client: abi::ClientId,
    accept: *const abi::Accept,
) -> c_int {
    // SAFETY: the app hands over the context it was given, and an `Accept`.
    let (world, accept) = unsafe { (world(rs), *accept) };
    // SAFETY: what it points at lasts until this returns.
    let (name, fields) = unsafe {
        let name = borrow(accept.subprotocol.data, accept.subprotocol.size);
        (name, fields(accept.headers, accept.header_c))
    };
    status(undecided(world, client).and_then(|asked| {
        let name = String::from_utf8_lossy(name).into_owned();
        let subprotocol = match accept.subprotocol.data.is_null() {
            true => asked.client.subprotocol.clone(),
            false => Some(name).filter(|name| !name.is_empty()),
        };
        if subprotocol.as_ref().is_some_and(|name| !asked.offers.contains(name)) {
            return Err(abi::E_ARG);
        }
        asked.answer = Some(Answer::Accepted { subprotocol, headers: fields? });
        asked.value = Some(Value { data: accept.data, free: accept.free_data });
        Ok(())
    }))
}

pub(super) unsafe extern "C" fn refuse(
    rs: *mut abi::Rs,
    client: abi::ClientId,
    refusal: *const abi::Refusal,
) -> c_int {
    // SAFETY: the app hands over the context it was given, and a `Refusal`.
    let (world, refusal) = unsafe { (world(rs), *refusal) };
    // SAFETY: what it points at lasts until this returns.
    let (fields, content_type, body) = unsafe {
        let content_type = borrow(refusal.content_type.data, refusal.content_type.size);
        let body = borrow(refusal.body.data, refusal.body.size);
        (fields(refusal.headers, refusal.header_c), content_type, body)
    };
    status(undecided(world, client).and_then(|asked| {
        if !matches!(refusal.status, 300..=303 | 305..=425 | 427..=599) {
            return Err(abi::E_CODE);
        }
        if body.len() > abi::RESPONSE_BODY_MAX_SIZE {
            return Err(abi::E_SIZE);
        }
        asked.answer = Some(Answer::Refused {
            status: refusal.status as u16,
            headers: fields?,
            content_type: String::from_utf8_lossy(content_type).into_owned(),
            body: body.to_vec(),
        });
        asked.is_over = true;
        Ok(())
    }))
}

pub(super) unsafe extern "C" fn client_data(
    rs: *mut abi::Rs,
    client: abi::ClientId,
    data: *mut *mut c_void,
) -> c_int {
    // SAFETY: the app hands over the context it was given.
    let world = unsafe { world(rs) };
    let is_closing = world.closing.as_ref().is_some_and(|(id, _)| *id == client);
    if !is_closing && !world.clients.contains_key(&client) {
        return abi::E_CLIENT;
    }
    let found = world.values.get(&client).map_or(ptr::null_mut(), |value| value.data);
    // SAFETY: the app hands over a place of that type.
    unsafe { data.write(found) };
    abi::OK
}

pub(super) unsafe extern "C" fn set_client_data(
    rs: *mut abi::Rs,
    client: abi::ClientId,
    data: *mut c_void,
    free: Option<abi::FreeFn>,
) -> c_int {
    // SAFETY: the app hands over the context it was given.
    let world = unsafe { world(rs) };
    if !world.clients.contains_key(&client) {
        return abi::E_CLIENT;
    }
    world.values.insert(client, Value { data, free });
    abi::OK
}
