//! Throwing away what has expired, so that the tables stay small.

use diesel::prelude::*;
use imajin_kernel::{Span, Timestamp};
use imajin_store::{Conn, idempotency, nonce};

use crate::AuthError;
use crate::mailbox::LIMIT_WINDOW;
use crate::schema::{challenge_uses, development_mails, device_requests, mailbox_proofs, notices, sessions};

/// How long the development mailbox keeps a message.
const DEVELOPMENT_MAIL_KEPT: Span = Span::hours(24);

/// How long a notice is kept that was sent or given up: its sender may hand it over again.
const NOTICE_KEPT: Span = Span::days(30);

/// Returns how many rows are gone.
pub(crate) fn purge(conn: &mut Conn, now: Timestamp) -> Result<usize, AuthError> {
    let counts = [
        diesel::delete(challenge_uses::table.filter(challenge_uses::expires_at.le(now))).execute(conn)?,
        diesel::delete(sessions::table.filter(sessions::expires_at.le(now))).execute(conn)?,
        diesel::delete(device_requests::table.filter(device_requests::expires_at.le(now))).execute(conn)?,
        // Longer than they are valid: the limits count them.
        diesel::delete(mailbox_proofs::table.filter(mailbox_proofs::created_at.le(now.minus(LIMIT_WINDOW))))
            .execute(conn)?,
        diesel::delete(
            development_mails::table.filter(development_mails::created_at.le(now.minus(DEVELOPMENT_MAIL_KEPT))),
        )
        .execute(conn)?,
        diesel::delete(notices::table.filter(notices::ended_at.le(now.minus(NOTICE_KEPT)))).execute(conn)?,
        crate::oidc::purge(conn, now)?,
        nonce::purge(conn, now)?,
        idempotency::purge(conn, now)?,
    ];
    Ok(counts.iter().fold(0, |sum, count| sum.saturating_add(*count)))
}
