use clap::Args;

use super::CommandError;
use crate::config::{Config, Overrides, load};
use crate::data_dir::DataDir;
use crate::run::databases_require;

/// The databases of a command that works on what a node keeps, without the node.
#[derive(Debug, Args)]
pub(super) struct DatabaseArg {
    /// The database, if it is not the one of the configuration: `sqlite` or a `postgres://` URL.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

impl DatabaseArg {
    /// The configuration of the node, with the databases that are meant.
    ///
    /// # Errors
    /// None was named here, and there is none where the configuration says.
    pub(super) fn config(self, data: &DataDir) -> Result<Config, CommandError> {
        let is_named = self.database.is_some();
        let mut overrides = Overrides::default();
        overrides.set("database.url", self.database);
        let config = load(data.path(), &overrides)?.config;
        if !is_named {
            databases_require(data, &config)?;
        }
        Ok(config)
    }
}
