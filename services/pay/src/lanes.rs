//! What the background does beside each other. A host that is slow holds up its own lane only: nobody's goods wait
//! for a stranger's node.

use imajin_kernel::Problem;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::Pay;
use crate::domain::checkout::RAIL_CLOSE;
use crate::domain::goods_back::GOODS_RETURN;
use crate::domain::message::{DELIVER, RELEASE};
use crate::domain::notices::NOTICE;
use crate::domain::payout::RAIL_TRANSFER;
use crate::domain::refund::RAIL_REFUND;
use crate::domain::remit_in::REMIT_CONFIRM;
use crate::domain::remit_out::REMIT;
use crate::domain::visa::VISA_REDEEM;

/// By whom the background has to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Messages of rails that are stored and not processed.
    Messages,
    /// The services of this node that sell.
    Goods,
    /// The rails.
    Rails,
    /// The brokers that this node trusts.
    Brokers,
    /// Nodes that anybody may have named.
    Peers,
    /// Whoever carries mail.
    Notices,
}

impl Lane {
    pub(crate) const ALL: [Self; 6] = [
        Self::Messages,
        Self::Goods,
        Self::Rails,
        Self::Brokers,
        Self::Peers,
        Self::Notices,
    ];

    /// The topics of the outbox that go this way; each goes one way only, so the items of one key keep their order.
    pub(crate) const fn topics(self) -> &'static [&'static str] {
        match self {
            Self::Messages => &[],
            Self::Goods => &[DELIVER, RELEASE, GOODS_RETURN],
            Self::Rails => &[RAIL_REFUND, RAIL_TRANSFER, RAIL_CLOSE],
            Self::Brokers => &[VISA_REDEEM],
            Self::Peers => &[REMIT, REMIT_CONFIRM],
            Self::Notices => &[NOTICE],
        }
    }

    const fn place(self) -> usize {
        match self {
            Self::Messages => 0,
            Self::Goods => 1,
            Self::Rails => 2,
            Self::Brokers => 3,
            Self::Peers => 4,
            Self::Notices => 5,
        }
    }
}

/// Wakes the background.
#[derive(Debug, Default)]
pub(crate) struct Wake([Notify; Lane::ALL.len()]);

impl Wake {
    /// There is something to do, in whichever lane.
    pub(crate) fn notify_one(&self) {
        for lane in &self.0 {
            lane.notify_one();
        }
    }

    /// Waits until there may be something to do in a lane.
    pub(crate) async fn notified(&self, lane: Lane) {
        if let Some(notify) = self.0.get(lane.place()) {
            notify.notified().await;
        }
    }
}

/// Does what is due in a lane, until `stop`.
pub(crate) async fn lane_run(pay: &Pay, lane: Lane, stop: &CancellationToken) {
    loop {
        match pay.lane_drive(lane).await {
            // What was done may be followed by something in another lane.
            Ok(1..) => pay.wake.notify_one(),
            Ok(0) => {}
            Err(problem) => tracing::warn!(%problem, ?lane, "payments under way could not be looked for"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = pay.wake.notified(lane) => {}
            () = tokio::time::sleep(pay.context.config.sweep_every.to_std()) => {}
        }
    }
}

impl Pay {
    /// Does what is due in one lane: another one that is slow holds it up no longer than it takes itself.
    async fn lane_drive(&self, lane: Lane) -> Result<usize, Problem> {
        match lane {
            Lane::Messages => self.messages_process().await,
            _ => self.items_drive(lane.topics().to_vec()).await,
        }
    }
}
