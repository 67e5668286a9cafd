//! Changing the master key.
//!
//! | step | what opens the vault afterwards |
//! |---|---|
//! | a new key that seals is made, the vault is written for both master keys | either |
//! | the new master key is put in its place | either that is there |
//! | every sealed file and column is sealed anew, a page at a time | the same |
//! | the vault is written for the new master key alone, without the former key that sealed | the new one |
//!
//! Each step is durable before the next begins, and each can be done again. A change that was cut off is finished by
//! the next one, and a node can run in between: it opens what either key has sealed.

use std::fs;

use imajin_did::{Keyring, MasterKey, Sealed, VaultKeys};
use imajin_kernel::Env;
use imajin_store::vault::{RESEAL_PAGE, Resealer, SealedColumn};
use imajin_store::{Db, Sealer, StoreError};
use serde::Serialize;

use super::passphrase::{Kdf, PassphraseSource};
use super::{Means, Opened, SealedFile, Vault, VaultError, means, sealed_columns, sealed_files};
use crate::config::ServiceName;
use crate::data_dir::{DataDirError, write_private};

/// What the master key shall be from now on.
#[derive(Debug, Clone)]
pub enum NewMasterKey {
    /// A fresh one, in `master.key`.
    File,
    /// Made from a passphrase.
    Passphrase(PassphraseSource),
    /// In a file that systemd will hand over; made there if it does not exist.
    Credential(std::path::PathBuf),
}

/// What has just become durable; for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The vault opens with both master keys.
    BothOpen,
    /// The new master key is in its place.
    KeyInPlace,
    /// A file is sealed anew.
    FileResealed(&'static str),
    /// A page of a column is sealed anew.
    PageResealed(&'static str),
    /// The vault opens with the new master key alone.
    FormerForgotten,
}

/// What was sealed anew.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResealedPlace {
    /// `auth.session_keys.sealed_key`, or a file's name.
    pub place: String,
    /// What is in it.
    pub holds: &'static str,
    /// How many secrets.
    pub secrets: i64,
}

/// The outcome.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// What opens the vault now.
    pub master_key: String,
    /// Whether an earlier change that was cut off was finished first.
    pub earlier_finished: bool,
    /// Everything that the node keeps secret.
    pub places: Vec<ResealedPlace>,
}

type Watch<'a> = &'a (dyn Fn(Step) -> Result<(), VaultError> + Sync);

/// Changes the master key. The node must not run; `databases` are those of [`super::database_services`].
///
/// # Errors
/// [`VaultError`], after which either the old or the new master key opens the vault and everything in it; a row that
/// was tampered with is named and stops the change, until it is dealt with.
pub async fn change(
    vault: &Vault,
    to: &NewMasterKey,
    databases: &[(ServiceName, Db)],
    env: &Env,
    watch: Watch<'_>,
) -> Result<Changed, VaultError> {
    let mut opened = vault.open()?;
    let earlier_finished = opened.keys.previous.is_some();
    if earlier_finished {
        (opened, _) = finish(vault, opened, databases, env, watch).await?;
    }
    let (means, master) = new_master_key(to, env)?;
    let keys = VaultKeys {
        root: opened.keys.root,
        current: MasterKey::generate(env),
        previous: Some(opened.keys.current),
    };
    vault.write(&[(&means, &master), (&opened.means, &opened.master)], &keys, env)?;
    watch(Step::BothOpen)?;
    if means == Means::File {
        means::key_write(&vault.master_key_path(), &master)?;
    }
    watch(Step::KeyInPlace)?;
    let opened = Opened { keys, means, master };
    let (opened, places) = finish(vault, opened, databases, env, watch).await?;
    Ok(Changed {
        master_key: opened.means.to_string(),
        earlier_finished,
        places,
    })
}

fn new_master_key(to: &NewMasterKey, env: &Env) -> Result<(Means, MasterKey), VaultError> {
    Ok(match to {
        NewMasterKey::File => (Means::File, MasterKey::generate(env)),
        NewMasterKey::Passphrase(source) => {
            let kdf = Kdf::new(env);
            let master = kdf.derive(&source.read_new()?)?;
            (Means::Passphrase { kdf }, master)
        }
        NewMasterKey::Credential(path) => {
            if !path.exists() {
                means::key_write(path, &MasterKey::generate(env))?;
            }
            (Means::Credential, means::key_read(path)?)
        }
    })
}

/// Seals everything under the current key, and forgets the former one and every other master key.
async fn finish(
    vault: &Vault,
    opened: Opened,
    databases: &[(ServiceName, Db)],
    env: &Env,
    watch: Watch<'_>,
) -> Result<(Opened, Vec<ResealedPlace>), VaultError> {
    let again = Opened {
        keys: VaultKeys {
            root: opened.keys.root.duplicate(),
            current: opened.keys.current.duplicate(),
            previous: None,
        },
        means: opened.means.clone(),
        master: opened.master.duplicate(),
    };
    let keyring = vault.keyring(opened, None)?;
    let mut places = Vec::new();
    for file in sealed_files() {
        let secrets = file_reseal(vault, file, &keyring, env)?;
        watch(Step::FileResealed(file.name))?;
        places.push(ResealedPlace {
            place: file.name.to_owned(),
            holds: file.holds,
            secrets,
        });
    }
    for (service, db) in databases {
        for column in sealed_columns(*service) {
            let secrets = column_reseal(*service, db, *column, &keyring, env, watch).await?;
            places.push(ResealedPlace {
                place: format!("{service}.{}.{}", column.table, column.column),
                holds: column.holds,
                secrets,
            });
        }
    }
    vault.write(&[(&again.means, &again.master)], &again.keys, env)?;
    watch(Step::FormerForgotten)?;
    if again.means != Means::File {
        vault.master_key_remove()?;
    }
    Ok((again, places))
}

fn file_reseal(vault: &Vault, file: SealedFile, keyring: &Keyring, env: &Env) -> Result<i64, VaultError> {
    let path = vault.folder().join(file.name);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(source) => return Err(DataDirError::Io { path, source }.into()),
    };
    let resealed = keyring.reseal(file.label, &Sealed::from_bytes(bytes), env);
    match resealed {
        Ok(Some(sealed)) => write_private(&path, sealed.as_bytes())?,
        Ok(None) => {}
        Err(source) => return Err(VaultError::SealedFile { path, source }),
    }
    Ok(1)
}

async fn column_reseal(
    service: ServiceName,
    db: &Db,
    column: SealedColumn,
    keyring: &Keyring,
    env: &Env,
    watch: Watch<'_>,
) -> Result<i64, VaultError> {
    let resealer = Resealer {
        keyring: keyring.clone(),
        sealer: Sealer::for_service(keyring, service.as_str()),
        env: env.clone(),
    };
    let mut offset = 0;
    loop {
        let resealer = resealer.clone();
        let page = db
            .write(move |conn| (column.reseal)(conn, &resealer, offset))
            .await
            .map_err(|source: StoreError| VaultError::Database {
                service: service.as_str(),
                source,
            })?;
        watch(Step::PageResealed(column.table))?;
        offset += page.seen;
        if page.seen < RESEAL_PAGE {
            return Ok(offset);
        }
    }
}
