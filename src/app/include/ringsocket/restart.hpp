/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/restart.hpp: how an app in C++ keeps what it knows of its clients over a
 * restart of the server that they live through. Included by ringsocket.hpp.
 *
 *     std::string save(Context &) { return "2 " + std::to_string(count_); }
 *
 *     bool restore(Context &, Bytes saved, std::span<const Client> clients)
 *     {
 *         std::istringstream in(std::string(as_text(saved)));
 *         int version = 0;
 *
 *         return in >> version >> count_ && version == 2;
 *     }
 *
 * save returns text or bytes (a std::string, a std::vector<std::byte>, whatever is a
 * std::string_view or Bytes), at most 64 MiB, or a std::optional of them: then nothing
 * is kept without a value. restore says whether it has taken them up. Where it has not,
 * has thrown a Rejection, as unpack does, or is not there, each client is opened again:
 * Request::is_resumed. An exception out of save is logged, and nothing is kept. See the
 * save and restore of struct rs_app.
 */

#ifndef RINGSOCKET_RESTART_HPP
#define RINGSOCKET_RESTART_HPP

#include "context.hpp"
#include "guard.hpp"

#include <optional>
#include <span>
#include <vector>

namespace ringsocket {

/* Bytes as text; nobody has looked whether it is UTF-8. */
[[nodiscard]] inline std::string_view as_text(Bytes bytes) noexcept
{
    return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

namespace detail {

template <class T>
concept State =
    std::convertible_to<const T &, std::string_view> || std::convertible_to<const T &, Bytes>;
template <class T>
concept OptionalState = requires(const T &state) {
    { state.has_value() } -> std::same_as<bool>;
    requires State<std::remove_cvref_t<decltype(*state)>>;
};

template <class App> concept Saves = requires(App &app, Context &cx) {
    requires State<decltype(app.save(cx))> || OptionalState<decltype(app.save(cx))>;
};
template <class App> concept Restores = requires(App &app, Context &cx) {
    { app.restore(cx, Bytes(), std::span<const Client>()) } -> std::same_as<bool>;
};

/* Writes what is saved, or does not. */
template <class T> bool write_state(rs_t *rs, const T &state) noexcept
{
    if constexpr (OptionalState<T>) {
        return state.has_value() && write_state(rs, *state);
    } else if constexpr (std::convertible_to<const T &, std::string_view>) {
        return write_state(rs, bytes_of(state));
    } else {
        const auto [data, size] = raw_of(Bytes(state));
        /* Of too much the server says so in the log, and keeps nothing. */
        (void) rs->host->write_state(rs, data, size);
        return true;
    }
}

template <class App> int save(rs_t *rs, void *state) noexcept
{
    bool is_saved = false;
    const int result = guard<App>(rs, "save", [&](Context &cx) {
        is_saved = write_state(rs, static_cast<App *>(state)->save(cx));
    });
    return result == RS_CB_OK && !is_saved ? RS_CB_REOPEN : result;
}

template <class App>
int restore(rs_t *rs, void *state, const std::uint8_t *data, std::size_t size,
            const rs_client_id *clients, std::size_t client_c) noexcept
{
    bool is_restored = false;
    const int result = guard<App>(rs, "restore", [&](Context &cx) {
        const Bytes saved(reinterpret_cast<const std::byte *>(data), size);
        const std::vector<Client> resumed(clients, clients + client_c);
        try {
            is_restored = static_cast<App *>(state)->restore(cx, saved, resumed);
        } catch (const Rejection &rejection) {
            cx.warning("the state was not restored: ", rejection.what());
        }
    });
    return result == RS_CB_OK && !is_restored ? RS_CB_REOPEN : result;
}

} // namespace detail

} // namespace ringsocket

#endif /* RINGSOCKET_RESTART_HPP */
