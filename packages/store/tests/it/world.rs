//! A database with tables of a make-believe service.

use diesel::prelude::*;
use imajin_did::{Did, Keyring};
use imajin_kernel::id::EventId;
use imajin_kernel::{Env, ManualClock, Timestamp};
use imajin_store::mutation::Writer;
use imajin_store::{Conn, Db, Finding, Location, Migrations, Options, SealedRow, Sealer, StoreError};
use imajin_store::{embed_migrations, sealed_row};
use imajin_testkit::{Backend, Place, TestDatabase};
use serde::Serialize;

pub(crate) const MIGRATIONS: Migrations = Migrations {
    sqlite: embed_migrations!("tests/migrations/sqlite"),
    postgres: embed_migrations!("tests/migrations/postgres"),
};

pub(crate) mod schema {
    diesel::table! {
        things (id) {
            id -> Text,
            owner_did -> Text,
            name -> Text,
            note -> Nullable<Text>,
            amount_micros -> BigInt,
            places -> Integer,
            maximum -> Nullable<Integer>,
            open -> Bool,
            secret -> Binary,
            extra -> Nullable<Binary>,
            created_at -> BigInt,
            deleted_at -> Nullable<BigInt>,
            row_seal -> Binary,
        }
    }

    diesel::table! {
        parts (thing_id, nth) {
            thing_id -> Text,
            nth -> BigInt,
            row_seal -> Binary,
        }
    }
}
pub(crate) use schema::{parts, things};

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Identifiable, Insertable, AsChangeset)]
#[diesel(table_name = things, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct Thing {
    pub(crate) id: EventId,
    pub(crate) owner_did: Did,
    pub(crate) name: String,
    pub(crate) note: Option<String>,
    pub(crate) amount_micros: i64,
    pub(crate) places: i32,
    pub(crate) maximum: Option<i32>,
    pub(crate) open: bool,
    pub(crate) secret: Vec<u8>,
    pub(crate) extra: Option<Vec<u8>>,
    pub(crate) created_at: Timestamp,
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(Thing, things, "things", key = (id));

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Identifiable, Insertable, AsChangeset)]
#[diesel(table_name = parts, primary_key(thing_id, nth))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct Part {
    pub(crate) thing_id: EventId,
    pub(crate) nth: i64,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(Part, parts, "parts", key = (thing_id, nth));

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) db: Db,
    pub(crate) clock: ManualClock,
    pub(crate) env: Env,
    pub(crate) keyring: Keyring,
    pub(crate) sealer: Sealer,
    pub(crate) log: Writer,
}

pub(crate) fn location(database: &TestDatabase) -> Location {
    match database.place_for("things") {
        Place::SqliteFile(path) => Location::sqlite(path),
        Place::Postgres { url, schema } => Location::postgres(url, schema),
    }
}

impl World {
    pub(crate) fn new(backend: Backend) -> Self {
        Self::with(backend, Options::default())
    }

    pub(crate) fn with(backend: Backend, options: Options) -> Self {
        let database = TestDatabase::new(backend);
        let db = Db::open(location(&database), "things", MIGRATIONS, options).unwrap();
        let clock = ManualClock::at(Timestamp::from_seconds(1_900_000_000));
        let env = Env::fixed(clock.clone(), 7);
        let keyring = Keyring::generate(&env);
        let sealer = Sealer::for_service(&keyring, "things");
        let log = Writer::new("node", keyring.clone(), sealer.clone(), env.clone());
        Self {
            database,
            db,
            clock,
            env,
            keyring,
            sealer,
            log,
        }
    }

    pub(crate) fn open(&self) -> Db {
        Db::open(location(&self.database), "things", MIGRATIONS, Options::default()).unwrap()
    }

    pub(crate) fn thing(&self) -> Thing {
        Thing {
            id: self.env.new_id(),
            owner_did: self.keyring.node_did().clone(),
            name: "a thing".to_owned(),
            note: None,
            amount_micros: i64::MAX,
            places: 0,
            maximum: Some(7),
            open: true,
            secret: vec![0, 1, 255],
            extra: None,
            created_at: self.env.now(),
            deleted_at: None,
            row_seal: Vec::new(),
        }
    }

    pub(crate) async fn insert(&self, thing: Thing) -> Thing {
        let sealer = self.sealer.clone();
        self.write(move |conn| Ok(thing.clone().insert(conn, &sealer)?))
            .await
            .unwrap()
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Conn) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.db.write(work).await
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.db.read(work).await
    }

    pub(crate) async fn audit(&self) -> Vec<Finding> {
        let log = self.log.clone();
        self.read(move |conn| Ok(audit(conn, &log)?)).await.unwrap()
    }
}

/// The audit of the whole database.
pub(crate) fn audit(conn: &mut Conn, log: &Writer) -> QueryResult<Vec<Finding>> {
    let mut findings = Vec::new();
    conn.transaction(|conn| {
        imajin_store::audit(conn, log, &|_did| Vec::new(), &mut findings)?;
        Thing::audit(conn, log.sealer(), &mut findings)?;
        Part::audit(conn, log.sealer(), &mut findings)
    })?;
    Ok(findings)
}

pub(crate) fn thing_fetch(conn: &mut Conn, id: EventId) -> QueryResult<Thing> {
    things::table.find(id).select(Thing::as_select()).first(conn)
}
