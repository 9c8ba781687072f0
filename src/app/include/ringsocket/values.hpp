/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/values.hpp: what an app in C++ and the server tell each other: numbers of
 * clients, results, places in the source, who a client is. Included by ringsocket.hpp.
 * Calls nothing.
 */

#ifndef RINGSOCKET_VALUES_HPP
#define RINGSOCKET_VALUES_HPP

#include "../ringsocket.h"

#include <arpa/inet.h>

#include <array>
#include <compare>
#include <concepts>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <version>
#ifdef __cpp_lib_source_location
#include <source_location>
#endif

namespace ringsocket {

/* Number of a client: never 0, and never given to another client while the server runs, so it
 * can be kept and used as a key, also over a restart that the client lives through. What is sent to
 * a client that has left reaches nobody. */
class Client {
public:
    Client() = default;
    explicit Client(rs_client_id id) noexcept : id_(id) {}

    [[nodiscard]] rs_client_id id() const noexcept { return id_; }
    auto operator<=>(const Client &) const = default;
    friend std::ostream &operator<<(std::ostream &out, Client client) { return out << client.id_; }

private:
    rs_client_id id_ = 0;
};

/* Lists of clients are handed to the server as they lie. */
static_assert(sizeof(Client) == sizeof(rs_client_id) && std::is_standard_layout_v<Client>);

/* How a call into the server ended. */
enum class Result {
    ok = RS_OK,
    no_client = RS_E_CLIENT,    /* it has left */
    too_large = RS_E_SIZE,      /* a message, a reason, a name, or all that open sends */
    bad_code = RS_E_CODE,       /* a close code or status that an app must not send */
    not_here = RS_E_CALL,       /* not allowed in this callback */
    bad_argument = RS_E_ARG,    /* such as text that is not UTF-8 */
    limit = RS_E_LIMIT          /* of topics, or of posted calls */
};

[[nodiscard]] constexpr std::string_view to_string(Result result) noexcept
{
    switch (result) {
    case Result::ok: return "it worked";
    case Result::no_client: return "the client has left";
    case Result::too_large: return "it is too large";
    case Result::bad_code: return "an app must not send this code";
    case Result::not_here: return "this is not allowed in this callback";
    case Result::bad_argument: return "an argument makes no sense, such as text that is not UTF-8";
    case Result::limit: return "a limit has been reached";
    }
    return "the server knows why";
}

/* Importance of a log line. */
enum class Level {
    error = RS_LEVEL_ERROR,
    warning = RS_LEVEL_WARNING,
    notice = RS_LEVEL_NOTICE,
    info = RS_LEVEL_INFO,
    debug = RS_LEVEL_DEBUG
};

#ifdef __cpp_lib_source_location
using Place = std::source_location;
#else
/* In place of std::source_location, which clang lacks before version 16. */
class Place {
public:
    static constexpr Place current(const char *file = __builtin_FILE(),
                                   const char *function = __builtin_FUNCTION(),
                                   std::uint_least32_t line = __builtin_LINE()) noexcept
    {
        Place place;
        place.file_ = file;
        place.function_ = function;
        place.line_ = line;
        return place;
    }
    [[nodiscard]] constexpr const char *file_name() const noexcept { return file_; }
    [[nodiscard]] constexpr const char *function_name() const noexcept { return function_; }
    [[nodiscard]] constexpr std::uint_least32_t line() const noexcept { return line_; }

private:
    const char *file_ = "", *function_ = "";
    std::uint_least32_t line_ = 0;
};
#endif

/* The beginning of a log line, and where it stands in the app's source. */
class Line {
public:
    template <std::convertible_to<std::string_view> T>
    Line(const T &text, Place place = Place::current()) : text_(text), place_(place) {}

    [[nodiscard]] std::string_view text() const noexcept { return text_; }
    [[nodiscard]] const Place &place() const noexcept { return place_; }

private:
    std::string_view text_;
    Place place_;
};

/* Who a client is. Behind proxies that the server trusts, what they tell. */
struct ClientInfo {
    std::uint16_t endpoint_id; /* of the server's configuration */
    std::string ip;            /* "192.0.2.1", "2001:db8::1"; empty for a unix socket */
    std::uint16_t port;        /* 0 if proxies tell none */
};

/* What an app may know of the server's configuration. */
struct Conf {
    std::string_view app_name;    /* of this app; valid for the life of the process */
    std::size_t worker_c;         /* number of worker threads */
    std::size_t max_message_size; /* in bytes, both ways */
    Level log_level;              /* the least important one that is logged */
};

namespace detail {

inline ClientInfo info_of(const struct rs_client_info &raw)
{
    std::array<char, INET6_ADDRSTRLEN> ip{};
    if (raw.family != RS_FAMILY_NONE) {
        inet_ntop(raw.family, raw.ip, ip.data(), ip.size());
    }
    return {raw.endpoint_id, ip.data(), raw.port};
}

} // namespace detail

} // namespace ringsocket

template <> struct std::hash<ringsocket::Client> {
    std::size_t operator()(ringsocket::Client client) const noexcept
    {
        return std::hash<rs_client_id>()(client.id());
    }
};

#endif /* RINGSOCKET_VALUES_HPP */
