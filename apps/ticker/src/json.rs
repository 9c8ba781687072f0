//! The messages that clients receive. Symbols are plain names, so nothing needs to be escaped.

use crate::TICK;
use crate::market::Market;

/// What there is, and the last ticks.
pub(crate) fn market(market: &Market) -> String {
    let ticks: Vec<String> = market.ticks().map(|prices| list(prices)).collect();
    let first = market.number() + 1 - ticks.len() as u64;
    format!(
        r#"{{"type":"market","every_ms":{},"symbols":["{}"],"first":{first},"ticks":[{}]}}"#,
        TICK.as_millis(),
        Market::symbols().join(r#"",""#),
        ticks.join(",")
    )
}

/// The last tick.
pub(crate) fn tick(market: &Market) -> String {
    let (number, prices) = (market.number(), list(&market.prices()));
    format!(r#"{{"type":"tick","number":{number},"prices":{prices}}}"#)
}

fn list(prices: &[u32]) -> String {
    let prices: Vec<String> = prices.iter().map(u32::to_string).collect();
    format!("[{}]", prices.join(","))
}
