//! What the zone had before: it is the operator's, and neither replaced nor deleted.

use imajin_dns::{DnsError, RecordKind};

use super::Publisher;

/// What is asked for at the name itself.
const KINDS: [RecordKind; 4] = [RecordKind::A, RecordKind::Aaaa, RecordKind::Cname, RecordKind::Txt];

impl Publisher {
    /// Whether the zone has records where a name would be published that this registry has published nothing of.
    /// `nobody` makes a name that nobody has: what the zone answers for that one too is a wildcard of its own.
    pub(crate) async fn is_occupied(&self, name: &str, nobody: impl Fn() -> String + Send) -> Result<bool, DnsError> {
        let below = [format!("*.{name}"), format!("_acme-challenge.{name}")];
        let of_name = KINDS.map(|kind| (name, kind));
        let of_below = below.iter().map(|below| (below.as_str(), RecordKind::Cname));
        for (relative, kind) in of_name.into_iter().chain(of_below) {
            if let Some(found) = self.fetch(relative, kind).await?
                && self.fetch(&nobody(), kind).await?.as_ref() != Some(&found)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn fetch(&self, relative: &str, kind: RecordKind) -> Result<Option<imajin_dns::Records>, DnsError> {
        let name = self.zone.name(relative);
        let name = name.map_err(|error| DnsError::Refused(error.to_string()))?;
        let found = self.settings.provider.fetch(&name, kind).await?;
        Ok(found.map(|found| found.records().clone()))
    }
}
