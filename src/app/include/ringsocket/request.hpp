/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/request.hpp: the HTTP request that became a client's connection, for
 * C++. Included by ringsocket.hpp.
 */

#ifndef RINGSOCKET_REQUEST_HPP
#define RINGSOCKET_REQUEST_HPP

#include "../ringsocket.h"
#include "tls.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringsocket {

namespace detail {

/* Compares as header fields' names do (RFC 9110 section 5.1). */
inline bool is_same_name(std::string_view a, std::string_view b) noexcept
{
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::ranges::equal(a, b, {}, lower, lower);
}

inline int hex_digit(char c) noexcept
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char lower = static_cast<char>(c | 32);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* application/x-www-form-urlencoded, as browsers' URLSearchParams decodes it. */
inline std::string form_decoded(std::string_view encoded)
{
    std::string decoded;
    for (std::size_t i = 0; i < encoded.size(); i++) {
        const bool is_escape = encoded[i] == '%' && i + 2 < encoded.size() &&
                               hex_digit(encoded[i + 1]) >= 0 && hex_digit(encoded[i + 2]) >= 0;
        if (is_escape) {
            decoded += static_cast<char>(hex_digit(encoded[i + 1]) << 4 | hex_digit(encoded[i + 2]));
            i += 2;
        } else {
            decoded += encoded[i] == '+' ? ' ' : encoded[i];
        }
    }
    return decoded;
}

} // namespace detail

/* A header field. */
struct Header {
    std::string_view name;  /* as sent; compare without regard to case */
    std::string_view value; /* without surrounding white space; any bytes */
};

/* A request, while the callback runs that is given it. All that it lends out is gone then. */
class Request {
public:
    explicit Request(const struct rs_request &raw, const struct rs_tls &tls = {},
                     bool is_resumed = false) noexcept
        : raw_(raw), tls_(tls), is_resumed_(is_resumed) {}

    /* Path of the target, not decoded, without the query. */
    [[nodiscard]] std::string_view path() const noexcept { return detail::text_of(raw_.path); }
    /* What follows the first '?', not decoded; empty if nothing does. */
    [[nodiscard]] std::string_view query() const noexcept { return detail::text_of(raw_.query); }
    [[nodiscard]] std::string_view host() const noexcept { return detail::text_of(raw_.host); }
    /* The subprotocol that was agreed on; empty if none was. */
    [[nodiscard]] std::string_view subprotocol() const noexcept
    {
        return detail::text_of(raw_.subprotocol);
    }

    /* The connection that it came by; nothing if it came without TLS to this server. */
    [[nodiscard]] std::optional<Tls> tls() const noexcept
    {
        return tls_.version.size != 0 ? std::optional(Tls(tls_)) : std::nullopt;
    }

    /* Whether the client has lived on over a restart, and is opened again as the app has not restored
     * it. The connection is the one of before; query and header fields are empty. */
    [[nodiscard]] bool is_resumed() const noexcept { return is_resumed_; }

    /* All header fields in their order. */
    [[nodiscard]] std::vector<Header> headers() const
    {
        std::vector<Header> all;
        all.reserve(raw_.header_c);
        for (const struct rs_header &raw : std::span(raw_.headers, raw_.header_c)) {
            all.push_back({detail::text_of(raw.name), detail::text_of(raw.value)});
        }
        return all;
    }

    /* The value of the first header field of this name, whatever its case. */
    [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const noexcept
    {
        for (const struct rs_header &raw : std::span(raw_.headers, raw_.header_c)) {
            if (detail::is_same_name(detail::text_of(raw.name), name)) {
                return detail::text_of(raw.value);
            }
        }
        return std::nullopt;
    }

    /* The parameter of the query, decoded: of "?room=a%20b" the parameter "room" is "a b". The
     * first one counts. Nobody has looked whether it is UTF-8. */
    [[nodiscard]] std::optional<std::string> query_value(std::string_view name) const
    {
        std::string_view left = query();
        while (!left.empty()) {
            const std::string_view pair = left.substr(0, left.find('&'));
            left.remove_prefix(std::min(pair.size() + 1, left.size()));
            const std::size_t equals = std::min(pair.find('='), pair.size());
            if (!pair.empty() && detail::form_decoded(pair.substr(0, equals)) == name) {
                return detail::form_decoded(pair.substr(std::min(equals + 1, pair.size())));
            }
        }
        return std::nullopt;
    }

    /* Value of the first cookie of that name (RFC 6265 section 5.4), as it was sent. */
    [[nodiscard]] std::optional<std::string_view> cookie(std::string_view name) const noexcept
    {
        std::string_view left = header("Cookie").value_or("");
        while (!left.empty()) {
            const std::string_view pair = left.substr(0, left.find(';'));
            left.remove_prefix(std::min(pair.size() + 1, left.size()));
            left.remove_prefix(std::min(left.find_first_not_of(' '), left.size()));
            const std::size_t equals = pair.find('=');
            if (equals != pair.npos && pair.substr(0, equals) == name) {
                return pair.substr(equals + 1);
            }
        }
        return std::nullopt;
    }

private:
    struct rs_request raw_;
    struct rs_tls tls_;
    bool is_resumed_;
};

} // namespace ringsocket

#endif /* RINGSOCKET_REQUEST_HPP */
