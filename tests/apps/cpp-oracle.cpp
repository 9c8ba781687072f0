/* A test app whose answers come from threads of its own, as tests/apps/oracle/src/lib.rs. Not an
 * example to follow. */

#include <ringsocket.hpp>

#include <atomic>
#include <cstdio>
#include <thread>

using namespace ringsocket;
using namespace std::chrono_literals;

namespace {

/* For a part of a call: says when it is destroyed. */
struct Bury {
    static constexpr int count = 10;

    void operator()(std::atomic<int> *dropped) const
    {
        std::fprintf(stderr, "oracle: dropped %d of %d\n", ++*dropped, count);
    }
};

std::atomic<int> dropped; /* outlives the app */

class Oracle {
public:
    static constexpr bool any_thread = true;

    explicit Oracle(Context &cx) : handle_(cx)
    {
        /* Called once there is an app to be called. */
        if (handle_.post([](Oracle &app, Context &) { app.made_++; }) != Result::ok) {
            throw std::runtime_error("nothing can be posted");
        }
    }

    void read(Context &cx, Client client, std::string_view text)
    {
        const std::string_view word = text.substr(0, text.find(' '));
        const int number = word == text ? 0 : std::stoi(std::string(text.substr(word.size())));
        if (word == "count") {
            spawn([client, number](const Handle<Oracle> &handle) { count(handle, client, number); });
        } else if (word == "fill") {
            fill(cx, client);
        } else if (word == "made") {
            cx.to(client).text(std::to_string(made_));
        } else if (word == "panic") {
            spawn([](const Handle<Oracle> &handle) {
                return handle.post([](Oracle &, Context &) {
                    throw std::runtime_error("by a posted call");
                });
            });
        } else if (word == "misuse") {
            (void) handle_.post([](Oracle &, Context &) { throw Rejection(4000, "nobody"); });
        } else if (word == "outlive") {
            spawn(outlive);
        } else if (word == "doom") {
            doom();
        } else if (word == "wait") {
            std::this_thread::sleep_for(number * 1ms);
        } else if (word == "bad") {
            cx.to(client).text(is_told_of_mistakes(cx) ? "told" : "not told");
        } else {
            cx.to(client).text(text);
        }
    }

    void close(Context &, Client) { made_++; }

private:
    template <class Body> void spawn(Body body) const
    {
        std::thread([handle = handle_, body] { body(handle); }).detach();
    }

    static void count(const Handle<Oracle> &handle, Client client, int number)
    {
        for (int i = 0; i < number; i++) {
            /* Cannot be copied, like what it holds. */
            auto text = std::make_unique<std::string>(std::to_string(i));
            auto tell = [client, text = std::move(text)](Oracle &app, Context &cx) {
                app.made_++;
                cx.to(client).text(*text);
            };
            if (handle.post(std::move(tell)) != Result::ok) {
                return;
            }
        }
    }

    void fill(Context &cx, Client client)
    {
        std::size_t posted = 0;
        Result result = Result::ok;
        while ((result = handle_.post([](Oracle &app, Context &) { app.made_++; })) == Result::ok) {
            posted++;
        }
        cx.to(client).text(std::to_string(posted).append(": ").append(to_string(result)));
    }

    bool is_told_of_mistakes(Context &cx)
    {
        Handle<Oracle> copy = handle_;
        const Handle<Oracle> moved = std::move(copy);
        const auto nothing = [](Oracle &, Context &) {};
        bool is_caught = false;
        try {
            Handle<std::string> other(cx);
        } catch (const std::logic_error &) {
            is_caught = true;
        }
        return is_caught && moved && !copy && copy.post(nothing) == Result::bad_argument &&
               Handle<Oracle>().post(nothing) == Result::bad_argument;
    }

    /* Posts what cannot be called any more, as the app fails in the same callback. */
    void doom()
    {
        for (int i = 0; i < Bury::count; i++) {
            std::unique_ptr<std::atomic<int>, Bury> doomed(&dropped);
            (void) handle_.post([doomed = std::move(doomed)](Oracle &, Context &cx) {
                cx.error("oracle: called after all");
            });
        }
        throw std::runtime_error("doomed");
    }

    /* Posts until the app is over, and tells whether each call was made or destroyed. */
    static void outlive(const Handle<Oracle> &handle)
    {
        const auto made = std::make_shared<std::atomic<int>>(0);
        int posted = 0;
        Result result = Result::ok;
        while ((result = handle.post([made](Oracle &, Context &) { ++*made; })) == Result::ok) {
            posted++;
            std::this_thread::sleep_for(1ms);
        }
        while (made.use_count() > 1) {
            std::this_thread::sleep_for(1ms); /* the last go a moment after posts are refused */
        }
        std::fprintf(stderr, "oracle: posted %d, %d made, %d dropped, then %d\n", posted,
                     made->load(), posted - *made, static_cast<int>(result));
    }

    Handle<Oracle> handle_;
    std::size_t made_ = 0;
};

} // namespace

RINGSOCKET_EXPORT(Oracle);
