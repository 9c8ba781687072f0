/* A test app in C++ that decides about upgrades in every way there is: the query says how. Not an
 * example to follow. */

#include <ringsocket.hpp>

using namespace ringsocket;

namespace {

int made, destroyed;

/* A value that counts itself. */
class Name {
public:
    explicit Name(std::string_view name) : text(name) { made++; }
    Name(Name &&other) noexcept : text(std::move(other.text)) { other.is_gone_ = true; }
    Name &operator=(Name &&) = delete;
    ~Name() { destroyed += !is_gone_; }

    std::string text;

private:
    bool is_gone_ = false;
};

class Gate {
public:
    static constexpr std::array<std::string_view, 1> subprotocols = {"gate.v1"};

    Decision upgrade(Context &cx, Client client, const Upgrade &upgrade)
    {
        const Request &request = upgrade.request();
        const auto query = request.query();
        std::string offers = upgrade.info().ip + ' ' + std::string(upgrade.method());
        for (const std::string_view name : upgrade.offered()) {
            offers.append(" ").append(name);
        }
        if (query == "refuse") {
            return Refusal{.status = 401,
                           .headers = {{"WWW-Authenticate", "Bearer"}, {"X-Gate", "shut"}},
                           .body = offers};
        }
        if (query == "json") {
            return Refusal{.status = 429, .body = "{}", .content_type = "application/json"};
        }
        if (query == "reject") {
            throw Rejection(451, "not there");
        }
        if (query == "plain") {
            return Accept();
        }
        if (query == "none") {
            return Accept{.subprotocol = ""};
        }
        if (query == "wait") {
            waiting_.push_back(client);
            return later;
        }
        if (query == "bad") {
            return Accept{.headers = {{"Connection", "close"}}, .value = Value(Name("bad"))};
        }
        if (query == "twice") {
            cx.refuse(client, {.status = 403});
            return Accept{.value = Value(Name("twice"))};
        }
        const auto name = request.cookie("name");
        return Accept{.subprotocol = "other",
                      .headers = {{"X-Gate", "open"}},
                      .value = Value(Name(name.value_or("nobody")))};
    }

    void read(Context &cx, Client client, std::string_view text)
    {
        auto *const name = cx.attached<Name>(client);
        if (text == "who") {
            cx.to(client).text(name == nullptr ? "nobody" : name->text);
        } else if (text == "change") {
            name->text += "!";
            cx.to(client).text(name->text);
        } else if (text == "other type") {
            cx.to(client).text(cx.attached<std::string>(client) == nullptr ? "no" : "yes");
        } else if (text == "rename") {
            cx.to(client).text(cx.attach(client, Name("Ben"))->text);
        } else if (text == "detach") {
            cx.detach(client);
            cx.to(client).text(std::to_string(made - destroyed));
        } else if (text == "stranger") {
            const bool is_told = cx.attach(Client(12345), Name("lost")) == nullptr;
            cx.to(client).text(is_told ? "told" : "not told");
        } else if (text == "accept") {
            cx.to(client).text(std::to_string(waiting_.size()));
            for (const Client waiting : waiting_) {
                cx.accept(waiting, {.value = Value(Name("late"))});
                (void) cx.try_accept(waiting, {.value = Value(Name("too late"))});
            }
            waiting_.clear();
        } else if (text == "refuse") {
            cx.to(client).text(std::to_string(waiting_.size()));
            for (const Client waiting : waiting_) {
                cx.refuse(waiting, {.status = 200});
                cx.refuse(waiting, {.body = "no"});
                cx.refuse(waiting, {.body = "no"});
            }
            waiting_.clear();
        }
    }

    void close(Context &cx, Client client)
    {
        const auto *const name = cx.attached<Name>(client);
        cx.notice(name == nullptr ? "nobody" : name->text, " has left");
    }

    ~Gate() { std::fprintf(stderr, "gate: %d made, %d destroyed\n", made, destroyed); }

private:
    std::vector<Client> waiting_;
};

} // namespace

RINGSOCKET_EXPORT(Gate);
