//! From rows to what others see.

use imajin_did::Did;
use imajin_fair::{ManifestId, ManifestRecord};
use imajin_publisher_api::{ChainWork, KeptWhere, SignatureFinding};
use imajin_web::PublicBase;

use super::find::Kept;
use crate::check::{Checked, contributors};

/// Where a manifest of this node is.
pub(crate) fn fair_url(public: &PublicBase, id: &ManifestId) -> String {
    public.absolute(&format!("/fair/{id}"))
}

/// A work of the library.
pub(crate) fn kept_work(kept: Kept) -> ChainWork {
    let signature = SignatureFinding::Valid {
        signer: kept.row.author_did.clone(),
    };
    work(kept.record, signature, kept.row.kept())
}

/// A work whose signatures have just been checked.
pub(crate) fn checked_work(checked: Checked, kept: KeptWhere) -> ChainWork {
    let signature = SignatureFinding::Valid {
        signer: checked.signer().clone(),
    };
    work(checked.into_record(), signature, kept)
}

/// A work as far as its signatures hold: every acceptance and endorsement of `record` has been checked.
pub(crate) fn work(record: ManifestRecord, signature: SignatureFinding, kept: KeptWhere) -> ChainWork {
    let people = contributors(&record.manifest);
    let signer = match &signature {
        SignatureFinding::Valid { signer } => Some(signer.clone()),
        _ => None,
    };
    let countersigned = record
        .acceptances
        .iter()
        .map(|acceptance| acceptance.contributor().canonical());
    let agreed: Vec<Did> = signer.into_iter().chain(countersigned).collect();
    let (accepted, outstanding) = people.into_iter().partition(|did| agreed.contains(did));
    let endorsed = record.endorsements.iter().map(|one| one.endorser().canonical());
    ChainWork {
        endorsed: endorsed.collect(),
        record,
        signature,
        accepted,
        outstanding,
        kept,
    }
}
