//! Reading what an asker says that they were told, at the node where they keep their log.

use imajin_did::{Did, PublicKey};
use imajin_proof::SignedMessage;
use imajin_proof::http_sig::{RequestToSign, SignatureParams, sign};
use imajin_query_api::{Comparison, RecordsBody, RecordsPage, UseRecord};
use imajin_web::GuardError;

use crate::context::Change;
use crate::domain::records::{LogRead, comparison, log_read};
use crate::{Query, QueryError};

/// The most bytes of a page of a log.
const PAGE_BYTES_MAX: usize = 1024 * 1024;
/// The most pages that are read at once.
const PAGES_MAX: usize = 10;
/// Where the log of another node is.
const LOG_PATH: &str = "/query/api/consent/log";

impl Query {
    /// Compares what this node has told an asker about the signer of the change with the asker's log, which is read
    /// anew where it is kept elsewhere.
    pub(crate) async fn compare(&self, change: Change, asker: &Did) -> Result<Comparison, QueryError> {
        let (owner, asker) = (change.did(), asker.canonical());
        let before = self.comparison_of(&owner, &asker).await?;
        let elsewhere = before.home.filter(|home| *home != self.origin());
        let Some(home) = elsewhere else {
            let problem = "has said of no node that it keeps their log: there is nothing to read";
            return match before.read_at {
                Some(_) => self.comparison_of(&owner, &asker).await,
                None => Err(QueryError::invalid("asker", problem)),
            };
        };
        let begun_at = self.context.now();
        let found = self.log_fetch(&home, &owner, &asker).await;
        let read = LogRead {
            owner: owner.clone(),
            asker: asker.clone(),
            home,
            found,
            begun_at,
        };
        self.write(move |conn, context| log_read(conn, context, &change, &read))
            .await?;
        self.comparison_of(&owner, &asker).await
    }

    async fn comparison_of(&self, owner: &Did, asker: &Did) -> Result<Comparison, QueryError> {
        let (owner, asker, origin) = (owner.clone(), asker.clone(), self.origin());
        self.read(move |conn, context| comparison(conn, context, (&owner, &asker), &origin))
            .await
    }

    /// The origin of this node, as askers name it.
    pub(crate) fn origin(&self) -> String {
        self.site.public.0.origin().ascii_serialization()
    }

    /// The whole log of an asker about a person, as far as this node has told it; or why it cannot be read.
    async fn log_fetch(&self, home: &str, subject: &Did, asker: &Did) -> Result<Vec<SignedMessage<UseRecord>>, String> {
        let known = self.keys_at(asker, None).await.map_err(|error| error.to_string())?;
        // Their log is older than their newest key.
        let keys: Vec<PublicKey> = known.keys.into_iter().chain(known.others).collect();
        let own = self.context.keyring.node_did();
        let (mut all, mut after) = (Vec::new(), None);
        for _page in 0..PAGES_MAX {
            let body = RecordsBody {
                asker: asker.clone(),
                subject: subject.clone(),
                after: after.take(),
            };
            let page = self.page_fetch(home, &body).await?;
            for record in page.records {
                let is_theirs = record.from.is_equivalent(asker)
                    && record.payload.subject.is_equivalent(subject)
                    && record.payload.node.is_equivalent(own)
                    && record.verify_any(UseRecord::KIND, &keys).is_ok();
                if !is_theirs {
                    return Err("their node shows something that they have not signed".to_owned());
                }
                all.push(record);
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
        Err("their log is longer than this node reads".to_owned())
    }

    async fn page_fetch(&self, home: &str, body: &RecordsBody) -> Result<RecordsPage, String> {
        let body = serde_json::to_vec(body).map_err(|error| error.to_string())?;
        let request = RequestToSign {
            method: "POST",
            target_uri: &format!("{home}{LOG_PATH}"),
            idempotency_key: None,
            body: &body,
        };
        let keyring = &self.context.keyring;
        let params = SignatureParams::now(keyring.node_did().clone(), &self.context.env);
        let signed = sign(keyring.node_key(), &request, &params).map_err(|error| error.to_string())?;
        let answer = self.peers.send_signed(&signed, PAGE_BYTES_MAX).await;
        let answer = answer.map_err(|error: GuardError| format!("{home}: {error}"))?;
        if !answer.status.is_success() {
            return Err(format!("{home} answers with {}", answer.status.as_u16()));
        }
        serde_json::from_slice(&answer.body).map_err(|_error| format!("{home} answers with something else than a log"))
    }
}
