//! Who may know what about somebody: the standing grants as they were signed, and what the node tells at all.

use imajin_consent::ConsentProfile;
use imajin_query_api::{GrantState, GrantView, OwnConsent, ProfileView};
use serde_json::Value;

use super::bundle::{Bundle, keys_on_record};
use super::parts::{Part, is_taken, member};
use crate::cli::CommandError;
use crate::cli::client::IdentityClient;
use crate::cli::key_file::local;

const API: &str = "/query/api/consent";

/// Grants that hold, if they are wanted, and what is on, if nothing was said about that at the new node yet. A node
/// that is asked for neither need not keep such things.
pub(super) async fn consent_bring(client: &IdentityClient, bundle: &Bundle, with_grants: bool) -> [Part; 2] {
    let grants = if with_grants { holding(bundle) } else { Ok(Vec::new()) };
    let profile = own_profile(bundle);
    let of = grants.as_ref().map_or(1, Vec::len);
    let mut parts = [
        Part::new("grants", of),
        Part::new("consent", usize::from(!matches!(profile, Ok(None)))),
    ];
    let [given, switched] = &mut parts;
    if let Err(error) = &grants {
        given.fail(error);
    }
    if let Err(error) = &profile {
        switched.fail(error);
    }
    let (grants, profile) = (grants.unwrap_or_default(), profile.ok().flatten());
    if grants.is_empty() && profile.is_none() {
        return parts;
    }
    let there = match own(client).await {
        Ok(there) => there,
        Err(error) => {
            for part in [&mut *given, &mut *switched] {
                if part.is_asked() {
                    part.fail(&error);
                }
            }
            return parts;
        }
    };
    for grant in &grants {
        given.add(grant_bring(client, grant, &there).await);
    }
    if let Some(profile) = profile {
        switched.add(profile_bring(client, &profile, &there).await);
    }
    parts
}

/// What the person has said themselves: the old home does not choose what they sign anew.
fn own_profile(bundle: &Bundle) -> Result<Option<ProfileView>, CommandError> {
    let profile = member::<ProfileView>(bundle, "consentProfile")?;
    let Some(view) = &profile else { return Ok(None) };
    let keys = keys_on_record(&bundle.did, &bundle.log)?;
    if view.profile.0.from.canonical() == bundle.did && view.profile.verify(&keys).is_ok() {
        return Ok(profile);
    }
    Err(local(
        "the old node shows a consent profile that you have not signed: it is not brought, nor signed anew",
    ))
}

/// How many grants the bundle has that hold, and that are not brought unless that is asked for: each gives somebody
/// something, and the person may have taken it back where the old home does not say so.
pub(super) fn grants_left(bundle: &Bundle) -> usize {
    holding(bundle).map_or(0, |grants| grants.len())
}

/// The grants that have not ended: what was taken back is not given again.
fn holding(bundle: &Bundle) -> Result<Vec<GrantView>, CommandError> {
    let all: Vec<GrantView> = member(bundle, "consentGrants")?.unwrap_or_default();
    Ok(all
        .into_iter()
        .filter(|view| view.state == GrantState::Active)
        .collect())
}

async fn own(client: &IdentityClient) -> Result<OwnConsent, CommandError> {
    let session = client.login().await?;
    let there = client.get_own(&session, API).await?;
    client.logout(&session).await?;
    Ok(there)
}

/// One that was taken back at the new node stays so.
async fn grant_bring(client: &IdentityClient, view: &GrantView, there: &OwnConsent) -> Result<bool, CommandError> {
    if there.grants.iter().any(|known| known.digest == view.digest) {
        return Ok(false);
    }
    let given: Result<GrantView, _> = client.send("POST", &format!("{API}/grants"), &view.grant, None).await;
    match given {
        Ok(_given) => Ok(true),
        Err(error) if is_taken(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// What is on is signed anew: a node takes only what was said just now.
async fn profile_bring(client: &IdentityClient, view: &ProfileView, there: &OwnConsent) -> Result<bool, CommandError> {
    if there.profile.is_some() {
        return Ok(false);
    }
    let (now, said) = (client.node().env().now(), view.profile.payload().clone());
    let profile = ConsentProfile::sign(client.key(), client.did().clone(), now, said).map_err(local)?;
    let _set: Value = client.send("PUT", &format!("{API}/profile"), &profile, None).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use imajin_consent::{ConsentProfile, ProfilePayload};
    use imajin_did::SecretKey;
    use imajin_kernel::Timestamp;
    use imajin_key_log::KeyLog;
    use serde_json::json;

    use super::super::bundle::{Contents, Folder};
    use super::*;

    /// What an old home shows of somebody: a profile in their name that this key has signed.
    fn shown(owner: &SecretKey, signer: &SecretKey) -> Bundle {
        let said = ProfilePayload {
            purposes: BTreeMap::new(),
            trusted_hops: 1,
        };
        let now = Timestamp::from_seconds(1_900_000_000);
        let profile = ConsentProfile::sign(signer, owner.did(), now, said).unwrap();
        let view = ProfileView {
            digest: profile.digest().unwrap(),
            profile,
            updated_at: now,
        };
        Bundle {
            folder: Folder::new(std::path::Path::new("unused")),
            did: owner.did().canonical(),
            to: owner.did(),
            contents: Contents {
                format_version: 1,
                from: owner.did(),
                from_url: "https://old.example/".parse().unwrap(),
                export: String::new(),
                works: Vec::new(),
            },
            data: json!({"consentProfile": view}),
            log: KeyLog::default(),
        }
    }

    #[test]
    fn a_profile_that_the_mover_has_not_signed_is_not_brought() {
        let (owner, stranger) = (SecretKey::from_seed([1; 32]), SecretKey::from_seed([2; 32]));
        assert!(own_profile(&shown(&owner, &owner)).unwrap().is_some());
        let refused = own_profile(&shown(&owner, &stranger)).unwrap_err().to_string();
        assert!(refused.contains("not signed"), "{refused}");
    }
}
