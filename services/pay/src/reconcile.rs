//! The reconciliation as it runs: rails are asked between two transactions, never within one.

use imajin_kernel::{Code, Problem, Span};
use imajin_money::Money;
use imajin_rails::RailBalance;

use crate::domain::reconcile::facts::signed_facts;
use crate::domain::reconcile::phases::{BALANCE, DONE, FACTS, LEDGER, broker_of, rail_of};
use crate::domain::reconcile::{Said, ledger_compare, round_begin, round_find, round_problem, round_step};
use crate::rows::RoundRow;
use crate::{Pay, PayError};

/// How often everything is compared.
const EVERY: Span = Span::hours(6);
/// The most steps of one scope in one run of the job: the rest follows with the next run.
const STEPS_PER_RUN: u32 = 50;

impl Pay {
    /// What is reconciled here: each rail that can say what it has done, each broker, and the ledger with itself.
    pub(crate) fn reconcile_scopes(&self) -> Vec<String> {
        let rails = self
            .context
            .rails
            .all()
            .filter(|rail| rail.lists() || !rail.is_remote());
        let scopes = rails.map(|rail| format!("rail:{}", rail.name()));
        let brokers = self
            .brokers
            .trusted()
            .into_iter()
            .map(|issuer| format!("broker:{issuer}"));
        scopes.chain(brokers).chain([LEDGER.to_owned()]).collect()
    }

    /// Goes on with what is being compared, and begins again what was not compared for some hours; a bounded piece of
    /// it. The background calls it.
    pub(crate) async fn reconcile_tick(&self) {
        for scope in self.reconcile_scopes() {
            if let Err(error) = self.reconcile_run(&scope, EVERY).await {
                tracing::warn!(scope, %error, "the reconciliation does not get on");
            }
        }
    }

    /// Compares now: everything, or one scope. What takes long goes on in the background.
    ///
    /// # Errors
    /// When there is no such scope, or the database does not answer. A rail that is away is no error: the round says
    /// so.
    pub async fn reconcile_now(&self, scope: Option<&str>) -> Result<(), Problem> {
        let scopes = self.reconcile_scopes();
        if scope.is_some_and(|scope| !scopes.iter().any(|known| known == scope)) {
            return Err(PayError::NotFound("rail or broker that can be compared").into());
        }
        for known in scopes.iter().filter(|known| scope.is_none_or(|scope| scope == *known)) {
            match self.reconcile_run(known, Span::ZERO).await {
                Ok(()) | Err(PayError::Rail(_)) => {}
                Err(PayError::Problem(problem)) if problem.code == Code::Unavailable => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn reconcile_run(&self, scope: &str, every: Span) -> Result<(), PayError> {
        let name = scope.to_owned();
        self.write(move |conn, context| round_begin(conn, context, &name, every))
            .await?;
        for _step in 0..STEPS_PER_RUN {
            if !self.reconcile_step(scope).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// One step; answers whether the round goes on.
    async fn reconcile_step(&self, scope: &str) -> Result<bool, PayError> {
        let name = scope.to_owned();
        let round = self.read(move |conn, context| round_find(conn, context, &name)).await?;
        let Some(round) = round.filter(|round| round.phase != DONE) else {
            return Ok(false);
        };
        let said = match self.rail_ask(&round).await {
            Ok(said) => said,
            Err(error) => {
                let (name, problem) = (scope.to_owned(), error.to_string());
                self.write(move |conn, context| round_problem(conn, context, &name, Some(&problem)))
                    .await?;
                return Err(error);
            }
        };
        self.write(move |conn, context| round_step(conn, context, &round, &said))
            .await
    }

    /// What the step needs to know: from the rail, from the broker, or from the ledger.
    async fn rail_ask(&self, round: &RoundRow) -> Result<Said, PayError> {
        if let Some(issuer) = broker_of(&round.scope).filter(|_| round.phase == BALANCE) {
            let balance = |money: Money| RailBalance {
                asset: money.asset,
                units: money.amount.micros(),
            };
            let held = self.brokers.account(issuer).await?;
            return Ok(Said::Balances(Some(held.into_iter().map(balance).collect())));
        }
        if round.scope == LEDGER {
            let round = round.clone();
            let compared = self.read(move |conn, context| ledger_compare(conn, context, &round));
            return Ok(Said::Compared(compared.await?));
        }
        let Some(name) = rail_of(&round.scope) else {
            return Ok(Said::Nothing);
        };
        let rail = self.context.rail(name)?.clone();
        match round.phase.as_str() {
            FACTS if rail.lists() => Ok(Said::Facts(rail.facts(round.since, round.cursor.as_deref()).await?)),
            FACTS => {
                let (since, cursor) = (round.since, round.cursor.clone());
                let page = self
                    .read(move |conn, context| signed_facts(conn, context, rail.as_ref(), since, cursor.as_deref()));
                Ok(Said::Facts(page.await?))
            }
            BALANCE => Ok(Said::Balances(rail.balances().await?)),
            _ => Ok(Said::Nothing),
        }
    }
}
