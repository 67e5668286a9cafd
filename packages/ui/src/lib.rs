//! Everything that a person sees in a browser: page templates, the stylesheets, pictures drawn as SVG, and the small
//! browser modules, all embedded in the binary.
//!
//! A service fills one of the `…Page` structs with plain values and calls [`render`]. Nothing in here knows a
//! service, does I/O or decides anything: a page shows what it is given, and every value is escaped on its way into
//! the markup.
//!
//! The pages are written for a strict content security policy ([`CONTENT_SECURITY_POLICY`]): no inline script, no style
//! attribute, nothing from another host. They can be read without JavaScript; where the browser itself must act (it
//! holds the person's key), the page says so.
//!
//! **Architecture Invariant:** this crate depends on no service and on no domain crate. Amounts arrive as text that
//! somebody else has formatted; the only numbers are the ones that a picture needs for its proportions. What every
//! page writes in the same way is written here: moments ([`moment`], [`event_time`]) and long identifiers
//! ([`did_short`]).

mod assets;
mod chart;
mod constellation;
mod flow;
mod href;
mod pages;
mod part;
mod qr;
mod render;
mod shell;
mod short;
mod time;

pub use assets::{asset_url, assets_router};
pub use chart::{Bar, BarPart, Chart};
pub use constellation::Constellation;
pub use href::href;
pub(crate) use pages::pay_solana::wallet_href;
pub use pages::{
    access::{GrantItem, GrantsPage, SessionItem, SessionsPage},
    account::{BalanceRow, MePage, MovePage, NodeParts, ReceiptDirection, ReceiptRow},
    allowed::{AllowedPage, ComparisonRow, GrantRow, PurposeRow, UseRow},
    ask::{AnswersPage, AskPage},
    contract::{ContractPage, EarningsPage},
    directory::{
        DirectoryCounts, DirectoryFilter, DirectoryMap, DirectoryPage, MapColumn, MapRow, NodePage, NodeRow, NodeState,
        StateChange,
    },
    event::{EventDetail, EventPage, EventState, SplitPart, SplitView, TierRow, TierState},
    fair::{CheckRow, CheckState, FairAccept, FairActs, FairForm, FairPage, FairView, FairWork},
    federation::{VisitConsentPage, VisitStartPage},
    identity::{CheckMailboxPage, JoinPage, LoginPage, MailPage, MailRow, MailboxPage, OnboardConfirmPage, SetupPage},
    keys::{EnrolPage, KeysPage, RecoverPage},
    landing::{EventCard, LandingPage, NodeCard},
    message::{ErrorPage, Link, MessagePage},
    mirrors::{LieItem, MirrorItem, MirrorNode, MirrorPage, MirrorsPage},
    money::{
        Act, ActField, ActForm, AskField, AskForm, AskKind, Block, Cell, FeesForm, Figure, MoneyPage, Search, Table,
    },
    notices::{NoticeItem, NoticesPage},
    oidc::{ConsentPage, ConsentScope, LogoutPage},
    operator::{AccountRow, CertificateCard, OperatorPage, RegistryCard, SaleRow, ServiceRow},
    order::{OrderPage, OrderState, TicketLink},
    passkeys::{PasskeyItem, PasskeysPage},
    pay::{PayState, SandboxPayPage},
    pay_solana::{SolanaPayPage, SolanaPayState, StrayPayment},
    peers::{PeerItem, PeersPage},
    pods::{PodChoice, PodLine, PodPage, PodPersonRow, PodsPage},
    profile::{
        ContactInput, ContactRow, PeoplePage, Person, ProfileEditPage, ProfileLinkRow, ProfilePage, SaidRow, WorkRow,
    },
    read::{PublishPage, ReadAccess, ReadPage, SafeHtml, WorkFile, WorkItem, WorksPage},
    receipt::{CreditNotePage, CreditNoteRow, FeeRow, LegRow, PathStep, ReceiptPage, RefundForm, RefundLine},
    ticket::{TicketCard, TicketPage, TicketState},
    trust::{ConnectionsPage, InviteRow, InvitedPage, TieRow, TrustPage, TrustStep},
};
pub use part::{MoneyText, When};
pub use qr::qr_svg;
pub use render::{CONTENT_SECURITY_POLICY, render, render_status};
pub use shell::{Shell, Viewer};
pub use short::{did_short, id_short, name_or_handle};
pub use time::{event_end, event_time, moment};
