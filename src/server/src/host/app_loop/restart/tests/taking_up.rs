//! The beginning of an app whose clients have lived on.

use super::*;
use crate::message::{TopicRow, TopicTable};

/// Ann on the first worker and Ben on the second, and somebody who is gone.
fn cast() -> [ClientId; 3] {
    [ClientId::new(0, 1, 5), ClientId::new(1, 2, 5), ClientId::new(0, 9, 5)]
}

/// Ann and Ben, of whom Ann has heard the news, like the one who is gone.
fn taken_up(state: Option<&[u8]>) -> TakenUp {
    let [ann, ben, gone] = cast();
    let row = TopicRow { name: b"news".to_vec(), clients: vec![ann, gone] };
    let (state, topics) = (state.map(<[u8]>::to_vec), TopicTable { topics: vec![row] });
    let saved = Saved { state, topics, ..Saved::default() };
    TakenUp { saved, clients: vec![resumed(ann), resumed(ben)] }
}

#[test]
fn restored_clients_are_the_apps_at_once() {
    let [ann, ben, _] = cast();
    let mut stage = stage(2);
    stage.app.restore(taken_up(Some(b"state")));
    assert_eq!(heard(), ["restore state of 2"]);
    assert_eq!(stage.told(0), ["opened 1", "topic 1 1 true", "topic 2 1 true", "welcome back"]);
    assert_eq!(stage.told(1), ["opened 2", "topic 2 2 true", "welcome back"]);
    let context = stage.app.instance.context();
    assert_eq!(context.client_info(ann).map(|info| (info.endpoint_id, info.port)), Ok((3, 80)));
    assert!(context.value(ben).is_ok_and(|value| value.is_some()));
    stage.say(ann, "sub news");
    assert!(!stage.settle());
    stage.say(ben, "pub news");
    assert!(!stage.settle());
    stage.tell(0, Inbound::Close { client: ann, code: 1000, reason: b"" });
    assert!(!stage.settle());
    stage.say(ben, "pub news");
    assert!(!stage.settle());
    assert_eq!(stage.told(0), ["news"], "a subscription to what it has is none, and ends with it");
    assert!(stage.told(1).is_empty());
    assert_eq!(stage.app.instance.context().client_info(ann), Err(abi::E_CLIENT));
    let expected = ["read 0.1 sub news", "read 1.2 pub news", "close 0.1", "read 1.2 pub news"];
    assert_eq!(heard(), expected);
}

#[test]
fn clients_that_are_not_restored_are_opened_again_before_anything_else() {
    for state in [None, Some(&b"alien"[..])] {
        let [ann, ben, _] = cast();
        let mut stage = stage(2);
        stage.say(ben, "early");
        stage.app.restore(taken_up(state));
        assert_eq!(!heard().is_empty(), state.is_some());
        assert_eq!(stage.told(0), [""; 0], "what restore does is forgotten");
        assert!(!stage.settle());
        let open = |who: ClientId| {
            format!("open {:x} /scribe resumed=true at Some(192.0.2.7:80)", who.to_u64())
        };
        assert_eq!(heard(), [open(ann), open(ben), "read 1.2 early".to_owned()]);
        let told = ["opened 1", "topic 1 1 true", "hello 0.1", "news", "hello 1.2", "news"];
        assert_eq!(stage.told(0), told);
        assert_eq!(stage.told(1), ["hello 0.1", "opened 2", "hello 1.2"]);
    }
}

#[test]
fn only_clients_that_have_lived_on_are_resumed() {
    let mut stage = stage(2);
    stage.app.restore(taken_up(None));
    stage.open(ClientId::new(0, 3, 1));
    assert!(!stage.settle());
    let resumed: Vec<_> = heard().iter().map(|open| open.contains("resumed=true")).collect();
    assert_eq!(resumed, [true, true, false]);
}

#[test]
fn a_state_without_clients_is_restored_too() {
    let mut stage = stage(1);
    let saved = Saved { state: Some(Vec::new()), ..Saved::default() };
    stage.app.restore(TakenUp { saved, clients: Vec::new() });
    assert_eq!(heard(), ["restore  of 0"]);
}

#[test]
fn an_app_that_fails_in_restore_is_stopped() {
    let mut stage = stage(2);
    stage.app.restore(taken_up(Some(b"panic")));
    assert!(stage.settle());
    assert_eq!(heard(), ["restore panic of 2", "quit"]);
    assert_eq!((stage.told(0), stage.told(1)), (vec!["fault".into()], vec!["fault".into()]));
}

#[test]
fn many_clients_are_opened_again_over_several_turns() {
    thread_local! {
        static TICKS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
    }
    /// A tenth of a millisecond passes from one look to the next.
    fn ticking() -> Duration {
        TICKS.set(TICKS.get() + 1);
        Duration::from_micros(100 * TICKS.get())
    }
    let mut stage = stage_by(1, ticking);
    let clients = (0..100).map(|slot| resumed(ClientId::new(0, slot, 1))).collect();
    stage.app.restore(TakenUp { saved: Saved::default(), clients });
    assert!(!stage.app.may_be_lent(), "its own thread has something to do");
    assert_eq!(stage.app.turn(), Turn::Busy);
    let first = heard().len();
    assert!((2..=20).contains(&first), "{first}");
    assert!(!stage.settle());
    assert_eq!(heard().len(), 100 - first);
    let opened_c = stage.told(0).iter().filter(|word| word.starts_with("opened")).count();
    assert_eq!(opened_c, 100);
}
