//! Seals records of any content with the peer's keys, by a derivation and nonces of its own.

use aws_lc_rs::{aead, hkdf};
use ringsocket_tls::{Aead, Hash, Suite, Version};

pub(super) struct Forger {
    suite: Suite,
    /// The traffic secret in TLS 1.3, the key in TLS 1.2.
    secret: Vec<u8>,
    key: aead::LessSafeKey,
    iv: [u8; 12],
    sequence: u64,
    /// How often the key was changed.
    pub(super) generation: usize,
}

impl Forger {
    /// With the secrets that consist of this byte.
    pub(super) fn new(suite: Suite, byte: u8) -> Self {
        let len = match suite.version {
            Version::Tls13 => hash_len(suite.hash),
            Version::Tls12 => algorithm(suite.aead).key_len(),
        };
        let secret = vec![byte; len];
        let (key, iv) = match suite.version {
            Version::Tls13 => derive(suite, &secret),
            Version::Tls12 => (less_safe(suite.aead, &secret), [byte; 12]),
        };
        Self { suite, secret, key, iv, sequence: 0, generation: 0 }
    }

    /// Goes on to the next key, if there is one.
    pub(super) fn update(&mut self) {
        if self.suite.version == Version::Tls13 {
            let len = self.secret.len();
            self.secret = expand(self.suite.hash, &self.secret, "traffic upd", len);
            (self.key, self.iv) = derive(self.suite, &self.secret);
            self.sequence = 0;
            self.generation += 1;
        }
    }

    /// A record of this content; padded in TLS 1.3.
    pub(super) fn record(&mut self, content: u8, plain: &[u8], padding: usize) -> Vec<u8> {
        let sequence = self.sequence;
        self.sequence += 1;
        let mut nonce = self.iv;
        for (byte, number) in nonce[4..].iter_mut().zip(sequence.to_be_bytes()) {
            *byte ^= number;
        }
        let is_tls13 = self.suite.version == Version::Tls13;
        let is_explicit = !is_tls13 && self.suite.aead != Aead::ChaCha20Poly1305;
        let explicit: &[u8] = if is_explicit { &nonce[4..] } else { &[] };
        let (outer, mut body) = match is_tls13 {
            true => (23, [plain, &[content], &vec![0; padding]].concat()),
            false => (content, plain.to_vec()),
        };
        let len = (explicit.len() + body.len() + 16) as u16;
        let header = [&[outer, 3, 3], &len.to_be_bytes()[..]].concat();
        let additional = match is_tls13 {
            true => header.clone(),
            false => {
                let len = (body.len() as u16).to_be_bytes();
                [&sequence.to_be_bytes(), &header[..3], &len].concat()
            }
        };
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(nonce, aead::Aad::from(additional), &mut body)
            .expect("a short record");
        [&header, explicit, &body].concat()
    }
}

fn algorithm(aead: Aead) -> &'static aead::Algorithm {
    match aead {
        Aead::Aes128Gcm => &aead::AES_128_GCM,
        Aead::Aes256Gcm => &aead::AES_256_GCM,
        Aead::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
    }
}

fn hash_len(hash: Hash) -> usize {
    match hash {
        Hash::Sha256 => 32,
        Hash::Sha384 => 48,
    }
}

fn less_safe(aead: Aead, key: &[u8]) -> aead::LessSafeKey {
    let key = aead::UnboundKey::new(algorithm(aead), key).expect("a key of the right length");
    aead::LessSafeKey::new(key)
}

/// RFC 8446 section 7.3.
fn derive(suite: Suite, secret: &[u8]) -> (aead::LessSafeKey, [u8; 12]) {
    let key = expand(suite.hash, secret, "key", algorithm(suite.aead).key_len());
    let iv = expand(suite.hash, secret, "iv", 12);
    (less_safe(suite.aead, &key), iv.try_into().expect("12 bytes"))
}

struct Len(usize);

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

/// RFC 8446 section 7.1, with an empty context.
fn expand(hash: Hash, secret: &[u8], label: &str, len: usize) -> Vec<u8> {
    let algorithm = match hash {
        Hash::Sha256 => hkdf::HKDF_SHA256,
        Hash::Sha384 => hkdf::HKDF_SHA384,
    };
    let label = format!("tls13 {label}");
    let info = [&[0, len as u8, label.len() as u8], label.as_bytes(), &[0]].concat();
    let mut out = vec![0; len];
    let secret = hkdf::Prk::new_less_safe(algorithm, secret);
    secret.expand(&[&info], Len(len)).and_then(|okm| okm.fill(&mut out)).expect("a short output");
    out
}
