//! The lists and their cross-references against plain sets, over random operations.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// xorshift64*, which is enough to mix operations.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }
}

/// The slots of the subscribers of each topic.
type Model = BTreeMap<u64, BTreeSet<u32>>;

fn compare(topics: &Topics, model: &Model) {
    for (topic, slots) in model {
        let seats = topics.subscribers(*topic);
        let seen: BTreeSet<_> = seats.iter().map(|seat| seat.slot).collect();
        assert_eq!((&seen, seats.len()), (slots, slots.len()), "topic {topic}");
        for (index, seat) in seats.iter().enumerate() {
            let ticket = topics.tickets[&seat.slot][seat.ticket as usize];
            assert_eq!((ticket.topic, ticket.seat as usize), (*topic, index));
        }
    }
    let subscribed = model.values().map(BTreeSet::len).sum::<usize>();
    assert_eq!(topics.tickets.values().map(Vec::len).sum::<usize>(), subscribed);
    let topic_c = model.values().filter(|slots| !slots.is_empty()).count();
    assert_eq!(topics.seats.len(), topic_c, "a topic without subscribers is forgotten");
    assert!(topics.tickets.values().all(|tickets| !tickets.is_empty()));
}

#[test]
fn subscriptions_are_those_of_a_model_made_of_sets() {
    for seed in 1..20 {
        let (mut topics, mut model, mut dice) = (Topics::default(), Model::new(), Dice(seed));
        for _ in 0..2000 {
            let (slot, topic) = (dice.below(12) as u32, dice.below(9));
            match dice.below(20) {
                0 => {
                    topics.strike(slot);
                    model.values_mut().for_each(|slots| slots.retain(|other| *other != slot));
                }
                1..=8 => {
                    topics.unsubscribe(slot, topic);
                    model.entry(topic).or_default().remove(&slot);
                }
                // The app's side says nothing of who is subscribed already.
                _ => {
                    if model.entry(topic).or_default().insert(slot) {
                        topics.subscribe(slot, topic);
                    }
                }
            }
            compare(&topics, &model);
        }
        (0..12).for_each(|slot| topics.strike(slot));
        topics.trim();
        assert_eq!((topics.seats.capacity(), topics.tickets.capacity()), (0, 0), "nothing is kept");
    }
}

#[test]
fn a_list_that_was_long_gives_its_memory_back() {
    let mut topics = Topics::default();
    (0..10_000).for_each(|slot| topics.subscribe(slot, 1));
    (1..10_000).for_each(|slot| topics.strike(slot));
    assert_eq!(topics.subscribers(1).len(), 1);
    assert!(topics.seats[&1].capacity() < 16);
}
