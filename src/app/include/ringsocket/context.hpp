/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/context.hpp: what an app in C++ acts through during a callback: it
 * sends, closes, asks, sets the timer and logs. Included by ringsocket.hpp. Decides
 * nothing: each method is one call of struct rs_host, whose comments in ringsocket.h
 * say the rest.
 */

#ifndef RINGSOCKET_CONTEXT_HPP
#define RINGSOCKET_CONTEXT_HPP

#include "../ringsocket.h"
#include "message.hpp"

#include <arpa/inet.h>

#include <array>
#include <chrono>
#include <compare>
#include <functional>
#include <initializer_list>
#include <optional>
#include <ostream>
#include <ratio>
#include <sstream>
#include <version>
#ifdef __cpp_lib_source_location
#include <source_location>
#endif

namespace ringsocket {

/* Number of a client: never 0, and never given to another client while the server runs, so it
 * can be kept and used as a key. What is sent to a client that has left reaches nobody. */
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
    too_large = RS_E_SIZE,      /* a message, a reason, or all that open sends */
    bad_code = RS_E_CODE,       /* a close code that an app must not send */
    not_here = RS_E_CALL,       /* not allowed in this callback */
    bad_argument = RS_E_ARG     /* such as text that is not UTF-8 */
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

class Context;

/* Whom the next message goes to. Name them and send at once: lists of clients are not copied.
 *
 * A message that cannot be sent is an error in the log, with the caller's place in the source;
 * the try_ forms say why instead. The server copies the message. */
class Recipients {
public:
    void text(std::string_view text, Place place = Place::current()) const { send(text, place); }
    void binary(Bytes bytes, Place place = Place::current()) const { send(bytes, place); }
    void send(Message message, Place place = Place::current()) const;

    [[nodiscard]] Result try_text(std::string_view text) const noexcept { return try_send(text); }
    [[nodiscard]] Result try_binary(Bytes bytes) const noexcept { return try_send(bytes); }
    /* Result::too_large beyond Conf::max_message_size; bad_argument for text that is not UTF-8;
     * not_here in the constructor and the destructor. */
    [[nodiscard]] Result try_send(Message message) const noexcept;

private:
    friend class Context;
    friend class Everyone;
    Recipients(const Context &cx, enum rs_recipients to, std::span<const Client> clients) noexcept
        : cx_(&cx), to_(to), clients_(clients) {}
    Recipients(const Context &cx, enum rs_recipients to, Client client) noexcept
        : cx_(&cx), to_(to), one_(client) {}

    const Context *cx_;
    enum rs_recipients to_;
    Client one_; /* in place of the list, if it is anybody */
    std::span<const Client> clients_;
};

/* All clients of the app, and all but some. */
class Everyone : public Recipients {
public:
    [[nodiscard]] Recipients except(Client client) const noexcept
    {
        return {*cx_, RS_TO_ALL_EXCEPT, client};
    }
    [[nodiscard]] Recipients except(std::span<const Client> clients) const noexcept
    {
        return {*cx_, RS_TO_ALL_EXCEPT, clients};
    }
    [[nodiscard]] Recipients except(std::initializer_list<Client> clients) const noexcept
    {
        return except(std::span(clients.begin(), clients.size()));
    }

private:
    friend class Context;
    explicit Everyone(const Context &cx) noexcept
        : Recipients(cx, RS_TO_ALL, std::span<const Client>()) {}
};

/* What a callback acts through. It belongs to one call and cannot be kept. */
class Context {
public:
    explicit Context(rs_t *rs) noexcept : rs_(rs) {}
    Context(const Context &) = delete;
    Context &operator=(const Context &) = delete;

    [[nodiscard]] Recipients to(Client client) const noexcept
    {
        return {*this, RS_TO_LISTED, client};
    }
    /* The message crosses to the server once. */
    [[nodiscard]] Recipients to(std::span<const Client> clients) const noexcept
    {
        return {*this, RS_TO_LISTED, clients};
    }
    [[nodiscard]] Recipients to(std::initializer_list<Client> clients) const noexcept
    {
        return to(std::span(clients.begin(), clients.size()));
    }
    [[nodiscard]] Everyone to_all() const noexcept { return Everyone(*this); }

    /* Closes a client after what was sent to it before, with a Close frame of this code (1000 is
     * a normal end, 3000 to 4999 are an app's own) and reason (UTF-8, at most 123 bytes).
     * A client that has left is no error; others are logged. */
    void close(Client client, std::uint16_t code, std::string_view reason = {},
               Place place = Place::current()) const
    {
        const Result result = try_close(client, code, reason);
        if (result != Result::ok && result != Result::no_client) {
            error({"a client was not closed: ", place}, to_string(result), " (code ", code, ")");
        }
    }
    [[nodiscard]] Result try_close(Client client, std::uint16_t code,
                                   std::string_view reason = {}) const noexcept
    {
        const auto *const data = reinterpret_cast<const std::uint8_t *>(reason.data());
        return Result(rs_->host->close(rs_, client.id(), code, data, reason.size()));
    }

    /* Nothing once the client's close has returned. */
    [[nodiscard]] std::optional<ClientInfo> info(Client client) const
    {
        struct rs_client_info raw;
        if (rs_->host->client_info(rs_, client.id(), &raw) != RS_OK) {
            return std::nullopt;
        }
        std::array<char, INET6_ADDRSTRLEN> ip{};
        if (raw.family != RS_FAMILY_NONE) {
            inet_ntop(raw.family, raw.ip, ip.data(), ip.size());
        }
        return ClientInfo{raw.endpoint_id, ip.data(), raw.port};
    }

    /* Has timer called once, after at least this time (rounded up to microseconds), in place of
     * any earlier wish. Not from the destructor. */
    template <class Rep, class Period>
    void set_timer(std::chrono::duration<Rep, Period> after) const noexcept
    {
        using Microseconds = std::chrono::duration<std::uint64_t, std::micro>;
        const bool is_future = after > after.zero();
        /* 0 would cancel. */
        rs_->host->set_timer(rs_, is_future ? std::chrono::ceil<Microseconds>(after).count() : 1);
    }
    void cancel_timer() const noexcept { rs_->host->set_timer(rs_, 0); }

    [[nodiscard]] Conf conf() const noexcept
    {
        struct rs_conf raw{};
        raw.struct_size = sizeof(raw);
        rs_->host->get_conf(rs_, &raw);
        const auto *const name = reinterpret_cast<const char *>(raw.app_name.data);
        return {{name, raw.app_name.size}, raw.worker_c, raw.max_ws_msg_size, Level(raw.log_level)};
    }

    /* Write a line to the log, with their place in the source, if the level is logged. What
     * follows the text is written behind it as by operator<<:
     *     cx.notice("client ", client, " has left with code ", code); */
    template <class... More> void log(Level level, Line line, const More &...more) const
    {
        if (level > conf().log_level) {
            return;
        }
        std::ostringstream out;
        ((out << line.text()) << ... << more);
        write(level, line.place(), out.str());
    }
    template <class... More> void error(Line line, const More &...more) const
    {
        log(Level::error, line, more...);
    }
    template <class... More> void warning(Line line, const More &...more) const
    {
        log(Level::warning, line, more...);
    }
    template <class... More> void notice(Line line, const More &...more) const
    {
        log(Level::notice, line, more...);
    }
    template <class... More> void info(Line line, const More &...more) const
    {
        log(Level::info, line, more...);
    }
    template <class... More> void debug(Line line, const More &...more) const
    {
        log(Level::debug, line, more...);
    }

    /* For what ringsocket.h has and this does not: the server's functions. */
    [[nodiscard]] rs_t *raw() const noexcept { return rs_; }

private:
    void write(Level level, const Place &place, std::string_view text) const noexcept
    {
        rs_->host->log(rs_, static_cast<int>(level), place.file_name(), place.line(),
                       place.function_name(), reinterpret_cast<const std::uint8_t *>(text.data()),
                       text.size());
    }

    rs_t *rs_;
};

inline Result Recipients::try_send(Message message) const noexcept
{
    const bool is_one = one_ != Client();
    const Client *const clients = is_one ? &one_ : clients_.data();
    rs_t *const rs = cx_->raw();
    return Result(rs->host->send(
        rs, message.is_text() ? RS_UTF8 : RS_BIN,
        reinterpret_cast<const std::uint8_t *>(message.bytes().data()), message.bytes().size(), to_,
        reinterpret_cast<const rs_client_id *>(clients), is_one ? 1 : clients_.size()));
}

inline void Recipients::send(Message message, Place place) const
{
    const Result result = try_send(message);
    if (result != Result::ok) {
        cx_->error({"a message was not sent: ", place}, to_string(result), " (",
                   message.bytes().size(), " bytes)");
    }
}

} // namespace ringsocket

template <> struct std::hash<ringsocket::Client> {
    std::size_t operator()(ringsocket::Client client) const noexcept
    {
        return std::hash<rs_client_id>()(client.id());
    }
};

#endif /* RINGSOCKET_CONTEXT_HPP */
