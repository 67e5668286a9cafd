//! Whether somebody wants mail.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_store::mutation;
use imajin_store::{Conn, Finding, SealedRow, Sealer, for_update};
use imajin_web::Verified;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::mailboxes_of;
use crate::AuthError;
use crate::audit::finding;
use crate::auth::Auth;
use crate::log::{Authority, mutation_record};
use crate::rows::NoticeSettingRow;
use crate::schema::notice_settings;

const ACTION: &str = "notice.set";
const ON: &str = "on";
const OFF: &str = "off";

/// What somebody signs about mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingBody {
    /// Whether they want to be told by mail of receipts, refunds, payouts and debts.
    pub(crate) mail: bool,
}

impl SettingBody {
    const fn text(self) -> &'static str {
        if self.mail { ON } else { OFF }
    }
}

fn object_of(did: &Did) -> String {
    format!("notices/{did}")
}

impl Auth {
    /// Whether somebody wants mail, and how many mailboxes they have proven.
    pub(crate) async fn notice_setting(&self, did: &Did) -> Result<(bool, usize), AuthError> {
        let (did, sealer) = (did.clone(), self.sealer.clone());
        self.db
            .read(move |conn| {
                let mailboxes = mailboxes_of(conn, &sealer, &did)?;
                Ok((wants_mail(conn, &sealer, &did)?, mailboxes.len()))
            })
            .await
    }

    /// Keeps whether somebody wants mail.
    pub(crate) async fn notice_setting_set(
        &self,
        verified: &Verified,
        body: SettingBody,
        raw: Vec<u8>,
    ) -> Result<(), AuthError> {
        let (auth, did) = (self.writing(), verified.did().clone());
        let authority = Authority::Signed(verified.proof().clone());
        self.write_contended(move |conn| {
            let known: Option<NoticeSettingRow> = for_update!(
                &mut *conn,
                notice_settings::table.find(did.clone()).select(NoticeSettingRow::as_select()) => first
            )
            .optional()?;
            let object = object_of(&did);
            let row = NoticeSettingRow {
                did: did.clone(),
                mail: body.text().to_owned(),
                owner_did: did.clone(),
                proof: mutation_record(conn, &auth, &did, ACTION, &object, raw.clone(), &authority)?,
                created_at: auth.env.now(),
                deleted_at: None,
                row_seal: Vec::new(),
            };
            match known {
                Some(known) => {
                    known.intact(&auth.sealer)?;
                    row.save(conn, &auth.sealer)?
                }
                None => row.insert(conn, &auth.sealer)?,
            };
            Ok(())
        })
        .await
    }
}

pub(super) fn wants_mail(conn: &mut Conn, sealer: &Sealer, did: &Did) -> Result<bool, AuthError> {
    let row: Option<NoticeSettingRow> = notice_settings::table
        .find(did.clone())
        .select(NoticeSettingRow::as_select())
        .first(conn)
        .optional()?;
    let row = row.map(|row| row.intact(sealer)).transpose()?;
    Ok(row.is_none_or(|row| row.mail != OFF))
}

/// Each setting is what its person has signed last.
pub(crate) fn settings_audit(conn: &mut Conn, findings: &mut Vec<Finding>) -> QueryResult<()> {
    let rows: Vec<NoticeSettingRow> = notice_settings::table
        .select(NoticeSettingRow::as_select())
        .load(conn)?;
    for row in rows {
        let logged = mutation::last_body(conn, &object_of(&row.did))?;
        let fits = logged.is_some_and(|logged| {
            let said = logged
                .body
                .as_ref()
                .map(|body| serde_json::from_slice::<SettingBody>(body));
            logged.action == ACTION
                && logged.owner_did == row.did.as_str()
                && row.owner_did == row.did
                && said.is_none_or(|said| said.is_ok_and(|said| said.text() == row.mail))
        });
        if !fits {
            findings.push(finding(
                "notice_settings",
                row.did.as_str(),
                "it is not what the person has signed",
            ));
        }
    }
    Ok(())
}
