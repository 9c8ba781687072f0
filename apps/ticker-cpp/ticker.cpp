/* SPDX-License-Identifier: MIT */

/*
 * Simulated prices for everybody, four times a second, in C++. The same as apps/ticker, where what
 * clients receive is described; an example of a timer and of an app that keeps data.
 */

#include <ringsocket.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <deque>
#include <random>
#include <string>

namespace {

using ringsocket::Client;
using ringsocket::Context;
using namespace std::chrono_literals;

constexpr auto tick = 250ms;
constexpr std::size_t history = 240;
/* Of the way back to its first price, the part that a price goes in each tick. */
constexpr double draw = 0.004;

struct Stock {
    const char *symbol;
    std::uint32_t price; /* in hundredths; the one to which it is drawn back */
    double wildness;     /* standard deviation of a tick, in millionths of the price */
};

constexpr std::array stocks{
    Stock{"ASH", 10'400, 900}, Stock{"BIRCH", 5'120, 1'400}, Stock{"CEDAR", 23'875, 600},
    Stock{"ELM", 1'860, 2'200}, Stock{"OAK", 41'250, 1'100},
};

using Prices = std::array<std::uint32_t, stocks.size()>;

/* A JSON array of what `write` makes of each item. */
template <class Items, class Write> std::string list(const Items &items, Write write)
{
    std::string json;
    for (const auto &item : items) {
        json += (json.empty() ? "[" : ",") + write(item);
    }
    return json + "]";
}

std::string to_json(const Prices &prices)
{
    return list(prices, [](std::uint32_t price) { return std::to_string(price); });
}

class Ticker {
public:
    Ticker()
    {
        Prices &first = ticks_.emplace_back();
        std::ranges::transform(stocks, first.begin(), &Stock::price);
        while (ticks_.size() < history) {
            step();
        }
    }

    void open(Context &cx, Client client)
    {
        if (client_c_++ == 0) {
            cx.set_timer(tick);
        }
        const auto symbol = [](const Stock &stock) { return '"' + std::string(stock.symbol) + '"'; };
        cx.to(client).text(R"({"type":"market","every_ms":)" + std::to_string(tick.count())
                           + R"(,"symbols":)" + list(stocks, symbol) + R"(,"first":)"
                           + std::to_string(number_ + 1 - ticks_.size()) + R"(,"ticks":)"
                           + list(ticks_, to_json) + "}");
    }

    void read(Context &cx, Client client, ringsocket::Message)
    {
        cx.close(client, 1008, "nothing is for sale here");
    }

    void close(Context &cx, Client)
    {
        if (--client_c_ == 0) {
            cx.cancel_timer();
        }
    }

    void timer(Context &cx)
    {
        step();
        cx.to_all().text(R"({"type":"tick","number":)" + std::to_string(number_)
                         + R"(,"prices":)" + to_json(ticks_.back()) + "}");
        cx.set_timer(tick);
    }

private:
    void step()
    {
        Prices prices = ticks_.back();
        for (std::size_t i = 0; i < stocks.size(); i++) {
            const double now = prices[i];
            const double drawn = (stocks[i].price - now) * draw;
            const double pushed = now * stocks[i].wildness / 1e6 * normal_(random_);
            prices[i] = static_cast<std::uint32_t>(std::max(1.0, std::round(now + drawn + pushed)));
        }
        ticks_.push_back(prices);
        if (ticks_.size() > history) {
            ticks_.pop_front();
        }
        number_++;
    }

    std::mt19937_64 random_{std::random_device{}()};
    std::normal_distribution<> normal_;
    std::deque<Prices> ticks_; /* the last ones, the newest at the end */
    std::uint64_t number_ = 0; /* of the newest */
    std::size_t client_c_ = 0;
};

} // namespace

RINGSOCKET_EXPORT(Ticker);
