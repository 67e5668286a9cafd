//! Signing in, the person's own page, the operator, the directory, and plain messages.

use imajin_ui::{
    AccountRow, AnswersPage, AskPage, BalanceRow, CertificateCard, CheckMailboxPage, ContractPage, DirectoryCounts,
    DirectoryFilter, DirectoryMap, DirectoryPage, EarningsPage, EnrolPage, ErrorPage, EventState, JoinPage, KeysPage,
    Link, LoginPage, MailPage, MailRow, MailboxPage, MapColumn, MapRow, MePage, MessagePage, MoneyText, MovePage,
    NodePage, NodeParts, NodeRow, NodeState, OnboardConfirmPage, OperatorPage, ReceiptDirection, ReceiptRow,
    RecoverPage, RegistryCard, SaleRow, ServiceRow, SetupPage, StateChange, TicketState,
};

use super::trade::{node, ticket_card};
use super::{DID, HASH, Ink, SHORT_DID, Sample, Who, sample};

pub(super) fn samples(ink: &Ink) -> Vec<Sample> {
    let mut samples = vec![
        sample("me", &me(ink, Who::Key)),
        sample("me-mailbox", &me(ink, Who::Mailbox)),
        sample("me-nobody", &me(ink, Who::Nobody)),
        sample("operator", &operator(ink)),
        sample("directory", &directory(ink)),
        sample("node", &node_page(ink)),
        sample("login", &login(ink)),
        sample(
            "join",
            &JoinPage {
                shell: ink.shell("Make an identity", "/join", Who::Nobody),
                next: ink.text("/me"),
            },
        ),
        sample(
            "me-visitor",
            &MePage {
                is_visitor: true,
                ..me(ink, Who::Key)
            },
        ),
        sample("move", &moving(ink, false, true)),
        sample("move-mailbox", &moving(ink, false, false)),
        sample("moved", &moving(ink, true, true)),
        sample("keys", &keys(ink, Who::Key)),
        sample("keys-mailbox", &keys(ink, Who::Mailbox)),
        sample("earnings", &earnings(ink)),
        sample("ask", &ask(ink, Who::Key)),
        sample("ask-stranger", &ask(ink, Who::Nobody)),
        sample("answers", &answers(ink, Who::Key)),
        sample("answers-mailbox", &answers(ink, Who::Mailbox)),
        sample("contract", &contract(ink, Who::Key)),
        sample("contract-mailbox", &contract(ink, Who::Mailbox)),
        sample(
            "enrol",
            &EnrolPage {
                shell: ink.shell("Let this device in", "/enrol", Who::Nobody),
                id: ink.text("ada"),
                next: ink.text("/keys"),
            },
        ),
        sample(
            "recover",
            &RecoverPage {
                shell: ink.shell("Take your identity back", "/recover", Who::Nobody),
            },
        ),
        sample("setup", &setup(ink, false)),
        sample("setup-claimed", &setup(ink, true)),
    ];
    samples.extend(mail(ink));
    samples.push(sample("error", &error(ink)));
    samples.push(sample("message", &message(ink)));
    samples
}

fn receipts(ink: &Ink) -> Vec<ReceiptRow> {
    let row = |id: &str, title: &str, direction: ReceiptDirection, part: Option<&str>| ReceiptRow {
        id: ink.text(id),
        time: ink.now(),
        title: ink.text(title),
        gross: ink.money("10.00"),
        direction,
        part: part.map(|part| ink.money(part)),
    };
    ink.list(vec![
        row("rcp_1", "Two voices and a tape machine", ReceiptDirection::Paid, None),
        row(
            "rcp_2",
            "Trio for three thirds",
            ReceiptDirection::Received,
            Some("3.330001"),
        ),
        row("rcp_3", "Night of the short films", ReceiptDirection::Observed, None),
    ])
}

fn balances(ink: &Ink) -> Vec<BalanceRow> {
    ink.list(vec![
        BalanceRow {
            available: ink.money("48.330001"),
            held: Some(ink.money("4.43")),
            is_test: true,
        },
        BalanceRow {
            available: MoneyText::new("0.00", "EUR"),
            held: None,
            is_test: false,
        },
    ])
}

fn moving(ink: &Ink, has_moved: bool, is_able: bool) -> MovePage {
    MovePage {
        shell: ink.shell("Move to another node", "/me/move", Who::Key),
        node: "https://linden.example".to_owned(),
        moved: has_moved.then(|| Link {
            href: "https://new.example/p/mira".to_owned(),
            text: ink.text("https://new.example"),
        }),
        is_able,
        balances: balances(ink),
    }
}

fn me(ink: &Ink, who: Who) -> MePage {
    MePage {
        shell: ink.shell("Mira Okonkwo", "/me", who),
        handle: ink.maybe(ink.text("mira")),
        is_visitor: false,
        parts: NodeParts {
            profiles: !ink.bare,
            connections: true,
            questions: !ink.bare,
        },
        tickets: ink.list(vec![
            ticket_card(ink, TicketState::Valid),
            ticket_card(ink, TicketState::Used),
        ]),
        receipts: receipts(ink),
        balances: balances(ink),
    }
}

fn operator(ink: &Ink) -> OperatorPage {
    let service = |name: &str, is_healthy: bool, detail: &str| ServiceRow {
        name: ink.text(name),
        is_healthy,
        detail: ink.text(detail),
    };
    let sale = |title: &str, sold: u32, held: u32, capacity: Option<u32>, state: EventState| SaleRow {
        event_id: ink.text("evt_1"),
        title: ink.text(title),
        sold,
        held,
        capacity,
        revenue: ink.money("130.00"),
        state,
    };
    let account = |owner: &str, purpose: &str, amount: &str| AccountRow {
        owner_name: ink.text(owner),
        short_did: ink.text(SHORT_DID),
        purpose: ink.text(purpose),
        balance: ink.money(amount),
    };
    OperatorPage {
        shell: ink.shell("Operator", "/operator", Who::Operator),
        node: node(ink),
        started: ink.now(),
        database: ink.text("SQLite"),
        services: ink.list(vec![
            service("auth", true, ""),
            service("pay", true, ""),
            service("events", false, "no answer"),
        ]),
        certificate: ink.maybe(CertificateCard {
            names: ink.text("*.linden.nodes.example, linden.nodes.example"),
            until: ink.maybe(ink.soon()),
            problem: ink.maybe(ink.text("the certificate authority cannot be reached")),
        }),
        registries: ink.list(vec![RegistryCard {
            url: ink.text("https://registry.example"),
            status: ink.text("reported"),
            is_good: true,
            hostname: ink.maybe(ink.text("linden.nodes.example")),
            last_heartbeat: ink.maybe(ink.now()),
            expires: ink.maybe(ink.soon()),
            addresses: ink.text("192.0.2.7, 2001:db8::7"),
            upgrade: ink.maybe(ink.text("The registry asks for version 0.2.0: a weakness was mended.")),
            problem: ink.maybe(ink.text("The last heartbeat but one was late.")),
        }]),
        accounts: ink.list(vec![
            account("Ada Lindqvist", "available", "91.00"),
            account("Kofi Mensah", "available", "39.00"),
            account("sandbox", "rail", "−130.00"),
        ]),
        sales: ink.list(vec![
            sale("Two voices and a tape machine", 13, 2, Some(20), EventState::OnSale),
            sale("Trio for three thirds", 4, 0, None, EventState::OnSale),
            sale(
                "Night of the short films: everything under four minutes",
                60,
                0,
                Some(60),
                EventState::SoldOut,
            ),
        ]),
        receipts: receipts(ink),
        has_dev_mailbox: !ink.bare,
        has_registry: !ink.bare,
        has_broker: !ink.bare,
        gates_href: if ink.bare { "" } else { "/publisher/operator" }.to_owned(),
        agent_href: if ink.bare { "" } else { "/operator/agent" }.to_owned(),
    }
}

fn node_row(ink: &Ink, name: &str, state: NodeState) -> NodeRow {
    NodeRow {
        did: ink.text(DID),
        short_did: ink.text(SHORT_DID),
        hostname: ink.text(name),
        url: ink.text("https://linden.example"),
        kind: ink.text("community"),
        state,
        last_seen: ink.maybe(ink.now()),
        version: ink.text("0.1.0"),
        services: ink.list(vec![ink.text("auth"), ink.text("events"), ink.text("pay")]),
    }
}

fn directory(ink: &Ink) -> DirectoryPage {
    DirectoryPage {
        shell: ink.shell("Nodes", "/directory", Who::Nobody),
        registry_url: ink.text("https://registry.example"),
        counts: DirectoryCounts {
            total: 1284,
            active: 1201,
            stale: 61,
            unreachable: 22,
        },
        filter: DirectoryFilter {
            search: ink.text("linden"),
            status: ink.text("active"),
            service: ink.text("auth"),
            node_type: ink.text("person"),
            problem: ink.maybe(ink.text("No name has that in it.")),
        },
        map: DirectoryMap {
            types: ink.list(vec![
                MapColumn {
                    name: ink.maybe(ink.text("person")),
                    nodes: 1100,
                },
                MapColumn {
                    name: ink.maybe(ink.text("infrastructure")),
                    nodes: 184,
                },
            ]),
            services: ink.list(vec![MapRow {
                service: ink.text("auth"),
                nodes: 1201,
                percent: 93,
                cells: vec![1100, 101],
            }]),
        },
        nodes: ink.list(vec![
            node_row(ink, "linden.nodes.example", NodeState::Active),
            node_row(ink, "south-pier.nodes.example", NodeState::Stale),
            node_row(ink, "old-mill.nodes.example", NodeState::Unreachable),
            node_row(ink, "atelier-9.nodes.example", NodeState::Pending),
            node_row(ink, "gone.nodes.example", NodeState::Revoked),
            node_row(ink, "was.nodes.example", NodeState::Expired),
        ]),
        next_url: ink.maybe("/directory?cursor=abc".to_owned()),
    }
}

fn node_page(ink: &Ink) -> NodePage {
    NodePage {
        shell: ink.shell("linden.nodes.example", "/directory/x", Who::Nobody),
        node: node_row(ink, "linden.nodes.example", NodeState::Active),
        public_key: HASH.to_owned(),
        build_hash: HASH.to_owned(),
        build_status: ink.text("reported"),
        source_commit: ink.text("c0040d4"),
        capabilities: ink.list(vec![ink.text("tickets")]),
        registered: ink.now(),
        expires: ink.soon(),
        reason: ink.maybe(ink.text("This node pretended to be another one.")),
        history: ink.list(vec![StateChange {
            state: NodeState::Active,
            since: ink.now(),
        }]),
    }
}

fn login(ink: &Ink) -> LoginPage {
    LoginPage {
        shell: ink.shell("Sign in", "/login", Who::Nobody),
        next: ink.text("/me"),
        mailbox_action: ink.maybe("/login/mailbox".to_owned()),
        form_token: ink.text("form-token"),
    }
}

fn earnings(ink: &Ink) -> EarningsPage {
    EarningsPage {
        shell: ink.shell("What you have earned", "/earnings", Who::Key),
    }
}

fn ask(ink: &Ink, who: Who) -> AskPage {
    AskPage {
        shell: ink.shell("Ask Mira Okonkwo", "/ask", who),
        name: ink.text("Mira Okonkwo"),
        did: ink.text(DID),
    }
}

fn answers(ink: &Ink, who: Who) -> AnswersPage {
    AnswersPage {
        shell: ink.shell("Your answers", "/answers", who),
        node: ink.text(DID),
    }
}

fn contract(ink: &Ink, who: Who) -> ContractPage {
    ContractPage {
        shell: ink.shell("Your distribution contract", "/contract", who),
        currency: ink.text("TEST-USD"),
    }
}

fn keys(ink: &Ink, who: Who) -> KeysPage {
    KeysPage {
        shell: ink.shell("Keys and devices", "/keys", who),
        did: ink.text(DID),
        enrol_id: ink.text("ada"),
        enrol_url: "https://node.example/enrol?id=ada".to_owned(),
    }
}

fn setup(ink: &Ink, is_claimed: bool) -> SetupPage {
    SetupPage {
        shell: ink.shell("Claim this node", "/setup", Who::Nobody),
        node: node(ink),
        token: ink.text("setup-token"),
        is_claimed,
    }
}

fn mail(ink: &Ink) -> Vec<Sample> {
    let row = |id: &str, subject: &str| MailRow {
        id: ink.text(id),
        to: ink.text("mira@example.org"),
        subject: ink.text(subject),
        time: ink.now(),
    };
    let check = |is_dev_mailbox: bool| CheckMailboxPage {
        shell: ink.shell("Look into your mailbox", "/login", Who::Nobody),
        email: ink.text("mira@example.org"),
        minutes_valid: 15,
        is_dev_mailbox,
    };
    let list = MailboxPage {
        shell: ink.shell("Development mailbox", "/mailbox", Who::Nobody),
        messages: ink.list(vec![
            row("mal_2", "Sign in at Kulturhaus Linden"),
            row("mal_1", "Your ticket"),
        ]),
    };
    let one = MailPage {
        shell: ink.shell("Message", "/mailbox/mal_2", Who::Nobody),
        mail: row("mal_2", "Sign in at Kulturhaus Linden"),
        from: ink.text("no-reply@linden.example"),
        body: ink.text(
            "Hello,\n\nopen this link to sign in:\nhttps://linden.example/auth/onboard?token=abc\n\nIt works once.",
        ),
        links: ink.list(vec![ink.text("https://linden.example/auth/onboard?token=abc")]),
    };
    let confirm = OnboardConfirmPage {
        shell: ink.shell("Is this your mailbox?", "/auth/onboard", Who::Nobody),
        mailbox_hint: ink.text("m…@example.org"),
        token: ink.text("token"),
        next: ink.text("/me"),
        action: "/auth/onboard".to_owned(),
    };
    vec![
        sample("check-mailbox", &check(false)),
        sample("check-mailbox-dev", &check(true)),
        sample("mailbox", &list),
        sample("mail", &one),
        sample("onboard", &confirm),
    ]
}

fn error(ink: &Ink) -> ErrorPage {
    ErrorPage {
        shell: ink.shell("There is no such thing", "/events/x", Who::Nobody),
        status: 404,
        code: ink.text("not_found"),
        title: ink.text("There is no such thing"),
        detail: ink.text("No event with this number was ever announced here."),
        hint: ink.maybe(ink.text("Check the address, or look at what is on.")),
        request_id: ink.maybe(ink.text("req_01jd8x2m")),
        link: ink.maybe(Link {
            href: "/".to_owned(),
            text: ink.text("What is on"),
        }),
    }
}

fn message(ink: &Ink) -> MessagePage {
    MessagePage {
        shell: ink.shell("Signed out", "/", Who::Nobody),
        heading: ink.text("You are signed out"),
        paragraphs: ink.list(vec![ink.text("Your key is still in this browser.")]),
        link: ink.maybe(Link {
            href: "/".to_owned(),
            text: ink.text("To the first page"),
        }),
    }
}
