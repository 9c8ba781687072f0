//! What an app sees of the TLS connection of a client, and lets in by it.
#![forbid(unsafe_code)]

use ringsocket_app::testing::{Answer, TestHost, Visit};
use ringsocket_app::{
    Accept, App, ClientId, Context, Decision, InitResult, Message, Refusal, Request, Upgrade,
    UpgradeHook,
};

/// Lets in everybody but who comes by TLS 1.2, and tells what it sees.
struct Seer;

impl App for Seer {
    const UPGRADE: Option<UpgradeHook<Self>> = Some(Self::decide);

    fn init(_: &mut Context<'_>) -> InitResult<Self> {
        Ok(Self)
    }

    fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
        let request = cx.request().expect("a request in open");
        cx.to(client).text(seen(&request));
    }

    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, _: Message<'_>) {
        cx.to(client).text(format_args!("{:?}", cx.request().and_then(|request| request.tls())));
    }
}

impl Seer {
    fn decide(&mut self, cx: &mut Context<'_>, _: ClientId, upgrade: &Upgrade<'_>) -> Decision {
        let request = upgrade.request();
        assert_eq!(cx.request().map(|request| seen(&request)), Some(seen(&request)));
        match request.tls() {
            Some(tls) if tls.version() == "TLSv1.2" => {
                Refusal::new(403).text(&seen(&request)).into()
            }
            _ => Accept::new().into(),
        }
    }
}

fn seen(request: &Request<'_>) -> String {
    let Some(tls) = request.tls() else { return "no TLS".to_owned() };
    let certificate = tls.client_certificate().map(|certificate| {
        let names: Vec<_> = certificate.alternative_names().collect();
        (certificate.subject(), names)
    });
    format!("{} {:?} {certificate:?}", tls.version(), tls.server_name())
}

#[test]
fn a_request_tells_of_its_connection_and_certificate() {
    let visit = || Visit::new("/");
    let names = ["DNS:a.example", "email:ann@a.example"];
    let cases = [
        (visit(), "no TLS"),
        (visit().tls("TLSv1.3", ""), "TLSv1.3 None None"),
        (visit().tls("TLSv1.3", "a.example"), "TLSv1.3 Some(\"a.example\") None"),
        (
            visit().certificate("CN=Ann", &names),
            "TLSv1.3 None Some((\"CN=Ann\", [\"DNS:a.example\", \"email:ann@a.example\"]))",
        ),
        (
            visit().certificate("", &[]).tls("TLSv1.3", "a.example"),
            "TLSv1.3 Some(\"a.example\") Some((\"\", []))",
        ),
    ];
    let mut host = TestHost::<Seer>::start().unwrap();
    for (visit, expected) in cases {
        let client = host.open(visit);
        assert_eq!(host.received(client), [expected]);
        host.text(client, "and now?");
        assert_eq!(host.received(client), ["None"], "the request is over");
    }
}

#[test]
fn a_client_can_be_refused_for_its_connection() {
    let mut host = TestHost::<Seer>::start().unwrap();
    let visit = Visit::new("/").tls("TLSv1.2", "a.example").certificate("CN=Ann", &["IP:::1"]);
    let client = host.ask(visit);
    let Some(Answer::Refused { status, body, .. }) = host.answer(client) else {
        panic!("{:?}", host.answer(client))
    };
    let expected = "TLSv1.2 Some(\"a.example\") Some((\"CN=Ann\", [\"IP:::1\"]))";
    assert_eq!((*status, String::from_utf8_lossy(body)), (403, expected.into()));
}
