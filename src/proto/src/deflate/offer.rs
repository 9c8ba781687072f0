//! What is offered and agreed on in the handshake (RFC 7692 sections 5 and 7.1).
//! Not for: the grammar of the header (`extensions`).

use serde::{Deserialize, Serialize};

use super::{MAX_BITS, MIN_BITS};
use crate::extensions::Extension;

const NAME: &str = "permessage-deflate";
const SERVER_NO_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_BITS: &str = "server_max_window_bits";
const CLIENT_BITS: &str = "client_max_window_bits";

/// What the server is willing to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Whether a client may refer to its earlier messages, for which we must keep its window.
    pub client_takeover: bool,
    /// Whether we refer to ours.
    pub server_takeover: bool,
    /// Base-2 logarithm of the largest window of a client, [`MIN_BITS`] to [`MAX_BITS`].
    pub client_window_bits: u8,
    /// The same of ours.
    pub server_window_bits: u8,
}

/// What holds for a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Agreement {
    /// Whether the client's compressor refers to earlier messages.
    pub client_takeover: bool,
    /// Whether ours does.
    pub server_takeover: bool,
    /// Base-2 logarithm of the client's window: of how much we must remember.
    pub client_window_bits: u8,
    /// The same of ours, [`MIN_BITS`] to [`MAX_BITS`].
    pub server_window_bits: u8,
}

/// An [`Agreement`] and the words that tell the client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Agreed {
    /// What was agreed on.
    pub agreement: Agreement,
    /// The value of `Sec-WebSocket-Extensions` in the response.
    pub response: String,
}

/// An offer, read.
#[derive(Default)]
struct Offer {
    server_no_takeover: bool,
    client_no_takeover: bool,
    server_bits: Option<u8>,
    /// Offered with a value, or without one (`Some(None)`): the client can be told its window.
    client_bits: Option<Option<u8>>,
}

impl Offer {
    /// Reads the parameters; `None` if any is unknown, there twice, or without its proper value, in
    /// which case the offer must be declined (section 7.1).
    fn read(extension: &Extension<'_>) -> Option<Self> {
        let mut offer = Self::default();
        for (name, value) in &extension.params {
            let value = value.as_deref();
            let is_new = match (name.to_ascii_lowercase().as_str(), value) {
                (SERVER_NO_TAKEOVER, None) => {
                    !std::mem::replace(&mut offer.server_no_takeover, true)
                }
                (CLIENT_NO_TAKEOVER, None) => {
                    !std::mem::replace(&mut offer.client_no_takeover, true)
                }
                (SERVER_BITS, Some(value)) => offer.server_bits.replace(bits(value)?).is_none(),
                (CLIENT_BITS, None) => offer.client_bits.replace(None).is_none(),
                (CLIENT_BITS, Some(value)) => {
                    offer.client_bits.replace(Some(bits(value)?)).is_none()
                }
                _ => false,
            };
            if !is_new {
                return None;
            }
        }
        Some(offer)
    }
}

/// A number of bits: 8 to 15, without zeros before it (section 7.1.2).
fn bits(value: &str) -> Option<u8> {
    let bits = value.parse().ok().filter(|bits| (8..=MAX_BITS).contains(bits))?;
    (bits.to_string() == value).then_some(bits)
}

/// Takes the first offer that can be taken.
pub(crate) fn choose(offers: &[Extension<'_>], terms: &Terms) -> Option<Agreed> {
    let of_ours = offers.iter().filter(|offer| offer.name.eq_ignore_ascii_case(NAME));
    of_ours.filter_map(Offer::read).find_map(|offer| accept(&offer, terms))
}

fn accept(offer: &Offer, terms: &Terms) -> Option<Agreed> {
    let server_window_bits = offer.server_bits.unwrap_or(MAX_BITS).min(terms.server_window_bits);
    if server_window_bits < MIN_BITS {
        return None; // 8: declined, as no compressor here has so small a window
    }
    let offered_bits = offer.client_bits.map(|bits| bits.unwrap_or(MAX_BITS));
    let can_fit = terms.client_window_bits == MAX_BITS || offered_bits.is_some();
    let agreement = Agreement {
        // A window larger than we are willing to keep, which this client cannot be told, is none.
        client_takeover: terms.client_takeover && !offer.client_no_takeover && can_fit,
        server_takeover: terms.server_takeover && !offer.server_no_takeover,
        client_window_bits: offered_bits.unwrap_or(MAX_BITS).min(terms.client_window_bits.max(8)),
        server_window_bits,
    };
    let mut response = NAME.to_owned();
    let mut add = |param: &str| {
        response.push_str("; ");
        response.push_str(param);
    };
    if !agreement.server_takeover {
        add(SERVER_NO_TAKEOVER);
    }
    if !agreement.client_takeover {
        add(CLIENT_NO_TAKEOVER);
    }
    // Section 7.1.2.1: whoever asks must be answered.
    if offer.server_bits.is_some() || server_window_bits < MAX_BITS {
        add(&format!("{SERVER_BITS}={server_window_bits}"));
    }
    // Section 7.1.2.2: only to be told to clients that understand it. Who has promised a window
    // of some size is held to it in so many words.
    if offered_bits.is_some() && agreement.client_window_bits < MAX_BITS {
        add(&format!("{CLIENT_BITS}={}", agreement.client_window_bits));
    }
    Some(Agreed { agreement, response })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extensions;

    const NONE: Terms = Terms {
        client_takeover: false,
        server_takeover: false,
        client_window_bits: 15,
        server_window_bits: 15,
    };
    const BOTH: Terms = Terms { client_takeover: true, server_takeover: true, ..NONE };
    const SMALL: Terms = Terms { client_window_bits: 10, server_window_bits: 11, ..BOTH };

    /// The response to a header, without the name of the extension.
    fn answer(header: &str, terms: Terms) -> Option<String> {
        let offers = extensions::parse(header.as_bytes()).expect("a header by the grammar");
        let agreed = choose(&offers, &terms)?;
        let response = agreed.response.strip_prefix("permessage-deflate")?;
        Some(response.to_owned())
    }

    fn agreement(header: &str, terms: Terms) -> Agreement {
        let offers = extensions::parse(header.as_bytes()).expect("a header by the grammar");
        choose(&offers, &terms).expect("an agreement").agreement
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn rfc7692_5_1_the_first_offer_that_can_be_taken_is() {
        let two = "permessage-deflate; server_max_window_bits=8, PerMessage-Deflate";
        assert_eq!(answer(two, BOTH), some(""));
        assert_eq!(answer("x-webkit-deflate-frame, permessage-bzip2", BOTH), None);
        assert_eq!(
            answer(
                "foo; bar, permessage-deflate; server_max_window_bits=9, permessage-deflate",
                BOTH
            ),
            some("; server_max_window_bits=9")
        );
    }

    #[test]
    fn rfc7692_7_1_offers_with_wrong_parameters_are_declined() {
        for params in [
            "unknown",
            "server_no_context_takeover=1",
            "client_no_context_takeover=\"1\"",
            "server_no_context_takeover; server_no_context_takeover",
            "server_max_window_bits",
            "server_max_window_bits=7",
            "server_max_window_bits=16",
            "server_max_window_bits=09",
            "server_max_window_bits=+9",
            "server_max_window_bits=10; server_max_window_bits=10",
            "client_max_window_bits=0",
            "client_max_window_bits=abc",
            "client_max_window_bits; client_max_window_bits=10",
        ] {
            let header = format!("permessage-deflate; {params}");
            assert_eq!(answer(&header, BOTH), None, "{params}");
            let fallback = format!("{header}, permessage-deflate");
            assert_eq!(answer(&fallback, BOTH), some(""), "{params}");
        }
    }

    #[test]
    fn rfc7692_7_1_1_1_server_no_context_takeover() {
        let offer = "permessage-deflate; server_no_context_takeover";
        assert_eq!(answer(offer, BOTH), some("; server_no_context_takeover"));
        let unasked = "; server_no_context_takeover; client_no_context_takeover";
        assert_eq!(answer("permessage-deflate", NONE), some(unasked));
        assert!(!agreement(offer, BOTH).server_takeover);
        assert!(agreement(offer, BOTH).client_takeover);
    }

    #[test]
    fn rfc7692_7_1_1_2_client_no_context_takeover() {
        let offer = "permessage-deflate; client_no_context_takeover";
        assert_eq!(answer(offer, BOTH), some("; client_no_context_takeover"));
        assert!(!agreement(offer, BOTH).client_takeover);
        assert!(agreement(offer, BOTH).server_takeover);
    }

    #[test]
    fn rfc7692_7_1_2_1_server_max_window_bits() {
        for asked in 9..=15 {
            let offer = format!("permessage-deflate; server_max_window_bits={asked}");
            assert_eq!(answer(&offer, BOTH), Some(format!("; server_max_window_bits={asked}")));
            assert_eq!(agreement(&offer, SMALL).server_window_bits, asked.min(11));
        }
        assert_eq!(answer("permessage-deflate; server_max_window_bits=8", BOTH), None);
        assert_eq!(
            answer("permessage-deflate; server_max_window_bits=\"12\"", BOTH),
            some("; server_max_window_bits=12")
        );
        let unasked = answer("permessage-deflate; client_no_context_takeover", SMALL);
        assert_eq!(unasked, some("; client_no_context_takeover; server_max_window_bits=11"));
    }

    #[test]
    fn rfc7692_7_1_2_2_client_max_window_bits() {
        let with = |param: &str, terms| agreement(&format!("permessage-deflate; {param}"), terms);
        assert_eq!(answer("permessage-deflate; client_max_window_bits", BOTH), some(""));
        assert_eq!(with("client_max_window_bits", BOTH).client_window_bits, 15);
        let told = some("; client_max_window_bits=9");
        assert_eq!(answer("permessage-deflate; client_max_window_bits=9", BOTH), told);
        assert_eq!(with("client_max_window_bits=9", BOTH).client_window_bits, 9);
        assert_eq!(with("client_max_window_bits=8", SMALL).client_window_bits, 8);
        let told = "; server_max_window_bits=11; client_max_window_bits=10";
        assert_eq!(answer("permessage-deflate; client_max_window_bits", SMALL), some(told));
        assert_eq!(answer("permessage-deflate; client_max_window_bits=12", SMALL), some(told));
        // Who cannot be told may not refer to what we do not keep.
        let untold = "; client_no_context_takeover; server_max_window_bits=11";
        assert_eq!(answer("permessage-deflate", SMALL), some(untold));
    }
}
