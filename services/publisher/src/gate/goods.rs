//! Accesses as pay sees them: what they cost, whom the money belongs to, and that they are handed over.

use imajin_did::{Did, Keyring};
use imajin_fair::{Contributor, Manifest, Payee};
use imajin_kernel::id::AccessId;
use imajin_kernel::{Problem, Span, Timestamp};
use imajin_money::Share;
use imajin_pay_api::{GoodsQuote, GoodsRef, GoodsSource};
use imajin_publisher_api::{ChainFetch, ChainGather, ChainOf};
use moka::future::Cache;

use super::ACCESS_GOODS;
use crate::domain::charge::charge_find;
use crate::rows::ChargeRow;
use crate::{Publisher, PublisherError};

/// How long such an offer stands.
const OPEN_FOR: Span = Span::minutes(15);
/// The longest title: an address may be as long as it likes.
const TITLE_CHARS_MAX: usize = 160;
/// How many manifests of sites are remembered.
const SITE_MANIFESTS_MAX: u64 = 64;

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
        let (manifest, accepted, sources) = if let Some(fair) = row.fair()? {
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
        } else {
            let manifest = self.site_manifests.of(&self.context.keyring, &row).await?;
            (manifest, vec![row.seller_did.clone()], Vec::new())
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
}

/// The manifests of sites where none names the authors: all of it is the publisher's. There is one for each site and
/// minute, so that it is signed, checked and kept once, however many pages are paid for; and no longer, so that it
/// names a time at which its key was the node's.
pub(crate) struct SiteManifests(Cache<SiteMinute, Manifest>);

/// Whose manifest, of which minute: an access has the same one whenever it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct SiteMinute {
    site: String,
    seller: Did,
    minute: Timestamp,
    signer: Did,
}

impl SiteManifests {
    pub(crate) fn new() -> Self {
        Self(Cache::new(SITE_MANIFESTS_MAX))
    }

    async fn of(&self, keyring: &Keyring, row: &ChargeRow) -> Result<Manifest, PublisherError> {
        let key = SiteMinute {
            site: site_of(&row.url).to_owned(),
            seller: row.seller_did.clone(),
            minute: minute_of(row.created_at),
            signer: keyring.node_did().clone(),
        };
        if let Some(known) = self.0.get(&key).await {
            return Ok(known);
        }
        let entry = Contributor::new(Payee::Did(key.seller.clone()), "publisher", Share::ONE);
        let mut manifest = Manifest::new(vec![entry])?;
        manifest.title = Some(format!("Reading {}", key.site));
        manifest.author = Some(key.signer.clone());
        let signed = manifest.sign(keyring.node_key(), key.signer.clone(), key.minute)?;
        self.0.insert(key, signed.clone()).await;
        Ok(signed)
    }
}

pub(super) fn minute_of(at: Timestamp) -> Timestamp {
    let seconds = at.as_seconds();
    Timestamp::from_seconds(seconds.saturating_sub(seconds.rem_euclid(60)))
}

/// The origin of a URL, as it is written.
fn site_of(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at.saturating_add(3));
    let end = url.get(after_scheme..).and_then(|rest| rest.find(['/', '?', '#']));
    end.and_then(|end| url.get(..after_scheme.saturating_add(end)))
        .unwrap_or(url)
}
