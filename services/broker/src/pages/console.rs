use axum::extract::State;
use axum::response::Response;
use imajin_broker_api::{AccountView, RedemptionView, VisaView};
use imajin_kernel::{Problem, Span};
use imajin_ui::{Block, Cell, Figure, did_short, moment, render};
use imajin_web::{Failure, QueryParams, Viewer};

use super::spend::{chart_since, charts};
use super::{ACCOUNT, ROOT, money, next_in, operator_page, sums, table};
use crate::BrokerConfig;
use crate::domain::lists::Wanted;
use crate::domain::overview::{self, Overview};
use crate::domain::rules;
use crate::routes::BrokerState;

/// What there is, what waits, what was spent, and what is allowed.
pub(super) async fn overview(
    State(BrokerState(broker)): State<BrokerState>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    viewer.operator_require()?;
    let now = broker.context.now();
    let asked = broker.read(move |conn, _context| {
        let redeemed = overview::redeemed_since(conn, None, chart_since(now))?;
        Ok((overview::overview(conn)?, redeemed))
    });
    let (open, redeemed) = asked.await.map_err(Problem::from)?;
    let mut blocks = vec![
        Block::Figures(figures(&open)),
        Block::Text(format!("Promised in open visas: {}.", sums(&open.reserved))),
    ];
    blocks.extend(charts(&redeemed, now, "Redeemed"));
    blocks.push(Block::Heading("Limits".to_owned()));
    blocks.push(Block::Facts(limits(&broker.context.config)));
    let lead = if open.disputes_answered > 0 {
        "A dispute waits for a decision."
    } else {
        "Agents put money in, publishers are paid."
    };
    Ok(render(&operator_page(&broker, &viewer, ("", "Broker", lead), blocks)))
}

fn figures(open: &Overview) -> Vec<Figure> {
    let figure = |value: i64, label: &str, path: &str, tone: &'static str| Figure {
        value: value.to_string(),
        label: label.to_owned(),
        href: format!("{ROOT}{path}"),
        tone,
    };
    let calm_or = |value: i64, tone: &'static str| if value == 0 { "good" } else { tone };
    vec![
        figure(
            open.disputes_answered,
            "disputes to decide",
            "/disputes",
            calm_or(open.disputes_answered, "bad"),
        ),
        figure(
            open.disputes_open,
            "disputes without an answer",
            "/disputes",
            calm_or(open.disputes_open, "warn"),
        ),
        figure(
            open.redemptions_waiting,
            "redemptions that wait",
            "/redemptions",
            "calm",
        ),
        figure(open.visas_open, "open visas", "/visas", "calm"),
        figure(open.accounts, "accounts", "/accounts", "calm"),
    ]
}

fn limits(config: &BrokerConfig) -> Vec<(String, Cell)> {
    let fact = |name: &str, value: String| (name.to_owned(), Cell::text(value));
    let arbiter = config.arbiter.as_ref().map(|did| did_short(did.as_str()));
    vec![
        fact("An agent can object for", span_text(config.dispute_window)),
        fact("A publisher can answer for", span_text(config.answer_for)),
        fact("The arbiter can decide for", span_text(config.arbiter_for)),
        fact("Arbiter", arbiter.unwrap_or_else(|| "the operator".to_owned())),
        fact("A visa is redeemed until after its end", span_text(config.redeem_for)),
        fact("Open visas of one agent", format!("at most {}", config.open_visas_max)),
        fact("Objections of one agent in 30 days", rules::OBJECTIONS_TEXT.to_owned()),
    ]
}

/// The largest unit that it is whole in.
fn span_text(span: Span) -> String {
    let seconds = span.as_seconds();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    let fits = units.into_iter().find(|(size, _)| seconds > 0 && seconds % size == 0);
    let (count, unit) = fits.map_or((seconds, "second"), |(size, name)| (seconds / size, name));
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

/// The accounts, by the name of the agent.
pub(super) async fn accounts(
    State(BrokerState(broker)): State<BrokerState>,
    QueryParams(wanted): QueryParams<Wanted>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    viewer.operator_require()?;
    let limit = wanted.limit;
    let page = broker.account_list(wanted).await.map_err(Problem::from)?;
    let row = |account: &AccountView| {
        vec![
            Cell::text(account.agent_id.clone()).to(format!("{ACCOUNT}?agent={}", account.agent_id)),
            Cell::text(account.contact.clone().unwrap_or_default()),
            Cell::text(moment(account.created_at).text),
        ]
    };
    let rows = page.items.iter().map(row).collect();
    let next = next_in("/accounts", limit, page.cursor.as_ref());
    let words = ("accounts", "Accounts", "No agent has an account yet.");
    let blocks = vec![table(words, &["Agent", "Contact", "Since"], rows, next)];
    let head = ("/accounts", "Accounts", "Agents that buy visas here, by their domains.");
    Ok(render(&operator_page(&broker, &viewer, head, blocks)))
}

/// All visas, newest first.
pub(super) async fn visas(
    State(BrokerState(broker)): State<BrokerState>,
    QueryParams(wanted): QueryParams<Wanted>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    viewer.operator_require()?;
    let limit = wanted.limit;
    let page = broker.visa_list(None, wanted).await.map_err(Problem::from)?;
    let next = next_in("/visas", limit, page.cursor.as_ref());
    let blocks = vec![visas_table(&page.items, next)];
    let head = ("/visas", "Visas", "What was promised to publishers, newest first.");
    Ok(render(&operator_page(&broker, &viewer, head, blocks)))
}

/// Visas as a table, also for their owner.
pub(super) fn visas_table(visas: &[VisaView], next: Option<String>) -> Block {
    let row = |visa: &VisaView| {
        let tone = match visa.state.as_str() {
            "open" => "good",
            "refused" => "bad",
            _ => "calm",
        };
        let back = [visa.reversed, visa.returned].into_iter().flatten();
        let back = back.fold(None::<imajin_money::Money>, |sum, one| match sum {
            Some(sum) => sum.checked_add(one).ok(),
            None => Some(one),
        });
        vec![
            Cell::mono(visa.jti.to_string()).fine(moment(visa.created_at).text),
            Cell::text(visa.agent_id.clone()),
            Cell::text(visa.publisher.clone()),
            money(visa.max_amount),
            money(visa.credited),
            back.map_or_else(|| Cell::number(""), money),
            Cell::tag(visa.state.clone(), tone),
        ]
    };
    let rows = visas.iter().map(row).collect();
    let columns = ["Visa", "Agent", "Publisher", "#At most", "#Paid", "#Back", "State"];
    table(("visas", "Visas", "There are none."), &columns, rows, next)
}

/// All redemptions, newest first.
pub(super) async fn redemptions(
    State(BrokerState(broker)): State<BrokerState>,
    QueryParams(wanted): QueryParams<Wanted>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    viewer.operator_require()?;
    let limit = wanted.limit;
    let page = broker.redemption_list(None, wanted).await.map_err(Problem::from)?;
    let row = |redemption: &RedemptionView| {
        let state = serde_json::to_value(redemption.state).ok();
        let state = state.and_then(|state| state.as_str().map(str::to_owned));
        let dispute = redemption.dispute.map_or_else(Cell::default, |id| {
            Cell::mono(id.to_string()).to(format!("{ROOT}/disputes/{id}"))
        });
        vec![
            Cell::mono(redemption.id.to_string()).fine(moment(redemption.created_at).text),
            Cell::mono(redemption.jti.to_string()),
            Cell::text(did_short(redemption.node.as_str())),
            money(redemption.amount),
            Cell::tag(state.unwrap_or_default(), "calm").fine(format!("due {}", moment(redemption.due_at).text)),
            dispute,
        ]
    };
    let rows = page.items.iter().map(row).collect();
    let next = next_in("/redemptions", limit, page.cursor.as_ref());
    let columns = ["Redemption", "Visa", "Publisher", "#Amount", "State", "Dispute"];
    let words = ("redemptions", "Redemptions", "Nobody has redeemed anything yet.");
    let blocks = vec![table(words, &columns, rows, next)];
    let head = (
        "/redemptions",
        "Redemptions",
        "What publishers have asked for, newest first.",
    );
    Ok(render(&operator_page(&broker, &viewer, head, blocks)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_the_largest_unit_that_fits() {
        let texts = [0, 90, 3_600, 5_400, 86_400].map(|seconds| span_text(Span::seconds(seconds)));
        assert_eq!(texts, ["0 seconds", "90 seconds", "1 hour", "90 minutes", "1 day"]);
    }
}
