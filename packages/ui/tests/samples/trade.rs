//! Events, orders, tickets, receipts, and the sandbox.

use imajin_ui::{
    EventCard, EventDetail, EventPage, EventState, FeeRow, LandingPage, LegRow, NodeCard, OrderPage, OrderState,
    PathStep, PayState, ReceiptPage, SandboxPayPage, SplitPart, SplitView, TicketCard, TicketLink, TicketPage,
    TicketState, TierRow, TierState,
};

use super::{DID, HASH, Ink, SHORT_DID, Sample, Who, sample};

pub(super) fn samples(ink: &Ink) -> Vec<Sample> {
    let mut samples = vec![sample("landing", &landing(ink))];
    for (name, who) in [
        ("event", Who::Key),
        ("event-anonymous", Who::Nobody),
        ("event-mailbox", Who::Mailbox),
    ] {
        samples.push(sample(name, &event(ink, who, EventState::OnSale)));
    }
    let states = [
        ("event-sold-out", EventState::SoldOut),
        ("event-not-open", EventState::NotOpen(ink.maybe(ink.soon()))),
        ("event-cancelled", EventState::Cancelled),
        ("event-paused", EventState::Paused),
        ("event-over", EventState::Completed),
        ("event-draft", EventState::Draft),
    ];
    for (name, state) in states {
        samples.push(sample(name, &event(ink, Who::Nobody, state)));
    }
    let states = [
        ("order-waiting", OrderState::AwaitingPayment),
        ("order-processing", OrderState::Processing),
        ("order-paid", OrderState::Paid),
        ("order-refunded", OrderState::Refunded),
        ("order-expired", OrderState::Expired),
        ("order-failed", OrderState::Failed),
        ("order-cancelled", OrderState::Cancelled),
    ];
    for (name, state) in states {
        samples.push(sample(name, &order(ink, state)));
    }
    samples.push(sample("ticket", &ticket(ink, TicketState::Valid)));
    samples.push(sample("ticket-used", &ticket(ink, TicketState::Used)));
    samples.push(sample("ticket-revoked", &ticket(ink, TicketState::Revoked)));
    samples.push(sample("receipt", &receipt(ink)));
    samples.push(sample("receipt-deep", &receipt_deep(ink)));
    samples.push(sample("receipt-free", &receipt_free(ink)));
    let states = [
        ("pay", PayState::Open),
        ("pay-paid", PayState::Paid),
        ("pay-failed", PayState::Failed),
        ("pay-expired", PayState::Expired),
        ("pay-refunded", PayState::Refunded),
    ];
    for (name, state) in states {
        samples.push(sample(name, &pay(ink, state)));
    }
    samples
}

pub(super) fn node(ink: &Ink) -> NodeCard {
    NodeCard {
        name: ink.text("Kulturhaus Linden"),
        description: if ink.bare {
            String::new()
        } else {
            ink.text("Concerts, readings and late films in the old dye works.")
        },
        did: ink.text(DID),
        url: ink.text("https://linden.example"),
        version: ink.text("0.1.0"),
    }
}

fn landing(ink: &Ink) -> LandingPage {
    let card = |id: &str, title: &str, price: &str, left: Option<u32>, state: EventState| EventCard {
        id: ink.text(id),
        title: ink.text(title),
        when: ink.soon(),
        place: ink.text("Dye works, Linden"),
        from_price: Some(ink.money(price)),
        places_left: left,
        state,
    };
    LandingPage {
        shell: ink.shell("What is on", "/", Who::Nobody),
        node: node(ink),
        events: ink.list(vec![
            card(
                "evt_1",
                "Two voices and a tape machine",
                "10.00",
                Some(7),
                EventState::OnSale,
            ),
            card("evt_2", "Trio for three thirds", "9.99", None, EventState::OnSale),
            card(
                "evt_3",
                "Night of the short films: everything under four minutes",
                "6.50",
                Some(0),
                EventState::SoldOut,
            ),
            card(
                "evt_4",
                "Сказки на ночь, 夜の童話",
                "4.00",
                Some(40),
                EventState::NotOpen(None),
            ),
        ]),
    }
}

fn event(ink: &Ink, who: Who, state: EventState) -> EventPage {
    let tier = |id: &str, name: &str, price: &str, left: Option<u32>, state: TierState| TierRow {
        id: ink.text(id),
        name: ink.text(name),
        description: ink.maybe(ink.text("Unreserved, doors at 19:30.")),
        price: ink.money(price),
        perks: ink.list(vec![ink.text("A drink at the bar")]),
        places_left: left,
        order_limit: 6,
        state,
    };
    let part = |name: &str, role: &str, percent: &str, share_millionths: u32, accepted: bool| SplitPart {
        name: ink.text(name),
        short_id: ink.text(SHORT_DID),
        role: ink.text(role),
        percent: percent.to_owned(),
        share_millionths,
        accepted,
        is_manifest: role == "source",
    };
    EventPage {
        shell: ink.shell("Two voices and a tape machine", "/events/evt_1", who),
        event: EventDetail {
            id: ink.text("evt_1"),
            did: ink.text(DID),
            title: ink.text("Two voices and a tape machine"),
            starts: ink.soon(),
            ends: ink.maybe(ink.when("2026-12-12T22:30:00+01:00", "22:30")),
            place: ink.text("Dye works, Linden"),
            address: ink.maybe(ink.text("Färbergasse 4, 30449 Hannover")),
            virtual_url: ink.maybe(ink.text("https://stream.linden.example/evt_1")),
            is_joined_by_ticket: false,
            description: ink.text(
                "Ada Lindqvist and Kofi Mensah play songs that were written for one microphone, recorded while you \
                 listen, and played back against themselves.\n\nThe tape is cut at the end of the evening, and \
                 everybody \
                 takes home a piece of it.",
            ),
            tags: ink.list(vec![ink.text("music"), ink.text("tape"), ink.text("small")]),
            host_name: ink.text("Kulturhaus Linden"),
            host_did: ink.text(DID),
            refund_policy: ink.maybe(ink.text("Until the day before, the whole price.")),
        },
        state,
        tiers: ink.list(vec![
            tier("tir_1", "Standing", "10.00", Some(7), TierState::OnSale),
            tier("tir_2", "A chair by the wall", "16.00", Some(1), TierState::OnSale),
            tier("tir_3", "Balcony", "24.00", Some(0), TierState::SoldOut),
            tier("tir_4", "At the door", "12.00", None, TierState::NotOpen(ink.soon())),
        ]),
        split: SplitView {
            manifest_id: if ink.bare {
                String::new()
            } else {
                ink.text("fair_ab2cd3ef4gh5")
            },
            manifest_url: "/events/api/events/evt_1/fair".to_owned(),
            signed_by: ink.text("Kulturhaus Linden"),
            parts: vec![
                part("Ada Lindqvist", "artist", "70 %", 700_000, true),
                part("Kofi Mensah", "artist", "20 %", 200_000, true),
                part("The tape loop", "source", "10 %", 100_000, false),
            ],
        },
        form_token: ink.text("form-token"),
        idempotency_key: ink.text("key-1"),
    }
}

fn order(ink: &Ink, state: OrderState) -> OrderPage {
    let waiting = state == OrderState::AwaitingPayment;
    let paid = state == OrderState::Paid;
    let ticket = |id: &str, label: &str| TicketLink {
        id: ink.text(id),
        label: ink.text(label),
    };
    OrderPage {
        shell: ink.shell("Your order", "/orders/ord_1", Who::Key),
        order_id: ink.text("ord_01jd8x"),
        event_id: ink.text("evt_1"),
        event_title: ink.text("Two voices and a tape machine"),
        when: ink.soon(),
        place: ink.text("Dye works, Linden"),
        tier_name: ink.text("Standing"),
        quantity: 2,
        total: ink.money("20.00"),
        state,
        tickets: if paid {
            vec![ticket("tkt_1", "Standing, 1 of 2"), ticket("tkt_2", "Standing, 2 of 2")]
        } else {
            vec![]
        },
        receipt_id: paid.then(|| ink.text("rcp_1")),
        pay_url: waiting.then(|| "/pay/checkout/chk_1".to_owned()),
        expires: waiting.then(|| ink.now()),
        reason: (state == OrderState::Refunded).then(|| ink.text("The last places went while you paid.")),
    }
}

pub(super) fn ticket_card(ink: &Ink, state: TicketState) -> TicketCard {
    TicketCard {
        id: ink.text("tkt_1"),
        event_title: ink.text("Two voices and a tape machine"),
        event_id: ink.text("evt_1"),
        when: ink.soon(),
        place: ink.text("Dye works, Linden"),
        tier_name: ink.text("Standing"),
        state,
    }
}

fn ticket(ink: &Ink, state: TicketState) -> TicketPage {
    let qr_text = format!("IMJ1{}", "MFRGGZDFMZTWQ2LK".repeat(12));
    TicketPage {
        shell: ink.shell("Ticket", "/tickets/tkt_1", Who::Key),
        ticket: ticket_card(ink, state),
        virtual_url: ink.maybe(ink.text("https://stream.linden.example/evt_1")),
        event_did: ink.text(DID),
        holder_name: ink.text("Mira Okonkwo"),
        holder_did: ink.text(DID),
        price: ink.money("10.00"),
        purchased: ink.now(),
        receipt_id: ink.maybe(ink.text("rcp_1")),
        verify_command: ink.text(&format!("imajin ticket verify --event {DID} {qr_text}")),
        qr_text,
        json_url: "/events/api/tickets/tkt_1".to_owned(),
    }
}

fn leg(ink: &Ink, name: &str, role: &str, percent: &str, amount: &str, amount_micros: i64) -> LegRow {
    LegRow {
        name: ink.text(name),
        did: ink.text(DID),
        short_did: ink.text(SHORT_DID),
        role: ink.text(role),
        path: vec![],
        percent: percent.to_owned(),
        amount: amount.to_owned(),
        amount_micros,
        held: false,
        paid_to: ink.text("9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM"),
    }
}

fn receipt(ink: &Ink) -> ReceiptPage {
    ReceiptPage {
        shell: ink.shell("Receipt", "/receipts/rcp_1", Who::Key),
        receipt_id: ink.text("rcp_01jd8y"),
        time: ink.now(),
        title: ink.text("Two voices and a tape machine"),
        description: ink.text("1 × Standing"),
        goods_url: ink.maybe("/events/evt_1".to_owned()),
        payer_name: ink.text("Mira Okonkwo"),
        payer_did: ink.text(DID),
        gross: ink.money("10.00"),
        gross_micros: 10_000_000,
        fees: vec![],
        fee_schedule: ink.text("none"),
        legs: vec![
            leg(ink, "Ada Lindqvist", "artist", "70 %", "7.00", 7_000_000),
            leg(ink, "Kofi Mensah", "artist", "30 %", "3.00", 3_000_000),
        ],
        is_test: true,
        refunded: None,
        refunds: Vec::new(),
        refund_form: None,
        rail: ink.text("sandbox"),
        rail_reference: ink.text("sbx_01jd8z"),
        manifest_id: if ink.bare {
            String::new()
        } else {
            ink.text("fair_ab2cd3ef4gh5ij6kl7mn2op3qr4st5uv")
        },
        manifest_digest: HASH.to_owned(),
        manifest_url: "/events/api/events/evt_1/fair".to_owned(),
        consent_digest: ink.maybe(HASH.to_owned()),
        entry_hash: HASH.to_owned(),
        signed_by: ink.text(DID),
        signature: HASH.repeat(2),
        json_url: "/pay/api/receipts/rcp_1".to_owned(),
        jwt_url: "/pay/api/receipts/rcp_1?format=jwt".to_owned(),
    }
}

/// Fees, shares that go through other manifests, a held share, and a payee with next to nothing.
fn receipt_deep(ink: &Ink) -> ReceiptPage {
    let step = |title: &str| PathStep {
        manifest_id: ink.text("fair_x"),
        title: ink.text(title),
    };
    let through = |mut leg: LegRow, path: Vec<PathStep>| {
        leg.path = path;
        leg
    };
    let mut held = leg(
        ink,
        "Yuki 雪 Tanaka, for the arrangement of the second half",
        "arranger",
        "4.5 %",
        "4.4325",
        4_432_500,
    );
    held.held = true;
    let tape = || step("The tape loop");
    ReceiptPage {
        gross: ink.money("100.00"),
        gross_micros: 100_000_000,
        fees: vec![FeeRow {
            name: ink.text("protocol"),
            recipient_name: ink.text("MJN protocol"),
            percent: "1.5 %".to_owned(),
            amount: "1.50".to_owned(),
            amount_micros: 1_500_000,
        }],
        fee_schedule: ink.text("mjn, version 1"),
        legs: vec![
            leg(ink, "Ada Lindqvist", "artist", "63.992599 %", "63.992599", 63_992_599),
            through(
                leg(ink, "Kofi Mensah", "writer", "20 %", "20.00", 20_000_000),
                vec![tape()],
            ),
            through(
                leg(
                    ink,
                    "Estate of R. Abel",
                    "sampled",
                    "10.074901 %",
                    "10.0749",
                    10_074_900,
                ),
                vec![tape(), step("Rain, 1962")],
            ),
            held,
            leg(ink, "Door", "venue", "0.000001 %", "0.000001", 1),
        ],
        refunded: Some(ink.now()),
        refunds: vec![imajin_ui::RefundLine {
            id: "rfd_01kb0000000000000000000000".to_owned(),
            amount: imajin_ui::MoneyText {
                amount: "4.00".to_owned(),
                currency: "TEST-USD".to_owned(),
            },
            when: ink.now(),
            state: "went back".to_owned(),
            reason: "The evening was rained off.".to_owned(),
            note_url: Some("/credit-notes/rfd_01kb0000000000000000000000".to_owned()),
        }],
        refund_form: Some(imajin_ui::RefundForm {
            left: "6.00".to_owned(),
            currency: "TEST-USD".to_owned(),
        }),
        ..receipt(ink)
    }
}

fn receipt_free(ink: &Ink) -> ReceiptPage {
    ReceiptPage {
        gross: ink.money("0.00"),
        gross_micros: 0,
        legs: vec![],
        ..receipt(ink)
    }
}

fn pay(ink: &Ink, state: PayState) -> SandboxPayPage {
    SandboxPayPage {
        shell: ink.shell("Pay", "/pay/checkout/chk_1", Who::Nobody),
        checkout_id: ink.text("chk_01jd8x"),
        title: ink.text("Two voices and a tape machine"),
        description: ink.text("2 × Standing"),
        seller_name: ink.text("Kulturhaus Linden"),
        amount: ink.money("20.00"),
        expires: ink.now(),
        action: "/pay/checkout/chk_1".to_owned(),
        token: ink.text("token"),
        state,
        return_url: "/orders/ord_1".to_owned(),
    }
}
