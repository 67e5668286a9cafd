use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use imajin_kernel::Env;
use serde::Serialize;

use super::database::DatabaseArg;
use super::{CommandError, DataArg, Output};
use crate::config::{Config, ServiceName};
use crate::data_dir::DataDir;
use crate::run::database_open;
use crate::vault::{
    Changed, NewMasterKey, PassphraseSource, VaultError, change, database_services, sealed_columns, sealed_files,
};

/// The key that opens the vault with the node's secrets.
#[derive(Debug, Subcommand)]
pub(super) enum MasterKeyCommand {
    /// Show what opens the vault, and every place where the node keeps a secret.
    Show {
        #[command(flatten)]
        data: DataArg,
    },
    /// Change the master key and seal every secret anew. The node must be stopped. Can be repeated if it was cut off.
    Change {
        #[command(flatten)]
        data: DataArg,
        /// Where the new master key shall be.
        #[arg(long, value_enum)]
        to: Place,
        /// With `--to credential`: the file whose 64 hexadecimal digits systemd will hand over; made if it is missing.
        #[arg(long, value_name = "FILE", required_if_eq("to", "credential"))]
        credential: Option<PathBuf>,
        /// With `--to passphrase`: a file with the new passphrase, instead of the terminal.
        #[arg(long, env = "IMAJIN_NEW_PASSPHRASE_FILE", value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
        #[command(flatten)]
        database: DatabaseArg,
    },
}

/// Where a master key can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Place {
    /// In `master.key` of the data directory.
    File,
    /// Made from a passphrase.
    Passphrase,
    /// Handed over by systemd.
    Credential,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    master_key: String,
    change_unfinished: bool,
    places: Vec<ShownPlace>,
}

#[derive(Serialize)]
struct ShownPlace {
    place: String,
    holds: &'static str,
}

impl MasterKeyCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Show { data } => show(&data, output),
            Self::Change {
                data,
                to,
                credential,
                new_passphrase_file,
                database,
            } => {
                let to = match (to, credential) {
                    (Place::File, _) => NewMasterKey::File,
                    (Place::Passphrase, _) => NewMasterKey::Passphrase(
                        new_passphrase_file.map_or(PassphraseSource::Terminal, PassphraseSource::File),
                    ),
                    (Place::Credential, Some(path)) => NewMasterKey::Credential(path),
                    (Place::Credential, None) => return Err(CommandError::Local("--credential is missing".to_owned())),
                };
                master_key_change(&data, &to, database, output).await
            }
        }
    }
}

fn vault_failed(error: VaultError) -> CommandError {
    CommandError::DataDir(error.into())
}

fn show(data: &DataArg, output: Output) -> Result<(), CommandError> {
    let data = DataDir::open(&data.path())?;
    let opened = data.vault().open().map_err(vault_failed)?;
    let files = sealed_files().map(|file| ShownPlace {
        place: file.name.to_owned(),
        holds: file.holds,
    });
    let columns = ServiceName::ALL.into_iter().flat_map(|service| {
        sealed_columns(service).iter().map(move |column| ShownPlace {
            place: format!("{service}.{}.{}", column.table, column.column),
            holds: column.holds,
        })
    });
    let shown = Shown {
        master_key: opened.means().to_string(),
        change_unfinished: opened.is_unfinished(),
        places: files.into_iter().chain(columns).collect(),
    };
    output.result(&shown, |shown| {
        let mut lines = vec![format!("The vault opens with {}.", shown.master_key)];
        if shown.change_unfinished {
            lines.push("A change of the master key was cut off: repeat it to finish it.".to_owned());
        }
        lines.extend(
            shown
                .places
                .iter()
                .map(|place| format!("{}: {}", place.place, place.holds)),
        );
        lines.join("\n")
    });
    Ok(())
}

async fn master_key_change(
    data: &DataArg,
    to: &NewMasterKey,
    database: DatabaseArg,
    output: Output,
) -> Result<(), CommandError> {
    let data = DataDir::open(&data.path())?;
    let _lock = data.lock()?;
    let config = database.config(&data)?;
    let databases = databases_open(&data, &config).await?;
    let changed = change(&data.vault(), to, &databases, &Env::system(), &|_step| Ok(())).await;
    for (_service, db) in databases {
        db.close().await;
    }
    let changed = changed.map_err(vault_failed)?;
    output.result(&changed, text);
    Ok(())
}

async fn databases_open(data: &DataDir, config: &Config) -> Result<Vec<(ServiceName, imajin_store::Db)>, CommandError> {
    let mut open = Vec::new();
    for service in database_services(data, config) {
        let opened = database_open(data, config, service).await;
        let opened = opened.map_err(|source| {
            vault_failed(VaultError::Database {
                service: service.as_str(),
                source,
            })
        })?;
        open.extend(opened.map(|db| (service, db)));
    }
    Ok(open)
}

fn text(changed: &Changed) -> String {
    let mut lines: Vec<String> = changed
        .places
        .iter()
        .map(|place| format!("{}: {} ({})", place.place, place.secrets, place.holds))
        .collect();
    lines.push(format!(
        "Every secret is sealed anew. From now on {} opens the vault.",
        changed.master_key
    ));
    lines.join("\n")
}
