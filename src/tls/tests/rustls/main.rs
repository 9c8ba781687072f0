//! The record layer against rustls' own, after handshakes by rustls: both roles, both versions, all
//! suites, streams that are cut anywhere, and our side going on in another process at any time.

mod handshake;
mod talk;

use std::io::Write;

use proptest::prelude::*;
use ringsocket_tls::{Alert, End, Limits};
use rustls::{AlertDescription, Error, ProtocolVersion};

use handshake::{Role, SUITES, connect};
use talk::{Step, Talk};

fn any_len() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0..200_usize, 2 => 16_380..16_390_usize, 1 => 0..50_000_usize]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::vec(any_len(), 0..4).prop_map(Step::WeSend),
        4 => any_len().prop_map(Step::TheySend),
        1 => Just(Step::WeUpdate),
        1 => Just(Step::TheyUpdate),
        1 => Just(Step::WeReply),
        4 => Just(Step::WeMove),
        8 => (0..20_000_usize).prop_map(Step::Flow),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_sides_read_what_the_other_wrote(
        suite in 0..SUITES.len(),
        is_server in any::<bool>(),
        fragment in prop_oneof![Just(None), (32..17_000_usize).prop_map(|len| Some(len.min(16_389)))],
        records_per_key in prop_oneof![Just(u64::MAX), 1..20_u64],
        steps in prop::collection::vec(any_step(), 1..25),
        pieces in prop::collection::vec(1..3000_usize, 1..5),
    ) {
        let role = if is_server { Role::Server } else { Role::Client };
        let connected = connect(SUITES[suite], role, fragment);
        let is_1_3 = connected.peer.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        let limits = connected.limits();
        // A key of TLS 1.2 is never changed.
        let records_per_key = if is_1_3 { records_per_key } else { limits.records_per_key };
        let mut talk = Talk::new(connected, Limits { records_per_key, ..limits }, pieces);
        for step in &steps {
            talk = talk.take(step);
        }
        talk.close();
    }
}

#[test]
fn our_alerts_are_understood() {
    for (number, role) in SUITES.into_iter().flat_map(|suite| Role::BOTH.map(|role| (suite, role)))
    {
        let alerts = [
            (Alert::UnexpectedMessage, AlertDescription::UnexpectedMessage),
            (Alert::BadRecordMac, AlertDescription::BadRecordMac),
            (Alert::RecordOverflow, AlertDescription::RecordOverflow),
            (Alert::IllegalParameter, AlertDescription::IllegalParameter),
            (Alert::DecodeError, AlertDescription::DecodeError),
            (Alert::ProtocolVersion, AlertDescription::ProtocolVersion),
            (Alert::InternalError, AlertDescription::InternalError),
        ];
        for (alert, description) in alerts {
            let connected = connect(number, role, None);
            let (mut ours, mut peer) = (connected.records(), connected.peer);
            let mut wire = Vec::new();
            ours.alert(alert, &mut wire);
            peer.read_tls(&mut &wire[..]).unwrap();
            assert_eq!(peer.process_new_packets(), Err(Error::AlertReceived(description)));
        }
    }
}

#[test]
fn what_is_broken_on_the_way_is_noticed_by_both() {
    for (number, role) in SUITES.into_iter().flat_map(|suite| Role::BOTH.map(|role| (suite, role)))
    {
        let connected = connect(number, role, None);
        let (mut ours, mut peer) = (connected.records(), connected.peer);
        let mut down = Vec::new();
        ours.seal(&[b"data"], &mut down).unwrap();
        *down.last_mut().unwrap() ^= 1;
        peer.read_tls(&mut &down[..]).unwrap();
        assert_eq!(peer.process_new_packets(), Err(Error::DecryptError));
        let mut up = Vec::new();
        peer.write_tls(&mut up).unwrap();
        assert_eq!(ours.open(&mut up).end, Some(End::Aborted(Alert::BadRecordMac as u8)));

        let connected = connect(number, role, None);
        let (mut ours, mut peer) = (connected.records(), connected.peer);
        peer.writer().write_all(b"data").unwrap();
        let mut up = Vec::new();
        peer.write_tls(&mut up).unwrap();
        *up.last_mut().unwrap() ^= 1;
        let end = ours.open(&mut up).end;
        assert!(matches!(end, Some(End::Violation { alert: Alert::BadRecordMac, .. })), "{end:?}");
    }
}
