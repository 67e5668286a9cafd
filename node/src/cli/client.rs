use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use imajin_did::{Did, SecretKey};
use imajin_kernel::{Env, Problem};
use imajin_key_log::{Entry, EntryDraft};
use imajin_proof::http_sig::{RequestToSign, SignatureParams, sign};
use imajin_web::{HttpAnswer, HttpClient, StreamedResponse};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::CommandError;
use super::key_file::Facts;
use super::key_log::PublishedLog;

/// How long an answer may take that comes in pieces: a node gives a model ten minutes at most.
const STREAM_TIMEOUT: Duration = Duration::from_mins(15);

/// Speaks to a node over its public routes, as any other client would.
pub(super) struct NodeClient {
    pub(super) base: Url,
    pub(super) http: HttpClient,
    pub(super) env: Env,
}

/// A node as one identity sees it.
pub(super) struct IdentityClient {
    pub(super) node: NodeClient,
    pub(super) key: SecretKey,
    pub(super) did: Did,
    pub(super) facts: Facts,
}

/// What logging in gave.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LoggedIn {
    /// The session token.
    pub(super) token: String,
}

fn header(name: &'static str, value: &str) -> Result<(HeaderName, HeaderValue), CommandError> {
    let value = HeaderValue::from_str(value).map_err(|error| CommandError::Local(error.to_string()))?;
    Ok((HeaderName::from_static(name), value))
}

impl NodeClient {
    /// The DID of whom is named: a DID, or a handle of the node.
    pub(super) async fn did_of(&self, who: &str) -> Result<Did, CommandError> {
        if let Ok(did) = who.parse() {
            return Ok(did);
        }
        let handle: String = byte_serialize(who.trim_start_matches('@').as_bytes()).collect();
        let found: Value = self.get(&format!("/auth/api/lookup/{handle}")).await?;
        let did = found.get("did").and_then(Value::as_str);
        let did = did.and_then(|did| did.parse().ok());
        did.ok_or_else(|| CommandError::Local(format!("the node knows nobody called `{who}`")))
    }

    /// Time and randomness of this command.
    pub(super) fn env(&self) -> &Env {
        &self.env
    }

    /// The absolute URL of a path on the node.
    pub(super) fn url(&self, path: &str) -> Result<Url, CommandError> {
        self.base
            .join(path)
            .map_err(|error| CommandError::Local(format!("--node is no usable URL: {error}")))
    }

    /// Reads something public.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CommandError> {
        let headers = HeaderMap::from_iter([header("accept", "application/json")?]);
        Ok(self
            .http
            .send(Method::GET, self.url(path)?, headers, Vec::new())
            .await?
            .json()?)
    }

    /// Sends what carries its own proofs.
    pub(super) async fn post_json<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, CommandError> {
        Ok(self.post(path, body).await?.json()?)
    }

    /// Sends a request that is signed already, and gives the answer while it comes.
    pub(super) async fn stream(
        &self,
        request: http::Request<bytes::Bytes>,
        bytes_max: usize,
    ) -> Result<StreamedResponse, CommandError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(|error| CommandError::Local(error.to_string()))?;
        let sent = self.http.stream(
            parts.method,
            url,
            parts.headers,
            body.to_vec(),
            (bytes_max, STREAM_TIMEOUT),
        );
        Ok(sent.await?)
    }

    /// Asks with a body; changes nothing, so nobody signs.
    pub(super) async fn ask(&self, path: &str, body: &Value) -> Result<Value, CommandError> {
        Ok(self.post(path, body).await?.json()?)
    }

    async fn post<B: Serialize>(&self, path: &str, body: &B) -> Result<HttpAnswer, CommandError> {
        let body = serde_json::to_vec(body).map_err(|error| CommandError::Local(error.to_string()))?;
        let headers = HeaderMap::from_iter([
            header("accept", "application/json")?,
            header("content-type", "application/json")?,
        ]);
        let answer = self.http.send(Method::POST, self.url(path)?, headers, body).await?;
        answer.success()?;
        Ok(answer)
    }

    /// Sends a form as a page of the node itself would.
    pub(super) async fn form_post(&self, url: Url, fields: &[(&str, &str)]) -> Result<HttpAnswer, CommandError> {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let origin = url.origin().ascii_serialization();
        let headers = HeaderMap::from_iter([
            header("accept", "application/json")?,
            header("origin", &origin)?,
            header("content-type", "application/x-www-form-urlencoded")?,
        ]);
        let answer = self.http.send(Method::POST, url, headers, body.into_bytes()).await?;
        if answer.status.is_redirection() {
            return Ok(answer);
        }
        answer.success()?;
        Ok(answer)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Challenge {
    challenge_id: String,
    challenge: String,
}

impl IdentityClient {
    /// The node without the identity.
    pub(super) fn node(&self) -> &NodeClient {
        &self.node
    }

    /// Who signs.
    pub(super) fn did(&self) -> &Did {
        &self.did
    }

    /// The key that signs documents.
    pub(super) fn key(&self) -> &SecretKey {
        &self.key
    }

    /// Sends a mutation, signed as RFC 9421 says.
    pub(super) async fn send<B: Serialize, T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: &B,
        idempotency_key: Option<&str>,
    ) -> Result<T, CommandError> {
        let body = serde_json::to_vec(body).map_err(|error| CommandError::Local(error.to_string()))?;
        Ok(self.send_bytes(method, path, &body, idempotency_key).await?.json()?)
    }

    /// Sends a mutation whose answer is empty.
    pub(super) async fn send_empty(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(), CommandError> {
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.send_bytes(method, path, &body, None).await?.success()?;
        Ok(())
    }

    /// Sends bytes, signed as RFC 9421 says.
    pub(super) async fn send_bytes(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
        idempotency_key: Option<&str>,
    ) -> Result<HttpAnswer, CommandError> {
        let url = self.node.url(path)?;
        let request = RequestToSign {
            method,
            target_uri: url.as_str(),
            idempotency_key,
            body,
        };
        let params = SignatureParams {
            keyid: self.did.clone(),
            created: self.node.env.now(),
            nonce: hex::encode(self.node.env.random_bytes::<16>()),
            tag: None,
        };
        let signed = sign(&self.key, &request, &params)
            .map_err(|error| CommandError::Local(format!("the request cannot be signed: {error}")))?;
        Ok(self.node.http.send_signed(signed).await?)
    }

    async fn challenge_answer(&self, path: &str) -> Result<(String, String), CommandError> {
        let challenge: Challenge = self.node.post(path, &json!({"id": self.did})).await?.json()?;
        if !is_challenge(&challenge.challenge) {
            return Err(CommandError::Local(
                "the node asks to sign something that is no challenge, so nothing was signed".to_owned(),
            ));
        }
        let signature = self.key.sign(challenge.challenge.as_bytes()).to_hex();
        Ok((challenge.challenge_id, signature))
    }

    /// Registers the identity with the first entry of its key log; tells whether it was new. A key that speaks for an
    /// identity which it is not has nothing to register.
    pub(super) async fn register(&self, handle: Option<&str>, name: Option<&str>) -> Result<bool, CommandError> {
        if self.did != self.key.did() {
            return Ok(false);
        }
        let body = json!({"type": "human", "handle": handle, "name": name, "keyLog": self.first_entry()?});
        let answer = self.register_with(body).await?;
        Ok(answer.get("created").and_then(Value::as_bool).unwrap_or(false))
    }

    /// Registers the identity with what is said about it; the proof of the key is added here.
    pub(super) async fn register_with(&self, mut body: Value) -> Result<Value, CommandError> {
        let (challenge_id, signature) = self.challenge_answer("/auth/api/challenge").await?;
        let key = self.key.public().to_hex();
        let proof = json!({"publicKey": key, "did": self.did, "challengeId": challenge_id, "signature": signature});
        if let (Some(members), Value::Object(proof)) = (body.as_object_mut(), proof) {
            members.extend(proof);
        }
        self.send("POST", "/auth/api/register", &body, None).await
    }

    /// Publishes the first entry of an identity that was registered without one; tells whether there is a log now.
    pub(super) async fn log_begin(&self) -> Result<bool, CommandError> {
        let Some(entry) = self.first_entry()? else {
            return Ok(false);
        };
        let published = PublishedLog::fetch(&self.node, self.did.as_str()).await?;
        if published.head.is_none() && published.entries.is_empty() {
            let path = format!("/auth/api/identity/{}/log", self.did);
            let _accepted: Value = self.node.post_json(&path, &entry).await?;
        }
        Ok(true)
    }

    /// What `imajin key new` has prepared. An older key file has nothing to say.
    pub(super) fn first_entry(&self) -> Result<Option<Entry>, CommandError> {
        let facts = &self.facts;
        if self.did != self.key.did() || (facts.recovery.is_none() && facts.next_key_hash.is_none()) {
            return Ok(None);
        }
        let now = self.node.env.now();
        EntryDraft::inception(&self.key.public(), facts.next_key_hash, facts.recovery, now)
            .sign(&[&self.key])
            .map(Some)
            .map_err(|error| CommandError::Local(error.to_string()))
    }

    /// Opens a session, for reading one's own data.
    pub(super) async fn login(&self) -> Result<LoggedIn, CommandError> {
        let (challenge_id, signature) = self.challenge_answer("/auth/api/challenge").await?;
        let body = json!({"id": self.did, "challengeId": challenge_id, "signature": signature});
        Ok(self.node.post("/auth/api/authenticate", &body).await?.json()?)
    }

    /// Ends a session that was opened to read.
    pub(super) async fn logout(&self, session: &LoggedIn) -> Result<(), CommandError> {
        let headers = HeaderMap::from_iter([header("authorization", &format!("Bearer {}", session.token))?]);
        let url = self.node.url("/auth/api/logout")?;
        self.node
            .http
            .send(Method::POST, url, headers, Vec::new())
            .await?
            .success()?;
        Ok(())
    }

    /// Reads something that only this identity may see.
    pub(super) async fn get_own<T: DeserializeOwned>(&self, session: &LoggedIn, path: &str) -> Result<T, CommandError> {
        let headers = HeaderMap::from_iter([
            header("accept", "application/json")?,
            header("authorization", &format!("Bearer {}", session.token))?,
        ]);
        let answer = self
            .node
            .http
            .send(Method::GET, self.node.url(path)?, headers, Vec::new())
            .await?;
        Ok(answer.json()?)
    }

    /// Saves something that only this identity may read, however long it is; says how many bytes it had.
    pub(super) async fn download_own(
        &self,
        session: &LoggedIn,
        path: &str,
        sink: &mut (dyn std::io::Write + Send),
    ) -> Result<u64, CommandError> {
        let headers = HeaderMap::from_iter([
            header("accept", "application/json")?,
            header("authorization", &format!("Bearer {}", session.token))?,
        ]);
        Ok(self.node.http.download(self.node.url(path)?, headers, sink).await?)
    }
}

/// Whether a text is what a node may have signed: 64 hexadecimal digits, and nothing that a signature would mean
/// something for elsewhere.
fn is_challenge(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Turns a missing member of an answer into one line.
pub(super) fn unexpected(what: &str) -> CommandError {
    CommandError::Problem(Problem::unavailable(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_64_hexadecimal_digits_are_signed() {
        assert!(is_challenge(&"0f".repeat(32)));
        let base = "\"@method\": POST\n\"@target-uri\": https://other.example/auth/api/devices";
        for bad in [
            base,
            "",
            &"0F".repeat(32),
            &"0f".repeat(33),
            &"0g".repeat(32),
            &"é".repeat(32),
        ] {
            assert!(!is_challenge(bad), "{bad}");
        }
    }
}
