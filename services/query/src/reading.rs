//! Reading what an asker says that they were told, at the node where they keep their log.

use imajin_did::{Did, PublicKey};
use imajin_proof::SignedMessage;
use imajin_proof::http_sig::{RequestToSign, SignatureParams, sign};
use imajin_query_api::{Comparison, RecordsBody, RecordsPage, UseRecord};
use imajin_web::GuardError;

use crate::context::Change;
use crate::domain::comparing::comparison;
use crate::domain::records::{LogRead, copies_keep, log_read};
use crate::{Query, QueryError};

/// The most bytes of a page of a log.
const PAGE_BYTES_MAX: usize = 1024 * 1024;
/// The most pages that are read at once: with 200 records on each, as much as a node keeps of one log.
const PAGES_MAX: usize = 50;
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
        let problem = self.log_copy(&home, &owner, &asker).await?;
        let read = LogRead {
            owner: owner.clone(),
            asker: asker.clone(),
            home,
            problem,
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

    /// Copies the whole log of an asker about a person, as far as this node has told it, page by page; says why it
    /// could not be read to its end.
    async fn log_copy(&self, home: &str, subject: &Did, asker: &Did) -> Result<Option<String>, QueryError> {
        let known = match self.keys_at(asker, None).await {
            Ok(known) => known,
            Err(error) => return Ok(Some(error.to_string())),
        };
        // Their log is older than their newest key.
        let keys: Vec<PublicKey> = known.keys.into_iter().chain(known.others).collect();
        let mut after = None;
        for _page in 0..PAGES_MAX {
            let body = RecordsBody {
                asker: asker.clone(),
                subject: subject.clone(),
                after: after.take(),
            };
            let page = match self.page_fetch(home, &body).await {
                Ok(page) => page,
                Err(problem) => return Ok(Some(problem)),
            };
            if !page.records.iter().all(|record| self.is_theirs(record, &body, &keys)) {
                return Ok(Some("their node shows something that they have not signed".to_owned()));
            }
            let (from, records) = (home.to_owned(), page.records);
            self.write(move |conn, context| copies_keep(conn, context, &from, &records))
                .await?;
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(None),
            }
        }
        Ok(Some("their log is longer than this node reads".to_owned()))
    }

    /// Whether a record is the asker's word of what this node has told them about a person.
    fn is_theirs(&self, record: &SignedMessage<UseRecord>, asked: &RecordsBody, keys: &[PublicKey]) -> bool {
        record.from.is_equivalent(&asked.asker)
            && record.payload.subject.is_equivalent(&asked.subject)
            && record.payload.node.is_equivalent(self.context.keyring.node_did())
            && record.verify_any(UseRecord::KIND, keys).is_ok()
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
