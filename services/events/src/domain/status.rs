use imajin_events_api::EventStatus;
use imajin_kernel::id::EventId;
use imajin_store::{Conn, SealedRow};
use imajin_web::{Authorised, KeyTier};

use super::locks;
use crate::context::Context;
use crate::rows::status_text;
use crate::{EventsError, log};

/// Moves an event to `to`: draft → published ⇄ paused. Asking for the state that it has changes nothing.
pub(crate) fn event_move(
    conn: &mut Conn,
    context: &Context,
    id: EventId,
    to: EventStatus,
    verified: &Authorised<KeyTier>,
    body: &[u8],
) -> Result<(), EventsError> {
    let now = context.env.now();
    let mut event = locks::event_lock(conn, context, id)?.ok_or(EventsError::NotFound("event"))?;
    event.owner_require(verified.did())?;
    let from = event.status_at(now)?;
    if from == to {
        return context.nonce_spend(conn, verified);
    }
    let action = match (from, to) {
        (EventStatus::Draft | EventStatus::Paused, EventStatus::Published) => log::EVENT_PUBLISH,
        (EventStatus::Published, EventStatus::Paused) => log::EVENT_PAUSE,
        _ => {
            let detail = format!(
                "This event is {}, so it cannot become {}.",
                status_text(from),
                status_text(to)
            );
            return Err(EventsError::State {
                detail,
                hint: "Only drafts and paused events can be published.",
            });
        }
    };
    if event.ends_at <= now {
        let detail = "This event is over, so it cannot be published.".to_owned();
        return Err(EventsError::State {
            detail,
            hint: "Make a new event.",
        });
    }
    log::signed_append(conn, context, verified, action, &id, body)?;
    status_text(to).clone_into(&mut event.status);
    event.proof = log::proof_text(verified)?;
    event.updated_at = now;
    if to == EventStatus::Published && event.published_at.is_none() {
        event.published_at = Some(now);
    }
    event.save(conn, &context.sealer)?;
    Ok(())
}
