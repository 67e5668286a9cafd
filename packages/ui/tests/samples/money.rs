//! The operator's pages about money, and the page of the fees.

use imajin_ui::{
    Act, ActField, ActForm, AskField, AskForm, AskKind, Bar, BarPart, Block, Cell, Chart, FeesForm, Figure, MoneyPage,
    Search, Table,
};

use super::{Ink, Sample, Who, sample};

fn chart(ink: &Ink) -> Chart {
    let bar = |day: u64| Bar {
        label: ink.text(&format!("2026-11-{day:02}")),
        parts: [day * 7 % 11, day % 3, 1, 0]
            .map(|size| BarPart {
                size,
                text: ink.text(&format!("{size}.00")),
            })
            .into(),
    };
    Chart {
        id: "sales".to_owned(),
        title: ink.text("How sales in TEST-USD were split"),
        series: ["To payees", "Held", "Fees", "Kept by the rail"]
            .map(|name| ink.text(name))
            .into(),
        bars: ink.list((1..=30).map(bar).collect()),
    }
}

fn table(ink: &Ink) -> Table {
    let act = Act {
        label: "Retry".to_owned(),
        path: "/pay/api/messages/rlm_1/retry".to_owned(),
        body: ink.text("{}"),
    };
    Table {
        id: "messages".to_owned(),
        title: ink.text("Latest"),
        columns: ["When", "About", "Result", "#Amount"].map(|name| ink.text(name)).into(),
        rows: ink.list(vec![
            vec![
                Cell::text(ink.text("21 November 2026, 12:00 UTC")).fine(ink.text("rlm_1")),
                Cell::mono(ink.text("pi_1")).to("/pay/operator/orders/chk_1"),
                Cell::tag(ink.text("booked"), "good"),
                Cell::number(ink.text("10.00 TEST-USD")),
            ],
            vec![
                Cell::text(ink.text("21 November 2026, 11:00 UTC")),
                Cell::mono(ink.text("pi_2")),
                Cell::button(act),
                Cell::number(ink.text("-10.00 TEST-USD")),
            ],
        ]),
        empty: ink.text("None."),
        next: if ink.bare {
            String::new()
        } else {
            "/pay/operator/messages?before=rlm_1".to_owned()
        },
    }
}

/// What the operator of a registry fills in.
fn revocation(ink: &Ink) -> Block {
    Block::Form(ActForm {
        id: "revoke".to_owned(),
        title: ink.text("Take a node off"),
        label: "Take it off".to_owned(),
        path: "/registry/api/operator/nodes/revoke".to_owned(),
        body: "{}".to_owned(),
        fields: vec![ActField {
            name: "reason".to_owned(),
            label: ink.text("Why"),
            value: ink.text("it was sold"),
            is_optional: false,
        }],
    })
}

/// What the operator of a gate asks about a policy.
fn policy(ink: &Ink) -> Block {
    let field = |name: &str, label: &str, value: &str, kind: AskKind| AskField {
        name: name.to_owned(),
        label: ink.text(label),
        value: ink.text(value),
        kind,
    };
    let options = [("agent", "an agent"), ("browser", "a browser")];
    let options = options.map(|(value, text)| (value.to_owned(), ink.text(text)));
    Block::Ask(AskForm {
        id: "sample".to_owned(),
        title: ink.text("A request"),
        label: "What happens?".to_owned(),
        action: "/publisher/operator/policy".to_owned(),
        is_post: ink.bare,
        fields: vec![
            field("gate", "", "blog", AskKind::Hidden),
            field("path", "Path", "/posts/1", AskKind::Text),
            field("who", "Who asks", "browser", AskKind::Choice(options.into())),
            field("text", "The policy", "version = 1", AskKind::Long),
        ],
    })
}

pub(super) fn samples(ink: &Ink) -> Vec<Sample> {
    let figure = |value: &str, label: &str, tone: &'static str, href: &str| Figure {
        value: ink.text(value),
        label: ink.text(label),
        href: href.to_owned(),
        tone,
    };
    let page = |title: &str, path: &str, blocks: Vec<Block>| MoneyPage {
        shell: ink.shell(title, path, Who::Key),
        title: ink.text(title),
        lead: ink.text("Something waits for you."),
        tabs: [
            ("/pay/operator", "Overview"),
            ("/pay/operator/search", "Search"),
            ("/pay/fees", "Fees"),
        ]
        .map(|(href, name)| (href.to_owned(), ink.text(name)))
        .into(),
        blocks,
    };
    let overview = vec![
        Block::Heading(ink.text("To do")),
        Block::Figures(vec![
            figure("2", "differences", "bad", "/pay/operator/reconciliation"),
            figure("0", "open disputes", "good", "/pay/operator/disputes"),
            figure("130.00 TEST-USD", "in 7 days, 13 receipts", "calm", ""),
        ]),
        Block::Chart(chart(ink)),
        Block::Notice("warn", ink.text("A rail does not answer.")),
        Block::Text(ink.text("Nothing was sold.")),
        Block::Facts(vec![(ink.text("Owner"), Cell::mono(ink.text("did:mjn:z6Mk")))]),
        Block::Table(table(ink)),
    ];
    let search = vec![
        Block::Search(Search {
            action: "/pay/operator/search".to_owned(),
            query: ink.text("10.00 USD"),
            help: ink.text("A receipt, an order, a day."),
        }),
        Block::Links(vec![("/pay/operator/messages".to_owned(), ink.text("All messages"))]),
        policy(ink),
        Block::Place("refund"),
    ];
    let fees = vec![
        Block::Acts(vec![Act {
            label: "Compare now".to_owned(),
            path: "/pay/api/reconciliation".to_owned(),
            body: "{}".to_owned(),
        }]),
        Block::Heading(ink.text("Nodes")),
        revocation(ink),
        Block::FeesForm(FeesForm {
            currency: ink.text("any currency"),
            lines: vec![
                (ink.text("node"), "node".to_owned(), ink.text("0.5")),
                (String::new(), "buyer".to_owned(), String::new()),
            ],
        }),
    ];
    vec![
        sample("money", &page("Money", "/pay/operator", overview)),
        sample("money-search", &page("Search", "/pay/operator/search", search)),
        sample("money-fees", &page("Fees", "/pay/fees", fees)),
    ]
}
