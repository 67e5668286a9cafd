//! Accesses as pay sees them: what they cost, whom the money belongs to, and that they are handed over.

use imajin_fair::{Contributor, Manifest, Payee};
use imajin_kernel::id::AccessId;
use imajin_kernel::{Problem, Span};
use imajin_money::Share;
use imajin_pay_api::{GoodsQuote, GoodsRef, GoodsSource};
use imajin_publisher_api::{ChainFetch, ChainGather, ChainOf};

use super::ACCESS_GOODS;
use crate::domain::charge::charge_find;
use crate::rows::ChargeRow;
use crate::{Publisher, PublisherError};

/// How long such an offer stands.
const OPEN_FOR: Span = Span::minutes(15);
/// The longest title: an address may be as long as it likes.
const TITLE_CHARS_MAX: usize = 160;

/// The access that goods name; `None` when they are none.
pub(crate) fn access_of(goods: &GoodsRef) -> Option<AccessId> {
    if goods.kind == ACCESS_GOODS {
        goods.id.parse().ok()
    } else {
        None
    }
}

impl Publisher {
    /// What an access costs, and whom the money belongs to.
    pub(crate) async fn access_quote(&self, id: AccessId) -> Result<GoodsQuote, Problem> {
        let row = self.read(move |conn, context| charge_find(conn, context, id)).await?;
        let price = row.price()?;
        let title: String = format!("Reading {}", row.url).chars().take(TITLE_CHARS_MAX).collect();
        let (manifest, accepted, sources) = match row.fair()? {
            Some(fair) => {
                let chain = self.gather(ChainGather {
                    of: ChainOf::Id(fair),
                    fetch: ChainFetch::Keep,
                    shown_by: None,
                });
                let chain = chain.await?;
                chain.require_sound()?;
                let sources = chain.paid_sources().into_iter().map(|source| GoodsSource {
                    manifest: source.record.manifest.clone(),
                    accepted: source.accepted.clone(),
                });
                let sources = sources.collect();
                (chain.work.record.manifest, chain.work.accepted, sources)
            }
            None => (
                self.own_manifest(&row, &title)?,
                vec![row.seller_did.clone()],
                Vec::new(),
            ),
        };
        Ok(GoodsQuote {
            title,
            price,
            buyer: Some(row.agent_did),
            seller: row.seller_did,
            manifest,
            accepted,
            sources,
            expires_at: self.context.env.now().plus(OPEN_FOR),
        })
    }

    /// All of it is the publisher's. The same access has the same manifest, whenever it is asked for.
    fn own_manifest(&self, row: &ChargeRow, title: &str) -> Result<Manifest, PublisherError> {
        let keyring = &self.context.keyring;
        let node = keyring.node_did().clone();
        let entry = Contributor::new(Payee::Did(row.seller_did.clone()), "publisher", Share::ONE);
        let mut manifest = Manifest::new(vec![entry])?;
        manifest.title = Some(title.to_owned());
        manifest.author = Some(node.clone());
        let signed = manifest.sign(keyring.node_key(), node, row.created_at);
        Ok(signed?)
    }
}
