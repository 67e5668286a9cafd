//! The services beside profile, as far as the tests need them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use imajin_auth_api::{
    AccountExport, AccountRecord, AttestationExport, AttestationExported, AttestationRecord, AttestationView,
    AttestationsAbout, AuthApi, CallerKeysRequest, CustodialSign, DevelopmentMail, DevelopmentMailList,
    DeviceListRequest, DeviceListView, HoldingsFetch, IdentityFetch, IdentityView, MailboxProofSend, MailboxProofSent,
    MoveFetch, MoveView, NoticeTaken, SessionRecord, SessionViewRequest, SetupState, SetupStateRequest,
};
use imajin_did::Did;
use imajin_events_api::{
    EventFetch, EventList, EventPage, EventSales, EventView, EventsApi, OrderFetch, OrderList, OrderView, SalesList,
    TicketFetch, TicketList, TicketView,
};
use imajin_kernel::id::OrderId;
use imajin_kernel::{Problem, Timestamp};
use imajin_pay_api::{
    BalanceList, BalanceView, CheckoutCreate, CheckoutFetch, CheckoutView, CreditNoteFetch, CreditNoteView, GoodsHold,
    HeldGoods, PayApi, ReceiptFetch, ReceiptList, ReceiptView, RefundList, RefundSheet, SalesSummary,
    SalesSummaryRequest, VisaCapture, VisaCaptured, VisaCheck, VisaChecked,
};
use imajin_profile_api::{
    Connected, ConnectionCheck, ConnectionsApi, ExportAsk, ExportPage, ExportPart, Exporter, ExporterApi,
    ExporterClient,
};
use imajin_proof::attestation::{Attestation, Confidence, Statement};
use imajin_proof::http_sig::SignedRequest;
use imajin_web::macro_support::async_trait;
use imajin_web::{CallerKeys, Custody, Notice, PeerAsked, SessionView, SignerAsked, SignerKeys, Tier};
use serde_json::json;

fn unasked<T>() -> Result<T, Problem> {
    Err(Problem::unavailable("What no test asks for"))
}

/// A service that names itself to the export: it keeps notes of everybody, and breaks off after so many.
pub(crate) struct FakeExporter {
    pub(crate) notes: u32,
    pub(crate) breaks_off_at: u32,
}

impl FakeExporter {
    const PARTS: &[ExportPart] = &[
        ExportPart::single("motto"),
        ExportPart::single("nothing"),
        ExportPart::list("notes"),
        ExportPart::list("emptiness"),
    ];

    /// As the node names it to profile.
    pub(crate) fn exporter(self) -> Exporter {
        Exporter {
            service: "notes",
            parts: Self::PARTS,
            client: ExporterClient::local(std::sync::Arc::new(self)),
        }
    }
}

#[async_trait]
impl ExporterApi for FakeExporter {
    async fn export_page(&self, request: ExportAsk) -> Result<ExportPage, Problem> {
        let from: u32 = request.cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let to = self.notes.min(from + request.limit);
        match request.part.as_str() {
            "motto" => Ok(ExportPage {
                rows: vec![json!(format!("the motto of {}", request.did))],
                next: None,
            }),
            "notes" if from >= self.breaks_off_at => unasked(),
            "notes" => Ok(ExportPage {
                rows: (from..to).map(|number| json!(number)).collect(),
                next: (to < self.notes).then(|| to.to_string()),
            }),
            // A service that never says where a list ends must not be asked for ever.
            _ => Ok(ExportPage {
                rows: Vec::new(),
                next: Some("0".to_owned()),
            }),
        }
    }
}

/// Auth: whoever is in the list is registered. A session's token is the DID.
#[derive(Default)]
pub(crate) struct FakeAuth {
    pub(crate) people: Mutex<BTreeMap<Did, IdentityView>>,
    pub(crate) moved: Mutex<BTreeMap<Did, MoveView>>,
}

impl FakeAuth {
    fn find(&self, did_or_handle: &str) -> Option<IdentityView> {
        let did: Option<Did> = did_or_handle.parse().ok();
        let did = did.map(|did| did.canonical());
        let people = self.people.lock().unwrap();
        let fits =
            |view: &&IdentityView| Some(&view.did) == did.as_ref() || view.handle.as_deref() == Some(did_or_handle);
        people.values().find(fits).cloned()
    }
}

#[async_trait]
impl AuthApi for FakeAuth {
    async fn caller_keys(&self, request: CallerKeysRequest) -> Result<CallerKeys, Problem> {
        let did = request.did.canonical();
        let known = self.find(did.as_str());
        Ok(CallerKeys {
            keys: did.public_key().into_iter().collect(),
            did,
            tier: known.as_ref().map_or(Tier::Visitor, |view| view.tier),
            custody: known.map_or(Custody::Own, |view| view.custody),
        })
    }

    async fn signer_keys(&self, asked: SignerAsked) -> Result<SignerKeys, Problem> {
        let caller = self.caller_keys(CallerKeysRequest { did: asked.did }).await?;
        Ok(SignerKeys::of_caller(caller, asked.at))
    }

    async fn session_view(&self, request: SessionViewRequest) -> Result<Option<SessionView>, Problem> {
        Ok(self.find(&request.token).map(|view| SessionView {
            did: view.did,
            handle: view.handle,
            name: view.name,
            tier: view.tier,
            custody: view.custody,
            expires_at: Timestamp::from_seconds(4_000_000_000),
        }))
    }

    async fn move_fetch(&self, request: MoveFetch) -> Result<Option<MoveView>, Problem> {
        let found = self.find(&request.did_or_handle);
        let moved = self.moved.lock().unwrap();
        Ok(found.and_then(|view| moved.get(&view.did).cloned()))
    }

    async fn identity_fetch(&self, request: IdentityFetch) -> Result<Option<IdentityView>, Problem> {
        Ok(self.find(&request.did_or_handle))
    }

    async fn custodial_sign(&self, _: CustodialSign) -> Result<SignedRequest, Problem> {
        unasked()
    }

    async fn mailbox_proof_send(&self, _: MailboxProofSend) -> Result<MailboxProofSent, Problem> {
        unasked()
    }

    async fn notice_send(&self, _: Notice) -> Result<NoticeTaken, Problem> {
        unasked()
    }

    async fn development_mail_list(&self, _: DevelopmentMailList) -> Result<Vec<DevelopmentMail>, Problem> {
        unasked()
    }

    async fn account_export(&self, request: AccountExport) -> Result<AccountRecord, Problem> {
        let identity = self.find(request.did.as_str());
        let at = Timestamp::from_seconds(1_900_000_000);
        Ok(AccountRecord {
            identity: identity.ok_or_else(|| Problem::not_found("identity"))?,
            recovery_key: None,
            mailboxes: vec!["ada@example.org".to_owned()],
            sessions: vec![SessionRecord {
                id: "ses_1".to_owned(),
                method: "key".to_owned(),
                client: None,
                created_at: at,
                last_seen_at: at,
                expires_at: at,
            }],
            devices: DeviceListView {
                did: request.did,
                head: None,
                contested: false,
                has_next_key: false,
                recovery: None,
                devices: Vec::new(),
                requests: Vec::new(),
            },
            key_log: json!({"entries": [], "receipts": []}),
            passkeys: Vec::new(),
            grants: Vec::new(),
        })
    }

    async fn attestation_list(&self, _: AttestationsAbout) -> Result<Vec<AttestationView>, Problem> {
        unasked()
    }

    async fn attestation_export(&self, request: AttestationExport) -> Result<AttestationExported, Problem> {
        let page: u32 = request.cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let statement = Statement {
            subject: request.did,
            attestation_type: "skill".to_owned(),
            claim: json!({"page": page}),
            confidence: Confidence::CERTAIN,
        };
        let signer = crate::world::key("somebody");
        let at = Timestamp::from_seconds(1_900_000_000);
        let document = Attestation::sign(&signer, signer.did(), statement, at).unwrap();
        let record = AttestationRecord {
            id: document.id().unwrap(),
            document,
            recorded_at: at,
            revoked_at: None,
        };
        Ok(AttestationExported {
            attestations: vec![record],
            cursor: (page < 2).then(|| (page + 1).to_string()),
        })
    }

    async fn device_list(&self, _: DeviceListRequest) -> Result<Option<DeviceListView>, Problem> {
        Ok(None)
    }

    async fn peer_check(&self, _peer: PeerAsked) -> Result<(), Problem> {
        Ok(())
    }

    async fn holdings_fetch(&self, request: HoldingsFetch) -> Result<Vec<Did>, Problem> {
        Ok(vec![request.did])
    }

    async fn setup_state(&self, _: SetupStateRequest) -> Result<SetupState, Problem> {
        unasked()
    }
}

/// Connections: whoever is in the list, and nobody while it is away.
#[derive(Default)]
pub(crate) struct FakeConnections {
    pub(crate) away: AtomicBool,
    pub(crate) pairs: Mutex<BTreeSet<(Did, Did)>>,
}

#[async_trait]
impl ConnectionsApi for FakeConnections {
    async fn connection_check(&self, request: ConnectionCheck) -> Result<Connected, Problem> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Problem::unavailable("The service `connections`"));
        }
        let pair = (request.owner, request.reader);
        let connected = self.pairs.lock().unwrap().contains(&pair);
        Ok(Connected { connected })
    }
}

/// Pay: a balance for everybody, and no receipts: it breaks off when it is asked for them.
pub(crate) struct FakePay;

#[async_trait]
impl PayApi for FakePay {
    async fn checkout_create(&self, _: CheckoutCreate) -> Result<CheckoutView, Problem> {
        unasked()
    }

    async fn checkout_fetch(&self, _: CheckoutFetch) -> Result<Option<CheckoutView>, Problem> {
        unasked()
    }

    async fn checkout_cancel(&self, _: CheckoutFetch) -> Result<CheckoutView, Problem> {
        unasked()
    }

    async fn goods_hold(&self, _request: GoodsHold) -> Result<HeldGoods, Problem> {
        Err(Problem::internal())
    }

    async fn goods_finish(&self, _request: CheckoutFetch) -> Result<CheckoutView, Problem> {
        Err(Problem::internal())
    }

    async fn visa_capture(&self, _: VisaCapture) -> Result<VisaCaptured, Problem> {
        unasked()
    }

    async fn visa_check(&self, _: VisaCheck) -> Result<VisaChecked, Problem> {
        unasked()
    }

    async fn receipt_fetch(&self, _: ReceiptFetch) -> Result<Option<ReceiptView>, Problem> {
        unasked()
    }

    async fn receipt_list(&self, _: ReceiptList) -> Result<Vec<ReceiptView>, Problem> {
        Err(Problem::unavailable("The service `pay`"))
    }

    async fn refund_list(&self, _request: RefundList) -> Result<Option<RefundSheet>, Problem> {
        Ok(None)
    }

    async fn credit_note_fetch(&self, _request: CreditNoteFetch) -> Result<Option<CreditNoteView>, Problem> {
        Ok(None)
    }

    async fn balance_list(&self, _: BalanceList) -> Result<Vec<BalanceView>, Problem> {
        Ok(vec![BalanceView {
            purpose: "available".to_owned(),
            balance: serde_json::from_value(json!({"amount": "7.00", "currency": "TEST-USD"})).unwrap(),
        }])
    }

    async fn sales_summary(&self, _: SalesSummaryRequest) -> Result<SalesSummary, Problem> {
        unasked()
    }
}

/// Events: so many orders for everybody, and no tickets.
pub(crate) struct FakeEvents {
    pub(crate) orders: u8,
}

impl FakeEvents {
    fn order(number: u8, buyer: &Did) -> OrderView {
        let id = |prefix: &str| format!("{prefix}_{:0>26}", number % 10);
        let order = json!({
            "id": OrderId::from_bytes([number; 16]), "eventId": id("evt"), "eventTitle": "An evening",
            "tierId": id("tir"), "tierName": "Standard", "quantity": 1,
            "total": {"amount": "10.00", "currency": "TEST-USD"}, "buyer": buyer, "state": "held",
            "holdExpiresAt": Timestamp::from_seconds(1_900_000_000), "checkoutId": null, "checkoutUrl": null,
            "tickets": [], "receipt": null,
        });
        serde_json::from_value(order).unwrap()
    }
}

#[async_trait]
impl EventsApi for FakeEvents {
    async fn event_list(&self, _: EventList) -> Result<EventPage, Problem> {
        Ok(EventPage {
            events: Vec::new(),
            cursor: None,
        })
    }

    async fn event_fetch(&self, _: EventFetch) -> Result<Option<EventView>, Problem> {
        unasked()
    }

    async fn checkout(&self, _: SignedRequest) -> Result<OrderView, Problem> {
        unasked()
    }

    async fn order_fetch(&self, _: OrderFetch) -> Result<Option<OrderView>, Problem> {
        unasked()
    }

    async fn order_list(&self, list: OrderList) -> Result<Vec<OrderView>, Problem> {
        let numbers = (0..self.orders).rev();
        let orders = numbers.map(|number| Self::order(number, &list.owner));
        let page = orders.filter(|order| list.before.is_none_or(|before| order.id < before));
        Ok(page.take(usize::try_from(list.limit).unwrap()).collect())
    }

    async fn ticket_list(&self, _: TicketList) -> Result<Vec<TicketView>, Problem> {
        Ok(Vec::new())
    }

    async fn ticket_fetch(&self, _: TicketFetch) -> Result<Option<TicketView>, Problem> {
        unasked()
    }

    async fn sales_list(&self, _: SalesList) -> Result<Vec<EventSales>, Problem> {
        unasked()
    }
}
