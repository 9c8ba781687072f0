/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/context.hpp: what an app in C++ acts through during a callback: it
 * sends, subscribes, decides, attaches, closes, asks, sets the timer and logs. Included
 * by ringsocket.hpp. Does little itself: each method is one call of struct rs_host,
 * whose comments in ringsocket.h say the rest.
 */

#ifndef RINGSOCKET_CONTEXT_HPP
#define RINGSOCKET_CONTEXT_HPP

#include "../ringsocket.h"
#include "message.hpp"
#include "upgrade.hpp"
#include "values.hpp"

#include <chrono>
#include <initializer_list>
#include <memory>
#include <optional>
#include <ratio>
#include <sstream>

namespace ringsocket {

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
    friend class Subscribers;
    Recipients(const Context &cx, enum rs_recipients to, std::span<const Client> clients) noexcept
        : cx_(&cx), to_(to), clients_(clients) {}
    Recipients(const Context &cx, enum rs_recipients to, Client client) noexcept
        : cx_(&cx), to_(to), one_(client) {}

    const Context *cx_;
    enum rs_recipients to_;
    Client one_; /* in place of the list, if it is anybody */
    std::span<const Client> clients_;
    std::optional<std::string_view> topic_; /* whose subscribers, but for the list */
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

/* All subscribers of a topic, and all but some. That there are none is no error. */
class Subscribers : public Recipients {
public:
    [[nodiscard]] Recipients except(Client client) const noexcept
    {
        return of({*cx_, RS_TO_ALL_EXCEPT, client}, *topic_);
    }
    [[nodiscard]] Recipients except(std::span<const Client> clients) const noexcept
    {
        return of({*cx_, RS_TO_ALL_EXCEPT, clients}, *topic_);
    }
    [[nodiscard]] Recipients except(std::initializer_list<Client> clients) const noexcept
    {
        return except(std::span(clients.begin(), clients.size()));
    }

private:
    friend class Context;
    Subscribers(const Context &cx, std::string_view topic) noexcept
        : Recipients(of({cx, RS_TO_ALL, std::span<const Client>()}, topic)) {}

    static Recipients of(Recipients recipients, std::string_view topic) noexcept
    {
        recipients.topic_ = topic;
        return recipients;
    }
};

/* What a callback acts through. It belongs to one call and cannot be kept. */
class Context {
public:
    explicit Context(rs_t *rs, const void *app = nullptr) noexcept : rs_(rs), app_(app) {}
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
    /* It costs the same however many other clients there are. */
    [[nodiscard]] Subscribers to_topic(std::string_view topic) const noexcept
    {
        return {*this, topic};
    }

    /* Subscribe a client to a topic, a name of 1 to 255 bytes that is there while anybody is
     * subscribed to it, and end that; a client that goes is subscribed to nothing any more, already
     * in its close. To do either twice does nothing. What cannot be done is an error in the log, but
     * for a client that has left; the try_ forms say why instead.
     * Result::limit beyond max_topics_per_client or max_topics_per_app of the configuration;
     * too_large for a name of another size; not_here in the constructor and the destructor. */
    void subscribe(Client client, std::string_view topic, Place place = Place::current()) const
    {
        report(try_subscribe(client, topic), "a client was not subscribed: ", client, place);
    }
    void unsubscribe(Client client, std::string_view topic, Place place = Place::current()) const
    {
        report(try_unsubscribe(client, topic), "a client was not unsubscribed: ", client, place);
    }
    [[nodiscard]] Result try_subscribe(Client client, std::string_view topic) const noexcept
    {
        const auto [name, size] = detail::raw_of(detail::bytes_of(topic));
        return Result(rs_->host->subscribe(rs_, client.id(), name, size));
    }
    [[nodiscard]] Result try_unsubscribe(Client client, std::string_view topic) const noexcept
    {
        const auto [name, size] = detail::raw_of(detail::bytes_of(topic));
        return Result(rs_->host->unsubscribe(rs_, client.id(), name, size));
    }

    /* Let in a client of which upgrade has said Later, or turn it away: see Accept and Refusal.
     * What cannot be done is an error in the log, and the client goes on waiting; if it has left,
     * nothing happens. The try_ forms say why: Result::no_client also for a client about which is
     * decided already. If it is not let in, its value is destroyed. */
    void accept(Client client, Accept accept = {}, Place place = Place::current()) const
    {
        report(try_accept(client, std::move(accept)), "a client was not accepted: ", client, place);
    }
    void refuse(Client client, const Refusal &refusal, Place place = Place::current()) const
    {
        report(try_refuse(client, refusal), "a client was not refused: ", client, place);
    }
    [[nodiscard]] Result try_accept(Client client, Accept accept) const
    {
        return detail::accept(rs_, client, std::move(accept));
    }
    [[nodiscard]] Result try_refuse(Client client, const Refusal &refusal) const
    {
        return detail::refuse(rs_, client, refusal);
    }

    /* Gives an open client a value of the app's own, in place of the one that it has, which is
     * destroyed first. It lives until the client's close has returned. Its destructor runs between
     * callbacks, or within this call. Returns where it is; nullptr, and the value is destroyed, if
     * the client is not open. */
    template <class T> T *attach(Client client, T value) const
    {
        Value whole(std::move(value));
        T *const at = whole.template get<T>();
        return detail::attach(rs_, client, std::move(whole)) == RS_OK ? at : nullptr;
    }
    /* The value of a client, from its open until its close has returned; nullptr if it has none,
     * or one of another type: T is exactly the type that was attached. */
    template <class T> [[nodiscard]] T *attached(Client client) const noexcept
    {
        void *data = nullptr;
        rs_->host->client_data(rs_, client.id(), &data);
        return detail::get<T>(data);
    }
    /* Destroys the value of an open client, if it has one. */
    void detach(Client client) const noexcept
    {
        rs_->host->set_client_data(rs_, client.id(), nullptr, nullptr);
    }

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
        const auto [data, size] = detail::raw_of(detail::bytes_of(reason));
        return Result(rs_->host->close(rs_, client.id(), code, data, size));
    }

    /* Nothing once the client's close has returned. */
    [[nodiscard]] std::optional<ClientInfo> info(Client client) const
    {
        struct rs_client_info raw;
        if (rs_->host->client_info(rs_, client.id(), &raw) != RS_OK) {
            return std::nullopt;
        }
        return detail::info_of(raw);
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

    /* For what ringsocket.h has and this does not: the server's functions. A value that is attached
     * by set_client_data itself is not for attached. */
    [[nodiscard]] rs_t *raw() const noexcept { return rs_; }
    /* Whether the callback is one of this class. */
    template <class App> [[nodiscard]] bool is_of() const noexcept
    {
        return app_ == &detail::tag<App>;
    }

private:
    void write(Level level, const Place &place, std::string_view text) const noexcept
    {
        rs_->host->log(rs_, static_cast<int>(level), place.file_name(), place.line(),
                       place.function_name(), reinterpret_cast<const std::uint8_t *>(text.data()),
                       text.size());
    }

    /* A client that has left is no error. */
    void report(Result result, const char *what, Client client, const Place &place) const
    {
        if (result != Result::ok && result != Result::no_client) {
            error({what, place}, to_string(result), " (client ", client, ")");
        }
    }

    rs_t *rs_;
    const void *app_; /* detail::tag of the app's class */
};

inline Result Recipients::try_send(Message message) const noexcept
{
    const bool is_one = one_ != Client();
    const auto *const clients = reinterpret_cast<const rs_client_id *>(is_one ? &one_ : clients_.data());
    const std::size_t client_c = is_one ? 1 : clients_.size();
    const auto kind = message.is_text() ? RS_UTF8 : RS_BIN;
    const auto [data, size] = detail::raw_of(message.bytes());
    rs_t *const rs = cx_->raw();
    if (topic_) {
        const auto [name, name_size] = detail::raw_of(detail::bytes_of(*topic_));
        return Result(rs->host->publish(rs, name, name_size, kind, data, size, clients, client_c));
    }
    return Result(rs->host->send(rs, kind, data, size, to_, clients, client_c));
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

#endif /* RINGSOCKET_CONTEXT_HPP */
