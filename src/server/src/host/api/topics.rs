//! The functions of the C interface that are about topics.
#![expect(unsafe_code, reason = "pointers from apps that may be written in C")]

use std::ffi::c_int;

use ringsocket_app::abi;

use super::{bytes, client_ids, context, is_text, status};
use crate::message::ClientId;

pub(super) unsafe extern "C" fn subscribe(
    rs: *mut abi::Rs,
    client: abi::ClientId,
    topic: *const u8,
    size: usize,
) -> c_int {
    // SAFETY: by the header's word, the name lies there, until this function returns.
    let Some(topic) = (unsafe { bytes(topic, size) }) else { return abi::E_ARG };
    // SAFETY: called by an app from its callback, with what the callback was given.
    let rs = unsafe { context(rs) };
    status(rs.context.subscribe(ClientId::from_u64(client), topic))
}

pub(super) unsafe extern "C" fn unsubscribe(
    rs: *mut abi::Rs,
    client: abi::ClientId,
    topic: *const u8,
    size: usize,
) -> c_int {
    // SAFETY: by the header's word, the name lies there, until this function returns.
    let Some(topic) = (unsafe { bytes(topic, size) }) else { return abi::E_ARG };
    // SAFETY: called by an app from its callback, with what the callback was given.
    let rs = unsafe { context(rs) };
    status(rs.context.unsubscribe(ClientId::from_u64(client), topic))
}

pub(super) unsafe extern "C" fn publish(
    rs: *mut abi::Rs,
    topic: *const u8,
    topic_size: usize,
    kind: abi::DataKind,
    data: *const u8,
    size: usize,
    except: *const abi::ClientId,
    except_c: usize,
) -> c_int {
    // SAFETY: by the header's word, name, payload and list lie there, until this function returns.
    let given =
        unsafe { (bytes(topic, topic_size), bytes(data, size), client_ids(except, except_c)) };
    let ((Some(topic), Some(data), Some(except)), Some(is_text)) = (given, is_text(kind)) else {
        return abi::E_ARG;
    };
    // SAFETY: called by an app from its callback, with what the callback was given.
    let rs = unsafe { context(rs) };
    status(rs.context.publish(topic, is_text, data, except))
}
