//! The answer, and the manifest that says whose works it is made from.

use std::collections::BTreeMap;

use imajin_did::Did;
use imajin_engine::{Answered, EngineIdentity, Quote};
use imajin_fair::{Content, Contributor, Manifest, ManifestId, Payee};
use imajin_kernel::id::DocumentId;
use imajin_money::Share;
use imajin_pay_api::GoodsSource;
use imajin_proof::digest::sha256_hex;
use imajin_query_api::{AnswerBody, LeaderTerms, Passage};

use crate::context::Context;
use crate::domain::documents::document_find;
use crate::rows::QuestionRow;
use crate::{Query, QueryError};

/// What the whole is in millionths.
const WHOLE: u32 = 1_000_000;
/// An answer is Markdown: its paragraphs and `[1]` are.
const MEDIA_TYPE: &str = "text/markdown";

/// What an engine has made of a question.
pub(crate) struct Made {
    pub(crate) text: String,
    pub(crate) answered: Answered,
    pub(crate) engine: EngineIdentity,
    pub(crate) quotes: Vec<Quote>,
}

/// Who gets what of an answer's price: the leader, and the works that it quotes.
fn contributors(leader: &Did, works: &[ManifestId], works_millionths: u32) -> Result<Vec<Contributor>, QueryError> {
    let fault = |error: &dyn std::fmt::Display| QueryError::Fault(format!("the split of an answer: {error}"));
    let count = u32::try_from(works.len()).unwrap_or(u32::MAX).max(1);
    let each = works_millionths.checked_div(count).unwrap_or(0);
    let mut left = WHOLE;
    let mut shares = Vec::new();
    if each > 0 {
        for work in works {
            left = left.saturating_sub(each);
            let share = Share::from_millionths(each).map_err(|error| fault(&error))?;
            shares.push(Contributor::new(Payee::Fair(work.clone()), "source", share));
        }
    }
    let share = Share::from_millionths(left).map_err(|error| fault(&error))?;
    shares.insert(0, Contributor::new(Payee::Did(leader.clone()), "author", share));
    Ok(shares)
}

/// Signs a manifest with the node's key.
fn manifest_sign(context: &Context, manifest: Manifest) -> Result<Manifest, QueryError> {
    let node = context.keyring.node_did().clone();
    Ok(manifest.sign(context.keyring.node_key(), node, context.now())?)
}

/// The manifest of an answer that is not there yet: everything is the leader's.
pub(crate) fn manifest_before(context: &Context, leader: &Did) -> Result<Manifest, QueryError> {
    let mut manifest = Manifest::new(contributors(leader, &[], 0)?)?;
    manifest.kind = Some("answer".to_owned());
    manifest.author = Some(context.keyring.node_did().clone());
    manifest_sign(context, manifest)
}

/// The manifest of an answer: it derives from every work that it quotes.
fn manifest_of(
    context: &Context,
    leader: &Did,
    text: &str,
    works: Vec<ManifestId>,
    works_millionths: u32,
) -> Result<Manifest, QueryError> {
    let mut manifest = Manifest::new(contributors(leader, &works, works_millionths)?)?;
    manifest.kind = Some("answer".to_owned());
    manifest.author = Some(context.keyring.node_did().clone());
    manifest.derives_from = works;
    manifest.content = Some(Content {
        sha256: sha256_hex(text.as_bytes()),
        size: u64::try_from(text.len()).ok(),
        media_type: Some(MEDIA_TYPE.to_owned()),
        extra: serde_json::Map::new(),
    });
    manifest_sign(context, manifest)
}

impl Query {
    /// The answer to a question, with its price and its manifest.
    pub(crate) async fn answer_make(
        &self,
        row: &QuestionRow,
        terms: &LeaderTerms,
        made: Made,
    ) -> Result<AnswerBody, QueryError> {
        let passages = self.passages_of(&made).await?;
        let mut works: Vec<ManifestId> = Vec::new();
        for passage in &passages {
            if !works.contains(&passage.fair) {
                works.push(passage.fair.clone());
            }
        }
        let leader = row.leader_did.clone();
        let fair = manifest_of(&self.context, &leader, &made.text, works, terms.works_share_millionths)?;
        // The terms may have changed since the price was named: what was named is the most.
        let (price, most) = (terms.price(made.answered.usage.completion_tokens), row.ceiling()?);
        let is_due = price.is_at_most(most) && !price.is_zero();
        let price = if is_due { price } else { most };
        Ok(AnswerBody {
            question: row.id,
            leader,
            text: made.text,
            passages,
            engine: made.engine,
            usage: made.answered.usage,
            finish: made.answered.finish,
            fee: Some(price).filter(|price| !price.is_zero()),
            fair,
            receipt: None,
        })
    }

    async fn passages_of(&self, made: &Made) -> Result<Vec<Passage>, QueryError> {
        let mut titles: BTreeMap<DocumentId, String> = BTreeMap::new();
        let mut passages = Vec::with_capacity(made.answered.cited.len());
        for place in &made.answered.cited {
            let Some(quote) = made.quotes.get(*place) else { continue };
            let id: DocumentId = quote
                .document
                .as_str()
                .parse()
                .map_err(|_error| QueryError::Fault("a quote is of no document".to_owned()))?;
            let title = if let Some(title) = titles.get(&id) {
                title.clone()
            } else {
                let found = self.read(move |conn, context| document_find(conn, context, id)).await?;
                let title = found.map(|row| row.title).unwrap_or_default();
                titles.insert(id, title.clone());
                title
            };
            passages.push(Passage {
                number: u32::try_from(place.saturating_add(1)).unwrap_or(u32::MAX),
                document: id,
                title,
                sha256: quote.sha256.clone(),
                fair: quote.fair.clone(),
                source: quote.source.clone(),
                text: quote.text.clone(),
            });
        }
        Ok(passages)
    }

    /// The manifests of the works that an answer quotes, and who has agreed with each.
    pub(crate) async fn sources_of(&self, answer: &AnswerBody) -> Result<Vec<GoodsSource>, QueryError> {
        let mut sources: Vec<GoodsSource> = Vec::new();
        for passage in &answer.passages {
            if sources.iter().any(|source| source.manifest.id == passage.fair) {
                continue;
            }
            let id = passage.document;
            let found = self.read(move |conn, context| document_find(conn, context, id)).await?;
            let row = found.ok_or(QueryError::NotFound("document"))?;
            sources.push(GoodsSource {
                manifest: row.manifest()?,
                accepted: vec![row.owner_did],
            });
        }
        Ok(sources)
    }
}
