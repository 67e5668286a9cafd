//! Which files the rows want.

use std::collections::BTreeSet;

use diesel::prelude::*;
use imajin_kernel::id::ContentId;
use imajin_kernel::{Span, Timestamp};
use imajin_store::Conn;

use crate::PublisherError;
use crate::content::files::Wanted;
use crate::schema::work_versions;

/// How long an upload may take from its announcement.
const UPLOAD_MAX: Span = Span::days(2);

/// The files that rows name at one moment.
pub(crate) struct WantedNow {
    parts: BTreeSet<String>,
    blobs: BTreeSet<String>,
}

impl Wanted for WantedNow {
    fn part(&self, name: &str) -> bool {
        self.parts.contains(name)
    }

    fn blob(&self, sha256: &str) -> bool {
        self.blobs.contains(sha256)
    }
}

/// What is wanted of the disk. Bytes that are not complete after some days are given up; the version can be sent again
/// from its beginning.
pub(crate) fn wanted(conn: &mut Conn, now: Timestamp) -> Result<WantedNow, PublisherError> {
    let coming: Vec<(ContentId, i64)> = work_versions::table
        .filter(work_versions::stored_at.is_null())
        .filter(work_versions::created_at.ge(now.minus(UPLOAD_MAX)))
        .select((work_versions::content_id, work_versions::number))
        .load(conn)?;
    // Also what is kept already and written down in a moment.
    let blobs: Vec<String> = work_versions::table
        .filter(
            work_versions::stored_at
                .is_not_null()
                .or(work_versions::created_at.ge(now.minus(UPLOAD_MAX))),
        )
        .select(work_versions::sha256)
        .distinct()
        .load(conn)?;
    Ok(WantedNow {
        parts: coming
            .into_iter()
            .map(|(id, number)| format!("{id}.{number}"))
            .collect(),
        blobs: blobs.into_iter().collect(),
    })
}
