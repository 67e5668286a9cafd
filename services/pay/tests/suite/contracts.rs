//! What people do with what comes in.

use axum::http::StatusCode;
use imajin_did::Did;
use imajin_fair::distribution::Contract;
use imajin_kernel::{Span, Timestamp};
use imajin_pay_api::{ReceiptBody, ReceiptLeg};
use imajin_rails::RailOutcome;
use imajin_testkit::{Answer, Backend, on_both};
use serde_json::{Value, json};

use crate::world::{World, key, money};

on_both!(
    a_contract_governs_what_is_paid_from_its_time_on_and_nothing_before,
    a_payment_follows_the_version_of_its_own_time_however_late_it_is_settled,
    what_is_no_next_version_of_ones_own_is_refused,
    small_parts_wait_and_leave_together,
    settlements_of_one_batch_see_what_the_ones_before_leave_waiting,
    who_cannot_be_paid_blocks_nobody,
    contracts_lead_on_and_a_circle_stops,
    sums_are_public_only_if_their_owner_says_so,
    an_effect_is_shown_before_anything_is_signed,
);

const CONTRACT: &str = "/pay/api/contract";

pub(crate) fn draft(world: &World, owner: &str, version: u32, parts: &[(&str, &Did, u32)]) -> Value {
    let now = world.env.now();
    let part =
        |(label, to, percent): &(&str, &Did, u32)| json!({"label": label, "recipient": to, "percentage": percent});
    json!({
        "profile_did": key(owner).did(), "version": version, "updated_at": now.to_string(),
        "effective_at": now.plus(Span::minutes(1)).to_string(),
        "allocations": parts.iter().map(part).collect::<Vec<_>>(),
    })
}

pub(crate) fn signed(world: &World, owner: &str, draft: Value) -> Value {
    let contract = Contract::from_value(draft).unwrap();
    let owner = key(owner);
    contract.sign(&owner, owner.did(), world.env.now()).unwrap().to_value()
}

/// Signs a contract that takes effect in a minute, and hands it in.
pub(crate) async fn contract_sign(
    world: &World,
    owner: &str,
    version: u32,
    parts: &[(&str, &str, u32)],
    change: &(dyn Fn(&mut Value) + Sync),
) -> Answer {
    let dids: Vec<Did> = parts.iter().map(|(_, to, _)| key(to).did()).collect();
    let parts: Vec<_> = parts
        .iter()
        .zip(&dids)
        .map(|((label, _, percent), did)| (*label, did, *percent))
        .collect();
    let mut draft = draft(world, owner, version, &parts);
    change(&mut draft);
    let answer = world.put(owner, CONTRACT, &signed(world, owner, draft)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer
}

pub(crate) async fn sale(world: &World) -> ReceiptBody {
    let checkout = world.checkout("buyer").await;
    world.pay_for(&checkout).await;
    world.receipt("buyer", checkout.id).await.message.payload
}

fn lines(legs: &[ReceiptLeg]) -> Vec<(Did, String, Vec<String>, bool)> {
    let line = |leg: &ReceiptLeg| {
        let labels = leg.contracts.iter().map(|hop| hop.label.clone()).collect();
        (leg.did.clone(), leg.amount.to_string(), labels, leg.accrued)
    };
    legs.iter().map(line).collect()
}

fn labels(all: &[&str]) -> Vec<String> {
    all.iter().map(|label| (*label).to_owned()).collect()
}

async fn a_contract_governs_what_is_paid_from_its_time_on_and_nothing_before(backend: Backend) {
    let world = World::new(backend).await;
    contract_sign(
        &world,
        "mira",
        1,
        &[("own", "mira", 60), ("charity", "ada", 40)],
        &|_| {},
    )
    .await;
    let before = sale(&world).await;
    assert!(before.legs.iter().all(|leg| leg.contracts.is_empty()));
    assert_eq!(world.available("mira").await, "7.00 TEST-USD");
    world.clock.advance(Span::minutes(1));
    let after = sale(&world).await;
    assert_eq!(
        lines(&after.legs),
        [
            (key("mira").did(), "4.20".to_owned(), labels(&["own"]), false),
            (key("ada").did(), "2.80".to_owned(), labels(&["charity"]), false),
            (key("jonas").did(), "3.00".to_owned(), labels(&[]), false),
        ]
    );
    let hop = &after.legs[1].contracts[0];
    assert_eq!(
        (&hop.profile, hop.version, hop.percentage.as_str()),
        (&key("mira").did(), 1, "40")
    );
    assert_eq!((hop.amount.to_string().as_str(), hop.overflowed), ("2.80", false));
    assert_eq!(
        after.legs[1].path,
        std::slice::from_ref(&after.manifest.id),
        "the way through the manifests is there too"
    );
    assert_eq!(world.available("mira").await, "11.20 TEST-USD");
    assert_eq!(world.available("ada").await, "2.80 TEST-USD");
    // Whom the contract pays may read the receipt; so may everybody else who is on it.
    let id = after.id;
    for reader in ["ada", "mira", "jonas", "buyer"] {
        let answer = world.get(Some(reader), &format!("/pay/api/receipts/{id}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{reader}");
    }
    contract_sign(&world, "mira", 2, &[("own", "mira", 100)], &|_| {}).await;
    let listed = world.get(Some("mira"), CONTRACT).await.json();
    assert_eq!(listed["inEffect"], 1);
    let versions: Vec<&Value> = listed["versions"].as_array().unwrap().iter().collect();
    assert_eq!(
        versions
            .iter()
            .map(|each| each["contract"]["version"].clone())
            .collect::<Vec<_>>(),
        [2, 1]
    );
    assert_eq!(versions[1]["contract"]["allocations"][1]["label"], "charity");
    world.clock.advance(Span::minutes(1));
    assert_eq!(sale(&world).await.legs.len(), 2);
    assert_eq!(world.get(Some("mira"), CONTRACT).await.json()["inEffect"], 2);
    world.audit_clean().await;
}

async fn a_payment_follows_the_version_of_its_own_time_however_late_it_is_settled(backend: Backend) {
    let world = World::new(backend).await;
    contract_sign(&world, "mira", 1, &[("charity", "ada", 100)], &|_| {}).await;
    world.clock.advance(Span::minutes(1));
    let checkout = world.checkout("buyer").await;
    // The rail's clock is ahead of ours, further than the next version is.
    let mut event = world.event(&checkout, RailOutcome::Paid);
    event.time = world.env.now().plus(Span::minutes(3));
    world.webhook(&event).await;
    contract_sign(&world, "mira", 2, &[("other", "zoe", 100)], &|_| {}).await;
    world.clock.advance(Span::minutes(10));
    world.pay.drive().await.unwrap();
    assert_eq!(world.available("ada").await, "7.00 TEST-USD");
    assert_eq!(world.available("zoe").await, "0");
    world.audit_clean().await;
}

async fn what_is_no_next_version_of_ones_own_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let mira = key("mira").did();
    let next = |version| draft(&world, "mira", version, &[("own", &mira, 100)]);
    let refused = async |who: &str, body: Value| world.put(who, CONTRACT, &body).await.code();
    assert_eq!(refused("mira", next(1)).await, "bad_signature", "not signed");
    let good = signed(&world, "mira", next(1));
    assert_eq!(refused("jonas", good.clone()).await, "forbidden", "somebody else's");
    let mut changed = good.clone();
    changed["allocations"][0]["label"] = json!("changed");
    assert_eq!(
        refused("mira", changed).await,
        "bad_signature",
        "changed after it was signed"
    );
    assert_eq!(
        refused("mira", signed(&world, "mira", next(2))).await,
        "conflict",
        "not the next"
    );
    let mut partial = next(1);
    partial["allocations"][0]["percentage"] = json!(99);
    assert_eq!(refused("mira", partial).await, "invalid_request", "not the whole");
    for effective in [Span::ZERO, Span::seconds(-1)] {
        let mut past = next(1);
        let at = world.env.now().plus(effective);
        past["updated_at"] = json!(Timestamp::from_seconds(1_800_000_000).to_string());
        past["effective_at"] = json!(at.to_string());
        assert_eq!(
            refused("mira", signed(&world, "mira", past)).await,
            "invalid_request",
            "now or before"
        );
    }
    assert_eq!(
        refused("mira", json!({"version": 1})).await,
        "invalid_request",
        "no contract"
    );
    assert_eq!(world.get(None, CONTRACT).await.code(), "unauthenticated");
    let none = world.get(Some("mira"), CONTRACT).await.json();
    assert_eq!(
        (none["inEffect"].clone(), none["versions"].clone()),
        (json!(null), json!([]))
    );
    let first = world.put("mira", CONTRACT, &good).await;
    let again = world.put("mira", CONTRACT, &good).await;
    assert_eq!(
        (first.status, first.body),
        (again.status, again.body),
        "the same again changes nothing"
    );
    let other = draft(&world, "mira", 1, &[("other", &mira, 100)]);
    assert_eq!(
        refused("mira", signed(&world, "mira", other)).await,
        "conflict",
        "a version never changes"
    );
    world.audit_clean().await;
}

pub(crate) fn with_minimum(contract: &mut Value) {
    contract["minimum_transaction"] = json!("1.00");
    contract["currency"] = json!("TEST-USD");
}

async fn small_parts_wait_and_leave_together(backend: Backend) {
    let world = World::new(backend).await;
    contract_sign(
        &world,
        "mira",
        1,
        &[("own", "mira", 90), ("charity", "ada", 10)],
        &with_minimum,
    )
    .await;
    world.clock.advance(Span::minutes(1));
    let first = sale(&world).await;
    assert_eq!(
        lines(&first.legs)[1],
        (key("ada").did(), "0.70".to_owned(), labels(&["charity"]), true)
    );
    assert!(first.releases.is_empty());
    let ada = key("ada").did();
    assert_eq!(world.balance(&ada, "accrued").await, "0.70 TEST-USD");
    assert_eq!(world.balance(&ada, "available").await, "0");
    let second = sale(&world).await;
    assert!(!second.legs[1].accrued);
    let release = &second.releases[0];
    assert_eq!(
        (
            &release.profile,
            release.label.as_str(),
            &release.did,
            release.amount.to_string()
        ),
        (&key("mira").did(), "charity", &ada, "0.70".to_owned())
    );
    assert_eq!(world.balance(&ada, "accrued").await, "0");
    assert_eq!(world.balance(&ada, "available").await, "1.40 TEST-USD");
    sale(&world).await;
    assert_eq!(world.balance(&ada, "accrued").await, "0.70 TEST-USD");
    // Money in another currency has no minimum, and what waits in this one stays.
    let goods = world.goods_split("buyer", "10.00 TEST-EUR", &[("mira", 1_000_000)]);
    let checkout = world.checkout_of("buyer", &goods).await;
    world.pay_for(&checkout).await;
    let entries = world
        .get(Some("ada"), "/pay/api/entries?currency=TEST-EUR")
        .await
        .json();
    assert_eq!(entries["entries"][0]["amount"]["amount"], "1.00");
    world.audit_clean().await;
}

async fn settlements_of_one_batch_see_what_the_ones_before_leave_waiting(backend: Backend) {
    let world = World::new(backend).await;
    contract_sign(
        &world,
        "mira",
        1,
        &[("own", "mira", 90), ("charity", "ada", 10)],
        &with_minimum,
    )
    .await;
    world.clock.advance(Span::minutes(1));
    for number in 0..7 {
        let checkout = world.checkout(&format!("buyer {number}")).await;
        world.webhook(&world.event(&checkout, RailOutcome::Paid)).await;
    }
    world.pay.drive().await.unwrap();
    let ada = key("ada").did();
    assert_eq!(world.balance(&ada, "available").await, "4.20 TEST-USD");
    assert_eq!(world.balance(&ada, "accrued").await, "0.70 TEST-USD");
    world.audit_clean().await;
}

async fn who_cannot_be_paid_blocks_nobody(backend: Backend) {
    let world = World::new(backend).await;
    let (gone, lost): (Did, Did) = (
        "did:web:gone.example".parse().unwrap(),
        "did:web:lost.example".parse().unwrap(),
    );
    let (mira, ada) = (key("mira").did(), key("ada").did());
    let parts = [
        ("own", &mira, 50),
        ("gone", &gone, 30),
        ("mail", &"did:email:a_at_b.example".parse().unwrap(), 20),
    ];
    for (version, overflow, got) in [(1, Some(&ada), &ada), (2, Some(&lost), &mira), (3, None, &mira)] {
        let mut contract = draft(&world, "mira", version, &parts);
        if let Some(overflow) = overflow {
            contract["overflow"] = json!(overflow);
        }
        let answer = world.put("mira", CONTRACT, &signed(&world, "mira", contract)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        world.clock.advance(Span::minutes(1));
        let body = sale(&world).await;
        let leg = &body.legs[1];
        assert_eq!((&leg.did, leg.amount.to_string().as_str()), (got, "2.10"));
        assert!(leg.contracts[0].overflowed && leg.contracts[0].recipient == gone);
        assert_eq!(
            body.legs[2].amount.to_string(),
            "1.40",
            "a mailbox can be paid: whoever proves it has it"
        );
    }
    assert_eq!(world.balance(&gone, "available").await, "0");
    world.audit_clean().await;
}

async fn contracts_lead_on_and_a_circle_stops(backend: Backend) {
    let world = World::new(backend).await;
    contract_sign(&world, "mira", 1, &[("studio", "studio", 100)], &|_| {}).await;
    contract_sign(
        &world,
        "studio",
        1,
        &[("rent", "landlord", 50), ("back", "mira", 50)],
        &|_| {},
    )
    .await;
    world.clock.advance(Span::minutes(1));
    let body = sale(&world).await;
    assert_eq!(
        lines(&body.legs)[..2],
        [
            (
                key("landlord").did(),
                "3.50".to_owned(),
                labels(&["studio", "rent"]),
                false
            ),
            (key("mira").did(), "3.50".to_owned(), labels(&["studio", "back"]), false),
        ]
    );
    assert_eq!(world.available("mira").await, "3.50 TEST-USD");
    let studio = format!("/pay/api/receipts/{}", body.id);
    assert_eq!(
        world.get(Some("studio"), &studio).await.status,
        StatusCode::OK,
        "it passed money on"
    );
    world.audit_clean().await;
}

async fn sums_are_public_only_if_their_owner_says_so(backend: Backend) {
    let world = World::new(backend).await;
    let path = format!("{CONTRACT}/{}", key("mira").did());
    assert_eq!(world.get(None, &path).await.code(), "not_found", "no contract");
    contract_sign(
        &world,
        "mira",
        1,
        &[("own", "mira", 90), ("charity", "ada", 10)],
        &with_minimum,
    )
    .await;
    world.clock.advance(Span::minutes(1));
    sale(&world).await;
    assert_eq!(world.get(None, &path).await.code(), "not_found", "not public");
    contract_sign(
        &world,
        "mira",
        2,
        &[("own", "mira", 50), ("charity", "zoe", 50)],
        &|contract| {
            contract["aggregates_public"] = json!(true);
        },
    )
    .await;
    world.clock.advance(Span::minutes(1));
    sale(&world).await;
    let public = world.get(None, &path).await.json();
    let sum = |label: &str, amount: &str| json!({"label": label, "total": {"amount": amount, "currency": "TEST-USD"}});
    assert_eq!(
        public,
        json!({"owner": key("mira").did(), "version": 2, "labels": [sum("charity", "4.20"), sum("own", "9.80")]})
    );
    assert_eq!(world.get(None, &format!("{CONTRACT}/nobody")).await.code(), "not_found");
}

async fn an_effect_is_shown_before_anything_is_signed(backend: Backend) {
    let world = World::new(backend).await;
    let (mira, ada) = (key("mira").did(), key("ada").did());
    let mut contract = draft(&world, "mira", 1, &[("own", &mira, 90), ("charity", &ada, 10)]);
    with_minimum(&mut contract);
    let ask = async |contract: &Value, amount: Value| {
        let body = json!({"contract": contract, "amount": amount});
        world.post("anybody", "/pay/api/contract/preview", None, &body).await
    };
    let small = json!(money("5.00 TEST-USD"));
    let shown = ask(&contract, small.clone()).await.json();
    let part = |label: &str, to: &Did, percent: &str, amount: &str, waits: bool| {
        json!({
            "label": label, "recipient": to, "percentage": percent, "waits": waits,
            "amount": {"amount": amount, "currency": "TEST-USD"},
        })
    };
    assert_eq!(
        shown["parts"],
        json!([
            part("own", &mira, "90", "4.50", false),
            part("charity", &ada, "10", "0.50", true)
        ])
    );
    assert_eq!(
        ask(&contract, json!(money("0.00 TEST-USD"))).await.json()["parts"],
        json!([])
    );
    contract["allocations"][0]["percentage"] = json!(80);
    let wrong = ask(&contract, small).await;
    assert_eq!(wrong.code(), "invalid_request");
    assert!(wrong.text().contains("sum to 90"), "{}", wrong.text());
    let listed = world.get(Some("mira"), CONTRACT).await.json();
    assert_eq!(listed["versions"], json!([]), "nothing was stored");
}
