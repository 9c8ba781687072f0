//! How [`TestHost`] plays a restart that its clients live through.
#![expect(unsafe_code, reason = "plays the server's part of the C interface")]

use super::posted::Posted;
use super::table::{Callback, world};
use super::{Stopped, TestHost, Visit};
use crate::context::borrow;
use crate::{App, ClientId, abi};
use std::ffi::c_int;
use std::sync::Arc;

impl<A: App> TestHost<A> {
    /// Restarts the server, as its package does when it is upgraded: makes the calls that threads have
    /// posted, has the app [save](App::save) and end, and a new instance of it start and
    /// [restore](App::restore), or open each client again. Clients and their subscriptions are those of
    /// before; so is what they have received, and the log.
    ///
    /// # Panics
    ///
    /// If the app has stopped, or fails now.
    pub fn restart(&mut self) {
        self.try_restart().unwrap_or_else(|_| self.give_up());
    }

    /// Restarts the server, as [`restart`](Self::restart) does.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the app has stopped, or fails now.
    pub fn try_restart(&mut self) -> Result<(), Stopped> {
        let state = self.park()?;
        self.begin_anew()?;
        self.take_up(state)
    }

    /// Restarts the server, as [`restart`](Self::restart) does, but these clients are lost on the way:
    /// neither instance hears of it.
    ///
    /// # Panics
    ///
    /// If the app has stopped, or fails now.
    pub fn restart_without(&mut self, clients: &[ClientId]) {
        let lose = |host: &mut Self, state| {
            clients.iter().for_each(|client| host.lose(client.get()));
            host.begin_anew()?;
            host.take_up(state)
        };
        self.park().and_then(|state| lose(self, state)).unwrap_or_else(|_| self.give_up());
    }

    /// Restarts the server, as [`restart`](Self::restart) does, but the new instance gets this state, as
    /// another version of the app may have saved it; or none.
    ///
    /// # Panics
    ///
    /// If the app has stopped, or fails now.
    pub fn restart_from(&mut self, state: Option<&[u8]>) {
        let begin = self.park().and_then(|_| self.begin_anew());
        let end = begin.and_then(|()| self.take_up(state.map(<[u8]>::to_vec)));
        end.unwrap_or_else(|_| self.give_up());
    }

    /// The beginning of an instance whose `init` has returned.
    fn take_up(&mut self, state: Option<Vec<u8>>) -> Result<(), Stopped> {
        let is_restored = match state {
            Some(state) => self.restore(&state)?,
            None => false,
        };
        if is_restored { Ok(()) } else { self.reopen() }
    }

    /// The end of an instance. What it has saved, if anything.
    fn park(&mut self) -> Result<Option<Vec<u8>>, Stopped> {
        if self.is_stopped {
            return Err(Stopped);
        }
        self.world().posted.refuse();
        self.try_run_posted()?;
        self.world_mut().written = Some(Vec::new());
        self.world_mut().callback = Callback::Save;
        let save = self.app.save.expect("the SDK exports all callbacks");
        // SAFETY: a valid context and state.
        let result = unsafe { save(self.call.cast(), self.state) };
        let written = self.world_mut().written.take();
        self.lose_closed();
        self.call_quit();
        Ok(written.filter(|_| result == abi::CB_OK))
    }

    /// Clients that the app has closed are gone, and no instance hears of it.
    fn lose_closed(&mut self) {
        let world = self.world_mut();
        let closed: Vec<_> = world
            .clients
            .iter()
            .filter_map(|(id, client)| Some((*id, client.closed.clone()?)))
            .collect();
        for (id, how) in closed {
            self.lose(id);
            self.closed.insert(id, how);
        }
    }

    fn lose(&mut self, client: abi::ClientId) {
        self.world_mut().clients.remove(&client);
        self.world_mut().topics.leave(client);
    }

    /// A new instance, which knows of nobody yet.
    fn begin_anew(&mut self) -> Result<(), Stopped> {
        let world = self.world_mut();
        world.posted = Arc::new(Posted::default());
        world.timer = None;
        world.callback = Callback::Init;
        let init = self.app.init.expect("the SDK exports all callbacks");
        // SAFETY: a valid context, and a place for the state, which is null.
        let result = unsafe { init(self.call.cast(), &mut self.state) };
        if result == abi::CB_OK {
            return Ok(());
        }
        self.is_stopped = true;
        self.world_mut().clients.clear();
        Err(Stopped)
    }

    /// False if the clients are to be opened again.
    fn restore(&mut self, saved: &[u8]) -> Result<bool, Stopped> {
        let restore = self.app.restore.expect("the SDK exports all callbacks");
        let ids: Vec<_> = self.world().clients.keys().copied().collect();
        let before: Vec<_> = self.world().clients.values().map(|one| one.received.len()).collect();
        let mut is_restored = false;
        let (data, size) = (saved.as_ptr(), saved.len());
        self.call(Callback::Other, |rs, state| {
            // SAFETY: a valid context and state; data and clients are borrowed for the call.
            let result = unsafe { restore(rs, state, data, size, ids.as_ptr(), ids.len()) };
            is_restored = result == abi::CB_OK;
            if result == abi::CB_REOPEN {
                // SAFETY: the callback has returned, and no other borrow of the world exists.
                let world = unsafe { world(rs) };
                world.values.clear();
                for (client, received_c) in world.clients.values_mut().zip(before) {
                    client.received.truncate(received_c);
                    client.closed = None;
                }
                return abi::CB_OK;
            }
            result
        })?;
        Ok(is_restored)
    }

    fn reopen(&mut self) -> Result<(), Stopped> {
        let mut waiting = std::mem::take(&mut self.world_mut().clients);
        while let Some((id, mut client)) = waiting.pop_first() {
            client.visit = client.visit.resumed();
            self.world_mut().clients.insert(id, client);
            let open = self.app.open.expect("the SDK exports all callbacks");
            // SAFETY: a valid context and state.
            self.call(Callback::Reopen(id), |rs, state| unsafe { open(rs, state, id) })?;
        }
        Ok(())
    }
}

impl Visit {
    /// What the server still knows of a client's request.
    fn resumed(&self) -> Self {
        let path = self.target.split(|byte| *byte == b'?').next().unwrap_or_default();
        Self { target: path.to_vec(), headers: Vec::new(), ..self.clone() }
    }
}

pub(super) unsafe extern "C" fn host_write_state(
    rs: *mut abi::Rs,
    data: *const u8,
    size: usize,
) -> c_int {
    // SAFETY: the app hands over the context it was given, and a slice.
    let (world, data) = unsafe { (world(rs), borrow(data, size)) };
    if world.callback != Callback::Save {
        return abi::E_CALL;
    }
    match &mut world.written {
        Some(written) if data.len() <= abi::STATE_MAX_SIZE - written.len() => {
            written.extend_from_slice(data);
            abi::OK
        }
        written => {
            *written = None;
            abi::E_SIZE
        }
    }
}

pub(super) unsafe extern "C" fn host_is_resumed(rs: *mut abi::Rs) -> c_int {
    // SAFETY: the app hands over the context it was given.
    let world = unsafe { world(rs) };
    c_int::from(matches!(world.callback, Callback::Reopen(_)))
}
