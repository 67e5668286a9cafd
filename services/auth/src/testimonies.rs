//! What others say about somebody, as a page shows it.

use imajin_auth_api::{AttestationView, AttestationsAbout};

use crate::AuthError;
use crate::attestations::AttestationList;
use crate::auth::Auth;
use crate::identities::identity_find;
use crate::names::Name;

impl Auth {
    /// The attestations about a subject that count: each was checked when it came, was not taken back since, and its
    /// attester has neither ended nor contradicts itself.
    pub(crate) async fn testimonies(&self, about: AttestationsAbout) -> Result<Vec<AttestationView>, AuthError> {
        let list = AttestationList {
            subject: Some(about.subject),
            limit: Some(about.limit),
            ..AttestationList::default()
        };
        let page = self.attestation_list(list).await?;
        let sealer = self.sealer.clone();
        self.db
            .read(move |conn| {
                let mut views = Vec::new();
                for stored in page.attestations {
                    let name = Name::of_did(&stored.attestation.attester);
                    let attester = identity_find(conn, &sealer, &name)?;
                    let attester = attester.filter(|attester| !attester.deactivated && !attester.is_contested());
                    views.extend(attester.map(|attester| AttestationView {
                        id: stored.id,
                        attester: attester.did,
                        attester_handle: attester.handle,
                        attester_name: attester.name,
                        attestation_type: stored.attestation.attestation_type,
                        recorded_at: stored.recorded_at,
                    }));
                }
                Ok(views)
            })
            .await
    }
}
