/* A test app of topics, as tests/apps/topics/src/lib.rs. Not an example to follow. */

#include <ringsocket.hpp>

using namespace ringsocket;

namespace {

class Topics {
public:
    static constexpr bool any_thread = true;

    void open(Context &cx, Client client, const Request &request)
    {
        if (const auto topic = request.query_value("topic")) {
            cx.to_topic(*topic).text("before");
            cx.subscribe(client, "unused");
            cx.subscribe(client, *topic);
            cx.unsubscribe(client, "unused");
            cx.to_topic("unused").text("to nobody");
            cx.to_topic(*topic).text("after");
        }
    }

    void read(Context &cx, Client client, std::string_view text)
    {
        const std::string_view verb = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(verb.size() + 1, text.size()));
        const std::string_view topic = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(topic.size() + 1, text.size()));
        const Subscribers subscribers = cx.to_topic(topic);
        if (verb == "sub") {
            const Result result = cx.try_subscribe(client, topic);
            cx.to(client).text(result == Result::ok ? "ok" : to_string(result));
        } else if (verb == "unsub") {
            cx.unsubscribe(client, topic);
            cx.to(client).text("ok");
        } else if (verb == "pub") {
            subscribers.text(text);
        } else if (verb == "others") {
            subscribers.except(client).text(text);
        } else if (verb == "many") {
            std::vector<Client> except = {client};
            for (rs_client_id i = 1; i < 100; i++) {
                except.push_back(Client(UINT64_MAX - i));
            }
            subscribers.except(except).text(text);
        } else if (verb == "mixed") {
            cx.to(client).text("1");
            subscribers.text(text);
            cx.to(client).text("2");
            cx.unsubscribe(client, topic);
            subscribers.text("not to who has left");
            cx.subscribe(client, topic);
            subscribers.text("back");
        } else if (verb == "drop") {
            cx.close(client, 4000, "dropped");
            subscribers.text(text);
        } else if (verb == "mistakes") {
            cx.subscribe(client, "");
            cx.to_topic(std::string(256, 'a')).except({client}).text("too long a name");
            cx.subscribe(Client(), "not a word of who has left");
            cx.to(client).text(to_string(cx.try_unsubscribe(client, std::string(256, 'a'))));
        } else {
            cx.to(client).text("what?");
        }
    }

    void close(Context &cx, Client client)
    {
        cx.subscribe(client, "goodbyes");
        cx.to_topic("goodbyes").text("gone");
    }
};

} // namespace

RINGSOCKET_EXPORT(Topics);
