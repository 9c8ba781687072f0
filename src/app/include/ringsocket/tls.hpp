/* SPDX-License-Identifier: MIT */

/*
 * ringsocket/tls.hpp: the TLS connection by which a client has come, and the
 * certificate that it has shown, for C++. Included by ringsocket.hpp.
 *
 *     Decision upgrade(Context &, Client, const Upgrade &upgrade)
 *     {
 *         const auto tls = upgrade.request().tls();
 *         const auto certificate = tls ? tls->certificate() : std::nullopt;
 *
 *         if (!certificate || !certificate->has_name("email:ann@example.com")) {
 *             return Refusal{.status = 403};
 *         }
 *         return Accept{};
 *     }
 */

#ifndef RINGSOCKET_TLS_HPP
#define RINGSOCKET_TLS_HPP

#include "../ringsocket.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace ringsocket {

namespace detail {

inline std::string_view text_of(struct rs_bytes bytes) noexcept
{
    return {reinterpret_cast<const char *>(bytes.data), bytes.size};
}

} // namespace detail

/* A certificate that the server has verified, while the callback runs that is told of it. */
class Certificate {
public:
    explicit Certificate(const struct rs_tls &raw) noexcept : raw_(raw) {}

    /* The subject's distinguished name (RFC 4514): "CN=Ann,O=Example". May be empty. */
    [[nodiscard]] std::string_view subject() const noexcept { return detail::text_of(raw_.subject); }
    /* The subject alternative names, each with its kind: "DNS:a.example", "email:ann@a.example",
     * "URI:spiffe://a/b", "IP:192.0.2.1". */
    [[nodiscard]] std::vector<std::string_view> alternative_names() const
    {
        std::vector<std::string_view> names;
        for (const struct rs_bytes name : raw_names()) {
            names.push_back(detail::text_of(name));
        }
        return names;
    }
    /* Whether it has this alternative name, kind and all; compared byte by byte. */
    [[nodiscard]] bool has_name(std::string_view name) const noexcept
    {
        const auto names = raw_names();
        return std::ranges::find(names, name, detail::text_of) != names.end();
    }

private:
    [[nodiscard]] std::span<const struct rs_bytes> raw_names() const noexcept
    {
        return {raw_.alternative_names, raw_.alternative_name_c};
    }

    struct rs_tls raw_;
};

/* A TLS connection, likewise. All that it lends out is gone then. */
class Tls {
public:
    explicit Tls(const struct rs_tls &raw) noexcept : raw_(raw) {}

    /* "TLSv1.3" or "TLSv1.2". */
    [[nodiscard]] std::string_view version() const noexcept { return detail::text_of(raw_.version); }
    /* The host that the client asked for (SNI); empty if it has named none. */
    [[nodiscard]] std::string_view server_name() const noexcept
    {
        return detail::text_of(raw_.server_name);
    }
    /* What the client has shown, where the configuration (`client_certs`) asks for it. */
    [[nodiscard]] std::optional<Certificate> certificate() const noexcept
    {
        return raw_.has_certificate != 0 ? std::optional(Certificate(raw_)) : std::nullopt;
    }

private:
    struct rs_tls raw_;
};

} // namespace ringsocket

#endif /* RINGSOCKET_TLS_HPP */
