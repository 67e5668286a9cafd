//! Which node a command asks, and whose key signs.

use std::path::Path;
use std::time::Duration;

use imajin_did::SecretKey;
use imajin_kernel::Env;
use imajin_web::HttpClient;
use url::Url;

use super::client::{IdentityClient, LoggedIn, NodeClient};
use super::key_file::Facts;
use super::{CommandError, DataArg, KeyArg, NodeArg};
use crate::data_dir::DataDir;

/// Whose key asks which node.
#[derive(Debug, clap::Args)]
pub(super) struct Caller {
    #[command(flatten)]
    pub(super) node: NodeArg,
    #[command(flatten)]
    pub(super) key: KeyArg,
}

impl Caller {
    /// A client that is logged in.
    pub(super) async fn client(&self) -> Result<(IdentityClient, LoggedIn), CommandError> {
        let client = self.node.signing(&self.key)?;
        let session = client.login().await?;
        Ok((client, session))
    }
}

/// Reads a key file.
pub(super) fn key_read(path: &Path) -> Result<SecretKey, CommandError> {
    let pem = std::fs::read_to_string(path)
        .map_err(|error| CommandError::Local(format!("the key file {} cannot be read: {error}", path.display())))?;
    SecretKey::from_pkcs8_pem(&pem).map_err(|error| {
        CommandError::Local(format!(
            "{} is no key file (PKCS#8 PEM, Ed25519): {error}",
            path.display()
        ))
    })
}

impl NodeArg {
    /// A client of the named node.
    pub(super) fn client(&self) -> Result<NodeClient, CommandError> {
        let root = match &self.ca {
            Some(path) => Some(std::fs::read(path).map_err(|error| {
                CommandError::Local(format!("the certificate {} cannot be read: {error}", path.display()))
            })?),
            None => None,
        };
        let http = HttpClient::new(Duration::from_secs(40), root.as_deref())?;
        Ok(NodeClient {
            base: self.node.clone(),
            http,
            env: Env::system(),
        })
    }

    /// A node with a certificate that everybody trusts.
    pub(super) const fn of(node: Url) -> Self {
        Self { node, ca: None }
    }

    /// Another node, which is trusted by the same certificates.
    pub(super) fn at(&self, node: Url) -> Self {
        Self {
            node,
            ca: self.ca.clone(),
        }
    }

    /// A client of the named node that signs with the named key.
    pub(super) fn signing(&self, key: &KeyArg) -> Result<IdentityClient, CommandError> {
        let secret = key_read(&key.key)?;
        let facts = Facts::read(&key.key, &secret)?;
        Ok(IdentityClient {
            node: self.client()?,
            did: facts.did.clone(),
            facts,
            key: secret,
        })
    }

    /// A client that signs as the node of a data directory.
    pub(super) fn signing_as_node(&self, data: &DataArg) -> Result<IdentityClient, CommandError> {
        let keyring = DataDir::open(&data.path())?.keyring_open()?;
        let did = keyring.node_did().clone();
        let facts = Facts {
            did: did.clone(),
            recovery: None,
            next_key_hash: None,
        };
        Ok(IdentityClient {
            node: self.client()?,
            did,
            facts,
            key: keyring.node_key().clone(),
        })
    }

    /// A client that signs with the named key as the DID that this key is, whomever it speaks for.
    pub(super) fn signing_alone(&self, key: &KeyArg) -> Result<IdentityClient, CommandError> {
        let mut client = self.signing(key)?;
        client.did = client.key.did();
        Ok(client)
    }
}
