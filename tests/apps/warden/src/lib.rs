//! A test app that looks at the TLS connections of its clients. Without a query it lets everybody in,
//! and tells who they are: `plain`, or version, server name (`-` without one), and of a certificate
//! subject (`-` if it is empty) and alternative names, as in
//! `TLSv1.3, localhost, CN=Ann, email:ann@example.com DNS:a.example`; without one
//! `TLSv1.3, localhost, no certificate`. With a query it lets in who has that alternative name; others
//! get a 403 that tells them the same.
#![forbid(unsafe_code)]

use ringsocket_app::{
    Accept, App, ClientId, Context, Decision, InitResult, Refusal, Request, Upgrade, UpgradeHook,
};

struct Warden;

impl App for Warden {
    const UPGRADE: Option<UpgradeHook<Self>> = Some(Self::decide);

    fn init(_: &mut Context<'_>) -> InitResult<Self> {
        Ok(Self)
    }

    fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
        let request = cx.request().expect("a request in open");
        cx.to(client).text(describe(&request));
    }
}

impl Warden {
    fn decide(&mut self, _: &mut Context<'_>, _: ClientId, upgrade: &Upgrade<'_>) -> Decision {
        let request = upgrade.request();
        let certificate = request.tls().and_then(|tls| tls.client_certificate());
        let has_name = certificate
            .is_some_and(|it| it.alternative_names().any(|name| name == request.query()));
        if request.query().is_empty() || has_name {
            return Accept::new().into();
        }
        Refusal::new(403).text(&describe(&request)).into()
    }
}

fn describe(request: &Request<'_>) -> String {
    let Some(tls) = request.tls() else { return "plain".to_owned() };
    let connection = format!("{}, {}", tls.version(), tls.server_name().unwrap_or("-"));
    let Some(certificate) = tls.client_certificate() else {
        return format!("{connection}, no certificate");
    };
    let subject = Some(certificate.subject()).filter(|subject| !subject.is_empty());
    let names: Vec<_> = certificate.alternative_names().collect();
    format!("{connection}, {}, {}", subject.unwrap_or("-"), names.join(" "))
}

ringsocket_app::export!(Warden);
