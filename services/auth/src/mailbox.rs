//! Proofs of a mailbox: a link that is sent to it, shown when it is opened, and used up by a button.

use diesel::prelude::*;
use imajin_auth_api::{DevelopmentMail, MailboxProofSent};
use imajin_did::{Did, Sealed, Zeroizing};
use imajin_kernel::id::MailboxProofId;
use imajin_kernel::{Span, Timestamp};
use imajin_proof::digest::sha256_hex;
use imajin_store::{Conn, SealedRow, for_update};
use serde::{Deserialize, Serialize};

use crate::AuthError;
use crate::auth::{Auth, Writing};
use crate::mailer::Mail;
use crate::rows::{DevelopmentMailRow, MailboxProofRow};
use crate::schema::{development_mails, mailbox_proofs};
use crate::sessions::{METHOD_MAILBOX, Opened, session_insert};
use crate::soft::soft_identity;

/// How long a link works.
pub(crate) const LIFETIME: Span = Span::minutes(15);
/// The limits count the links of this time.
pub(crate) const LIMIT_WINDOW: Span = Span::hours(1);
/// Links to one mailbox in that time.
const PER_MAILBOX_MAX: i64 = 5;
/// Links of the whole node in that time.
const PER_NODE_MAX: i64 = 300;
/// Messages in the development mailbox.
const DEVELOPMENT_MAIL_MAX: i64 = 200;
/// An authorization request of an OpenID client is among them.
const NEXT_LENGTH_MAX: usize = 4_000;

/// A link that was opened and is still good.
#[derive(Debug, Clone)]
pub(crate) struct PendingLink {
    /// The mailbox, partly hidden.
    pub(crate) mailbox_hint: String,
    /// Where to go afterwards.
    pub(crate) next: String,
}

/// A link that was used up.
#[derive(Debug, Clone)]
pub(crate) struct UsedLink {
    pub(crate) opened: Opened,
    pub(crate) next: String,
}

impl Auth {
    /// Writes a link to a mailbox. The same answer, after the same work, whether or not the mailbox is known.
    pub(crate) async fn mailbox_link_send(
        &self,
        email: &str,
        next: Option<String>,
    ) -> Result<MailboxProofSent, AuthError> {
        let mailbox = mailbox_parse(email)?;
        if next.as_deref().is_some_and(|next| !is_local_path(next)) {
            return Err(AuthError::NextForm);
        }
        // A place in the queue first: a link that cannot be sent must not count.
        let permit = self
            .outbound
            .as_ref()
            .map(crate::mailer::Outbound::reserve)
            .transpose()?;
        let token = hex::encode(self.env.random_bytes::<32>());
        let mail = self.link_mail(&mailbox, &token);
        let row = self.link_row(mailbox, next, &token);
        let expires_at = row.expires_at;
        let kept = permit
            .is_none()
            .then(|| self.development_mail(row.id, &mail.mail, &mail.link));
        let auth = self.writing();
        self.db
            .write(move |conn| {
                limits_check(conn, &row)?;
                row.clone().insert(conn, &auth.sealer)?;
                kept.clone()
                    .map_or(Ok(()), |kept| development_mail_keep(conn, &auth, kept))
            })
            .await?;
        let development_mailbox = permit.is_none();
        if let Some(permit) = permit {
            let _sender = permit.send(mail.mail);
        }
        Ok(MailboxProofSent {
            expires_at,
            development_mailbox,
        })
    }

    /// What a link is for, if it is still good. Consumes nothing: mail scanners open links.
    pub(crate) async fn mailbox_link_peek(&self, token: &str) -> Result<PendingLink, AuthError> {
        let (hash, now, sealer) = (token_hash(token), self.env.now(), self.sealer.clone());
        let row = self
            .db
            .read(move |conn| Ok::<_, AuthError>(link_find(conn, &hash, now)?.intact(&sealer)?))
            .await?;
        Ok(PendingLink {
            mailbox_hint: mailbox_hint(&row.mailbox),
            next: next_of(&row),
        })
    }

    /// Uses a link up: finds or makes the soft identity of its mailbox, and opens a session.
    pub(crate) async fn mailbox_link_use(&self, token: &str, client: Option<String>) -> Result<UsedLink, AuthError> {
        let hash = token_hash(token);
        // Made before the transaction, which may run twice, and used only if the mailbox is new.
        let soft = self.soft_prepare();
        let session = self.session_row(&soft.did, METHOD_MAILBOX, client);
        let auth = self.writing();
        let (identity, session, next) = self
            .write_contended(move |conn| {
                let now = auth.env.now();
                let mut link = link_lock(conn, &hash, now)?.intact(&auth.sealer)?;
                let next = next_of(&link);
                let identity = soft_identity(conn, &auth, &link.mailbox, &soft)?;
                link.used_at = Some(now);
                link.save(conn, &auth.sealer)?;
                let mut session = session.clone();
                session.did = identity.did.clone();
                session_insert(conn, &auth, session.clone())?;
                Ok((identity, session, next))
            })
            .await?;
        Ok(UsedLink {
            opened: self.session_opened(identity, &session)?,
            next,
        })
    }

    /// What the development mailbox holds, newest first.
    pub(crate) async fn development_mails(&self) -> Result<Vec<DevelopmentMail>, AuthError> {
        let rows: Vec<DevelopmentMailRow> = self
            .db
            .read(|conn| {
                let rows = development_mails::table
                    .order((development_mails::created_at.desc(), development_mails::id.desc()))
                    .limit(DEVELOPMENT_MAIL_MAX)
                    .select(DevelopmentMailRow::as_select())
                    .load(conn)?;
                Ok::<_, AuthError>(rows)
            })
            .await?;
        rows.into_iter().map(|row| self.development_mail_open(row)).collect()
    }

    fn development_mail_open(&self, row: DevelopmentMailRow) -> Result<DevelopmentMail, AuthError> {
        let opened = self
            .keyring
            .open(&mail_label(&row.id), &Sealed::from_bytes(row.sealed_message))?;
        let message: SealedMail = serde_json::from_slice(&opened)
            .map_err(|_error| AuthError::Row(format!("development_mails {}", row.id)))?;
        Ok(DevelopmentMail {
            to: row.recipient,
            subject: message.subject,
            body: message.body,
            link: message.link,
            created_at: row.created_at,
        })
    }

    fn link_row(&self, mailbox: String, next_path: Option<String>, token: &str) -> MailboxProofRow {
        let now = self.env.now();
        MailboxProofRow {
            id: self.env.new_id(),
            token_hash: token_hash(token),
            mailbox,
            next_path,
            created_at: now,
            expires_at: now.plus(LIFETIME),
            used_at: None,
            row_seal: Vec::new(),
        }
    }

    fn link_mail(&self, mailbox: &str, token: &str) -> LinkMail {
        let host = self.public.0.host_str().unwrap_or("this node");
        let link = self.public.absolute(&format!("/auth/onboard?token={token}"));
        let minutes = LIFETIME.as_seconds() / 60;
        let body = format!(
            "Somebody, most likely you, wants to sign in at {host} with this mailbox.\n\n\
             Open this link and confirm it there:\n\n{link}\n\n\
             It works once, within {minutes} minutes. If it was not you, do nothing.\n"
        );
        LinkMail {
            mail: Mail {
                to: mailbox.to_owned(),
                subject: format!("Sign in at {host}"),
                body,
                message_id: None,
            },
            link,
        }
    }

    /// A message as the development mailbox keeps it.
    pub(crate) fn development_mail(&self, id: MailboxProofId, mail: &Mail, link: &str) -> DevelopmentMailRow {
        let message = SealedMail {
            subject: mail.subject.clone(),
            body: mail.body.clone(),
            link: link.to_owned(),
        };
        let message = Zeroizing::new(serde_json::to_vec(&message).unwrap_or_default());
        DevelopmentMailRow {
            id,
            recipient: mail.to.clone(),
            sealed_message: self.keyring.seal(&mail_label(&id), &message, &self.env).into_bytes(),
            created_at: self.env.now(),
            row_seal: Vec::new(),
        }
    }
}

/// What of a message in the development mailbox is nobody's business.
#[derive(Serialize, Deserialize)]
struct SealedMail {
    subject: String,
    body: String,
    link: String,
}

/// Binds a sealed message to its row.
pub(crate) fn mail_label(id: &MailboxProofId) -> String {
    format!("auth/development-mail/{id}")
}

struct LinkMail {
    mail: Mail,
    link: String,
}

pub(crate) fn token_hash(token: &str) -> String {
    sha256_hex(token.as_bytes())
}

/// The mailbox in its one form: trimmed, lower-cased.
fn mailbox_parse(email: &str) -> Result<String, AuthError> {
    let form = || AuthError::MailboxForm;
    let mailbox = Did::from_mailbox(email).or(Err(form()))?.mailbox().ok_or_else(form)?;
    // Also what a mail server can be asked to take.
    let _address: lettre::Address = mailbox.parse().or(Err(form()))?;
    Ok(mailbox)
}

/// Whether `next` stays on this node: one slash, then neither a slash nor a backslash, and no control characters
/// (browsers drop those and would see `//host`).
pub(crate) fn is_local_path(next: &str) -> bool {
    let second = next.chars().nth(1);
    next.starts_with('/')
        && !matches!(second, Some('/' | '\\'))
        && next.len() <= NEXT_LENGTH_MAX
        && next.chars().all(|letter| letter.is_ascii_graphic() && letter != '\\')
}

/// A path of this node to go to, or the page of whoever signed in.
pub(crate) fn local_path_or_home(next: Option<String>) -> String {
    next.filter(|next| is_local_path(next))
        .unwrap_or_else(|| "/me".to_owned())
}

fn next_of(row: &MailboxProofRow) -> String {
    row.next_path
        .clone()
        .filter(|next| is_local_path(next))
        .unwrap_or_else(|| "/".to_owned())
}

/// `a…@example.org`
fn mailbox_hint(mailbox: &str) -> String {
    let (local, domain) = mailbox.rsplit_once('@').unwrap_or((mailbox, ""));
    let first: String = local.chars().take(1).collect();
    format!("{first}…@{domain}")
}

fn limits_check(conn: &mut Conn, row: &MailboxProofRow) -> Result<(), AuthError> {
    let since = row.created_at.minus(LIMIT_WINDOW);
    let recent = mailbox_proofs::table.filter(mailbox_proofs::created_at.gt(since));
    let in_node: i64 = recent.count().get_result(conn)?;
    let in_mailbox: Vec<Timestamp> = recent
        .filter(mailbox_proofs::mailbox.eq(&row.mailbox))
        .order(mailbox_proofs::created_at)
        .select(mailbox_proofs::created_at)
        .limit(PER_MAILBOX_MAX)
        .load(conn)?;
    let is_full = i64::try_from(in_mailbox.len()).unwrap_or(i64::MAX) >= PER_MAILBOX_MAX;
    if !is_full && in_node < PER_NODE_MAX {
        return Ok(());
    }
    let oldest = if is_full { in_mailbox.first().copied() } else { None };
    let wait = oldest.map_or(Span::minutes(10), |oldest| {
        oldest.plus(LIMIT_WINDOW).since(row.created_at)
    });
    let retry_after_seconds = u32::try_from(wait.as_seconds()).unwrap_or(0).saturating_add(1);
    Err(AuthError::MailboxLimit { retry_after_seconds })
}

/// Adds a message; the oldest ones make room.
pub(crate) fn development_mail_keep(conn: &mut Conn, auth: &Writing, row: DevelopmentMailRow) -> Result<(), AuthError> {
    row.insert(conn, &auth.sealer)?;
    let surplus: Vec<DevelopmentMailRow> = development_mails::table
        .order((development_mails::created_at.desc(), development_mails::id.desc()))
        .offset(DEVELOPMENT_MAIL_MAX)
        .limit(DEVELOPMENT_MAIL_MAX)
        .select(DevelopmentMailRow::as_select())
        .load(conn)?;
    for old in surplus {
        old.delete(conn)?;
    }
    Ok(())
}

fn link_find(conn: &mut Conn, hash: &str, now: Timestamp) -> Result<MailboxProofRow, AuthError> {
    let query = mailbox_proofs::table
        .filter(mailbox_proofs::token_hash.eq(hash))
        .select(MailboxProofRow::as_select());
    still_good(query.first(conn).optional()?, now)
}

/// The same, kept from other processes until the transaction ends.
pub(crate) fn link_lock(conn: &mut Conn, hash: &str, now: Timestamp) -> Result<MailboxProofRow, AuthError> {
    let row = for_update!(
        conn,
        mailbox_proofs::table.filter(mailbox_proofs::token_hash.eq(hash)).select(MailboxProofRow::as_select()) => first
    );
    still_good(row.optional()?, now)
}

fn still_good(row: Option<MailboxProofRow>, now: Timestamp) -> Result<MailboxProofRow, AuthError> {
    row.filter(|row| row.used_at.is_none() && row.expires_at > now)
        .ok_or(AuthError::LinkGone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_node_are_ways_back() {
        for good in ["/", "/me", "/events/evt_1?x=1#y", "/a//b"] {
            assert!(is_local_path(good), "{good}");
        }
        for bad in [
            "",
            "me",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/\t/evil.example",
            "/a b",
            "/ü",
        ] {
            assert!(!is_local_path(bad), "{bad}");
        }
    }

    #[test]
    fn a_mailbox_has_one_form_and_a_hint_that_hides_it() {
        assert_eq!(mailbox_parse(" Ada.L@Example.org ").unwrap(), "ada.l@example.org");
        assert!(matches!(mailbox_parse("ada"), Err(AuthError::MailboxForm)));
        assert!(matches!(mailbox_parse("ada@exa mple.org"), Err(AuthError::MailboxForm)));
        assert_eq!(mailbox_hint("ada.l@example.org"), "a…@example.org");
    }
}
