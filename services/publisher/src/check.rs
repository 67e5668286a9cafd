//! What a record must be to be believed: its signatures against the keys of those who signed.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use imajin_did::{Did, PublicKey};
use imajin_fair::{Acceptance, Endorsement, Manifest, ManifestRecord, Payee, SignatureError};
use imajin_kernel::Timestamp;
use imajin_publisher_api::SignatureFinding;
use imajin_web::{Identities, SignerAsked, SignerError};
use url::Url;

use crate::PublisherError;

/// How many endorsements are kept with a manifest: anybody's node can make one.
pub(crate) const ENDORSEMENTS_MAX: usize = 32;

/// About how many signers of one record other nodes are asked: whoever shows it decides how many it names.
const FOLLOWED_MAX: u32 = 16;

/// Who finds the keys of those who have signed one record.
pub(crate) struct Signers<'a> {
    identities: &'a dyn Identities,
    /// The node that shows the record.
    shown_by: Option<&'a Url>,
    followed: AtomicU32,
}

impl<'a> Signers<'a> {
    pub(crate) fn new(identities: &'a dyn Identities, shown_by: Option<&'a Url>) -> Self {
        Self {
            identities,
            shown_by,
            followed: AtomicU32::new(0),
        }
    }

    /// Checks a signature that `did` made at that moment, with the keys of its that counted then.
    async fn check<E>(
        &self,
        did: &Did,
        at: Option<Timestamp>,
        verify: impl Fn(&PublicKey) -> Result<(), E>,
    ) -> Result<(), PublisherError>
    where
        PublisherError: From<E>,
    {
        let asked = SignerAsked {
            did: did.clone(),
            at,
            follow: self.followed.fetch_add(1, Ordering::Relaxed) < FOLLOWED_MAX,
            shown_by: self.shown_by.cloned(),
        };
        self.identities.signer_keys(&asked).await?.check(verify)
    }
}

/// A record whose every signature was verified. There is no other way to get one.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    record: ManifestRecord,
    signer: Did,
}

impl Checked {
    /// Checks every signature; one that does not hold refuses the record.
    pub(crate) async fn strict(signers: &Signers<'_>, record: ManifestRecord) -> Result<Self, PublisherError> {
        if record.endorsements.len() > ENDORSEMENTS_MAX {
            let problem = format!("has more than {ENDORSEMENTS_MAX} entries");
            return Err(PublisherError::invalid("endorsements", problem));
        }
        let signer = author_check(signers, &record.manifest).await?;
        for acceptance in &record.acceptances {
            acceptance_check(signers, &record.manifest, acceptance).await?;
        }
        for endorsement in &record.endorsements {
            endorsement_check(signers, &record.manifest, endorsement).await?;
        }
        Ok(Self { record, signer })
    }

    /// Checks the author's signature, and leaves out what others signed and does not hold: another node is not
    /// believed, and is not punished either.
    pub(crate) async fn lenient(signers: &Signers<'_>, record: ManifestRecord) -> Result<Self, PublisherError> {
        let signer = author_check(signers, &record.manifest).await?;
        let ManifestRecord {
            manifest,
            endorsements,
            acceptances,
        } = record;
        let mut kept = ManifestRecord::new(manifest);
        for acceptance in acceptances.into_iter().take(kept.manifest.contributors.len()) {
            if acceptance_check(signers, &kept.manifest, &acceptance).await.is_ok() {
                kept.acceptances.push(acceptance);
            }
        }
        for endorsement in endorsements.into_iter().take(ENDORSEMENTS_MAX) {
            if endorsement_check(signers, &kept.manifest, &endorsement).await.is_ok() {
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
pub(crate) async fn signature_finding(signers: &Signers<'_>, manifest: &Manifest) -> SignatureFinding {
    match author_check(signers, manifest).await {
        Ok(signer) => SignatureFinding::Valid { signer },
        Err(PublisherError::Signature(SignatureError::Unsigned)) => SignatureFinding::Unsigned,
        Err(error @ (PublisherError::Signer(SignerError::NoKey { .. }) | PublisherError::Problem(_))) => {
            SignatureFinding::Unchecked {
                reason: error.to_string(),
            }
        }
        Err(error) => SignatureFinding::Broken {
            reason: error.to_string(),
        },
    }
}

/// Who signed the manifest, if the signature holds and the manifest is the one of its id.
async fn author_check(signers: &Signers<'_>, manifest: &Manifest) -> Result<Did, PublisherError> {
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
    let verify = |key: &PublicKey| manifest.verify_signature(key);
    signers.check(signer, manifest.signed_at(), verify).await?;
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
    signers: &Signers<'_>,
    manifest: &Manifest,
    acceptance: &Acceptance,
) -> Result<(), PublisherError> {
    let verify = |key: &PublicKey| acceptance.verify(manifest, key);
    let at = Some(acceptance.signed_at());
    signers.check(acceptance.contributor(), at, verify).await
}

async fn endorsement_check(
    signers: &Signers<'_>,
    manifest: &Manifest,
    endorsement: &Endorsement,
) -> Result<(), PublisherError> {
    let verify = |key: &PublicKey| endorsement.verify(manifest, key);
    let at = Some(endorsement.signed_at());
    signers.check(endorsement.endorser(), at, verify).await
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
