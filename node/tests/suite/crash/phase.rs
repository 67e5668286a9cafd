//! How far each purchase had come when the node died: its databases are read before anybody starts it again.

use std::fmt;

use diesel::prelude::*;
use imajin_node::config::{Config, Overrides, ServiceName, load};
use imajin_node::data_dir::DataDir;
use imajin_node::run::database_open;
use imajin_store::StoreError;

use crate::support::Home;

diesel::table! {
    checkouts (id) {
        id -> Text,
        goods_id -> Text,
        state -> Text,
    }
}

diesel::table! {
    rail_messages (id) {
        id -> Text,
        processed_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    outbox (id) {
        id -> Text,
        topic -> Text,
        done_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    orders (id) {
        id -> Text,
        state -> Text,
        checkout_id -> Nullable<Text>,
    }
}

/// In how many deaths a purchase was found in this place. Two places of one purchase may be counted at one death.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Phases {
    /// Places reserved, no checkout known to the order.
    pub(super) ordering: u32,
    /// The checkout waits for the buyer.
    pub(super) open: u32,
    /// The rail's message is stored, nothing is booked.
    pub(super) stored: u32,
    /// The money is held, there are no tickets.
    pub(super) paid: u32,
    /// There are tickets, the money is still held.
    pub(super) delivered: u32,
    /// The money goes back in the ledger, the rail was not told.
    pub(super) refunding: u32,
}

impl fmt::Display for Phases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            ordering,
            open,
            stored,
            paid,
            delivered,
            refunding,
        } = self;
        write!(
            f,
            "ordering {ordering}, open {open}, stored {stored}, paid {paid}, delivered {delivered}, \
             refunding {refunding}"
        )
    }
}

impl Phases {
    /// Looks at the databases of a dead node; at copies of them, if they are files, because whoever opens them mends
    /// them.
    pub(super) async fn look(&mut self, home: &Home) {
        let mut overrides = Overrides::default();
        overrides.set("database.url", home.database_url().map(str::to_owned));
        let config = load(&home.data(), &overrides).unwrap().config;
        let copy = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(home.data()).unwrap() {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            if ["pay.sqlite3", "pay.sqlite3-wal", "events.sqlite3", "events.sqlite3-wal"].contains(&name.as_str()) {
                std::fs::copy(file.path(), copy.path().join(name)).unwrap();
            }
        }
        let data = DataDir::create(copy.path()).unwrap();
        let (held, fulfilled) = orders_read(&data, &config).await;
        let pay = pay_read(&data, &config).await;
        let has = |ids: &[String], id: &String| ids.contains(id);
        self.ordering += u32::from(held.iter().any(|(_, checkout)| checkout.is_none()));
        let held: Vec<String> = held.into_iter().map(|(id, _)| id).collect();
        self.open += u32::from(pay.open.iter().any(|order| has(&held, order)));
        self.stored += u32::from(pay.stored > 0);
        self.paid += u32::from(pay.paid.iter().any(|order| has(&held, order)));
        self.delivered += u32::from(pay.paid.iter().any(|order| has(&fulfilled, order)));
        self.refunding += u32::from(pay.refunding > 0);
    }
}

type Held = Vec<(String, Option<String>)>;

async fn orders_read(data: &DataDir, config: &Config) -> (Held, Vec<String>) {
    let db = database_open(data, config, ServiceName::Events).await.unwrap().unwrap();
    let read = db.read(|conn| {
        let held = orders::table.filter(orders::state.eq("held"));
        let held = held.select((orders::id, orders::checkout_id)).load(conn)?;
        let fulfilled = orders::table
            .filter(orders::state.eq("fulfilled"))
            .select(orders::id)
            .load(conn)?;
        Ok::<_, StoreError>((held, fulfilled))
    });
    let orders = read.await.unwrap();
    db.close().await;
    orders
}

struct PayState {
    open: Vec<String>,
    paid: Vec<String>,
    stored: i64,
    refunding: i64,
}

async fn pay_read(data: &DataDir, config: &Config) -> PayState {
    let db = database_open(data, config, ServiceName::Pay).await.unwrap().unwrap();
    let read = db.read(|conn| {
        let open = checkouts::table
            .filter(checkouts::state.eq("open"))
            .select(checkouts::goods_id)
            .load(conn)?;
        let paid = checkouts::table
            .filter(checkouts::state.eq("paid"))
            .select(checkouts::goods_id)
            .load(conn)?;
        let stored = rail_messages::table
            .filter(rail_messages::processed_at.is_null())
            .count();
        let stored = stored.get_result(conn)?;
        let refunding = outbox::table
            .filter(outbox::topic.eq("rail_refund"))
            .filter(outbox::done_at.is_null());
        let refunding = refunding.count().get_result(conn)?;
        Ok::<_, StoreError>(PayState {
            open,
            paid,
            stored,
            refunding,
        })
    });
    let state = read.await.unwrap();
    db.close().await;
    state
}
