//! Who may know what about somebody: the standing grants as they were signed, and what the node tells at all.

use imajin_consent::ConsentProfile;
use imajin_query_api::{GrantState, GrantView, OwnConsent, ProfileView};
use serde_json::Value;

use super::bundle::Bundle;
use super::parts::{Part, is_taken, member};
use crate::cli::CommandError;
use crate::cli::client::IdentityClient;
use crate::cli::key_file::local;

const API: &str = "/query/api/consent";

/// Grants that hold, and what is on, if nothing was said about that at the new node yet. A node that is asked for
/// neither need not keep such things.
pub(super) async fn consent_bring(client: &IdentityClient, bundle: &Bundle) -> [Part; 2] {
    let grants = holding(bundle);
    let profile = member::<ProfileView>(bundle, "consentProfile");
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
