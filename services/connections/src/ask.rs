//! Questions to the graph, and the answers as their reader may see them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use diesel::prelude::*;
use imajin_connections_api::{
    CheckAnswer, Neighbour, NeighbourhoodView, PathAnswer, PathStep, StandingView, StatementKind, TrustAsk, WhyNotView,
};
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::StatementId;
use imajin_store::intact_all;
use imajin_trust_graph::{
    Explanation, Graph, HOPS_MAX, Near, Opinion, Path, RankIndex, RankOptions, Rule, Standing, Step, Tie, Weight,
    WhyNot,
};

use crate::domain::privacy::has_blocked;
use crate::rows::StatementRow;
use crate::schema::statements;
use crate::{Connections, ConnectionsError};

/// A list is no longer than this.
pub(crate) const PEOPLE_MAX: usize = 500;
/// A search for people goes no further: the work grows with everybody within reach.
pub(crate) const WITHIN_HOPS_MAX: u8 = 3;

/// What a list of people is asked for.
#[derive(Debug, Clone)]
pub(crate) struct ListAsk {
    pub(crate) reader: Did,
    pub(crate) hops: u8,
    pub(crate) limit: usize,
    pub(crate) token: Option<String>,
}

fn rule_of(ask: &TrustAsk, now: Timestamp) -> Result<Rule, ConnectionsError> {
    if !(1..=HOPS_MAX).contains(&ask.hops) {
        return Err(ConnectionsError::invalid("hops", "must be 1 to 6"));
    }
    let vouches = match ask.vouch_least {
        0 => None,
        least => Some(
            Weight::from_millionths(least)
                .ok_or_else(|| ConnectionsError::invalid("vouchLeast", "must be 0 to 1000000"))?,
        ),
    };
    Ok(Rule {
        hops: ask.hops,
        vouches,
        co_presence: ask.co_presence,
        now,
    })
}

fn standing_view(standing: Standing) -> StandingView {
    StandingView {
        connections: standing.connections,
        vouches: standing.vouches,
        vouched_millionths: standing.vouched_millionths,
        vouching: standing.vouching,
        yellow: standing.yellow,
        amber: standing.amber,
        red: standing.red,
    }
}

fn why_not_view(why: &WhyNot) -> WhyNotView {
    match why {
        WhyNot::Unknown(did) => WhyNotView::Unknown { did: did.clone() },
        WhyNot::Flagged(_) => WhyNotView::Flagged,
        WhyNot::Far { hops } => WhyNotView::Far { hops: *hops },
        WhyNot::Lapsed(_) => WhyNotView::Lapsed,
        WhyNot::Weak(_) => WhyNotView::Weak,
        WhyNot::Apart => WhyNotView::Apart,
    }
}

fn kind_of(tie: Tie) -> StatementKind {
    match tie {
        Tie::Connection => StatementKind::Connection,
        Tie::Vouch(_) => StatementKind::Vouch,
        Tie::Flag(_) => StatementKind::Flag,
        Tie::CoPresence => StatementKind::CoPresence,
    }
}

fn canonical(ask: &TrustAsk) -> (Did, Did) {
    (ask.from.canonical(), ask.to.canonical())
}

impl Connections {
    /// Waits until the graph has seen the change that a token names.
    pub(crate) async fn caught_up(&self, token: Option<&str>) -> Result<(), ConnectionsError> {
        let Some(token) = token else { return Ok(()) };
        let seq: i64 = token
            .parse()
            .map_err(|_error| ConnectionsError::invalid("token", "is none that an answer has given"))?;
        if self.live.seq() < seq {
            self.live.follow(&self.db, &self.context).await?;
        }
        if self.live.seq() < seq {
            return Err(ConnectionsError::TokenUnknown);
        }
        Ok(())
    }

    /// How many steps it is, for a caller who may know.
    pub(crate) async fn check(&self, ask: &TrustAsk) -> Result<CheckAnswer, ConnectionsError> {
        let rule = rule_of(ask, self.site.env.now())?;
        self.caught_up(ask.token.as_deref()).await?;
        let (from, to) = canonical(ask);
        Ok(self.live.look(|graph, seq| CheckAnswer {
            hops: graph.check(&from, &to, &rule),
            token: seq.to_string(),
        }))
    }

    /// Whether somebody wants nothing to do with another: has blocked them, or flagged them red.
    pub(crate) async fn bars(&self, by: &Did, whom: &Did) -> Result<bool, ConnectionsError> {
        let (by, whom, now) = (by.canonical(), whom.canonical(), self.site.env.now());
        if self.live.look(|graph, _seq| graph.is_flagged(&by, &whom, now)) {
            return Ok(true);
        }
        self.read(move |conn, context| has_blocked(conn, context, (&by, &whom)))
            .await
    }

    /// How many steps it is, as far as both let the reader know: what they do not is answered as if there were no way.
    pub(crate) async fn check_for(
        &self,
        ask: &TrustAsk,
        reader: Option<&Did>,
    ) -> Result<CheckAnswer, ConnectionsError> {
        let mut answer = self.check(ask).await?;
        if !self.may_know(ask, reader, answer.hops).await? {
            answer.hops = None;
        }
        Ok(answer)
    }

    async fn may_know(&self, ask: &TrustAsk, reader: Option<&Did>, hops: Option<u8>) -> Result<bool, ConnectionsError> {
        let (from, to) = canonical(ask);
        let sight = self.sight(reader, vec![from.clone(), to.clone()]).await?;
        let is_own = reader.is_some_and(|reader| reader.canonical() == from);
        // One's own ties are no secret from oneself.
        let is_direct = is_own && hops.is_some_and(|hops| hops <= 1);
        Ok(self
            .live
            .look(|graph, _seq| is_direct || (sight.sees(graph, &from) && sight.counts(graph, &to))))
    }

    /// A way from one to another with what was signed, or why there is none.
    pub(crate) async fn path(&self, ask: &TrustAsk, reader: &Did) -> Result<PathAnswer, ConnectionsError> {
        let rule = rule_of(ask, self.site.env.now())?;
        self.caught_up(ask.token.as_deref()).await?;
        let ((from, to), reader) = (canonical(ask), reader.canonical());
        let (explained, seq) = self.live.look(|graph, seq| (graph.explain(&from, &to, &rule), seq));
        let mut answer = PathAnswer {
            hops: None,
            steps: None,
            mutual: Vec::new(),
            why_not: None,
            token: seq.to_string(),
        };
        let hops = match &explained {
            Explanation::Near { path, .. } => u8::try_from(path.steps.len()).ok(),
            Explanation::Not(_) => None,
        };
        if !self.may_know(ask, Some(&reader), hops).await? {
            answer.why_not = Some(WhyNotView::Apart);
            return Ok(answer);
        }
        match explained {
            // Whom somebody has flagged is their own affair.
            Explanation::Not(WhyNot::Flagged(_)) if reader != from => answer.why_not = Some(WhyNotView::Apart),
            Explanation::Not(why) => answer.why_not = Some(why_not_view(&why)),
            Explanation::Near { path, mutual } => {
                answer.hops = hops;
                answer.steps = self.shown_path(&path, &reader).await?;
                answer.mutual = self.shown_mutual(&to, mutual, &reader).await?;
            }
        }
        Ok(answer)
    }

    /// The path, if everybody on it shows the reader their ties; the reader's own are no secret.
    async fn shown_path(&self, path: &Path, reader: &Did) -> Result<Option<Vec<PathStep>>, ConnectionsError> {
        let people: Vec<Did> = path
            .steps
            .iter()
            .flat_map(|step| [step.from.clone(), step.to.clone()])
            .collect();
        let sight = self.sight(Some(reader), people).await?;
        let shown = self.live.look(|graph, _seq| {
            let shows = |step: &Step| {
                [&step.from, &step.to].contains(&reader)
                    || (sight.sees(graph, &step.from) && sight.sees(graph, &step.to))
            };
            path.steps.iter().all(shows)
        });
        if !shown {
            return Ok(None);
        }
        let ids: Vec<StatementId> = path
            .steps
            .iter()
            .map(|step| StatementId::from_bytes(step.edge.statement.0))
            .collect();
        let rows = self
            .read(move |conn, context| {
                let query = statements::table.filter(statements::id.eq_any(&ids));
                let rows: Vec<StatementRow> = query.select(StatementRow::as_select()).load(conn)?;
                let rows = intact_all(rows, &context.sealer)?.into_iter();
                Ok::<BTreeMap<_, _>, ConnectionsError>(rows.map(|row| (row.id, row)).collect())
            })
            .await?;
        let mut steps = Vec::with_capacity(path.steps.len());
        for step in &path.steps {
            let row = rows.get(&StatementId::from_bytes(step.edge.statement.0));
            let row = row.ok_or_else(|| ConnectionsError::Fault("a tie has no statement".to_owned()))?;
            steps.push(PathStep {
                from: step.from.clone(),
                to: step.to.clone(),
                kind: kind_of(step.edge.tie),
                proof: row.proven()?,
            });
        }
        Ok(Some(steps))
    }

    async fn shown_mutual(&self, other: &Did, mutual: Vec<Did>, reader: &Did) -> Result<Vec<Did>, ConnectionsError> {
        let mut people = mutual.clone();
        people.push(other.clone());
        let sight = self.sight(Some(reader), people).await?;
        Ok(self.live.look(|graph, _seq| {
            if !sight.sees(graph, other) {
                return Vec::new();
            }
            mutual.into_iter().filter(|did| sight.sees(graph, did)).collect()
        }))
    }

    /// Whom the reader and another both know, as far as all show it.
    pub(crate) async fn mutual(
        &self,
        other: &Did,
        reader: &Did,
        token: Option<&str>,
    ) -> Result<(Vec<Did>, String), ConnectionsError> {
        self.caught_up(token).await?;
        let (other, reader, now) = (other.canonical(), reader.canonical(), self.site.env.now());
        let (mutual, seq) = self
            .live
            .look(|graph, seq| (graph.mutual(&reader, &other, &Rule::hops(1, now)), seq));
        Ok((self.shown_mutual(&other, mutual, &reader).await?, seq.to_string()))
    }

    /// Who is near the reader, as far as they show it; those one step away always.
    pub(crate) async fn within(&self, ask: &ListAsk) -> Result<(Vec<Neighbour>, String), ConnectionsError> {
        if !(1..=WITHIN_HOPS_MAX).contains(&ask.hops) {
            return Err(ConnectionsError::invalid("hops", "must be 1 to 3"));
        }
        limit_check(ask.limit)?;
        self.caught_up(ask.token.as_deref()).await?;
        let (reader, now) = (ask.reader.canonical(), self.site.env.now());
        let rule = Rule::hops(ask.hops, now);
        let (near, seq) = self
            .live
            .look(|graph, seq| (graph.within(&reader, &rule, PEOPLE_MAX), seq));
        let people = near.iter().map(|near| near.did.clone()).collect();
        let sight = self.sight(Some(&reader), people).await?;
        let shown = self.live.look(|graph, _seq| {
            let shown = near.into_iter();
            let shown = shown.filter(|near| near.hops <= 1 || sight.sees(graph, &near.did));
            shown.take(ask.limit).map(neighbour).collect()
        });
        Ok((shown, seq.to_string()))
    }

    /// The ties laid out for ranking: as they were the last time, if nothing has changed or ended since.
    async fn rank_index(&self, now: Timestamp) -> Result<(Arc<RankIndex>, i64), ConnectionsError> {
        let last = || self.ranks.lock().unwrap_or_else(PoisonError::into_inner);
        let (version, seq) = self.live.look(|graph, seq| (graph.version(), seq));
        let held = last().clone().filter(|index| index.holds(version, now));
        if let Some(index) = held {
            return Ok((index, seq));
        }
        let laid_out = move |graph: &Graph, seq| (Arc::new(graph.rank_index(now, RankOptions::default())), seq);
        let (index, seq) = self.live.look_long(laid_out).await?;
        *last() = Some(Arc::clone(&index));
        Ok((index, seq))
    }

    /// How the reader's trust spreads, as far as people show themselves.
    pub(crate) async fn rank(&self, ask: &ListAsk) -> Result<(Vec<Opinion>, String), ConnectionsError> {
        limit_check(ask.limit)?;
        self.caught_up(ask.token.as_deref()).await?;
        let turn = self.ranking.acquire().await;
        let _turn = turn.map_err(|_closed| ConnectionsError::Fault("ranking has ended".to_owned()))?;
        let (reader, now) = (ask.reader.canonical(), self.site.env.now());
        let (index, seq) = self.rank_index(now).await?;
        let start = reader.clone();
        let ranked = tokio::task::spawn_blocking(move || index.rank(&start, PEOPLE_MAX)).await;
        let mut ranked = ranked.map_err(|error| ConnectionsError::Fault(format!("ranking broke: {error}")))?;
        ranked.retain(|opinion| opinion.did != reader);
        let people = ranked.iter().map(|opinion| opinion.did.clone()).collect();
        let sight = self.sight(Some(&reader), people).await?;
        let direct = Rule::hops(1, now);
        let shown = self.live.look(|graph, _seq| {
            let may_see = |did: &Did| graph.check(&reader, did, &direct).is_some() || sight.sees(graph, did);
            let shown = ranked.into_iter().filter(|opinion| may_see(&opinion.did));
            shown.take(ask.limit).collect()
        });
        Ok((shown, seq.to_string()))
    }

    /// What others have said of somebody, counted; `None` when they do not show it to the reader.
    pub(crate) async fn standing(
        &self,
        did: &Did,
        reader: Option<&Did>,
        token: Option<&str>,
    ) -> Result<(Option<StandingView>, String), ConnectionsError> {
        self.caught_up(token).await?;
        let (did, now) = (did.canonical(), self.site.env.now());
        let sight = self.sight(reader, vec![did.clone()]).await?;
        Ok(self.live.look(|graph, seq| {
            let shown = sight.sees(graph, &did);
            let standing = shown.then(|| standing_view(graph.standing(&did, now)));
            (standing, seq.to_string())
        }))
    }

    /// Who is one step from somebody.
    pub(crate) async fn neighbours(&self, did: &Did, reader: &Did) -> Result<NeighbourhoodView, ConnectionsError> {
        let (did, reader, now) = (did.canonical(), reader.canonical(), self.site.env.now());
        let (near, hops, seq) = self.live.look(|graph, seq| {
            let near = graph.within(&did, &Rule::hops(1, now), PEOPLE_MAX);
            (near, graph.check(&reader, &did, &Rule::hops(WITHIN_HOPS_MAX, now)), seq)
        });
        let mut people: Vec<Did> = near.iter().map(|near| near.did.clone()).collect();
        people.push(did.clone());
        let sight = self.sight(Some(&reader), people).await?;
        Ok(self.live.look(|graph, _seq| {
            let is_shown = sight.sees(graph, &did);
            let near = near.into_iter().filter(|_near| is_shown);
            let shown = near.filter(|near| did == reader || near.did == reader || sight.sees(graph, &near.did));
            NeighbourhoodView {
                people: shown.map(neighbour).collect(),
                is_shown,
                hops: hops.filter(|_hops| is_shown),
                standing: is_shown.then(|| standing_view(graph.standing(&did, now))),
                did: did.clone(),
                token: seq.to_string(),
            }
        }))
    }
}

fn limit_check(limit: usize) -> Result<(), ConnectionsError> {
    if (1..=PEOPLE_MAX).contains(&limit) {
        Ok(())
    } else {
        Err(ConnectionsError::invalid("limit", "must be 1 to 500"))
    }
}

fn neighbour(near: Near) -> Neighbour {
    Neighbour {
        did: near.did,
        hops: near.hops,
    }
}
