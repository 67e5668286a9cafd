use clap::Args;

use super::output::table;
use super::{CommandError, DataArg, Output};
use crate::config::{Overrides, load};

/// Show the configuration in force.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(flatten)]
    data: DataArg,
}

impl ConfigArgs {
    pub(super) fn run(self, output: Output) -> Result<(), CommandError> {
        let loaded = load(&self.data.path(), &Overrides::default())?;
        output.result(&loaded.effective, |lines| {
            let row = |line: &crate::config::EffectiveValue| {
                vec![line.key.clone(), line.value.clone(), format!("({})", line.source)]
            };
            table(&lines.iter().map(row).collect::<Vec<_>>())
        });
        Ok(())
    }
}
