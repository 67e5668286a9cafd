//! Terms that let the members of pods ask.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::StatusCode;
use imajin_connections_api::{
    PodCheck, PodCheckAnswer, PodFetch, PodMemberPage, PodMembersFetch, PodPage, PodRole, PodView, PodsApi, PodsOwn,
};
use imajin_did::Did;
use imajin_kernel::Problem;
use imajin_kernel::id::PodId;
use imajin_query_api::LeaderTerms;
use imajin_testkit::{Backend, on_both};
use imajin_web::macro_support::async_trait;
use serde_json::json;

use crate::world::{Ask, QUESTION, World, key};

on_both!(
    a_member_of_a_pod_may_ask_however_far_away,
    a_former_member_may_not_ask,
    whom_the_leader_has_blocked_is_a_stranger_in_any_pod,
    a_stranger_to_pod_and_graph_is_refused_with_the_term,
    nobody_is_let_through_while_the_pods_are_away,
    a_pod_that_the_leader_has_left_counts_no_more,
    a_pod_of_an_event_counts_for_its_owner_and_admins,
    terms_name_only_pods_of_their_leader,
    who_is_near_is_let_in_without_the_pods,
);

/// Who is what in which pod.
#[derive(Default)]
pub(crate) struct FakePods {
    pub(crate) away: AtomicBool,
    roles: Mutex<BTreeMap<(PodId, Did), PodRole>>,
    events: Mutex<BTreeSet<PodId>>,
    /// Who wants nothing to do with whom.
    barred: Mutex<BTreeSet<(Did, Did)>>,
}

#[async_trait]
impl PodsApi for FakePods {
    async fn pod_check(&self, check: PodCheck) -> Result<PodCheckAnswer, Problem> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Problem::unavailable("The service `connections`"));
        }
        assert!(!check.with_inner, "members of inner pods are not in the outer one");
        let counts = check.events || !self.events.lock().unwrap().contains(&check.pod);
        let role = self.roles.lock().unwrap().get(&(check.pod, check.did.clone())).copied();
        let barred = self.barred.lock().unwrap();
        let is_barred = check.by.is_some_and(|by| barred.contains(&(by, check.did)));
        Ok(PodCheckAnswer {
            role: role.filter(|_| counts && !is_barred),
        })
    }

    async fn pod_fetch(&self, _: PodFetch) -> Result<PodView, Problem> {
        Err(Problem::internal())
    }

    async fn pod_member_list(&self, _: PodMembersFetch) -> Result<PodMemberPage, Problem> {
        Err(Problem::internal())
    }

    async fn pod_list_own(&self, _: PodsOwn) -> Result<PodPage, Problem> {
        Err(Problem::internal())
    }
}

fn club() -> PodId {
    PodId::from_bytes([3; 16])
}

impl World {
    fn place(&self, name: &str, role: Option<PodRole>) {
        let mut roles = self.pods.roles.lock().unwrap();
        let at = (club(), key(name).did());
        match role {
            Some(role) => roles.insert(at, role),
            None => roles.remove(&at),
        };
    }

    fn club_terms(&self) -> LeaderTerms {
        LeaderTerms {
            pods: [club()].into(),
            ..self.usual_terms()
        }
    }

    /// ada is in a club, and lets its members ask; ben, who is near her, is not in it, and eve is a stranger.
    async fn with_club(backend: Backend) -> Self {
        let world = Self::new(backend).await;
        world.place("ada", Some(PodRole::Member));
        world.terms(&world.club_terms()).await.expect(StatusCode::OK);
        let eve = key("eve").did();
        world.pay.balances.lock().unwrap().insert(eve, 1_000_000);
        world
    }

    /// Terms that cannot hold, whoever names them.
    async fn terms_refused(&self, terms: &LeaderTerms, why: &str) {
        let refused = self.terms(terms).await;
        assert_eq!(refused.code(), "invalid_request");
        let detail = refused.json()["detail"].clone();
        assert!(detail.as_str().unwrap().contains(why), "{detail}");
    }

    /// eve asks, and is refused; gives the code and the term. She gets no quote either.
    async fn eve_refused(&self) -> (String, serde_json::Value) {
        let quote = self.quote(&key("eve"), QUESTION).await;
        let answer = self.ask(&eve()).await;
        assert_eq!(quote.code(), answer.code());
        assert!(self.pay.all().is_empty(), "nothing was held");
        (answer.code(), answer.json()["term"].clone())
    }
}

fn eve() -> Ask {
    Ask {
        by: key("eve"),
        ..Ask::usual()
    }
}

async fn a_member_of_a_pod_may_ask_however_far_away(backend: Backend) {
    let world = World::with_club(backend).await;
    world.place("eve", Some(PodRole::Member));
    world.quote(&key("eve"), QUESTION).await.expect(StatusCode::CREATED);
    world.answered(&eve()).await;
    let only = LeaderTerms {
        max_hops: 0,
        ..world.club_terms()
    };
    world.terms(&only).await.expect(StatusCode::OK);
    let again = Ask {
        key: Some("ask-2"),
        ..eve()
    };
    world.answered(&again).await;
    let ben = world.ask(&Ask::usual()).await;
    assert_eq!(
        (ben.code().as_str(), &ben.json()["term"]),
        ("forbidden", &json!("pods")),
        "that he is near counts no more"
    );
    assert_eq!(world.audit().await, []);
}

async fn a_former_member_may_not_ask(backend: Backend) {
    let world = World::with_club(backend).await;
    world.place("eve", Some(PodRole::Admin));
    let quote = world.quote(&key("eve"), QUESTION).await;
    let quote = quote.expect(StatusCode::CREATED).json()["payload"]["quoteId"].clone();
    world.place("eve", None);
    assert_eq!(world.eve_refused().await, ("forbidden".to_owned(), json!("pods")));
    let quoted = Ask {
        body: json!({"query": QUESTION, "quoteId": quote}),
        ..eve()
    };
    let answer = world.ask(&quoted).await;
    assert_eq!(answer.json()["term"], "pods", "nor under a quote from before");
}

async fn whom_the_leader_has_blocked_is_a_stranger_in_any_pod(backend: Backend) {
    let world = World::with_club(backend).await;
    let stranger = world.ask(&eve()).await.json();
    world.place("eve", Some(PodRole::Member));
    let bar = (key("ada").did(), key("eve").did());
    world.pods.barred.lock().unwrap().insert(bar.clone());
    assert_eq!(world.eve_refused().await, ("forbidden".to_owned(), json!("pods")));
    let told = world.ask(&eve()).await.json();
    assert_eq!(
        (&told["detail"], &told["hint"]),
        (&stranger["detail"], &stranger["hint"]),
        "she is not told why"
    );
    world.pods.barred.lock().unwrap().remove(&bar);
    world.answered(&eve()).await;
}

async fn a_stranger_to_pod_and_graph_is_refused_with_the_term(backend: Backend) {
    let world = World::with_club(backend).await;
    assert_eq!(world.eve_refused().await, ("forbidden".to_owned(), json!("pods")));
    let detail = world.ask(&eve()).await.json()["detail"].clone();
    let detail = detail.as_str().unwrap();
    assert!(detail.contains("2 steps") && detail.contains("pods"), "{detail}");
}

async fn nobody_is_let_through_while_the_pods_are_away(backend: Backend) {
    let world = World::with_club(backend).await;
    world.place("eve", Some(PodRole::Member));
    world.pods.away.store(true, Ordering::SeqCst);
    assert_eq!(world.eve_refused().await.0, "unavailable");
    assert_eq!(world.terms(&world.club_terms()).await.code(), "unavailable");
    world.pods.away.store(false, Ordering::SeqCst);
    world.trust.away.store(true, Ordering::SeqCst);
    assert_eq!(world.eve_refused().await.0, "unavailable", "half of it is not enough");
    world.trust.away.store(false, Ordering::SeqCst);
    world.answered(&eve()).await;
}

async fn a_pod_that_the_leader_has_left_counts_no_more(backend: Backend) {
    let world = World::with_club(backend).await;
    world.place("eve", Some(PodRole::Owner));
    world.place("ada", None);
    assert_eq!(world.eve_refused().await, ("forbidden".to_owned(), json!("pods")));
    assert_eq!(world.terms(&world.club_terms()).await.code(), "invalid_request");
    let closed = LeaderTerms {
        open: false,
        ..world.club_terms()
    };
    world.terms(&closed).await.expect(StatusCode::OK);
}

async fn a_pod_of_an_event_counts_for_its_owner_and_admins(backend: Backend) {
    let world = World::with_club(backend).await;
    world.place("eve", Some(PodRole::Member));
    world.pods.events.lock().unwrap().insert(club());
    assert_eq!(
        world.eve_refused().await,
        ("forbidden".to_owned(), json!("pods")),
        "its members do not see each other"
    );
    let refused = world.terms(&world.club_terms()).await;
    assert_eq!(refused.json()["member"], "pods");
    world.place("ada", Some(PodRole::Admin));
    world.terms(&world.club_terms()).await.expect(StatusCode::OK);
    world.answered(&eve()).await;
}

async fn terms_name_only_pods_of_their_leader(backend: Backend) {
    let world = World::new(backend).await;
    let refused = world.terms(&world.club_terms()).await;
    assert_eq!(
        (refused.code().as_str(), &refused.json()["member"]),
        ("invalid_request", &json!("pods"))
    );
    world.place("ada", Some(PodRole::Owner));
    world.terms(&world.club_terms()).await.expect(StatusCode::OK);
    let nobody = LeaderTerms {
        max_hops: 0,
        ..world.usual_terms()
    };
    world.terms_refused(&nobody, "maxHops").await;
    let many = LeaderTerms {
        pods: (0..9).map(|number| PodId::from_bytes([number; 16])).collect(),
        ..world.usual_terms()
    };
    world.terms_refused(&many, "pods must be at most 8").await;
}

async fn who_is_near_is_let_in_without_the_pods(backend: Backend) {
    let world = World::with_club(backend).await;
    world.pods.away.store(true, Ordering::SeqCst);
    world.answered(&Ask::usual()).await;
}
