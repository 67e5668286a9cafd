//! Hands over what people should hear of to whoever knows their mailboxes.

use imajin_store::outbox::OutboxRow;

use crate::domain::notices::{News, Telling};
use crate::worker::Handling;
use crate::{Pay, PayError};

impl Pay {
    /// Tells one piece of news; again and again until somebody has taken it.
    pub(crate) async fn news_tell(&self, item: &OutboxRow) -> Result<(), Handling> {
        let news: News = item
            .parse()
            .map_err(|error| PayError::Fault(format!("a piece of news cannot be read: {error}")))?;
        match self.read(move |conn, context| news.telling(conn, context)).await? {
            Telling::Now(told) => {
                // The same item is the same notice, however often it is handed over.
                let notice = told.named(format!("pay/{}", item.id));
                let sent = self.site.identities.notice_send(&notice).await;
                sent.map_err(Handling::Failed)?;
            }
            Telling::Later => return Err(Handling::Waits("It is not decided yet.")),
            Telling::Nothing => {}
        }
        self.item_done(item).await
    }
}
