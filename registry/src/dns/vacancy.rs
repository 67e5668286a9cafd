//! What the zone had before: it is the operator's, and neither replaced nor deleted.

use imajin_dns::{DnsError, RecordKind, Records, ZoneName};

use super::Publisher;

impl Publisher {
    /// Whether the zone has anything where a name would be published, or below it, that this registry has published
    /// nothing of. `nobody` makes a name that nobody has: what the zone answers for that one too is a wildcard of its
    /// own.
    pub(crate) async fn is_occupied(&self, name: &str, nobody: impl Fn() -> String + Send) -> Result<bool, DnsError> {
        let provider = &self.settings.provider;
        if !provider.is_there(&self.zone_name(name)?).await? {
            return Ok(false);
        }
        if !provider.is_there(&self.zone_name(&nobody())?).await? {
            return Ok(true);
        }
        // A wildcard answers for every name. It does not where the zone has something of another kind, or deeper: there
        // less is found than of nobody.
        for relative in [name.to_owned(), format!("*.{name}"), format!("_acme-challenge.{name}")] {
            for kind in RecordKind::ALL {
                if self.fetch(&relative, kind).await? != self.fetch(&nobody(), kind).await? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn zone_name(&self, relative: &str) -> Result<ZoneName, DnsError> {
        let name = self.zone.name(relative);
        name.map_err(|error| DnsError::Refused(error.to_string()))
    }

    async fn fetch(&self, relative: &str, kind: RecordKind) -> Result<Option<Records>, DnsError> {
        let found = self.settings.provider.fetch(&self.zone_name(relative)?, kind).await?;
        Ok(found.map(|found| found.records().clone()))
    }
}
