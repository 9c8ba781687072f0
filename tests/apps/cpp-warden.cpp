/* Looks at TLS connections, and tells of them, in C++: as warden/src/lib.rs. */

#include <ringsocket.hpp>

using namespace ringsocket;

namespace {

std::string describe(const Request &request)
{
    const auto tls = request.tls();
    if (!tls) {
        return "plain";
    }
    std::string text(tls->version());
    text.append(", ").append(tls->server_name().empty() ? "-" : tls->server_name());
    const auto certificate = tls->certificate();
    if (!certificate) {
        return text + ", no certificate";
    }
    text.append(", ").append(certificate->subject().empty() ? "-" : certificate->subject());
    text.append(", ");
    for (const std::string_view name : certificate->alternative_names()) {
        text.append(name).append(" ");
    }
    text.resize(text.size() - !certificate->alternative_names().empty());
    return text;
}

class Warden {
public:
    Decision upgrade(Context &, Client, const Upgrade &upgrade)
    {
        const Request &request = upgrade.request();
        const auto tls = request.tls();
        const auto certificate = tls ? tls->certificate() : std::nullopt;
        if (request.query().empty() || (certificate && certificate->has_name(request.query()))) {
            return Accept();
        }
        return Refusal{.status = 403, .body = describe(request)};
    }

    void open(Context &cx, Client client, const Request &request)
    {
        cx.to(client).text(describe(request));
    }
};

} // namespace

RINGSOCKET_EXPORT(Warden);
