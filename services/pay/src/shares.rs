//! Held shares: released when their payees have accepted, passed on when their time is over.

use imajin_did::Did;
use imajin_fair::{Acceptance, ManifestId};
use imajin_kernel::{Problem, Span};
use imajin_pay_api::GoodsQuote;
use imajin_web::Verified;

use crate::domain::distribute::{is_payable, unreachable_of};
use crate::domain::share_backfill::shares_backfill;
use crate::domain::shares::{self, ShareKey, ShareQuestion};
use crate::{Pay, PayError};

/// The action in the mutation log.
const SHARE_ACCEPT: &str = "share.accept";
/// How often a seller is asked about the same share.
const ASK_EVERY: Span = Span::minutes(10);
/// How often somebody who looks at their shares can have the seller asked.
const LOOK_EVERY: Span = Span::seconds(10);
/// Shares handled at a time.
const ROWS: i64 = 100;
/// Pages that are read in one go, while some of a page cannot be handled.
const PAGES_MAX: usize = 10;

impl Pay {
    /// Pays these shares to their payees; returns how many still waited. One that cannot be paid holds no other up: it
    /// is tried again later, and the first reason is the answer.
    async fn shares_release(&self, keys: Vec<ShareKey>) -> Result<usize, PayError> {
        let (mut released, mut problem): (usize, Option<PayError>) = (0, None);
        for key in keys {
            match self.share_release(key).await {
                Ok(done) => {
                    self.shares_later.forget(key);
                    released = released.saturating_add(usize::from(done));
                }
                Err(error) => {
                    self.share_failed(key, &error);
                    problem.get_or_insert(error);
                }
            }
        }
        problem.map_or(Ok(released), Err)
    }

    async fn share_release(&self, key: ShareKey) -> Result<bool, PayError> {
        let mut job = self
            .read(move |conn, context| shares::release_prepare(conn, context, key))
            .await?;
        job.contracts.unreachable = unreachable_of(&*self.site.identities, job.contracts.recipients()).await;
        self.write(move |conn, context| shares::share_release(conn, context, &job))
            .await
    }

    /// A share is left for later.
    fn share_failed(&self, (receipt, leg): ShareKey, error: &PayError) {
        self.shares_later.put_back((receipt, leg), self.context.now());
        tracing::error!(%receipt, leg, %error, "a held share could not be handled");
    }

    /// How many shares are read for a page: those that are left for later come on top.
    fn shares_page(&self) -> i64 {
        ROWS.saturating_add(i64::try_from(self.shares_later.count()).unwrap_or(i64::MAX))
    }

    /// The shares of a page whose turn it is.
    fn shares_now(&self, keys: Vec<ShareKey>) -> Vec<ShareKey> {
        let now = self.context.now();
        let due = keys.into_iter().filter(|key| self.shares_later.is_due(*key, now));
        due.take(usize::try_from(ROWS).unwrap_or(usize::MAX)).collect()
    }

    /// Takes the signed acceptance of a contributor, or of whoever has claimed the contributor's mailbox identity, and
    /// pays what has waited for it.
    pub(crate) async fn share_accept(
        &self,
        acceptance: Acceptance,
        verified: Verified,
        body: Vec<u8>,
    ) -> Result<usize, Problem> {
        let caller = verified.did().clone();
        if acceptance.contributor().canonical() != caller.canonical() {
            return Err(PayError::Forbidden("Only the contributor can accept: sign the acceptance yourself.").into());
        }
        let keys = self.site.identities.caller_keys(&caller).await?.keys;
        let verify = |key| acceptance.0.verify(Acceptance::KIND, key);
        let verdicts: Vec<_> = keys.iter().map(verify).collect();
        if !verdicts.iter().any(Result::is_ok) {
            let why = verdicts.into_iter().find_map(Result::err);
            return Err(why.map_or(PayError::NotFound("key of yours"), PayError::from).into());
        }
        let payees = self.site.identities.holdings(&caller).await?;
        let manifest = acceptance.manifest().clone();
        let object = format!("share/{manifest}/{}", caller.canonical());
        let accepted = move |conn: &mut imajin_store::Conn, context: &crate::context::Context| {
            let keys = shares::waiting_list(conn, &payees, Some(&manifest), ROWS)?;
            if keys.is_empty() {
                return Err(PayError::NotFound("share of yours that waits for this manifest"));
            }
            context.signed_append(conn, &verified, SHARE_ACCEPT, &object, &body)?;
            Ok(keys)
        };
        let keys = self.write(accepted).await?;
        // The rest, of a manifest that is sold very often, follows with the next sweep: one share tells of the others.
        let released = self.shares_release(keys).await;
        self.holdings_collect(&caller).await?;
        Ok(released?)
    }

    /// Asks the sellers whether somebody's outstanding acceptances have come in meanwhile.
    pub(crate) async fn shares_look(&self, payees: Vec<Did>) -> Result<(), PayError> {
        self.shares_ask(Some(payees), LOOK_EVERY).await
    }

    async fn shares_ask(&self, payees: Option<Vec<Did>>, every: Span) -> Result<(), PayError> {
        let before = self.context.now().minus(every);
        for _page in 0..PAGES_MAX {
            let (payees, limit) = (payees.clone(), self.shares_page());
            let due = self
                .read(move |conn, _context| shares::questions_due(conn, payees.as_deref(), before, limit))
                .await?;
            let (questions, failed) = self.questions_take(self.shares_now(due)).await;
            for question in questions {
                self.question_ask(question).await?;
            }
            if failed == 0 {
                break;
            }
        }
        Ok(())
    }

    /// What to ask the sellers of these shares, once for each manifest and payee; and how many shares are left for
    /// later.
    async fn questions_take(&self, keys: Vec<ShareKey>) -> (Vec<ShareQuestion>, usize) {
        let take = |key| self.write(move |conn, context| shares::question_take(conn, context, key));
        let taken = futures::future::join_all(keys.iter().map(|key| take(*key))).await;
        let (mut questions, mut failed): (Vec<ShareQuestion>, usize) = (Vec::new(), 0);
        for (key, taken) in keys.into_iter().zip(taken) {
            match taken {
                Ok(question) => {
                    self.shares_later.forget(key);
                    let new = question.filter(|asked| !questions.iter().any(|known| known.is_same(asked)));
                    questions.extend(new);
                }
                Err(error) => {
                    self.share_failed(key, &error);
                    failed = failed.saturating_add(1);
                }
            }
        }
        (questions, failed)
    }

    async fn question_ask(&self, question: ShareQuestion) -> Result<(), PayError> {
        if !question.is_known && !self.is_accepted(&question).await {
            return Ok(());
        }
        let (ShareQuestion { manifest, payee, .. }, limit) = (question, self.shares_page());
        let keys = self
            .read(move |conn, _context| shares::waiting_list(conn, &[payee], Some(&manifest), limit))
            .await?;
        if let Err(error) = self.shares_release(self.shares_now(keys)).await {
            tracing::debug!(%error, "some shares wait on");
        }
        Ok(())
    }

    /// What the seller says now. One that is away, or has forgotten the goods, says no more than before.
    async fn is_accepted(&self, question: &ShareQuestion) -> bool {
        let quote = self.goods_again(&question.goods).await;
        quote.is_ok_and(|quote| accepted_in(&quote, &question.manifest, &question.payee))
    }

    /// Ends the shares whose time is over.
    async fn shares_pass_on(&self) -> Result<(), PayError> {
        for _page in 0..PAGES_MAX {
            let limit = self.shares_page();
            let overdue = self
                .read(move |conn, context| shares::overdue_list(conn, context.now(), limit))
                .await?;
            let mut failed: usize = 0;
            for key in self.shares_now(overdue) {
                match self.share_pass_on(key).await {
                    Ok(_done) => self.shares_later.forget(key),
                    Err(error) => {
                        self.share_failed(key, &error);
                        failed = failed.saturating_add(1);
                    }
                }
            }
            if failed == 0 {
                break;
            }
        }
        Ok(())
    }

    async fn share_pass_on(&self, key: ShareKey) -> Result<bool, PayError> {
        let overflow = self
            .read(move |conn, context| shares::overflow_of(conn, context, key))
            .await?;
        let overflow = match overflow {
            Some(did) if is_payable(&*self.site.identities, &did).await => Some(did),
            _ => None,
        };
        self.write(move |conn, context| shares::share_pass_on(conn, context, key, overflow.as_ref()))
            .await
    }

    /// Writes down the held shares of receipts that are older than their table: without a row they would wait forever.
    /// The newest first, so that it goes on where it stopped. Returns how many there were.
    pub(crate) async fn shares_backfill(&self) -> Result<usize, PayError> {
        let mut written: usize = 0;
        loop {
            let more = self.write(shares_backfill).await?;
            written = written.saturating_add(more);
            if more == 0 {
                return Ok(written);
            }
        }
    }

    /// Everything about held shares that is due. The background calls it.
    pub(crate) async fn shares_sweep(&self) -> Result<(), PayError> {
        let asked = self.shares_ask(None, ASK_EVERY).await;
        self.shares_pass_on().await?;
        asked
    }
}

/// Whether a seller's word says that a contributor stands by a manifest.
fn accepted_in(quote: &GoodsQuote, manifest: &ManifestId, payee: &Did) -> bool {
    let source = quote.sources.iter().find(|source| source.manifest.id == *manifest);
    let accepted = match source {
        Some(source) => &source.accepted,
        None if quote.manifest.id == *manifest => &quote.accepted,
        None => return false,
    };
    accepted.iter().any(|did| did.canonical() == *payee)
}
