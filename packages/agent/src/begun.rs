//! What is wanted, and whether a purchase that was begun earlier still is.

use imajin_kernel::{Code, Problem};
use imajin_money::Money;

use crate::{Agent, FetchWish, Purchase, PurchaseState};

impl FetchWish {
    /// Refuses a price that is more than is wanted.
    pub(crate) fn max_check(&self, price: Money) -> Result<(), Problem> {
        if self.max.is_some_and(|max| price.is_at_most(max)) {
            return Ok(());
        }
        let max = self.max.map_or_else(|| "nothing".to_owned(), |max| max.to_string());
        let detail = format!("It costs {price}, and at most {max} was to be paid.");
        Err(Problem::new(Code::PaymentRequired, detail).hint("Allow more with --max."))
    }
}

impl Agent {
    /// Asks of a purchase that was begun whether it is still wanted, at what is wanted and allowed now. What is not,
    /// stays as it is: whoever allows more goes on with it. A page that is paid already costs nothing more.
    pub(crate) async fn resume(&self, wish: &FetchWish, mut purchase: Purchase) -> Result<Purchase, Problem> {
        let wanted = wish.max_check(purchase.price);
        if matches!(purchase.state, PurchaseState::Promised { .. }) {
            if let Err(problem) = wanted
                && !self.is_redeemed(&purchase).await
            {
                let hint = format!("It may be paid already: --max \"{}\" goes on with it.", purchase.price);
                return Err(problem.hint(hint));
            }
            return Ok(purchase);
        }
        wanted?;
        // No visa was sent, so it is bought today, for whoever wants it now.
        purchase.at = self.now();
        purchase.run = wish.run.as_ref().map(|run| run.id.clone());
        let limits = &self.home().settings().limits;
        self.journal().begin(&purchase, limits, wish.run.as_ref())?;
        Ok(purchase)
    }
}
