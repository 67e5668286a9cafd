//! The home: asking somebody whether they want to sign in at another node, and saying so.

use imajin_kernel::{Code, Problem};
use imajin_proof::SignedMessage;
use imajin_proof::token::{self, Standard, TokenError, key_id};
use imajin_web::Verified;
use serde::{Deserialize, Serialize};
use url::{Url, form_urlencoded};
use utoipa::ToSchema;

use super::peer::{Peer, issuer_claimed};
use super::{LoginPayload, LoginRequest, LoginStatement, MESSAGE_TYPE, STATEMENT_LIFETIME};
use crate::AuthError;
use crate::auth::Auth;
use crate::identities::Identity;
use crate::log::{Authority, mutation_record};
use crate::sessions::Living;

pub(crate) const ACTION_ALLOW: &str = "federation.allow";

/// A request of another node, checked.
#[derive(Debug, Clone)]
pub(crate) struct Asking {
    pub(crate) peer: Peer,
    pub(crate) request: LoginRequest,
}

/// A person's yes. The whole body is signed as a request; the message in it travels on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct VisitBody {
    /// The request of the other node, as it came.
    pub(crate) request: String,
    /// A signed message of the type `login` to the other node, with the payload `{home, nonce}`.
    #[schema(value_type = Object)]
    pub(crate) message: SignedMessage,
}

impl Asking {
    /// Where the answer goes.
    pub(crate) fn answer_url(&self, name: &str, value: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair(name, value);
        format!("{}?{}", self.request.return_to, query.finish())
    }
}

fn refused(error: TokenError) -> Problem {
    let text = match error {
        TokenError::WrongAudience => "The request was made for another node.",
        TokenError::Expired => "The request has expired, or the other node's clock is slow.",
        TokenError::NotYetValid => "The request is from the future: the other node's clock, or this one's, is wrong.",
        _ => "The request was not signed by the node that it names.",
    };
    Problem::new(Code::BadSignature, text).hint("Go back to the other node and sign in there once more.")
}

impl Auth {
    /// Checks what another node asks: that it asks for itself, and that the answer goes nowhere else.
    pub(crate) async fn asking_read(&self, text: &str) -> Result<Asking, AuthError> {
        let peer = self.peer_resolve(&issuer_claimed(text)?).await?;
        let own = self.node_web_did().to_string();
        let key_of = |kid: &str| peer.key_of(kid);
        let read = token::verify::<LoginRequest>(text, &key_of, peer.did.as_str(), &own, self.env.now());
        let request = read.map_err(refused)?.claims;
        let target: Option<Url> = request.return_to.parse().ok();
        let is_own = target.is_some_and(|url| {
            url.origin().ascii_serialization() == peer.origin && url.query().is_none() && url.fragment().is_none()
        });
        if !is_own {
            return Err(Problem::invalid("The answer would go to somebody else than who asks.").into());
        }
        Ok(Asking { peer, request })
    }

    /// What the person has to sign.
    pub(crate) fn login_payload(&self, asking: &Asking) -> LoginPayload {
        LoginPayload {
            home: self.node_web_did(),
            nonce: asking.request.nonce.clone(),
        }
    }

    /// Notes the person's yes and makes the statement: where the browser goes next.
    pub(crate) async fn visit_allow(
        &self,
        living: &Living,
        verified: &Verified,
        body: &VisitBody,
        raw: Vec<u8>,
    ) -> Result<String, AuthError> {
        let did = verified.did().clone();
        if living.identity.did != did {
            return Err(Problem::invalid("The answer is signed by somebody else than who is logged in.").into());
        }
        if let Some(moved) = self.move_find(&did).await? {
            let text = format!("You have moved to {}.", moved.to_url);
            return Err(Problem::new(Code::Conflict, text)
                .hint("Sign in with that node.")
                .into());
        }
        let asking = self.asking_read(&body.request).await?;
        self.message_check(&living.identity, &asking, &body.message)?;
        let statement = self.statement_issue(living, &asking, body.message.clone())?;
        let (auth, authority) = (self.writing(), Authority::Signed(verified.proof().clone()));
        let object = format!("{}/{}", asking.peer.did, asking.request.nonce);
        self.db
            .write(move |conn| {
                mutation_record(conn, &auth, &did, ACTION_ALLOW, &object, raw.clone(), &authority)?;
                Ok::<_, AuthError>(())
            })
            .await?;
        Ok(asking.answer_url("statement", &statement))
    }

    /// The other node believes nobody but the keys that count, so nothing else is passed on.
    fn message_check(&self, identity: &Identity, asking: &Asking, message: &SignedMessage) -> Result<(), AuthError> {
        message.verify_fresh_any(MESSAGE_TYPE, &identity.keys, self.env.now())?;
        let fits = message.from == identity.did
            && message.to.as_ref() == Some(&asking.peer.did)
            && message.payload_as::<LoginPayload>()? == self.login_payload(asking);
        if fits {
            return Ok(());
        }
        Err(Problem::invalid("The signed message is about another sign-in.").into())
    }

    fn statement_issue(&self, living: &Living, asking: &Asking, message: SignedMessage) -> Result<String, AuthError> {
        let now = self.env.now();
        let standard = Standard {
            iss: self.node_web_did().to_string(),
            aud: asking.peer.did.to_string(),
            sub: living.identity.did.to_string(),
            jti: hex::encode(self.env.random_bytes::<16>()),
            iat: now,
            exp: now.plus(STATEMENT_LIFETIME),
        };
        let statement = LoginStatement {
            nonce: asking.request.nonce.clone(),
            kind: living.identity.kind.clone(),
            name: living.identity.name.clone(),
            message,
        };
        let key = self.keyring.node_key();
        token::issue(key, &key_id(&key.public()), &standard, &statement).map_err(AuthError::Token)
    }
}
