/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/upgrade.hpp: how an app in C++ decides about upgrades, and values that
 * belong to clients. Included by ringsocket.hpp.
 *
 *     Decision upgrade(Context &, Client, const Upgrade &upgrade)
 *     {
 *         const auto token = upgrade.request().cookie("token");
 *
 *         if (!token) {
 *             return Refusal{.status = 401, .headers = {{"WWW-Authenticate", "Bearer"}}};
 *         }
 *         return Accept{.value = Value(User{std::string(*token)})};
 *     }
 */

#ifndef RINGSOCKET_UPGRADE_HPP
#define RINGSOCKET_UPGRADE_HPP

#include "../ringsocket.h"
#include "message.hpp"
#include "request.hpp"
#include "values.hpp"

#include <memory>
#include <variant>

namespace ringsocket {

namespace detail {

/* Its address stands for a type. Hidden, so that two versions of an app that run at a time have
 * nothing in common; and variable, so that no linker takes two of them for one. */
template <class T> __attribute__((visibility("hidden"))) inline char tag = 0;

inline struct rs_bytes raw_of(Bytes bytes) noexcept
{
    return {reinterpret_cast<const std::uint8_t *>(bytes.data()), bytes.size()};
}

/* A value as the server keeps it, of any type, with what is needed to know and to destroy it. */
struct Held {
    const void *type;
    void (*destroy)(Held *) noexcept;
};

template <class T> struct Holding : Held {
    explicit Holding(T &&given)
        : Held{&tag<T>, [](Held *held) noexcept { delete static_cast<Holding *>(held); }},
          value(std::move(given)) {}

    T value;
};

/* For the server, which has a Held *. */
inline void free_held(void *data) noexcept
{
    auto *const held = static_cast<Held *>(data);
    held->destroy(held);
}

struct FreeHeld {
    void operator()(Held *held) const noexcept { free_held(held); }
};

/* The value, if it is a T. */
template <class T> T *get(void *data) noexcept
{
    auto *const held = static_cast<Held *>(data);
    return held != nullptr && held->type == &tag<T> ? &static_cast<Holding<T> *>(held)->value
                                                    : nullptr;
}

} // namespace detail

/* A value of any type for a client, to be found again by exactly that type. */
class Value {
public:
    Value() = default;
    template <class T>
        requires(!std::same_as<T, Value>)
    explicit Value(T value) : held_(new detail::Holding<T>(std::move(value)))
    {
        static_assert(std::is_nothrow_destructible_v<T>,
                      "the server destroys the value, and takes no exception");
    }

    /* nullptr if it is of another type. */
    template <class T> [[nodiscard]] T *get() const noexcept { return detail::get<T>(held_.get()); }
    /* Whoever has it now gives it to detail::free_held. nullptr if there is none. */
    [[nodiscard]] void *release() noexcept { return held_.release(); }

private:
    std::unique_ptr<detail::Held, detail::FreeHeld> held_;
};

/* Names and values of header fields. Names are tokens, and values neither begin nor end with white
 * space and hold no control characters but tabs (RFC 9110 sections 5.6.2 and 5.5). At most 32, of
 * 8 KiB in all, and none that the server writes itself: see struct rs_accept. */
using Headers = std::vector<std::pair<std::string, std::string>>;

/* How a client is let in. */
struct Accept {
    /* One that the client offers. Without a value the server chooses; if it is empty there is none. */
    std::optional<std::string> subprotocol = std::nullopt;
    Headers headers = {}; /* beside those that the server writes */
    /* For Context::attached. Destroyed after the client's close, or when it turns out that the
     * client never opens: by a destructor that must not call the server. */
    Value value = {};
};

/* How it is turned away. */
struct Refusal {
    /* 300 to 599, but neither 304 nor 426 (RFC 9110 section 15). Some need a header: 401
     * WWW-Authenticate, redirections Location. */
    std::uint16_t status = 403;
    Headers headers = {};
    std::string body = {};         /* at most 32 KiB */
    std::string content_type = {}; /* of the body; empty: text/plain; charset=utf-8 */
};

/* Context::accept or Context::refuse follow, within upgrade_wait (10 s unless configured). */
struct Later {};
inline constexpr Later later;

/* What upgrade returns. */
using Decision = std::variant<Later, Accept, Refusal>;

/* A request for an upgrade, which the server would grant. All that it lends out is gone when
 * upgrade returns. */
class Upgrade {
public:
    explicit Upgrade(const struct rs_upgrade &raw) noexcept
        : raw_(&raw), request_(raw.request, *raw.tls) {}

    /* GET. */
    [[nodiscard]] std::string_view method() const noexcept { return detail::text_of(raw_->method); }
    /* Its subprotocol is the one that the server would choose. */
    [[nodiscard]] const Request &request() const noexcept { return request_; }
    [[nodiscard]] ClientInfo info() const { return detail::info_of(raw_->client); }
    /* The subprotocols that the client offers, its favourite first. */
    [[nodiscard]] std::vector<std::string_view> offered() const
    {
        std::vector<std::string_view> names;
        for (const struct rs_bytes name : std::span(raw_->offered, raw_->offered_c)) {
            names.push_back(detail::text_of(name));
        }
        return names;
    }

private:
    const struct rs_upgrade *raw_;
    Request request_;
};

namespace detail {

/* A view of the fields as the server wants them. */
inline std::vector<struct rs_header> raw_of(const Headers &headers)
{
    std::vector<struct rs_header> raw;
    raw.reserve(headers.size());
    for (const auto &[name, value] : headers) {
        raw.push_back({raw_of(bytes_of(name)), raw_of(bytes_of(value))});
    }
    return raw;
}

inline Result accept(rs_t *rs, Client client, Accept accept)
{
    const std::vector<struct rs_header> headers = raw_of(accept.headers);
    struct rs_accept raw{};
    raw.struct_size = sizeof(raw);
    if (accept.subprotocol) {
        /* Of an empty string, too, the data is not NULL. */
        raw.subprotocol = raw_of(bytes_of(*accept.subprotocol));
    }
    raw.headers = headers.data();
    raw.header_c = headers.size();
    raw.data = accept.value.release();
    raw.free_data = free_held;
    const int result = rs->host->accept(rs, client.id(), &raw);
    if (result != RS_OK && raw.data != nullptr) {
        free_held(raw.data); /* it is still ours */
    }
    return Result(result);
}

inline Result refuse(rs_t *rs, Client client, const Refusal &refusal)
{
    const std::vector<struct rs_header> headers = raw_of(refusal.headers);
    struct rs_refusal raw{};
    raw.struct_size = sizeof(raw);
    raw.status = refusal.status;
    raw.headers = headers.data();
    raw.header_c = headers.size();
    raw.content_type = raw_of(bytes_of(refusal.content_type));
    raw.body = raw_of(bytes_of(refusal.body));
    return Result(rs->host->refuse(rs, client.id(), &raw));
}

inline int attach(rs_t *rs, Client client, ringsocket::Value value) noexcept
{
    void *const data = value.release();
    const int result = rs->host->set_client_data(rs, client.id(), data, free_held);
    if (result != RS_OK && data != nullptr) {
        free_held(data);
    }
    return result;
}

} // namespace detail

} // namespace ringsocket

#endif /* RINGSOCKET_UPGRADE_HPP */
