//! Notices on their way to the mail server, or into the development mailbox.

use diesel::prelude::*;
use imajin_kernel::Span;
use imajin_kernel::id::NoticeId;
use imajin_store::{Conn, SealedRow};
use tokio_util::sync::CancellationToken;

use super::{FAILED, SENT, WAITING, notice_lock};
use crate::AuthError;
use crate::auth::{Auth, Writing};
use crate::mailbox::development_mail_keep;
use crate::mailer::{Mail, Posted};
use crate::rows::{DevelopmentMailRow, NoticeRow};
use crate::schema::notices;

/// How often what is due is looked for when nothing new has come.
const LOOK_EVERY: Span = Span::seconds(30);
/// Notices that are taken at a time.
const BATCH: i64 = 64;
/// Nobody else takes a notice for so long: longer than a mail server has for it.
const LEASE: Span = Span::minutes(10);
/// How long to wait after the first failure; twice as long after each further one.
const RETRY_AFTER: Span = Span::seconds(30);
const RETRY_AFTER_MAX: Span = Span::hours(4);
/// How often a notice is tried: for a little more than a day.
const ATTEMPTS_MAX: i32 = 15;

impl Auth {
    /// Sends what is due, until the node stops.
    pub(crate) async fn notices_run(&self, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                driven = self.notices_drive() => if let Err(error) = driven {
                    tracing::warn!(%error, "notices could not be sent; it is tried again");
                },
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.notices_wake.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY.to_std()) => {}
            }
        }
    }

    /// Sends everything that is due, once; how many notices it has tried. The background calls it, and a test when it
    /// wants to.
    ///
    /// # Errors
    /// What the database says. A mail server that is away is no error: it is tried again later.
    pub async fn notices_drive(&self) -> Result<usize, AuthError> {
        let mut tried = 0_usize;
        loop {
            let now = self.env.now();
            let due: Vec<NoticeId> = self
                .db
                .read(move |conn| {
                    let query = notices::table.filter(notices::state.eq(WAITING).and(notices::due_at.le(now)));
                    Ok::<_, AuthError>(
                        query
                            .order((notices::due_at, notices::id))
                            .limit(BATCH)
                            .select(notices::id)
                            .load(conn)?,
                    )
                })
                .await?;
            if due.is_empty() {
                return Ok(tried);
            }
            for id in due {
                self.notice_post(id).await?;
                tried = tried.saturating_add(1);
            }
        }
    }

    async fn notice_post(&self, id: NoticeId) -> Result<(), AuthError> {
        let Some(outbound) = &self.outbound else {
            return self.notice_keep_here(id).await;
        };
        let auth = self.writing();
        let taken = self.db.write(move |conn| notice_lease(conn, &auth, id)).await?;
        let Some(row) = taken else { return Ok(()) };
        let host = self.public.0.host_str().unwrap_or("localhost");
        let mail = Mail {
            to: row.mailbox.clone(),
            subject: row.subject.clone(),
            body: row.body.clone(),
            message_id: Some(format!("<{id}@{host}>")),
        };
        let posted = outbound.carrier.send(&mail).await;
        let auth = self.writing();
        self.db.write(move |conn| notice_end(conn, &auth, id, &posted)).await
    }

    /// Without a mail server the development mailbox gets it, in the transaction that says so.
    async fn notice_keep_here(&self, id: NoticeId) -> Result<(), AuthError> {
        let sealer = self.sealer.clone();
        let row = self.db.read(move |conn| {
            let row: Option<NoticeRow> = notices::table
                .find(id)
                .select(NoticeRow::as_select())
                .first(conn)
                .optional()?;
            Ok::<_, AuthError>(row.map(|row| row.intact(&sealer)).transpose()?)
        });
        let Some(row) = row.await? else { return Ok(()) };
        let mail = Mail {
            to: row.mailbox,
            subject: row.subject,
            body: row.body,
            message_id: None,
        };
        let kept = self.development_mail(self.env.new_id(), &mail, &row.link);
        let auth = self.writing();
        self.db
            .write(move |conn| kept_here(conn, &auth, id, kept.clone()))
            .await
    }
}

fn kept_here(conn: &mut Conn, auth: &Writing, id: NoticeId, kept: DevelopmentMailRow) -> Result<(), AuthError> {
    if notice_lock(conn, &auth.sealer, id)?.is_some_and(|row| row.state == WAITING) {
        development_mail_keep(conn, auth, kept)?;
        notice_end(conn, auth, id, &Posted::Taken)?;
    }
    Ok(())
}

/// Takes a notice, so that no other process sends it as well; `None` when somebody has it, or it has ended.
fn notice_lease(conn: &mut Conn, auth: &Writing, id: NoticeId) -> Result<Option<NoticeRow>, AuthError> {
    let now = auth.env.now();
    let row = notice_lock(conn, &auth.sealer, id)?.filter(|row| row.state == WAITING && row.due_at <= now);
    let Some(mut row) = row else { return Ok(None) };
    row.attempts = row.attempts.saturating_add(1);
    row.due_at = now.plus(LEASE);
    Ok(Some(row.save(conn, &auth.sealer)?))
}

fn notice_end(conn: &mut Conn, auth: &Writing, id: NoticeId, posted: &Posted) -> Result<(), AuthError> {
    let now = auth.env.now();
    let row = notice_lock(conn, &auth.sealer, id)?.filter(|row| row.state == WAITING);
    let Some(mut row) = row else { return Ok(()) };
    let given_up = match posted {
        Posted::Taken => {
            SENT.clone_into(&mut row.state);
            (row.ended_at, row.problem) = (Some(now), None);
            row.body.clear();
            row.save(conn, &auth.sealer)?;
            return Ok(());
        }
        Posted::Refused(problem) => {
            row.problem = Some(problem.clone());
            true
        }
        Posted::Away(problem) => {
            row.problem = Some(problem.clone());
            row.attempts >= ATTEMPTS_MAX
        }
    };
    if given_up {
        FAILED.clone_into(&mut row.state);
        row.ended_at = Some(now);
        tracing::error!(notice = %id, problem = row.problem, "a notice was given up");
    } else {
        row.due_at = now.plus(pause(row.attempts));
    }
    row.save(conn, &auth.sealer)?;
    Ok(())
}

fn pause(attempts: i32) -> Span {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(16);
    let seconds = RETRY_AFTER.as_seconds().saturating_mul(1_i64 << doublings);
    Span::seconds(seconds).min(RETRY_AFTER_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_tried_for_a_little_more_than_a_day() {
        let all = (1..ATTEMPTS_MAX)
            .map(|attempts| pause(attempts).as_seconds())
            .sum::<i64>();
        assert!((24 * 3_600..40 * 3_600).contains(&all), "{all}");
        assert_eq!((pause(1), pause(i32::MAX)), (RETRY_AFTER, RETRY_AFTER_MAX));
    }
}
