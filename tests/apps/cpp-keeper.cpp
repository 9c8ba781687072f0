/* A test app that keeps what it knows of its clients over a restart, as tests/apps/keeper/src/lib.rs,
 * whose commands and state are these, does: what one has saved the other restores. Text only. Not an
 * example to follow. */

#include <ringsocket.hpp>

#include <unordered_map>

using namespace ringsocket;

namespace {

constexpr std::string_view version = "keeper 1";

class Keeper {
public:
    static constexpr bool any_thread = true;

    void open(Context &, Client client, const Request &request)
    {
        const char *const how = request.is_resumed() ? "resumed" : "opened";
        if (!clients_.try_emplace(client, Kept{0, how}).second) {
            throw std::runtime_error("a client is opened twice");
        }
    }

    void read(Context &cx, Client client, std::string_view text)
    {
        Kept &kept = clients_.at(client);
        const std::string_view word = text.substr(0, text.find(' '));
        const std::string_view what = text.substr(std::min(word.size() + 1, text.size()));

        kept.message_c++;
        if (word == "join") {
            cx.subscribe(client, what);
        } else if (word == "tell") {
            const std::string_view topic = what.substr(0, what.find(' '));
            cx.to_topic(topic).text(what.substr(std::min(topic.size() + 1, what.size())));
        } else if (word == "save") {
            saving_ = what;
        } else if (word == "restore") {
            restoring_ = what;
        } else if (text == "bye") {
            says_bye_ = true;
        } else if (text == "next") {
            cx.to(client).text(std::to_string(kept.message_c));
        } else {
            cx.to(client).text(text == "how" ? kept.how : text);
        }
    }

    void close(Context &, Client client) { clients_.erase(client); }

    std::optional<std::string> save(Context &cx)
    {
        if (says_bye_) {
            cx.to_all().text("bye");
        }
        if (saving_ == "panic") {
            throw std::runtime_error("as wished");
        }
        if (saving_ == "nothing") {
            return std::nullopt;
        }
        std::ostringstream state;
        state << version << ' ' << restoring_ << '\n';
        for (const auto &[client, kept] : clients_) {
            state << client << ' ' << kept.message_c << '\n';
        }
        return std::move(state).str();
    }

    bool restore(Context &, Bytes saved, std::span<const Client> clients)
    {
        std::istringstream state{std::string(as_text(saved))};
        std::string first;
        rs_client_id id;
        std::uint64_t message_c;

        std::getline(state, first);
        if (first == std::string(version) + " panic") {
            throw std::runtime_error("as wished");
        }
        if (first == std::string(version) + " nothing") {
            throw Rejection(4000, "as wished");
        }
        if (first != std::string(version) + " ") {
            return false;
        }
        while (state >> id >> message_c) {
            if (std::ranges::find(clients, Client(id)) != clients.end()) {
                clients_.try_emplace(Client(id), Kept{message_c, "restored"});
            }
        }
        return state.eof();
    }

private:
    struct Kept {
        std::uint64_t message_c;
        std::string_view how;
    };

    std::unordered_map<Client, Kept> clients_;
    bool says_bye_ = false;
    std::string saving_, restoring_; /* how not */
};

} // namespace

RINGSOCKET_EXPORT(Keeper);
