/* SPDX-License-Identifier: MIT */

/*
 * Sends every message back to its sender. The same as apps/echo, in C++; it shows how little
 * ringsocket.hpp asks of an app and proves that it compiles without a warning.
 */

#include <ringsocket.hpp>

namespace {

class Echo {
public:
    /* It keeps nothing, so it does not matter to it which thread calls. */
    static constexpr bool any_thread = true;

    void read(ringsocket::Context &cx, ringsocket::Client client, ringsocket::Message message)
    {
        cx.to(client).send(message);
    }
};

} // namespace

RINGSOCKET_EXPORT(Echo);
