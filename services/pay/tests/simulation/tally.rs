//! What histories have met, counted.

/// What histories have met.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) writes: usize,
    pub(crate) kills: usize,
    pub(crate) cuts: usize,
    pub(crate) write_cuts: usize,
    pub(crate) forged: usize,
    pub(crate) settled: usize,
    pub(crate) refunded: usize,
    pub(crate) expired: usize,
    pub(crate) cancelled: usize,
    pub(crate) refunds: usize,
    pub(crate) disputes: usize,
    pub(crate) transfers: usize,
    pub(crate) requests: usize,
    pub(crate) sales_back: usize,
    pub(crate) refunds_failed: usize,
    pub(crate) topups: usize,
    pub(crate) works: usize,
    pub(crate) tips: usize,
    pub(crate) compared: usize,
    pub(crate) promised: usize,
    pub(crate) unpaid: usize,
    pub(crate) freed: usize,
    pub(crate) sent: usize,
    pub(crate) not_taken: usize,
    pub(crate) received: usize,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.each_mut()
            .into_iter()
            .zip(other.each())
            .for_each(|(sum, (_, more))| *sum += more);
    }

    pub(crate) fn each(&self) -> [(&'static str, usize); 25] {
        [
            ("writes", self.writes),
            ("kills", self.kills),
            ("power cuts", self.cuts),
            ("cuts at a write", self.write_cuts),
            ("forged messages", self.forged),
            ("settled", self.settled),
            ("refunded", self.refunded),
            ("expired", self.expired),
            ("cancelled", self.cancelled),
            ("refunds by cards", self.refunds),
            ("disputes", self.disputes),
            ("transfers", self.transfers),
            ("requests with a key", self.requests),
            ("refunds of sales", self.sales_back),
            ("refunds that fail", self.refunds_failed),
            ("top-ups", self.topups),
            ("works out of a balance", self.works),
            ("tips", self.tips),
            ("reconciliations", self.compared),
            ("promises paid", self.promised),
            ("promises not paid", self.unpaid),
            ("promises freed", self.freed),
            ("remittances sent", self.sent),
            ("remittances not taken", self.not_taken),
            ("remittances received", self.received),
        ]
    }

    fn each_mut(&mut self) -> [&mut usize; 25] {
        [
            &mut self.writes,
            &mut self.kills,
            &mut self.cuts,
            &mut self.write_cuts,
            &mut self.forged,
            &mut self.settled,
            &mut self.refunded,
            &mut self.expired,
            &mut self.cancelled,
            &mut self.refunds,
            &mut self.disputes,
            &mut self.transfers,
            &mut self.requests,
            &mut self.sales_back,
            &mut self.refunds_failed,
            &mut self.topups,
            &mut self.works,
            &mut self.tips,
            &mut self.compared,
            &mut self.promised,
            &mut self.unpaid,
            &mut self.freed,
            &mut self.sent,
            &mut self.not_taken,
            &mut self.received,
        ]
    }
}
