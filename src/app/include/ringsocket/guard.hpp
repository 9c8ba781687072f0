/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/guard.hpp: lets no exception of an app in C++ out of a callback: it closes
 * or refuses a client, or stops the app. Included by ringsocket.hpp. Not for apps.
 */

#ifndef RINGSOCKET_GUARD_HPP
#define RINGSOCKET_GUARD_HPP

#include "context.hpp"

#include <cstdio>
#include <exception>

namespace ringsocket::detail {

/* Logs why the app stops. Without the heap, which may be what is exhausted. */
inline int fault(rs_t *rs, const char *callback, const char *what, const char *why) noexcept
{
    std::array<char, 1000> text;
    std::snprintf(text.data(), text.size(), "`%s` threw %s%s", callback, what, why);
    const std::string_view line = text.data();
    rs->host->log(rs, RS_LEVEL_ERROR, nullptr, 0, nullptr,
                  reinterpret_cast<const std::uint8_t *>(line.data()), line.size());
    return RS_CB_FATAL;
}

/* What a Rejection does: nothing where there is no client, or a call of the server. */
using TurnAway = int (*)(rs_t *rs, rs_client_id client, const Rejection &rejection);

inline int close_rejected(rs_t *rs, rs_client_id client, const Rejection &rejection) noexcept
{
    const auto [reason, size] = raw_of(bytes_of(rejection.what()));
    return rs->host->close(rs, client, rejection.code(), reason, size);
}

inline int refuse_rejected(rs_t *rs, rs_client_id client, const Rejection &rejection) noexcept
{
    struct rs_refusal refusal{};
    refusal.struct_size = sizeof(refusal);
    refusal.status = rejection.code();
    refusal.body = raw_of(bytes_of(rejection.what()));
    return rs->host->refuse(rs, client, &refusal);
}

/* Runs a callback of a class; client is the one it is for, or 0. */
template <class App, class Body>
int guard(rs_t *rs, const char *callback, rs_client_id client, TurnAway turn_away,
          Body body) noexcept
{
    try {
        Context cx(rs, &tag<App>);
        body(cx);
        return RS_CB_OK;
    } catch (const Rejection &rejection) {
        if (turn_away == nullptr) {
            return fault(rs, callback, "a Rejection where there is no client: ", rejection.what());
        }
        const int result = turn_away(rs, client, rejection);
        if (result == RS_OK || result == RS_E_CLIENT) {
            return RS_CB_OK;
        }
        return fault(rs, callback, "a Rejection of a code or reason that must not be sent: ",
                     rejection.what());
    } catch (const std::exception &exception) {
        return fault(rs, callback, "an exception: ", exception.what());
    } catch (...) {
        return fault(rs, callback, "something that is no std::exception", "");
    }
}

/* The same of one that is for nobody. */
template <class App, class Body> int guard(rs_t *rs, const char *callback, Body body) noexcept
{
    return guard<App>(rs, callback, 0, nullptr, std::move(body));
}

} // namespace ringsocket::detail

#endif /* RINGSOCKET_GUARD_HPP */
