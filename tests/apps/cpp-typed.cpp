/* A test app of what ringsocket.hpp offers: messages that begin with a byte are read as fields and
 * answered with their values, and those that begin with a letter do as it says. Not an example to
 * follow. */

#include <ringsocket.hpp>

#include <cstring>
#include <map>
#include <memory>
#include <numeric>

using namespace ringsocket;
using namespace std::chrono_literals;

namespace {

class Typed {
public:
    static constexpr std::array<std::string_view, 2> subprotocols = {"typed.v2", "typed.v1"};

    explicit Typed(Context &cx)
    {
        const Conf conf = cx.conf();
        cx.notice("made ", conf.app_name, " of ", conf.worker_c, " workers, messages of ",
                  conf.max_message_size, ", level ", static_cast<int>(conf.log_level));
        cx.debug("not seen");
        (void) cx.to_all().try_text("nobody is here");
        cx.to_all().text("nor here");
    }

    void open(Context &cx, Client client, const Request &request)
    {
        std::ostringstream out;
        out << request.path() << '|' << request.query() << '|' << request.subprotocol() << '|'
            << request.header("X-NAME").value_or("no name") << '|'
            << request.header("x-none").value_or("none") << '|'
            << request.query_value("room").value_or("no room");
        out << '|' << std::ranges::count(request.headers(), "X-Name", &Header::name);
        names_[client] = std::make_unique<std::string>(request.query());
        if (request.query_value("away")) {
            throw Rejection(4123, "not today");
        }
        cx.to(client).text(out.str());
        first_ = first_ == Client() ? client : first_;
    }

    void read(Context &cx, Client client, Message message)
    {
        const auto say = [&](const auto &...parts) {
            std::ostringstream out;
            (out << ... << parts);
            cx.to(client).text(out.str());
        };
        const auto sum = [&](const auto &numbers) {
            say(numbers.size(), ": ", std::accumulate(numbers.begin(), numbers.end(), 0LL));
        };
        message.match(
            on_binary<0>([&] { say("nothing"); }),
            on_binary<1, std::uint8_t, std::int8_t, std::uint16_t, std::int16_t, std::uint32_t,
                      std::int32_t, std::uint64_t, std::int64_t>(
                [&](unsigned a, int b, unsigned c, int d, std::uint32_t e, std::int32_t f,
                    std::uint64_t g, std::int64_t h) {
                    say(a, ' ', b, ' ', c, ' ', d, ' ', e, ' ', f, ' ', g, ' ', h);
                }),
            on_binary<2, Little<std::uint32_t>, float, double>(
                [&](std::uint32_t a, float b, double c) { say(a, ' ', b, ' ', c); }),
            on_binary<3, std::array<std::int16_t, 3>, std::uint8_t>(
                [&](std::array<std::int16_t, 3> three, unsigned after) {
                    say(three[0], ' ', three[1], ' ', three[2], ", ", after);
                }),
            on_binary<4, List<std::int32_t, 1, 4>>(sum),
            on_binary<5, std::uint8_t, Rest<2, 5>>(
                [&](unsigned a, Bytes rest) { say(a, ' ', rest.size()); }),
            on_binary<6, List<std::uint64_t>>(sum),
            on_binary<7>([&] {
                constexpr std::array<std::uint16_t, 2> pair = {0x0506, 0x0708};
                cx.to(client).binary(pack(std::uint8_t{1}, std::int16_t{-2}, Little(std::uint16_t{3}),
                                          "ab", pair, Bytes(), 1.0F));
            }),
            on_any<'?'>([&] { say(message.is_text() ? "text" : "binary"); }),
            on_text<'s', Text<1, 5>>([&](std::string_view words) { say('\'', words, '\''); }),
            on_text<'!', Text<>>([&](std::string_view command) { obey(cx, client, command); }));
    }

    void close(Context &cx, Client client, const Close &close)
    {
        cx.notice("gone: ", close.code, " '", close.reason, "' of ", *names_.at(client), ", port ",
                  cx.info(client)->port == 0 ? "none" : "some");
        names_.erase(client);
    }

    void timer(Context &cx) { cx.to_all().text("time"); }

private:
    void obey(Context &cx, Client client, std::string_view command)
    {
        if (command == "all") {
            cx.to_all().text("to all");
        } else if (command == "others") {
            cx.to_all().except(client).text("to others");
        } else if (command == "but two") {
            cx.to_all().except({client, first_}).text("to all but two");
        } else if (command == "two") {
            cx.to({client, first_}).text("to two");
        } else if (command == "list") {
            const std::vector<Client> both = {first_, client};
            cx.to(both).binary(pack(std::uint8_t{9}));
        } else if (command == "info") {
            const auto info = cx.info(client);
            cx.to(client).text(info->ip + ' ' + std::to_string(info->endpoint_id));
        } else if (command == "nobody") {
            const bool is_known = cx.info(Client(12345)).has_value();
            const Result result = cx.try_close(Client(12345), 4000);
            cx.close(Client(12345), 4000);
            cx.to(Client(12345)).text("nobody");
            cx.to(Client()).text("nobody");
            cx.to(client).text(std::string(is_known ? "known " : "unknown ") +=
                               to_string(result));
        } else if (command == "bad") {
            cx.to(client).text("\xff");
            cx.close(client, 1005, "");
            cx.to(client).text(to_string(cx.to_all().try_text("\xff")));
        } else if (command == "big") {
            const std::vector<std::byte> big(cx.conf().max_message_size + 1);
            cx.to(client).text(to_string(cx.to(client).try_binary(big)));
        } else if (command == "close") {
            cx.close(client, 4001, "as you wish");
        } else if (command == "log") {
            cx.warning("client ", client == first_ ? "one" : "another");
        } else if (command == "timer") {
            cx.set_timer(1ms);
            cx.set_timer(0s);
        } else if (command == "no timer") {
            cx.set_timer(1ms);
            cx.cancel_timer();
        } else {
            throw Rejection(4003, "what?");
        }
    }

    Client first_;
    std::map<Client, std::unique_ptr<std::string>> names_;
};

} // namespace

RINGSOCKET_EXPORT(Typed);
