//! The keys of those who have signed works or ties: their key logs, as a node shows them, verified here.

use std::collections::{BTreeMap, BTreeSet};

use imajin_did::{Did, PublicKey};
use imajin_fair::{Acceptance, Endorsement, ManifestRecord};
use imajin_kernel::{Env, Timestamp};
use imajin_key_log::{KeyHistory, Status};
use imajin_publisher_api::Chain;

use super::key_log::PublishedLog;
use super::{CommandError, NodeArg};

/// Which keys counted when, of everybody whose keys have changed.
#[derive(Debug, Default)]
pub(super) struct SignerLogs(BTreeMap<Did, Signer>);

#[derive(Debug)]
struct Signer {
    history: KeyHistory,
    /// Keys that count now: whoever has one could sign anew.
    now: Vec<PublicKey>,
    active: bool,
}

impl SignerLogs {
    /// Of everybody who has signed something in a chain.
    pub(super) async fn of_chain(chain: &Chain, node: &NodeArg) -> Result<Self, CommandError> {
        let works = std::iter::once(&chain.work).chain(&chain.sources);
        let dids: BTreeSet<Did> = works.flat_map(|work| signers(&work.record)).collect();
        Self::of_all(dids, node).await
    }

    /// Of these.
    pub(super) async fn of_all(dids: impl IntoIterator<Item = Did>, node: &NodeArg) -> Result<Self, CommandError> {
        let client = node.client()?;
        let mut logs = Self::default();
        for did in dids {
            // Of somebody whose log the node does not show, the DID is the key.
            let Ok(published) = PublishedLog::fetch(&client, did.as_str()).await else {
                continue;
            };
            if published.entries.is_empty() || published.did != did {
                continue;
            }
            let state = published.state(Env::system().now())?;
            let history = KeyHistory::of(&published.log(), state.head, &|_entry| None);
            let signer = Signer {
                history,
                active: state.status == Status::Active,
                now: state.keys,
            };
            logs.0.insert(did, signer);
        }
        Ok(logs)
    }

    /// The keys of a DID whose signatures of a moment count; `None` of somebody whose keys have not changed. Whose log
    /// is contested or ended has none.
    pub(super) fn keys(&self, did: &Did, at: Option<Timestamp>) -> Option<Vec<PublicKey>> {
        let signer = self.0.get(&did.canonical())?;
        if !signer.active {
            return Some(Vec::new());
        }
        let mut keys = signer.now.clone();
        keys.extend(at.map(|at| signer.history.in_force(at)).unwrap_or_default());
        Some(keys)
    }
}

fn signers(record: &ManifestRecord) -> impl Iterator<Item = Did> {
    let author = record.manifest.signer();
    let contributors = record.acceptances.iter().map(Acceptance::contributor);
    let endorsers = record.endorsements.iter().map(Endorsement::endorser);
    let all = author.into_iter().chain(contributors).chain(endorsers);
    all.map(Did::canonical)
}
