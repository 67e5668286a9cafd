//! Tokens and key sets.

use std::sync::OnceLock;

use imajin_did::{Did, SecretKey};
use imajin_kernel::Span;
use imajin_proof::jose::{self, Expect, Jwk, Jwks, SigningKey};
use imajin_proof::token::{self, Standard, TokenKind};
use serde::{Deserialize, Serialize};

const ISS: &str = "https://node.example/auth";
const AUD: &str = "client-1";

#[derive(Serialize, Deserialize)]
struct IdToken {
    nonce: Option<String>,
}

impl TokenKind for IdToken {
    const TYP: &'static str = "id+jwt";
}

/// The keys of the issuer, and the only token that it has issued. It is the same every time: Ed25519 has no dice.
struct Issuer {
    keys: Jwks,
    kid: String,
    token: String,
}

fn issuer() -> &'static Issuer {
    static ISSUER: OnceLock<Issuer> = OnceLock::new();
    ISSUER.get_or_init(|| {
        let key = SigningKey::from_ed25519(SecretKey::from_seed([1; 32]));
        let standard = Standard {
            iss: ISS.to_owned(),
            aud: AUD.to_owned(),
            sub: "did:mjn:z6Mk".to_owned(),
            jti: "t".to_owned(),
            iat: crate::NOW,
            exp: crate::NOW.plus(Span::minutes(5)),
        };
        let claims = IdToken {
            nonce: Some("n".to_owned()),
        };
        let p256 = crate::P256_DID
            .parse::<Did>()
            .ok()
            .and_then(|did| did.verifying_key())
            .map(Jwk::from_key);
        let keys = [
            Some(key.jwk().clone()),
            p256,
            Jwk::from_rsa(vec![0xb5; 256], vec![1, 0, 1]).ok(),
        ];
        Issuer {
            keys: Jwks::new(keys.into_iter().flatten().collect()).unwrap_or_default(),
            kid: key.kid().to_owned(),
            token: jose::issue(&key, &standard, &claims).unwrap_or_default(),
        }
    })
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let issuer = issuer();
    let keys = serde_json::to_vec(&issuer.keys).unwrap_or_default();
    vec![
        issuer.token.clone().into_bytes(),
        keys,
        br#"{"keys":[{"kty":"oct","kid":"1"}]}"#.to_vec(),
    ]
}

pub(crate) fn run(data: &[u8]) {
    if let Ok(set) = serde_json::from_slice::<Jwks>(data) {
        let text = serde_json::to_vec(&set).unwrap_or_default();
        assert_eq!(serde_json::from_slice::<Jwks>(&text).ok().as_ref(), Some(&set));
        for key in set.keys() {
            assert_eq!(set.find(key.kid()), Some(key));
        }
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let issuer = issuer();
    let expect = Expect {
        iss: ISS,
        aud: AUD,
        now: crate::NOW,
    };
    let by_set = jose::verify::<IdToken>(text, &issuer.keys, &expect).is_ok();
    let key_of = |kid: &str| (kid == issuer.kid).then(|| SecretKey::from_seed([1; 32]).public());
    let by_key = token::verify::<IdToken>(text, &key_of, ISS, AUD, crate::NOW).is_ok();
    assert_eq!(by_set, by_key, "both verifiers have the same rules");
    assert_eq!(
        by_set,
        text == issuer.token,
        "one token has one text, and nobody else issued any"
    );
}
