use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use imajin_auth_api::{IdentityFetch, IdentityView};
use imajin_did::Did;
use imajin_ui::name_or_handle;

use crate::Www;
use crate::show::did_short;

/// So many names are looked up for one page; whoever comes after is shown by their DID.
const LOOKUPS_MAX: usize = 40;

/// What to call the people on a page.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeMap<Did, String>);

impl Names {
    /// The name of an identity, else a short form of its DID.
    pub(crate) fn of(&self, did: &Did) -> String {
        self.0.get(&did.canonical()).cloned().unwrap_or_else(|| did_short(did))
    }

    #[cfg(test)]
    pub(crate) fn known(pairs: &[(&Did, &str)]) -> Self {
        Self(
            pairs
                .iter()
                .map(|(did, name)| (did.canonical(), (*name).to_owned()))
                .collect(),
        )
    }
}

impl Www {
    /// Looks up what to call these identities. A page does not fail because a name is missing.
    pub(crate) async fn names<'a>(&self, dids: impl IntoIterator<Item = &'a Did>) -> Names {
        let mut wanted: Vec<Did> = Vec::new();
        let mut seen = BTreeSet::new();
        for did in dids {
            let did = did.canonical();
            if seen.insert(did.clone()) && did != self.deps.node_did {
                wanted.push(did);
            }
        }
        wanted.truncate(LOOKUPS_MAX);
        let lookups = wanted.into_iter().map(|did| async move {
            let request = IdentityFetch {
                did_or_handle: did.to_string(),
            };
            match self.deps.auth.identity_fetch(request).await {
                Ok(identity) => identity.as_ref().and_then(name_of).map(|name| (did, name)),
                Err(problem) => {
                    tracing::debug!(code = %problem.code, "a name could not be looked up");
                    None
                }
            }
        });
        let mut names: BTreeMap<Did, String> = join_all(lookups).await.into_iter().flatten().collect();
        names.insert(self.deps.node_did.canonical(), self.deps.node_name.clone());
        Names(names)
    }
}

fn name_of(identity: &IdentityView) -> Option<String> {
    name_or_handle(identity.name.as_deref(), identity.handle.as_deref())
}
