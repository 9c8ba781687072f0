//! The table against a list of subscriptions, over random operations, and at its limits.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn topics(per_client: usize, per_app: usize) -> Topics {
    Topics::new(Arc::new(TopicLimits::new(per_client, per_app)))
}

const WORKERS: u64 = 3;

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

fn client(number: u64) -> ClientId {
    ClientId::new((number % WORKERS) as u8, number as u32, 1)
}

/// Who is subscribed to what.
type Model = BTreeSet<(ClientId, u8)>;

fn name_c(model: &Model) -> usize {
    model.iter().map(|(_, name)| name).collect::<BTreeSet<_>>().len()
}

fn compare(topics: &Topics, model: &Model) {
    let mut seen = BTreeMap::new();
    for (id, name) in model {
        *seen.entry((*name, id.worker())).or_insert(0) += 1;
    }
    for name in 0..10 {
        let expected: BTreeSet<_> = model.iter().filter(|it| it.1 == name).map(|it| it.0).collect();
        assert_eq!(topics.subscribers(&[name]).collect::<BTreeSet<_>>(), expected);
        let presences = topics.get(&[name]).map_or(&[][..], |topic| &topic.presences);
        let expected: BTreeMap<_, _> = seen.range((name, 0)..=(name, 9)).collect();
        assert_eq!(presences.len(), expected.len(), "one record for each worker that has any");
        for Presence { worker, subscriber_c } in presences {
            assert_eq!(expected.get(&(name, *worker)), Some(&subscriber_c));
        }
    }
    assert_eq!(topics.by_name.len(), name_c(model), "a topic without subscribers is forgotten");
    let client_c = model.iter().map(|(id, _)| id).collect::<BTreeSet<_>>().len();
    assert_eq!(topics.of_clients.len(), client_c, "so is a client without topics");
}

/// What a subscription must come to.
fn expected(model: &Model, id: ClientId, name: u8) -> Result<bool, LimitReached> {
    let has = |it: &&(ClientId, u8)| it.0 == id;
    if model.contains(&(id, name)) {
        return Ok(false);
    }
    let is_known = model.iter().any(|it| it.1 == name);
    if model.iter().filter(has).count() == 4 || !is_known && name_c(model) == 6 {
        return Err(LimitReached);
    }
    Ok(true)
}

#[test]
fn counts_are_those_of_a_list_of_subscriptions() {
    for seed in 1..20 {
        let (mut topics, mut model) = (topics(4, 6), Model::new());
        let (mut dice, mut limits, mut numbers) = (Dice(seed), 0, BTreeMap::new());
        for _ in 0..2000 {
            let (id, name) = (client(dice.below(8)), dice.below(10) as u8);
            match dice.below(16) {
                0 => {
                    topics.leave(id);
                    model.retain(|it| it.0 != id);
                }
                1..=7 => {
                    let number = topics.get(&[name]).map(|topic| topic.number);
                    let ended = topics.unsubscribe(id, &[name]);
                    assert_eq!(ended, number.filter(|_| model.remove(&(id, name))));
                }
                _ => {
                    let result = topics.subscribe(id, &[name]);
                    assert_eq!(result.map(|it| it.is_some()), expected(&model, id, name));
                    limits += usize::from(result.is_err());
                    if let Ok(Some(number)) = result {
                        model.insert((id, name));
                        let first = *numbers.entry(number).or_insert(name);
                        assert_eq!(first, name, "a number never means another topic");
                    }
                }
            }
            compare(&topics, &model);
        }
        assert!(limits > 20, "limits were reached");
        (0..8).for_each(|number| topics.leave(client(number)));
        topics.trim();
        let kept = (topics.by_name.capacity(), topics.of_clients.capacity());
        assert_eq!(kept, (0, 0), "nothing is kept");
    }
}

#[test]
fn another_connection_in_the_same_slot_has_no_topics() {
    let mut topics = topics(4, 6);
    let (gone, new) = (ClientId::new(1, 5, 1), ClientId::new(1, 5, 2));
    assert_eq!(topics.subscribe(gone, b"news"), Ok(Some(1)));
    topics.leave(new);
    assert_eq!(topics.unsubscribe(new, b"news"), None);
    assert!(topics.get(b"news").is_some());
    topics.leave(gone);
    assert!(topics.get(b"news").is_none());
    assert_eq!(topics.subscribe(new, b"news"), Ok(Some(2)), "with another number");
}

#[test]
fn no_topics_at_all_can_be_the_limit() {
    assert_eq!(topics(0, 6).subscribe(client(1), b"news"), Err(LimitReached));
    assert_eq!(topics(4, 0).subscribe(client(1), b"news"), Err(LimitReached));
}

#[test]
fn limits_that_become_smaller_leave_the_topics_that_there_are() {
    let limits = Arc::new(TopicLimits::new(2, 2));
    let mut topics = Topics::new(Arc::clone(&limits));
    assert_eq!(topics.subscribe(client(1), b"a"), Ok(Some(1)));
    assert_eq!(topics.subscribe(client(1), b"b"), Ok(Some(2)));
    limits.set(1, 1);
    assert_eq!(topics.subscribe(client(1), b"a"), Ok(None), "it is");
    assert_eq!(topics.unsubscribe(client(1), b"b"), Some(2));
    assert_eq!(topics.subscribe(client(1), b"b"), Err(LimitReached));
    limits.set(2, 2);
    assert_eq!(topics.subscribe(client(1), b"b"), Ok(Some(3)));
}

#[test]
fn the_next_process_knows_as_much_of_those_who_live_on() {
    let (mut before, mut model, mut dice) = (topics(10, 10), Model::new(), Dice(7));
    for _ in 0..60 {
        let (id, name) = (client(dice.below(8)), dice.below(10) as u8);
        if before.subscribe(id, &[name]).is_ok() {
            model.insert((id, name));
        }
    }
    let mut table = before.export();
    table.topics.push(table.topics[0].clone()); // said twice is said once
    let lives_on = |id: ClientId| id != client(3);
    model.retain(|it| lives_on(it.0));
    // What there is stays, whatever the limits have become.
    let mut after = topics(1, 1);
    after.import(&table, lives_on);
    compare(&after, &model);
    for (id, name) in &model {
        let number = after.get(&[*name]).map(|topic| topic.number).expect("it has a subscriber");
        assert!(after.numbers(*id).contains(&number));
        assert_eq!(after.subscribe(*id, &[*name]), Ok(None), "it is");
    }
    let number_c: usize = (0..8).map(|number| after.numbers(client(number)).len()).sum();
    assert_eq!(number_c, model.len());
}
