use std::sync::Arc;

use imajin_did::{Keyring, SecretKey};
use imajin_kernel::{Env, ManualClock, Span, Timestamp};
use imajin_ledger::{
    AccountKey, Command, EntryKind, HoldPlace, Ledger, LedgerError, Movement, Outcome, Owner, Posting, Purpose,
    Refusal, account_fetch,
};
use imajin_money::{Amount, Asset};
use imajin_store::{Conn, Db, Finding, Location, Migrations, Options, Sealer, embed_migrations};
use imajin_testkit::{Backend, Place, TestDatabase};

const MIGRATIONS: Migrations = Migrations {
    sqlite: embed_migrations!("../../migrations/pay/sqlite"),
    postgres: embed_migrations!("../../migrations/pay/postgres"),
};

pub(crate) const ASSET: Asset = Asset::TEST_USD;

/// A ledger with a database, a clock and randomness of its own.
pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) ledger: Ledger,
    pub(crate) keyring: Keyring,
    pub(crate) sealer: Sealer,
    pub(crate) clock: ManualClock,
    pub(crate) env: Env,
    database: Arc<TestDatabase>,
}

impl World {
    pub(crate) fn new(backend: Backend) -> Self {
        let clock = ManualClock::at(Timestamp::from_seconds(1_800_000_000));
        let env = Env::fixed(clock.clone(), 7);
        let keyring = Keyring::generate(&env);
        let sealer = Sealer::for_service(&keyring, "pay");
        let database = Arc::new(TestDatabase::new(backend));
        let db = open(&database);
        let ledger = Ledger::new("one", sealer.clone(), env.clone());
        Self {
            db,
            ledger,
            keyring,
            sealer,
            clock,
            env,
            database,
        }
    }

    /// Another process on the same database, with a chain of its own.
    pub(crate) fn another(&self, chain: &str) -> Self {
        Self {
            db: open(&self.database),
            ledger: Ledger::new(chain, self.sealer.clone(), self.env.clone()),
            keyring: self.keyring.clone(),
            sealer: self.sealer.clone(),
            clock: self.clock.clone(),
            env: self.env.clone(),
            database: Arc::clone(&self.database),
        }
    }

    pub(crate) async fn execute(&self, commands: Vec<Command>) -> Vec<Result<Outcome, Refusal>> {
        let ledger = self.ledger.clone();
        let answers: Result<_, LedgerError> = self.db.write(move |conn| ledger.execute(conn, &commands)).await;
        answers.unwrap()
    }

    pub(crate) async fn execute_one(&self, command: Command) -> Result<Outcome, Refusal> {
        self.execute(vec![command]).await.pop().unwrap()
    }

    pub(crate) async fn balance(&self, key: &AccountKey) -> i64 {
        let (sealer, key) = (self.sealer.clone(), key.clone());
        let found: Result<_, LedgerError> = self.db.read(move |conn| account_fetch(conn, &sealer, &key)).await;
        found.unwrap().map_or(0, |account| account.balance_units)
    }

    pub(crate) async fn audit(&self) -> Vec<Finding> {
        let sealer = self.sealer.clone();
        self.db.read(move |conn| audit(conn, &sealer)).await.unwrap()
    }

    pub(crate) fn later(&self, span: Span) {
        self.clock.advance(span);
    }

    pub(crate) async fn fund(&self, key: &str, owner: &Owner, units: i64) {
        let movements = vec![Movement::new(rail(), -units), Movement::new(available(owner), units)];
        self.execute_one(post(key, movements)).await.unwrap();
    }
}

pub(crate) fn audit(conn: &mut Conn, sealer: &Sealer) -> Result<Vec<Finding>, imajin_store::StoreError> {
    let mut findings = Vec::new();
    imajin_ledger::audit(conn, sealer, &mut findings)?;
    Ok(findings)
}

fn open(database: &TestDatabase) -> Db {
    let location = match database.place_for("pay") {
        Place::SqliteFile(path) => Location::sqlite(path),
        Place::Postgres { url, schema } => Location::postgres(url, schema),
    };
    Db::open(location, "pay", MIGRATIONS, Options::default()).unwrap()
}

/// Somebody; the same number is the same person.
pub(crate) fn person(number: u8) -> Owner {
    Owner::Did(SecretKey::from_seed([number.wrapping_add(1); 32]).did())
}

pub(crate) fn available(owner: &Owner) -> AccountKey {
    AccountKey::new(owner.clone(), ASSET, Purpose::Available)
}

pub(crate) fn held(owner: &Owner) -> AccountKey {
    AccountKey::new(owner.clone(), ASSET, Purpose::Held)
}

pub(crate) fn rail() -> AccountKey {
    AccountKey::rail("sandbox", ASSET)
}

pub(crate) fn post(key: &str, movements: Vec<Movement>) -> Command {
    let (key, reference) = (key.to_owned(), "a test".to_owned());
    Command::Post(Posting {
        key,
        kind: EntryKind::Transfer,
        reference,
        movements,
    })
}

pub(crate) fn transfer(key: &str, from: &Owner, to: &Owner, units: i64) -> Command {
    post(
        key,
        vec![
            Movement::new(available(from), -units),
            Movement::new(available(to), units),
        ],
    )
}

pub(crate) fn place(world: &World, key: &str, owner: &Owner, units: i64) -> HoldPlace {
    HoldPlace {
        id: world.env.new_id(),
        key: key.to_owned(),
        source: available(owner),
        owner: owner.clone(),
        amount: Amount::from_micros(units).unwrap(),
        reference: "a hold".to_owned(),
        expires_at: Some(world.env.now().plus(Span::hours(1))),
    }
}

/// Stamps async tests over both databases: `on_both! { async fn name(world: World) { … } }`.
macro_rules! on_both {
    ($(async fn $name:ident($world:ident: World) $body:block)*) => {
        mod sqlite {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let $world = World::new(imajin_testkit::Backend::Sqlite);
                $body
            })*
        }
        mod postgres {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let $world = World::new(imajin_testkit::Backend::Postgres);
                $body
            })*
        }
    };
}
pub(crate) use on_both;
