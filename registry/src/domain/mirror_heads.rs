//! The heads that a copy keeps: what was signed may be asked for by who doubts it, and by a registry that was restored
//! from a backup and has to go on where it ended.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::{Span, Timestamp};
use imajin_registry_api::directory::SignedHead;
use imajin_store::{Conn, SealedRow};

use super::mirror::text_of;
use crate::RegistryError;
use crate::context::Context;
use crate::rows::MirrorHeadRow;
use crate::schema::mirror_heads;

/// So many heads are kept of a directory, however old they are.
const HEADS_KEPT: i64 = 10_000;
/// Younger ones are kept as well, so that a busy day does not make yesterday's backup useless,
const KEPT_FOR: Span = Span::days(30);
/// but not more than so many: a registry may sign as often as it likes.
const HEADS_MAX: i64 = 100_000;
/// Heads that are looked at in one go.
const BATCH: i64 = 256;

/// Keeps heads that follow those that are known.
pub(crate) fn heads_keep(
    conn: &mut Conn,
    context: &Context,
    registry: &Did,
    chain: &[SignedHead],
) -> Result<(), RegistryError> {
    let Some(last) = chain.last() else { return Ok(()) };
    let newest = seq_of(last);
    let too_old = newest.saturating_sub(HEADS_MAX);
    let mut rows = Vec::new();
    for head in chain.iter().filter(|head| seq_of(head) > too_old) {
        rows.push(MirrorHeadRow {
            registry_did: registry.clone(),
            seq: seq_of(head),
            head: text_of(head)?,
            row_seal: Vec::new(),
        });
    }
    MirrorHeadRow::insert_all(rows, conn, &context.sealer)?;
    heads_forget(conn, registry, too_old)?;
    let since = context.env.now().minus(KEPT_FOR);
    loop {
        let oldest: Vec<MirrorHeadRow> = mirror_heads::table
            .filter(mirror_heads::registry_did.eq(registry))
            .filter(mirror_heads::seq.le(newest.saturating_sub(HEADS_KEPT)))
            .order_by(mirror_heads::seq)
            .limit(BATCH)
            .select(MirrorHeadRow::as_select())
            .load(conn)?;
        let Some(spent) = spent(&oldest, since)? else {
            return Ok(());
        };
        heads_forget(conn, registry, spent)?;
    }
}

fn seq_of(head: &SignedHead) -> i64 {
    i64::try_from(head.payload.seq).unwrap_or(i64::MAX)
}

/// The last of those before the first that is young: what is kept has no gaps.
fn spent(oldest: &[MirrorHeadRow], since: Timestamp) -> Result<Option<i64>, RegistryError> {
    let mut spent = None;
    for row in oldest {
        if Timestamp::from_millis(row.signed()?.timestamp) >= since {
            break;
        }
        spent = Some(row.seq);
    }
    Ok(spent)
}

fn heads_forget(conn: &mut Conn, registry: &Did, up_to: i64) -> QueryResult<()> {
    let old = mirror_heads::table
        .filter(mirror_heads::registry_did.eq(registry))
        .filter(mirror_heads::seq.le(up_to));
    diesel::delete(old).execute(conn)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use imajin_did::SecretKey;
    use imajin_registry_api::directory::{DIRECTORY_KIND, DirectoryHead};

    use super::*;

    fn head(seq: i64, signed_at: Timestamp) -> MirrorHeadRow {
        let key = SecretKey::from_seed([1; 32]);
        let head = DirectoryHead {
            seq: u64::try_from(seq).unwrap(),
            nodes: 0,
            root: String::new(),
            previous: String::new(),
        };
        let signed = SignedHead::sign(&key, key.did(), DIRECTORY_KIND, None, signed_at, head).unwrap();
        MirrorHeadRow {
            registry_did: key.did(),
            seq,
            head: text_of(&signed).unwrap(),
            row_seal: Vec::new(),
        }
    }

    #[test]
    fn what_is_forgotten_ends_before_the_first_head_that_is_young() {
        let now = Timestamp::from_seconds(1_900_000_000);
        let of = |days: &[i64]| {
            let rows: Vec<_> = (1..)
                .zip(days)
                .map(|(seq, days)| head(seq, now.minus(Span::days(*days))))
                .collect();
            spent(&rows, now.minus(KEPT_FOR)).unwrap()
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[29, 28, 0]), None);
        assert_eq!(of(&[40, 31, 29, 1]), Some(2));
        assert_eq!(of(&[40, 3, 40]), Some(1), "a clock that went back leaves no gap");
        assert_eq!(of(&[40, 39]), Some(2));
    }
}
