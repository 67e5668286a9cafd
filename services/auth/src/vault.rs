//! Where auth keeps secrets under the node's seal. A column that is missing here would be lost with the next change of
//! the master key; a test compares the list with the names of the columns.

use imajin_store::sealed_column;
use imajin_store::vault::SealedColumn;

use crate::custodial::custodial_label;
use crate::mailbox::mail_label;
use crate::oidc::keys::seal_label as oidc_label;
use crate::oidc::rows::OidcKeyRow;
use crate::rows::{CustodialKeyRow, DevelopmentMailRow, SessionKeyRow};
use crate::schema::{custodial_keys, development_mails, oidc_keys, session_keys};
use crate::session_keys::seal_label;

/// Every sealed column of auth.
pub const SEALED_COLUMNS: [SealedColumn; 4] = [
    sealed_column!(
        CustodialKeyRow,
        custodial_keys,
        "custodial_keys",
        sealed_key,
        order = did,
        holds = "the keys of soft identities",
        label = |row| custodial_label(&row.did),
    ),
    sealed_column!(
        SessionKeyRow,
        session_keys,
        "session_keys",
        sealed_key,
        order = kid,
        holds = "the keys that sign session tokens",
        label = |row| seal_label(&row.kid),
    ),
    sealed_column!(
        OidcKeyRow,
        oidc_keys,
        "oidc_keys",
        sealed_key,
        order = kid,
        holds = "the keys that sign ID tokens",
        label = |row| oidc_label(&row.kid),
    ),
    sealed_column!(
        DevelopmentMailRow,
        development_mails,
        "development_mails",
        sealed_message,
        order = id,
        holds = "messages with login links, on a node without a mail server",
        label = |row| mail_label(&row.id),
    ),
];
