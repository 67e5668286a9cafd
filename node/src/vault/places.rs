use imajin_store::vault::SealedColumn;
use serde::Serialize;

use crate::config::{Config, ServiceName};
use crate::data_dir::DataDir;

/// A file of the data directory that is sealed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SealedFile {
    /// Its name.
    pub name: &'static str,
    /// Binds the contents to their purpose.
    #[serde(skip)]
    pub label: &'static str,
    /// What is in it, for a person.
    pub holds: &'static str,
}

/// The node's own key.
pub const NODE_KEY: SealedFile = SealedFile {
    name: "node.key",
    label: "node",
    holds: "the node's own key",
};

/// The key of the certificate that the node makes for itself.
pub const TLS_KEY: SealedFile = SealedFile {
    name: "tls.key",
    label: "tls",
    holds: "the key of the node's certificate",
};

/// The account at a certificate authority.
pub const ACME_ACCOUNT: SealedFile = SealedFile {
    name: "acme.account",
    label: "acme-account",
    holds: "the account at the certificate authority",
};

/// The certificate of an authority, with its key.
pub const ACME_CERTIFICATE: SealedFile = SealedFile {
    name: "acme.certificate",
    label: "acme-certificate",
    holds: "the key of the authority's certificate",
};

/// What registries gave to the node to change the records of its names.
pub const DNS_ACCOUNTS: SealedFile = SealedFile {
    name: "dns.accounts",
    label: "dns-accounts",
    holds: "the passwords for the records of the node's names",
};

/// The key that speaks for the node at registries since its own was replaced there.
pub const REGISTRATION_KEY: SealedFile = SealedFile {
    name: "registration.key",
    label: "registration",
    holds: "the key that speaks for the node at registries",
};

/// Every file that is sealed. With [`sealed_columns`] the whole list of what the node keeps secret.
pub const fn sealed_files() -> [SealedFile; 6] {
    [
        NODE_KEY,
        TLS_KEY,
        ACME_ACCOUNT,
        ACME_CERTIFICATE,
        DNS_ACCOUNTS,
        REGISTRATION_KEY,
    ]
}

/// Every column of a service that is sealed.
pub const fn sealed_columns(service: ServiceName) -> &'static [SealedColumn] {
    match service {
        ServiceName::Auth => &imajin_auth::SEALED_COLUMNS,
        ServiceName::Events => &imajin_events::SEALED_COLUMNS,
        ServiceName::Pay => &imajin_pay::SEALED_COLUMNS,
        ServiceName::Broker => &imajin_broker::SEALED_COLUMNS,
        ServiceName::Connections
        | ServiceName::Profile
        | ServiceName::Publisher
        | ServiceName::Query
        | ServiceName::Registry
        | ServiceName::Www => &[],
    }
}

/// The services whose databases of this node hold sealed columns, also if they do not run at the moment: a key that is
/// forgotten here would be lost.
pub fn database_services(data: &DataDir, config: &Config) -> Vec<ServiceName> {
    use secrecy::ExposeSecret;
    let is_sqlite = config.database.url.expose_secret() == "sqlite";
    let is_here = |service: &ServiceName| {
        let runs = config.services.contains(service);
        let was_here = if is_sqlite {
            data.database_path(service.as_str()).exists()
        } else {
            !config.remote.contains_key(service)
        };
        !sealed_columns(*service).is_empty() && (runs || was_here)
    };
    ServiceName::ALL.into_iter().filter(is_here).collect()
}
