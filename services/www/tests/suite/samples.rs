//! Answers of the services, for the unit tests and for the fakes of the integration tests.

use imajin_did::{Did, SecretKey};
use imajin_events_api::{
    EventStatus, EventView, OrderState, OrderView, TicketCode, TicketPayload, TicketView, TierView,
};
use imajin_fair::{Contributor, Manifest, Payee};
use imajin_kernel::Timestamp;
use imajin_kernel::id::{CheckoutId, EntryId, EventId, OrderId, ReceiptId, TicketId, TierId};
use imajin_money::{Amount, Share};
use imajin_pay_api::{
    CheckoutState, CheckoutView, GoodsRef, ReceiptBody, ReceiptLedgerEntry, ReceiptLeg, ReceiptManifest, ReceiptView,
};
use imajin_proof::SignedMessage;
use imajin_registry_api::{
    BuildStanding, BuildView, Console, DirectoryTrouble, HeldSweep, NodeStatus, NodeType, NodeView, ReleaseKeyView,
    UnpublishedName,
};

pub(crate) fn key(number: u8) -> SecretKey {
    SecretKey::from_seed([number; 32])
}

/// 1 is the buyer, 2 and 3 the artists, 4 the host, 5 the event, 6 the operator, 7 a stranger with a key, 8 the node.
pub(crate) fn did(number: u8) -> Did {
    key(number).did()
}

pub(crate) fn now() -> Timestamp {
    "2026-11-21T13:00:00Z".parse().unwrap()
}

fn manifest() -> Manifest {
    let share = |millionths| Share::from_millionths(millionths).unwrap();
    Manifest::new(vec![
        Contributor::new(Payee::Did(did(2)), "artist", share(700_000)),
        Contributor::new(Payee::Did(did(3)), "artist", share(300_000)),
    ])
    .unwrap()
    .sign(&key(4), did(4), now())
    .unwrap()
}

pub(crate) fn event_sample() -> EventView {
    EventView {
        id: EventId::from_bytes([1; 16]),
        did: did(5),
        owner: did(4),
        title: "Two voices and a tape machine".to_owned(),
        description: "One microphone.\n\nOne tape.".to_owned(),
        starts_at: "2026-12-12T19:00:00Z".parse().unwrap(),
        ends_at: "2026-12-12T21:30:00Z".parse().unwrap(),
        timezone: "Europe/Berlin".to_owned(),
        venue: Some("Dye works".to_owned()),
        address: None,
        virtual_url: None,
        is_online: false,
        tags: vec!["tape".to_owned()],
        status: EventStatus::Published,
        tiers: vec![TierView {
            id: TierId::from_bytes([2; 16]),
            name: "Standing".to_owned(),
            description: String::new(),
            price: "10.00 TEST-USD".parse().unwrap(),
            quantity: Some(20),
            available: Some(20),
            per_order_limit: 10,
            sales_start: None,
            sales_end: None,
            perks: Vec::new(),
        }],
        manifest: manifest(),
        accepted: vec![did(2), did(3)],
        refund_policy: None,
        created_at: now(),
    }
}

pub(crate) fn order_sample() -> OrderView {
    OrderView {
        id: OrderId::from_bytes([3; 16]),
        event_id: event_sample().id,
        event_title: event_sample().title,
        tier_id: TierId::from_bytes([2; 16]),
        tier_name: "Standing".to_owned(),
        quantity: 1,
        total: "10.00 TEST-USD".parse().unwrap(),
        buyer: did(1),
        state: OrderState::Held,
        hold_expires_at: "2026-11-21T13:15:00Z".parse().unwrap(),
        checkout_id: Some(checkout_sample().id),
        checkout_url: Some(checkout_sample().url),
        tickets: Vec::new(),
        receipt: None,
    }
}

pub(crate) fn checkout_sample() -> CheckoutView {
    let id = CheckoutId::from_bytes([4; 16]);
    CheckoutView {
        id,
        goods: GoodsRef {
            kind: "order".to_owned(),
            id: OrderId::from_bytes([3; 16]).to_string(),
        },
        url: format!("http://127.0.0.1:7000/pay/checkout/{id}"),
        price: "10.00 TEST-USD".parse().unwrap(),
        state: CheckoutState::Open,
        expires_at: "2026-11-21T13:15:00Z".parse().unwrap(),
        receipt: None,
        reason: None,
    }
}

pub(crate) fn ticket_sample() -> TicketView {
    let payload = TicketPayload {
        ticket_id: TicketId::from_bytes([6; 16]),
        event_id: event_sample().id,
        tier_id: TierId::from_bytes([2; 16]),
        tier: "Standing".to_owned(),
        price: "10.00 TEST-USD".parse().unwrap(),
        purchased_at: now().as_millis(),
        nonce: "0102030405060708".to_owned(),
        to: did(1),
        receipt: ReceiptId::from_bytes([5; 16]),
    };
    TicketView {
        id: payload.ticket_id,
        event_id: payload.event_id,
        event_title: event_sample().title,
        event_did: did(5),
        starts_at: event_sample().starts_at,
        timezone: event_sample().timezone,
        venue: event_sample().venue,
        virtual_url: None,
        is_online: false,
        tier_name: payload.tier.clone(),
        holder: did(1),
        status: "valid".to_owned(),
        order_id: OrderId::from_bytes([3; 16]),
        receipt: payload.receipt,
        qr: TicketCode::of(&payload).sign(&key(5)),
        document: SignedMessage::sign(&key(5), did(5), "ticket", Some(did(1)), now(), payload).unwrap(),
    }
}

pub(crate) fn receipt_sample() -> ReceiptView {
    let leg = |number: u8, micros: i64| ReceiptLeg {
        did: did(number),
        role: "artist".to_owned(),
        path: vec![manifest().id],
        amount: Amount::from_micros(micros).unwrap(),
        held: false,
        contracts: Vec::new(),
        accrued: false,
        paid_to: None,
    };
    let body = ReceiptBody {
        id: ReceiptId::from_bytes([5; 16]),
        time: now(),
        checkout: checkout_sample().id,
        goods: checkout_sample().goods,
        title: event_sample().title,
        delivered: vec![TicketId::from_bytes([6; 16]).to_string()],
        seller: did(4),
        manifest: ReceiptManifest {
            id: manifest().id,
            sha256: "ab".repeat(32),
        },
        gross: "10.00 TEST-USD".parse().unwrap(),
        fees: Vec::new(),
        legs: vec![leg(2, 7_000_000), leg(3, 3_000_000)],
        releases: Vec::new(),
        rail: "sandbox".to_owned(),
        rail_reference: "rlm_1".to_owned(),
        rail_fee: None,
        test_money: true,
        ledger_entry: ReceiptLedgerEntry {
            id: EntryId::from_bytes([7; 16]),
            hash: "cd".repeat(32),
        },
    };
    ReceiptView {
        message: SignedMessage::sign(&key(8), did(8), "receipt", Some(did(1)), now(), body).unwrap(),
        jwt: "eyJ.eyJ.sig".to_owned(),
    }
}

pub(crate) fn node_sample() -> NodeView {
    NodeView {
        node_id: did(8),
        hostname: "linden".to_owned(),
        subdomain: "linden.nodes.example".to_owned(),
        node_type: Some(NodeType::Community),
        services: vec!["events".to_owned()],
        capabilities: vec!["tickets".to_owned()],
        version: "0.1.0".to_owned(),
        build_hash: "ef".repeat(32),
        build_status: "verified".to_owned(),
        status: NodeStatus::Active,
        registered_at: now(),
        last_heartbeat_at: Some(now()),
        expires_at: "2027-11-21T13:00:00Z".parse().unwrap(),
        revoked_reason: None,
    }
}

pub(crate) fn console_sample() -> Console {
    let node = node_sample();
    Console {
        zone: "nodes.example".to_owned(),
        is_served: true,
        known_builds: false,
        builds: vec![BuildView {
            build_hash: node.build_hash.clone(),
            version: node.version.clone(),
            status: "reported".to_owned(),
            standing: Some(BuildStanding::Deprecated),
            standing_reason: Some("it loses receipts".to_owned()),
            target_version: None,
            nodes: 3,
        }],
        release_keys: vec![ReleaseKeyView {
            public_key: key(7).public(),
            name: "the-makers".to_owned(),
            added_at: now(),
            retired_at: None,
            retired_reason: None,
        }],
        unpublished: vec![UnpublishedName {
            name: "linden".to_owned(),
            node_id: node.node_id.clone(),
            since: now(),
            last_error: Some("no route to host".to_owned()),
            is_withdrawn: false,
        }],
        unpublished_total: 1,
        held: Some(HeldSweep {
            silent_together: 4,
            named: 20,
        }),
        directory: Some(DirectoryTrouble {
            shown: 60,
            own: 50,
            source: "https://copy.example/registry".to_owned(),
            seen_at: now(),
            is_forked: false,
        }),
        revoked: vec![NodeView {
            revoked_reason: Some("it was sold".to_owned()),
            ..node
        }],
    }
}
