//! What a record must be to be believed: its signatures against the keys of those who signed.

use std::collections::BTreeSet;

use imajin_did::{Did, PublicKey};
use imajin_fair::{Acceptance, Endorsement, Manifest, ManifestRecord, Payee, SignatureError};
use imajin_publisher_api::SignatureFinding;
use imajin_web::Identities;

use crate::PublisherError;

/// How many endorsements are kept with a manifest: anybody's node can make one.
pub(crate) const ENDORSEMENTS_MAX: usize = 32;

/// A record whose every signature was verified. There is no other way to get one.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    record: ManifestRecord,
    signer: Did,
}

impl Checked {
    /// Checks every signature; one that does not hold refuses the record.
    pub(crate) async fn strict(identities: &dyn Identities, record: ManifestRecord) -> Result<Self, PublisherError> {
        if record.endorsements.len() > ENDORSEMENTS_MAX {
            let problem = format!("has more than {ENDORSEMENTS_MAX} entries");
            return Err(PublisherError::invalid("endorsements", problem));
        }
        let signer = author_check(identities, &record.manifest).await?;
        for acceptance in &record.acceptances {
            acceptance_check(identities, &record.manifest, acceptance).await?;
        }
        for endorsement in &record.endorsements {
            endorsement_check(identities, &record.manifest, endorsement).await?;
        }
        Ok(Self { record, signer })
    }

    /// Checks the author's signature, and leaves out what others signed and does not hold: another node is not
    /// believed, and is not punished either.
    pub(crate) async fn lenient(identities: &dyn Identities, record: ManifestRecord) -> Result<Self, PublisherError> {
        let signer = author_check(identities, &record.manifest).await?;
        let ManifestRecord {
            manifest,
            endorsements,
            acceptances,
        } = record;
        let mut kept = ManifestRecord::new(manifest);
        for acceptance in acceptances.into_iter().take(kept.manifest.contributors.len()) {
            if acceptance_check(identities, &kept.manifest, &acceptance).await.is_ok() {
                kept.acceptances.push(acceptance);
            }
        }
        for endorsement in endorsements.into_iter().take(ENDORSEMENTS_MAX) {
            if endorsement_check(identities, &kept.manifest, &endorsement)
                .await
                .is_ok()
            {
                kept.endorsements.push(endorsement);
            }
        }
        Ok(Self { record: kept, signer })
    }

    pub(crate) fn record(&self) -> &ManifestRecord {
        &self.record
    }

    pub(crate) fn into_record(self) -> ManifestRecord {
        self.record
    }

    /// Who signed the manifest, in the native form.
    pub(crate) fn signer(&self) -> &Did {
        &self.signer
    }
}

/// What can be said about a manifest's signature.
pub(crate) async fn signature_finding(identities: &dyn Identities, manifest: &Manifest) -> SignatureFinding {
    match author_check(identities, manifest).await {
        Ok(signer) => SignatureFinding::Valid { signer },
        Err(PublisherError::Signature(SignatureError::Unsigned)) => SignatureFinding::Unsigned,
        Err(error @ (PublisherError::NoKey { .. } | PublisherError::Problem(_))) => SignatureFinding::Unchecked {
            reason: error.to_string(),
        },
        Err(error) => SignatureFinding::Broken {
            reason: error.to_string(),
        },
    }
}

/// Who signed the manifest, if the signature holds and the manifest is the one of its id.
async fn author_check(identities: &dyn Identities, manifest: &Manifest) -> Result<Did, PublisherError> {
    if manifest.signature.is_none() {
        return Err(SignatureError::Unsigned.into());
    }
    if !manifest.is_pinned() {
        return Err(SignatureError::OtherContent.into());
    }
    let signer = manifest.signer().ok_or_else(|| {
        PublisherError::invalid(
            "author",
            "is missing, so the manifest does not say whose signature it has",
        )
    })?;
    let keys = keys_of(identities, signer).await?;
    first_good(&keys, signer, |key| manifest.verify_signature(key))?;
    // Where no author is named, anybody can put a signature to it: it must be somebody who has a part in the work.
    let native = signer.canonical();
    if manifest.author.is_none() && !contributors(manifest).contains(&native) {
        return Err(PublisherError::invalid(
            "author",
            "is missing, and whoever signed the manifest has no entry in it",
        ));
    }
    Ok(native)
}

/// Checks one countersignature.
pub(crate) async fn acceptance_check(
    identities: &dyn Identities,
    manifest: &Manifest,
    acceptance: &Acceptance,
) -> Result<(), PublisherError> {
    let did = acceptance.contributor();
    let keys = keys_of(identities, did).await?;
    first_good(&keys, did, |key| acceptance.verify(manifest, key))
}

async fn endorsement_check(
    identities: &dyn Identities,
    manifest: &Manifest,
    endorsement: &Endorsement,
) -> Result<(), PublisherError> {
    let did = endorsement.endorser();
    let keys = keys_of(identities, did).await?;
    first_good(&keys, did, |key| endorsement.verify(manifest, key))
}

/// The keys that may sign for a DID now: one that was replaced signs nothing new.
async fn keys_of(identities: &dyn Identities, did: &Did) -> Result<Vec<PublicKey>, PublisherError> {
    Ok(identities.caller_keys(did).await?.keys)
}

fn first_good<E>(
    keys: &[PublicKey],
    did: &Did,
    verify: impl Fn(&PublicKey) -> Result<(), E>,
) -> Result<(), PublisherError>
where
    PublisherError: From<E>,
{
    let mut last = Err(PublisherError::NoKey { did: did.clone() });
    for key in keys {
        match verify(key) {
            Ok(()) => return Ok(()),
            Err(error) => last = Err(error.into()),
        }
    }
    last
}

/// The people who have an entry, in the native form.
pub(crate) fn contributors(manifest: &Manifest) -> BTreeSet<Did> {
    let entries = manifest.contributors.iter();
    let dids = entries.filter_map(|entry| match &entry.payee {
        Payee::Did(did) => Some(did.canonical()),
        Payee::Fair(_) => None,
    });
    dids.collect()
}
