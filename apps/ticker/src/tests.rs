//! The app as its clients see it, on a host without sockets; and the market by itself.

use crate::market::{HISTORY, Market};
use crate::{TICK, Ticker, json};
use ringsocket_app::ClientId;
use ringsocket_app::testing::TestHost;

fn received(host: &mut TestHost<Ticker>, client: ClientId) -> Vec<String> {
    host.received(client).iter().map(|message| message.text().to_owned()).collect()
}

#[test]
fn who_comes_gets_the_last_ticks_and_then_each_new_one() {
    let mut host = TestHost::<Ticker>::start().unwrap();
    let ann = host.open("/ticker");
    let first = received(&mut host, ann);
    let start = r#"{"type":"market","every_ms":250,"symbols":["ASH","BIRCH","CEDAR","ELM","OAK"],"#;
    assert_eq!(first.len(), 1);
    assert!(first[0].starts_with(&format!(r#"{start}"first":0,"ticks":[[10400,"#)), "{first:?}");
    host.fire_timer().unwrap();
    let tick = received(&mut host, ann).concat();
    assert!(tick.starts_with(r#"{"type":"tick","number":240,"prices":["#), "{tick}");
    // Who comes later has the same tick at the end, and the oldest one no more.
    let ben = host.open("/ticker");
    let market = received(&mut host, ben).concat();
    let prices = tick.split_once("prices\":").unwrap().1.trim_end_matches('}');
    assert!(market.starts_with(&format!(r#"{start}"first":1,"#)), "{market}");
    assert!(market.ends_with(&format!("{prices}]}}")), "{market}");
    assert!(received(&mut host, ann).is_empty());
    host.fire_timer().unwrap();
    let ticks = (received(&mut host, ann), received(&mut host, ben));
    assert_eq!(ticks.0, ticks.1);
    assert_eq!(ticks.0.len(), 1);
}

#[test]
fn the_timer_rests_while_nobody_is_connected() {
    let mut host = TestHost::<Ticker>::start().unwrap();
    assert_eq!(host.timer(), None);
    let (ann, ben) = (host.open("/ticker"), host.open("/ticker"));
    assert_eq!(host.timer(), Some(TICK));
    host.fire_timer().unwrap();
    assert_eq!(host.timer(), Some(TICK));
    host.leave(ann, 1001, "").unwrap();
    assert_eq!(host.timer(), Some(TICK));
    host.leave(ben, 1001, "").unwrap();
    assert_eq!(host.timer(), None);
    // The market goes on where it was.
    let cay = host.open("/ticker");
    assert!(received(&mut host, cay).concat().contains(r#""first":1,"#));
    assert_eq!(host.timer(), Some(TICK));
}

#[test]
fn who_sends_is_sent_away_and_the_others_go_on() {
    let mut host = TestHost::<Ticker>::start().unwrap();
    let (ann, ben) = (host.open("/ticker"), host.open("/ticker"));
    host.text(ann, "buy");
    assert_eq!(host.closed_with(ann), Some((1008, "nothing is for sale here")));
    received(&mut host, ben);
    host.fire_timer().unwrap();
    assert_eq!(received(&mut host, ben).len(), 1);
}

#[test]
fn prices_move_and_stay_near_where_they_began() {
    let mut market = Market::new(1);
    let first = market.ticks().next().copied().unwrap();
    let mut moves = 0;
    for _ in 0..20_000 {
        let before = market.prices();
        market.step();
        moves += usize::from(market.prices() != before);
        for (price, home) in market.prices().iter().zip(first) {
            // Six standard deviations of the wildest, which without a draw home has no bound.
            let near = home * 85 / 100..home * 115 / 100;
            assert!(near.contains(price), "{price}, which began at {home}");
        }
    }
    assert!(moves > 19_000, "{moves}");
    assert_eq!((market.ticks().len(), market.number()), (HISTORY, 20_239));
    assert_ne!(json::tick(&market), json::tick(&Market::new(2)));
}
