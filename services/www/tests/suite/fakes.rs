//! Services that answer from memory, and keep to who may see what.

use std::sync::Mutex;

use async_trait::async_trait;
use imajin_auth_api::*;
use imajin_did::Did;
use imajin_events_api::{
    CheckoutRequest, EventFetch, EventList, EventPage, EventSales, EventStatus, EventView, EventsApi, OrderFetch,
    OrderList, OrderView, SalesList, TicketFetch, TicketList, TicketView,
};
use imajin_kernel::{Code, Problem, Span};
use imajin_pay_api::{
    BalanceList, BalanceView, CheckoutCreate, CheckoutFetch, CheckoutView, CreditNoteFetch, CreditNoteView, GoodsHold,
    HeldGoods, PayApi, ReceiptFetch, ReceiptList, ReceiptView, RefundList, RefundSheet, SalesSummary,
    SalesSummaryRequest, VisaCapture, VisaCaptured, VisaCheck, VisaChecked,
};
use imajin_profile_api::{ProfileApi, ProfileDeleted, ProfileFetch, ProfilePage, ProfileSearch, ProfileView};
use imajin_proof::http_sig::{RequestToSign, SignatureParams, SignedRequest, sign};
use imajin_registry_api::directory::DirectoryPage;
use imajin_registry_api::{
    Census, CensusFetch, Console, ConsoleFetch, MirrorList, MirrorLookup, MirrorPageAsk, MirrorView, MirroredNode,
    NodeFetch, NodeList, NodePage, NodeStatus, NodeView, Registration, Registrations, RegistryApi, ServiceCount,
    StatusChange, StatusList, TypeCount,
};
use imajin_web::{CallerKeys, Custody, Notice, PeerAsked, SessionView, SignerAsked, SignerKeys, Tier};

use crate::mirrors::{mirror_page_sample, mirror_sample};
use crate::samples::*;
use imajin_www::AgentSource;

/// What the services know, and what they were asked.
pub(crate) struct Fakes {
    pub(crate) event: EventView,
    pub(crate) order: OrderView,
    pub(crate) checkout: CheckoutView,
    pub(crate) ticket: TicketView,
    pub(crate) receipt: ReceiptView,
    pub(crate) mails: Vec<DevelopmentMail>,
    pub(crate) operator: Option<Did>,
    pub(crate) pay_is_away: bool,
    pub(crate) sold_out: bool,
    pub(crate) has_registry: bool,
    pub(crate) bought: Mutex<Vec<SignedRequest>>,
    pub(crate) links: Mutex<Vec<MailboxProofSend>>,
    /// Somebody's profile; without one, the node has no such service.
    pub(crate) profile: Option<ProfileView>,
    /// What profile was asked to change: the call, and the signed request.
    pub(crate) written: Mutex<Vec<(&'static str, SignedRequest)>>,
    /// The library of manifests, if the node has one.
    pub(crate) library: Option<imajin_publisher_api::PublisherClient>,
    /// Who has moved, with the handle under which they are found.
    pub(crate) moved: Option<(&'static str, MoveView)>,
    /// What the node's own agent has spent, if it has one.
    pub(crate) own_agent: Option<AgentSource>,
}

impl Default for Fakes {
    fn default() -> Self {
        Self {
            event: event_sample(),
            order: order_sample(),
            checkout: checkout_sample(),
            ticket: ticket_sample(),
            receipt: receipt_sample(),
            mails: Vec::new(),
            operator: Some(did(6)),
            pay_is_away: false,
            sold_out: false,
            has_registry: true,
            bought: Mutex::default(),
            links: Mutex::default(),
            profile: Some(profile_sample()),
            written: Mutex::default(),
            library: None,
            own_agent: None,
            moved: None,
        }
    }
}

impl Fakes {
    fn pay(&self) -> Result<(), Problem> {
        if self.pay_is_away {
            Err(Problem::unavailable("The service `pay`"))
        } else {
            Ok(())
        }
    }
}

fn session(number: u8, name: &str, tier: Tier, custody: Custody) -> SessionView {
    SessionView {
        did: did(number),
        handle: None,
        name: Some(name.to_owned()),
        tier,
        custody,
        expires_at: now().plus(Span::days(1)),
    }
}

#[async_trait]
impl AuthApi for Fakes {
    async fn caller_keys(&self, request: CallerKeysRequest) -> Result<CallerKeys, Problem> {
        let keys = request.did.public_key().into_iter().collect();
        Ok(CallerKeys {
            did: request.did,
            keys,
            tier: Tier::Key,
            custody: Custody::Own,
        })
    }

    async fn signer_keys(&self, asked: SignerAsked) -> Result<SignerKeys, Problem> {
        let caller = self.caller_keys(CallerKeysRequest { did: asked.did }).await?;
        Ok(SignerKeys::of_caller(caller, asked.at))
    }

    async fn session_view(&self, request: SessionViewRequest) -> Result<Option<SessionView>, Problem> {
        Ok(match request.token.as_str() {
            "buyer" => Some(session(1, "Mira Okonkwo", Tier::Key, Custody::Own)),
            "soft" => Some(session(1, "Mira Okonkwo", Tier::Soft, Custody::Node)),
            "other" => Some(session(7, "Somebody Else", Tier::Key, Custody::Own)),
            "operator" => Some(session(6, "The Operator", Tier::Operator, Custody::Own)),
            _ => None,
        })
    }

    async fn move_fetch(&self, request: MoveFetch) -> Result<Option<MoveView>, Problem> {
        let moved = self
            .moved
            .as_ref()
            .filter(|(handle, moved)| request.did_or_handle == *handle || request.did_or_handle == moved.did.as_str());
        Ok(moved.map(|(_handle, moved)| moved.clone()))
    }

    async fn identity_fetch(&self, request: IdentityFetch) -> Result<Option<IdentityView>, Problem> {
        let known = [(1, "Mira Okonkwo"), (2, "Ada Lindqvist"), (4, "The host <b>")];
        let found = known
            .into_iter()
            .find(|(number, _)| did(*number).as_str() == request.did_or_handle);
        Ok(found.map(|(number, name)| IdentityView {
            did: did(number),
            handle: None,
            name: Some(name.to_owned()),
            kind: "human".to_owned(),
            public_key: key(number).public(),
            tier: Tier::Key,
            custody: Custody::Own,
            created_at: now(),
        }))
    }

    async fn peer_check(&self, _peer: PeerAsked) -> Result<(), Problem> {
        Ok(())
    }

    async fn holdings_fetch(&self, request: HoldingsFetch) -> Result<Vec<Did>, Problem> {
        Ok(vec![request.did])
    }

    async fn custodial_sign(&self, request: CustodialSign) -> Result<SignedRequest, Problem> {
        if request.token != "soft" {
            return Err(Problem::new(Code::Forbidden, "This identity holds its own key."));
        }
        let params = SignatureParams {
            keyid: did(1),
            created: now(),
            nonce: "n".repeat(22),
            tag: None,
        };
        let to_sign = RequestToSign {
            method: &request.method,
            target_uri: &request.target_uri,
            idempotency_key: request.idempotency_key.as_deref(),
            body: request.body.as_bytes(),
        };
        Ok(sign(&key(1), &to_sign, &params).unwrap())
    }

    async fn mailbox_proof_send(&self, request: MailboxProofSend) -> Result<MailboxProofSent, Problem> {
        if !request.email.contains('@') {
            return Err(Problem::invalid("This is no e-mail address."));
        }
        self.links.lock().unwrap().push(request);
        Ok(MailboxProofSent {
            expires_at: now().plus(Span::minutes(15)),
            development_mailbox: true,
        })
    }

    async fn notice_send(&self, _: Notice) -> Result<NoticeTaken, Problem> {
        Ok(NoticeTaken { mailboxes: 0 })
    }

    async fn development_mail_list(&self, _: DevelopmentMailList) -> Result<Vec<DevelopmentMail>, Problem> {
        Ok(self.mails.clone())
    }

    async fn device_list(&self, _request: DeviceListRequest) -> Result<Option<DeviceListView>, Problem> {
        Ok(None)
    }

    async fn attestation_list(&self, about: AttestationsAbout) -> Result<Vec<AttestationView>, Problem> {
        Ok(vec![AttestationView {
            id: "ab".repeat(32),
            attester: did(2),
            attester_handle: Some("jonas".to_owned()),
            attester_name: Some(format!("Jonas, about {}", about.subject)),
            attestation_type: "event.attended".to_owned(),
            recorded_at: now(),
        }])
    }

    async fn attestation_export(&self, _: AttestationExport) -> Result<AttestationExported, Problem> {
        Err(Problem::unavailable("The service `auth`"))
    }

    async fn account_export(&self, _: AccountExport) -> Result<AccountRecord, Problem> {
        Err(Problem::unavailable("The service `auth`"))
    }

    async fn setup_state(&self, _: SetupStateRequest) -> Result<SetupState, Problem> {
        Ok(SetupState {
            operator: self.operator.clone(),
        })
    }
}

#[async_trait]
impl EventsApi for Fakes {
    async fn event_list(&self, _: EventList) -> Result<EventPage, Problem> {
        Ok(EventPage {
            events: vec![self.event.clone()],
            cursor: None,
        })
    }

    async fn event_fetch(&self, request: EventFetch) -> Result<Option<EventView>, Problem> {
        let public = self.event.status != EventStatus::Draft || request.reader.as_ref() == Some(&self.event.owner);
        Ok(Some(self.event.clone()).filter(|event| event.id == request.id && public))
    }

    async fn checkout(&self, request: SignedRequest) -> Result<OrderView, Problem> {
        if self.sold_out {
            return Err(Problem::new(Code::SoldOut, "No place is left."));
        }
        let _wish: CheckoutRequest = serde_json::from_slice(&request.body).unwrap();
        self.bought.lock().unwrap().push(request);
        Ok(self.order.clone())
    }

    async fn order_fetch(&self, request: OrderFetch) -> Result<Option<OrderView>, Problem> {
        let may = request.reader.operator || request.reader.did == self.order.buyer;
        Ok(Some(self.order.clone()).filter(|order| order.id == request.id && may))
    }

    async fn order_list(&self, _: OrderList) -> Result<Vec<OrderView>, Problem> {
        Ok(vec![self.order.clone()])
    }

    async fn ticket_list(&self, request: TicketList) -> Result<Vec<TicketView>, Problem> {
        Ok(vec![self.ticket.clone()]
            .into_iter()
            .filter(|ticket| ticket.holder == request.owner)
            .collect())
    }

    async fn ticket_fetch(&self, request: TicketFetch) -> Result<Option<TicketView>, Problem> {
        let may = request.reader.operator || request.reader.did == self.ticket.holder;
        Ok(Some(self.ticket.clone()).filter(|ticket| ticket.id == request.id && may))
    }

    async fn sales_list(&self, _: SalesList) -> Result<Vec<EventSales>, Problem> {
        Ok(vec![EventSales {
            event_id: self.event.id,
            title: self.event.title.clone(),
            status: self.event.status,
            sold: 13,
            held: 2,
            quantity: Some(20),
            gross: vec!["130.00 TEST-USD".parse().unwrap()],
        }])
    }
}

#[async_trait]
impl PayApi for Fakes {
    async fn checkout_create(&self, _: CheckoutCreate) -> Result<CheckoutView, Problem> {
        Ok(self.checkout.clone())
    }

    async fn checkout_fetch(&self, request: CheckoutFetch) -> Result<Option<CheckoutView>, Problem> {
        self.pay()?;
        Ok(Some(self.checkout.clone()).filter(|checkout| checkout.id == request.id))
    }

    async fn checkout_cancel(&self, _: CheckoutFetch) -> Result<CheckoutView, Problem> {
        Ok(self.checkout.clone())
    }

    async fn goods_hold(&self, _request: GoodsHold) -> Result<HeldGoods, Problem> {
        Err(Problem::internal())
    }

    async fn goods_finish(&self, _request: CheckoutFetch) -> Result<CheckoutView, Problem> {
        Err(Problem::internal())
    }

    async fn visa_capture(&self, _: VisaCapture) -> Result<VisaCaptured, Problem> {
        Err(Problem::unavailable("Paying by visa"))
    }

    async fn visa_check(&self, _: VisaCheck) -> Result<VisaChecked, Problem> {
        Err(Problem::unavailable("Paying by visa"))
    }

    async fn receipt_fetch(&self, request: ReceiptFetch) -> Result<Option<ReceiptView>, Problem> {
        self.pay()?;
        let (message, reader) = (&self.receipt.message, request.reader);
        let is_payee = message.payload.legs.iter().any(|leg| leg.did == reader.did);
        let may = reader.operator || is_payee || message.to.as_ref() == Some(&reader.did);
        Ok(Some(self.receipt.clone()).filter(|_receipt| message.payload.id == request.id && may))
    }

    async fn receipt_list(&self, request: ReceiptList) -> Result<Vec<ReceiptView>, Problem> {
        self.pay()?;
        let payer = self.receipt.message.to.clone();
        let mine = request.owner.is_none() || request.owner == payer;
        Ok(if mine { vec![self.receipt.clone()] } else { Vec::new() })
    }

    async fn refund_list(&self, _request: RefundList) -> Result<Option<RefundSheet>, Problem> {
        Ok(None)
    }

    async fn credit_note_fetch(&self, _request: CreditNoteFetch) -> Result<Option<CreditNoteView>, Problem> {
        Ok(None)
    }

    async fn balance_list(&self, request: BalanceList) -> Result<Vec<BalanceView>, Problem> {
        self.pay()?;
        let balance = BalanceView {
            purpose: "available".to_owned(),
            balance: "7.00 TEST-USD".parse().unwrap(),
        };
        Ok(if request.owner == did(2) {
            vec![balance]
        } else {
            Vec::new()
        })
    }

    async fn sales_summary(&self, _: SalesSummaryRequest) -> Result<SalesSummary, Problem> {
        self.pay()?;
        Ok(SalesSummary {
            receipts: 13,
            in_progress: 1,
            ..SalesSummary::default()
        })
    }
}

#[async_trait]
impl RegistryApi for Fakes {
    async fn node_list(&self, request: NodeList) -> Result<NodePage, Problem> {
        let cursor = (request.cursor.is_none() && request.limit == Some(50)).then(|| "next page".to_owned());
        Ok(NodePage {
            nodes: vec![node_sample()],
            cursor,
        })
    }

    async fn node_fetch(&self, request: NodeFetch) -> Result<Option<NodeView>, Problem> {
        let node = node_sample();
        let keys = [node.node_id.to_string(), node.hostname.clone(), node.subdomain.clone()];
        Ok(Some(node).filter(|_node| keys.contains(&request.key)))
    }

    async fn census_fetch(&self, _: CensusFetch) -> Result<Census, Problem> {
        let node = node_sample();
        Ok(Census {
            active: 1,
            types: vec![TypeCount {
                node_type: node.node_type,
                nodes: 1,
            }],
            services: vec![ServiceCount {
                service: node.services.concat(),
                node_type: node.node_type,
                nodes: 1,
            }],
            ..Census::default()
        })
    }

    async fn status_list(&self, _: StatusList) -> Result<Vec<StatusChange>, Problem> {
        let (status, since) = (NodeStatus::Active, now());
        Ok(vec![StatusChange { status, since }])
    }

    async fn console_fetch(&self, _: ConsoleFetch) -> Result<Console, Problem> {
        Ok(console_sample())
    }

    async fn mirror_list(&self, _all: MirrorList) -> Result<Vec<MirrorView>, Problem> {
        Ok(vec![mirror_sample()])
    }

    async fn mirror_page(&self, request: MirrorPageAsk) -> Result<Option<DirectoryPage>, Problem> {
        Ok((request.registry == did(8)).then(|| mirror_page_sample(request.cursor.is_none())))
    }

    async fn mirror_lookup(&self, _asked: MirrorLookup) -> Result<Vec<MirroredNode>, Problem> {
        Ok(Vec::new())
    }
}

impl Registrations for Fakes {
    fn registrations(&self) -> Vec<Registration> {
        let registry = "https://registry.example/registry".parse().unwrap();
        vec![Registration {
            subdomain: Some("linden.nodes.example".to_owned()),
            expires_at: Some(now()),
            last_heartbeat_at: Some(now()),
            ..Registration::wanted(registry, "linden", now())
        }]
    }
}

impl Fakes {
    fn change(&self, call: &'static str, request: SignedRequest) -> ProfileView {
        self.written.lock().unwrap().push((call, request));
        self.profile.clone().unwrap()
    }
}

#[async_trait]
impl ProfileApi for Fakes {
    async fn profile_fetch(&self, request: ProfileFetch) -> Result<Option<ProfileView>, Problem> {
        let mut view = self.profile.clone().unwrap();
        let known = [Some(view.did.to_string()), view.handle.clone(), Some("gone".to_owned())];
        if request.did_or_handle == "gone" {
            return Err(Problem::new(Code::Gone, "This profile was deleted by its owner."));
        }
        if request.reader.as_ref() != Some(&view.did) {
            view.contact = imajin_profile_api::Contact::default();
        }
        Ok(known.contains(&Some(request.did_or_handle)).then_some(view))
    }

    async fn profile_search(&self, request: ProfileSearch) -> Result<ProfilePage, Problem> {
        let view = self.profile.clone().unwrap();
        let card = imajin_profile_api::ProfileCard {
            did: view.did.clone(),
            handle: view.handle.clone(),
            display_name: view.display_name.clone(),
            display_type: view.display_type.clone(),
            avatar_small: view.avatar_small.clone(),
        };
        let found = view.display_name.to_lowercase().starts_with(&request.text);
        Ok(ProfilePage {
            profiles: if found { vec![card] } else { Vec::new() },
            cursor: found.then(|| "next~page".to_owned()),
        })
    }

    async fn profile_set(&self, request: SignedRequest) -> Result<ProfileView, Problem> {
        Ok(self.change("profile_set", request))
    }

    async fn profile_delete(&self, request: SignedRequest) -> Result<ProfileDeleted, Problem> {
        self.change("profile_delete", request);
        Ok(ProfileDeleted { deleted: true })
    }

    async fn avatar_set(&self, request: SignedRequest) -> Result<ProfileView, Problem> {
        Ok(self.change("avatar_set", request))
    }

    async fn avatar_remove(&self, request: SignedRequest) -> Result<ProfileView, Problem> {
        Ok(self.change("avatar_remove", request))
    }
}

/// Mira's profile, as she sees it herself.
pub(crate) fn profile_sample() -> ProfileView {
    let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let view = serde_json::json!({
        "did": did(1), "handle": "mira", "displayName": "Mira Okonkwo", "displayType": "human",
        "bio": "Sings.\nAnd <b>paints</b>.",
        "avatar": format!("http://127.0.0.1:7000/profile/api/avatars/{hash}/256.jpg"),
        "avatarSmall": format!("http://127.0.0.1:7000/profile/api/avatars/{hash}/64.jpg"),
        "links": [{"label": "Songs", "url": "https://mira.example/songs"}],
        "contact": {"email": {"value": "mira@example.org", "visibility": "nobody"}},
        "version": 3, "createdAt": now(), "updatedAt": now(),
    });
    serde_json::from_value(view).unwrap()
}
