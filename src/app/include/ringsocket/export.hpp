/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/export.hpp: the table that RINGSOCKET_EXPORT exports, of functions that
 * call the methods of a class and let no exception out. Included by ringsocket.hpp;
 * nothing of it is for apps but Close.
 */

#ifndef RINGSOCKET_EXPORT_HPP
#define RINGSOCKET_EXPORT_HPP

#include "context.hpp"
#include "guard.hpp"
#include "request.hpp"
#include "restart.hpp"
#include "upgrade.hpp"

#include <chrono>
#include <type_traits>

namespace ringsocket {

/* How a client left: see struct rs_app's close. */
struct Close {
    std::uint16_t code;
    std::string_view reason; /* UTF-8; may be empty; gone when close returns */
};

namespace detail {

/* -------------------------------------------------------------------------- *
 * What a class has                                                           *
 * -------------------------------------------------------------------------- */

template <class App> concept Opens = requires(App &app, Context &cx) { app.open(cx, Client()); };
template <class App> concept OpensRequests =
    requires(App &app, Context &cx, const Request &request) { app.open(cx, Client(), request); };
template <class App> concept ReadsText =
    requires(App &app, Context &cx) { app.read(cx, Client(), std::string_view()); };
template <class App> concept ReadsBytes =
    requires(App &app, Context &cx) { app.read(cx, Client(), Bytes()); };
template <class App> concept Closes = requires(App &app, Context &cx) { app.close(cx, Client()); };
template <class App> concept ClosesWithReason =
    requires(App &app, Context &cx, const Close &close) { app.close(cx, Client(), close); };
template <class App> concept HasTimer = requires(App &app, Context &cx) { app.timer(cx); };
template <class App> concept Decides = requires(App &app, Context &cx, const Upgrade &upgrade) {
    { app.upgrade(cx, Client(), upgrade) } -> std::convertible_to<Decision>;
};
template <class App> concept Drains =
    requires(App &app, Context &cx) { app.drain(cx, std::chrono::microseconds()); };

/* Whether a class has a member of that name, of whatever form: then the name in a class that also
 * inherits a decoy is ambiguous. Of a final class it cannot be known. */
#define RINGSOCKET_NAMES_(name) \
    struct Decoy_##name { \
        int name; \
    }; \
    template <class App> struct Trap_##name : App, Decoy_##name {}; \
    template <class App> \
    concept Names_##name = (!std::is_final_v<App>) && (!requires { &Trap_##name<App>::name; });
RINGSOCKET_NAMES_(open)
RINGSOCKET_NAMES_(read)
RINGSOCKET_NAMES_(close)
RINGSOCKET_NAMES_(timer)
RINGSOCKET_NAMES_(upgrade)
RINGSOCKET_NAMES_(drain)
RINGSOCKET_NAMES_(save)
RINGSOCKET_NAMES_(restore)
#undef RINGSOCKET_NAMES_

/* -------------------------------------------------------------------------- *
 * Callbacks                                                                  *
 * -------------------------------------------------------------------------- */

template <class App> int init(rs_t *rs, void **state) noexcept
{
    if (rs->host->abi_version != RS_ABI_VERSION || rs->host->struct_size < sizeof(struct rs_host)) {
        return fault(rs, "init", "an exception: ", "the server is older than the app's headers");
    }
    return guard<App>(rs, "init", [&](Context &cx) {
        if constexpr (std::is_constructible_v<App, Context &>) {
            *state = new App(cx);
        } else {
            *state = new App();
        }
    });
}

template <class App> int open(rs_t *rs, void *state, rs_client_id client) noexcept
{
    return guard<App>(rs, "open", client, close_rejected, [&](Context &cx) {
        App &app = *static_cast<App *>(state);
        if constexpr (OpensRequests<App>) {
            struct rs_request raw{};
            rs->host->request(rs, &raw);
            struct rs_tls tls{};
            tls.struct_size = sizeof(tls);
            rs->host->tls(rs, &tls);
            app.open(cx, Client(client), Request(raw, tls, rs->host->is_resumed(rs) == 1));
        } else {
            app.open(cx, Client(client));
        }
    });
}

template <class App>
int read(rs_t *rs, void *state, rs_client_id client, enum rs_data_kind kind,
         const std::uint8_t *data, std::size_t size) noexcept
{
    return guard<App>(rs, "read", client, close_rejected, [&](Context &cx) {
        App &app = *static_cast<App *>(state);
        if (kind == RS_UTF8) {
            if constexpr (ReadsText<App>) {
                const auto *const text = reinterpret_cast<const char *>(data);
                app.read(cx, Client(client), std::string_view(text, size));
                return;
            }
        } else {
            if constexpr (ReadsBytes<App>) {
                const auto *const bytes = reinterpret_cast<const std::byte *>(data);
                app.read(cx, Client(client), Bytes(bytes, size));
                return;
            }
        }
        throw Rejection(wrong_kind);
    });
}

template <class App>
int close(rs_t *rs, void *state, rs_client_id client, std::uint16_t code,
          struct rs_bytes reason) noexcept
{
    return guard<App>(rs, "close", [&](Context &cx) {
        App &app = *static_cast<App *>(state);
        if constexpr (ClosesWithReason<App>) {
            app.close(cx, Client(client), Close{code, text_of(reason)});
        } else {
            app.close(cx, Client(client));
        }
    });
}

template <class App> int timer(rs_t *rs, void *state) noexcept
{
    return guard<App>(rs, "timer", [&](Context &cx) { static_cast<App *>(state)->timer(cx); });
}

/* Hands on what the app has decided. A client whose answer cannot be given is not left without. */
inline void decide(Context &cx, Client client, Decision decision)
{
    Result result = Result::ok;
    if (auto *const accepted = std::get_if<Accept>(&decision)) {
        result = cx.try_accept(client, std::move(*accepted));
    } else if (const auto *const refusal = std::get_if<Refusal>(&decision)) {
        result = cx.try_refuse(client, *refusal);
    }
    if (result != Result::ok) {
        cx.error("the decision about client ", client, " cannot be carried out: ", to_string(result));
        (void) cx.try_refuse(client, Refusal{.status = 500}); /* unless it was the second one */
    }
}

template <class App>
int upgrade(rs_t *rs, void *state, rs_client_id client, const struct rs_upgrade *raw) noexcept
{
    return guard<App>(rs, "upgrade", client, refuse_rejected, [&](Context &cx) {
        App &app = *static_cast<App *>(state);
        decide(cx, Client(client), app.upgrade(cx, Client(client), Upgrade(*raw)));
    });
}

template <class App> int drain(rs_t *rs, void *state, std::uint64_t microseconds) noexcept
{
    return guard<App>(rs, "drain", [&](Context &cx) {
        static_cast<App *>(state)->drain(cx, std::chrono::microseconds(microseconds));
    });
}

template <class App> void quit(rs_t *rs, void *state) noexcept
{
    guard<App>(rs, "the destructor", [&](Context &) { delete static_cast<App *>(state); });
}

/* -------------------------------------------------------------------------- *
 * The table                                                                  *
 * -------------------------------------------------------------------------- */

/* A token of RFC 9110 section 5.6.2. */
constexpr bool is_token(std::string_view name)
{
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    const auto is_fine = [marks](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               marks.find(c) != marks.npos;
    };
    return !name.empty() && std::ranges::all_of(name, is_fine);
}

template <class App> struct Subprotocols {
    static constexpr std::size_t count = 0;
    static constexpr const struct rs_bytes *list = nullptr;
};

template <class App>
    requires requires { App::subprotocols; }
struct Subprotocols<App> {
    static constexpr std::size_t count = App::subprotocols.size();
    static_assert(count <= RS_SUBPROTOCOL_MAX_C, "an app may name at most 16 subprotocols");
    static_assert(std::ranges::all_of(App::subprotocols, is_token),
                  "each of subprotocols must be a token (RFC 9110 section 5.6.2)");

    static constexpr std::size_t size = [] {
        std::size_t sum = 0;
        for (const std::string_view name : App::subprotocols) {
            sum += name.size();
        }
        return sum;
    }();
    /* The names as the table wants them: of a type that no constant expression casts to. */
    static constexpr std::array<std::uint8_t, size> bytes = [] {
        std::array<std::uint8_t, size> bytes{};
        std::size_t at = 0;
        for (const std::string_view name : App::subprotocols) {
            for (const char c : name) {
                bytes[at++] = static_cast<std::uint8_t>(c);
            }
        }
        return bytes;
    }();
    static constexpr std::array<struct rs_bytes, count> names = [] {
        std::array<struct rs_bytes, count> names{};
        std::size_t at = 0;
        for (std::size_t i = 0; i < count; i++) {
            names[i] = {bytes.data() + at, App::subprotocols[i].size()};
            at += names[i].size;
        }
        return names;
    }();
    static constexpr const struct rs_bytes *list = names.data();
};

template <class App> constexpr bool runs_anywhere()
{
    if constexpr (requires { App::any_thread; }) {
        return App::any_thread;
    }
    return false;
}

/* What no form of a callback matches is a mistake, or private. */
template <class App> consteval void check()
{
    static_assert(std::is_constructible_v<App, Context &> || std::is_default_constructible_v<App>,
                  "an app is constructed from a Context & or from nothing");
    static_assert(std::is_destructible_v<App>, "an app's destructor is public");
    static_assert(Opens<App> || OpensRequests<App> || !Names_open<App>,
                  "the app's open does not take (Context &, Client) or (Context &, Client, const "
                  "Request &), or is private");
    static_assert(ReadsText<App> || ReadsBytes<App> || !Names_read<App>,
                  "the app's read does not take (Context &, Client, and a std::string_view, Bytes "
                  "or Message), or is private");
    static_assert(Closes<App> || ClosesWithReason<App> || !Names_close<App>,
                  "the app's close does not take (Context &, Client) or (Context &, Client, const "
                  "Close &), or is private");
    static_assert(HasTimer<App> || !Names_timer<App>,
                  "the app's timer does not take (Context &), or is private");
    static_assert(Decides<App> || !Names_upgrade<App>,
                  "the app's upgrade does not take (Context &, Client, const Upgrade &), does not "
                  "return a Decision, or is private");
    static_assert(Drains<App> || !Names_drain<App>,
                  "the app's drain does not take (Context &, std::chrono::microseconds), or is "
                  "private");
    static_assert(Saves<App> || !Names_save<App>,
                  "the app's save does not take (Context &), does not return text, bytes or a "
                  "std::optional of them, or is private");
    static_assert(Restores<App> || !Names_restore<App>,
                  "the app's restore does not take (Context &, Bytes, std::span<const Client>), "
                  "does not return a bool, or is private");
}

template <class App> consteval struct rs_app table()
{
    check<App>();
    struct rs_app table{};
    table.abi_version = RS_ABI_VERSION;
    table.struct_size = sizeof(struct rs_app);
    table.built_with = "ringsocket.hpp, ABI version 1 (C++)";
    static_assert(RS_ABI_VERSION == 1, "the line above");
    table.init = init<App>;
    if constexpr (Opens<App> || OpensRequests<App>) {
        table.open = open<App>;
    }
    if constexpr (ReadsText<App> || ReadsBytes<App>) {
        table.read = read<App>;
    }
    if constexpr (Closes<App> || ClosesWithReason<App>) {
        table.close = close<App>;
    }
    if constexpr (HasTimer<App>) {
        table.timer = timer<App>;
    }
    table.quit = quit<App>;
    table.subprotocols = Subprotocols<App>::list;
    table.subprotocol_c = Subprotocols<App>::count;
    if constexpr (Decides<App>) {
        table.upgrade = upgrade<App>;
    }
    if constexpr (Drains<App>) {
        table.drain = drain<App>;
    }
    if constexpr (Saves<App>) {
        table.save = save<App>;
    }
    if constexpr (Restores<App>) {
        table.restore = restore<App>;
    }
    table.flags = runs_anywhere<App>() ? RS_APP_ANY_THREAD : 0;
    return table;
}

} // namespace detail

} // namespace ringsocket

#endif /* RINGSOCKET_EXPORT_HPP */
