/* SPDX-License-Identifier: MIT */

/*
 * ringsocket.hpp: apps in C++20. Over ringsocket.h; without its macros for C.
 *
 *     #include <ringsocket.hpp>
 *
 *     class Echo {
 *     public:
 *         void read(ringsocket::Context &cx, ringsocket::Client client,
 *                   ringsocket::Message message)
 *         {
 *             cx.to(client).send(message);
 *         }
 *     };
 *
 *     RINGSOCKET_EXPORT(Echo);
 *
 *     g++ -std=c++20 -fvisibility=hidden -fpic -shared -o echo.so echo.cpp \
 *         $(pkg-config --cflags ringsocket)
 *
 * An app is a class without a base: which callbacks it has is found while it is
 * compiled, so that none costs a virtual call, what it lacks is never called, and
 * one of the wrong form is an error that names it. All are public:
 *
 *     App() or explicit App(Context &)     first of all; no clients yet
 *     void open(Context &, Client)
 *     void open(Context &, Client, const Request &)
 *     void read(Context &, Client, std::string_view)   text
 *     void read(Context &, Client, Bytes)              binary
 *     void read(Context &, Client, Message)            whichever is left
 *     void close(Context &, Client)
 *     void close(Context &, Client, const Close &)
 *     void timer(Context &)
 *     Decision upgrade(Context &, Client, const Upgrade &)   see upgrade.hpp
 *     void drain(Context &, std::chrono::microseconds)   replaced or removed: see struct rs_app
 *     std::string save(Context &), bool restore(Context &, Bytes, std::span<const Client>)
 *                                          over a restart: see restart.hpp
 *     ~App()                               last of all
 *
 *     static constexpr std::array<std::string_view, n> subprotocols
 *     static constexpr bool any_thread = true          see RS_APP_ANY_THREAD
 *
 * A message of a kind that no read takes closes its sender with wrong_kind. Threads of
 * an app's own reach it by a Handle, see handle.hpp.
 *
 * Exceptions. A Rejection out of open or read closes that client, out of upgrade it
 * refuses it, with its code for a status and its reason for a body. Any other that
 * leaves a callback is logged and stops the app, as RS_CB_FATAL does; other apps go
 * on. Out of the constructor it keeps the app from starting. Destructors are
 * noexcept, so that an exception out of one ends the whole server, like anything
 * else that ends the process: std::exit, std::terminate, a crash.
 *
 * The header needs C++20, exceptions, and gcc from 12 or clang from 14 on.
 */

#ifndef RINGSOCKET_HPP
#define RINGSOCKET_HPP

#include "ringsocket.h"
#include "ringsocket/context.hpp"
#include "ringsocket/message.hpp"
#include "ringsocket/request.hpp"
#include "ringsocket/tls.hpp"
#include "ringsocket/upgrade.hpp"
#include "ringsocket/handle.hpp"
#include "ringsocket/restart.hpp"
#include "ringsocket/export.hpp"

/* Exports a class as this library's app: once, outside of any namespace. */
#define RINGSOCKET_EXPORT(...) \
    constinit const struct rs_app ringsocket_app = ::ringsocket::detail::table<__VA_ARGS__>()

#endif /* RINGSOCKET_HPP */
