//! What people hear of without looking: other services hand it over, it is kept, and written to the mailboxes that its
//! addressee has proven. Whoever wants no mail says so.
//!
//! A notice is a row per mailbox before its sender is answered, so none is lost; the sender's name for it keeps it from
//! being kept twice. The mail server may take a message and the node stop before that is written down: then it is sent
//! again, under the same `Message-ID`. What is refused, or not taken for a day, waits for the operator.

mod post;
mod setting;

use diesel::prelude::*;
use imajin_auth_api::NoticeTaken;
use imajin_did::Did;
use imajin_kernel::Problem;
use imajin_kernel::id::NoticeId;
use imajin_store::{Conn, SealedRow, Sealer, for_update, intact_all};
use imajin_web::{Addressee, Authorised, Notice, OperatorTier};

use crate::AuthError;
use crate::auth::{Auth, Writing};
use crate::identities::identity_find;
use crate::log::{Authority, mutation_record};
use crate::mailbox::is_local_path;
use crate::names::Name;
use crate::rows::{IdentityClaimRow, MailboxAliasRow, NoticeRow};
use crate::schema::{identity_claims, mailbox_aliases, notices};
use setting::wants_mail;
pub(crate) use setting::{SettingBody, settings_audit};

/// It will be sent.
pub(crate) const WAITING: &str = "waiting";
/// The mail server has it.
pub(crate) const SENT: &str = "sent";
/// It was given up.
pub(crate) const FAILED: &str = "failed";

const ACTION_RETRY: &str = "notice.retry";
/// The page where one says that one wants no mail.
pub(crate) const PAGE: &str = "/auth/notices";
/// The most mailboxes that one notice goes to.
const MAILBOXES_MAX: i64 = 5;
const SOURCE_BYTES_MAX: usize = 200;
/// The longest subject.
const SUBJECT_CHARS_MAX: usize = 150;
const TEXT_BYTES_MAX: usize = 8_000;
/// The most notices of the operator's list.
const LIST_MAX: i64 = 200;

impl Auth {
    /// Keeps a notice for each mailbox of its addressee; the worker sends it.
    pub(crate) async fn notice_take(&self, notice: &Notice) -> Result<NoticeTaken, AuthError> {
        if !is_local_path(&notice.path) {
            return Err(AuthError::NextForm);
        }
        let too_long = notice.source.len() > SOURCE_BYTES_MAX || notice.text.len() > TEXT_BYTES_MAX;
        if notice.source.is_empty() || too_long {
            return Err(Problem::invalid("A notice has a source, and at most 8000 bytes of text.").into());
        }
        let to = match &notice.to {
            Addressee::Person(did) => Some(did.canonical()),
            Addressee::Operator => self.operator().await?,
        };
        let Some(to) = to else {
            return Ok(NoticeTaken { mailboxes: 0 });
        };
        let draft = self.notice_row(notice, &to);
        let auth = self.writing();
        let mailboxes = self
            .write_contended(move |conn| notice_keep(conn, &auth, &to, &draft))
            .await?;
        self.notices_wake.notify_one();
        Ok(NoticeTaken { mailboxes })
    }

    fn notice_row(&self, notice: &Notice, to: &Did) -> NoticeRow {
        let host = self.public.0.host_str().unwrap_or("this node");
        let link = self.public.absolute(&notice.path);
        let settings = self.public.absolute(PAGE);
        // A subject is one line.
        let subject = notice.subject.chars().filter(|letter| !letter.is_control());
        let now = self.env.now();
        NoticeRow {
            id: self.env.new_id(),
            source: notice.source.clone(),
            did: to.clone(),
            mailbox: String::new(),
            subject: subject.take(SUBJECT_CHARS_MAX).collect(),
            body: format!(
                "{}\n\n{link}\n\n-- \nYou get this because your mailbox belongs to an identity at {host}.\nNo more \
                 mail like this: {settings}\n",
                notice.text
            ),
            link,
            state: WAITING.to_owned(),
            attempts: 0,
            problem: None,
            created_at: now,
            due_at: now,
            ended_at: None,
            row_seal: Vec::new(),
        }
    }

    /// What was not sent, and why, newest first: what was given up, and what is tried again.
    pub(crate) async fn notices_unsent(&self) -> Result<Vec<NoticeRow>, AuthError> {
        let sealer = self.sealer.clone();
        self.db
            .read(move |conn| {
                let rows: Vec<NoticeRow> = notices::table
                    .filter(notices::state.ne(SENT).and(notices::problem.is_not_null()))
                    .order((notices::state, notices::created_at.desc(), notices::id))
                    .limit(LIST_MAX)
                    .select(NoticeRow::as_select())
                    .load(conn)?;
                Ok(intact_all(rows, &sealer)?)
            })
            .await
    }

    /// Tries a notice again that was given up, or waits for its turn.
    pub(crate) async fn notice_retry(
        &self,
        operator: &Authorised<OperatorTier>,
        id: NoticeId,
        raw: Vec<u8>,
    ) -> Result<NoticeRow, AuthError> {
        let (auth, owner) = (self.writing(), operator.did().clone());
        let authority = Authority::Signed(operator.proof().clone());
        let row = self
            .db
            .write(move |conn| {
                let row = notice_lock(conn, &auth.sealer, id)?.filter(|row| row.state != SENT);
                let mut row = row.ok_or_else(|| Problem::not_found("notice that was not sent"))?;
                mutation_record(conn, &auth, &owner, ACTION_RETRY, id.as_str(), raw.clone(), &authority)?;
                WAITING.clone_into(&mut row.state);
                (row.attempts, row.ended_at, row.due_at) = (0, None, auth.env.now());
                Ok::<_, AuthError>(row.save(conn, &auth.sealer)?)
            })
            .await?;
        self.notices_wake.notify_one();
        Ok(row)
    }
}

fn notice_lock(conn: &mut Conn, sealer: &Sealer, id: NoticeId) -> Result<Option<NoticeRow>, AuthError> {
    let row: Option<NoticeRow> = for_update!(
        conn,
        notices::table.find(id).select(NoticeRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(sealer)).transpose()?)
}

/// Writes a notice down for each mailbox that it goes to, unless that has happened; to how many it goes.
fn notice_keep(conn: &mut Conn, auth: &Writing, to: &Did, draft: &NoticeRow) -> Result<usize, AuthError> {
    let owner = owner_of(conn, &auth.sealer, to)?;
    let identity = identity_find(conn, &auth.sealer, &Name::Native(owner.clone()))?;
    if identity.is_none_or(|identity| identity.deactivated) || !wants_mail(conn, &auth.sealer, &owner)? {
        return Ok(0);
    }
    let mailboxes = mailboxes_of(conn, &auth.sealer, &owner)?;
    for mailbox in &mailboxes {
        let known: i64 = notices::table
            .filter(notices::source.eq(&draft.source).and(notices::mailbox.eq(mailbox)))
            .count()
            .get_result(conn)?;
        if known == 0 {
            let row = NoticeRow {
                id: auth.env.new_id(),
                did: owner.clone(),
                mailbox: mailbox.clone(),
                ..draft.clone()
            };
            row.insert(conn, &auth.sealer)?;
        }
    }
    Ok(mailboxes.len())
}

/// Whoever has claimed a soft identity hears what it is told.
fn owner_of(conn: &mut Conn, sealer: &Sealer, did: &Did) -> Result<Did, AuthError> {
    let claim: Option<IdentityClaimRow> = identity_claims::table
        .find(did.clone())
        .select(IdentityClaimRow::as_select())
        .first(conn)
        .optional()?;
    let claim = claim.map(|row| row.intact(sealer)).transpose()?;
    let claim = claim.filter(|claim| claim.deleted_at.is_none());
    Ok(claim.map_or_else(|| did.clone(), |claim| claim.owner_did))
}

/// The mailboxes that somebody has proven, the first one first.
fn mailboxes_of(conn: &mut Conn, sealer: &Sealer, owner: &Did) -> Result<Vec<String>, AuthError> {
    let rows: Vec<MailboxAliasRow> = mailbox_aliases::table
        .filter(mailbox_aliases::did.eq(owner))
        .order((mailbox_aliases::created_at, mailbox_aliases::alias))
        .limit(MAILBOXES_MAX)
        .select(MailboxAliasRow::as_select())
        .load(conn)?;
    let mut mailboxes = Vec::new();
    for row in rows {
        let row = row.intact(sealer)?;
        // One mailbox may have several aliases.
        if !mailboxes.contains(&row.mailbox) {
            mailboxes.push(row.mailbox);
        }
    }
    Ok(mailboxes)
}
