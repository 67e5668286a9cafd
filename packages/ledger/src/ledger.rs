use imajin_kernel::{Env, Timestamp};
use imajin_store::{Conn, Sealer};

use crate::book::Book;
use crate::{EntryKind, Hold, HoldCapture, HoldPlace, HoldRelease, LedgerError, Leg, Movement, Posted, Refusal};

/// The most movements of one entry: more than the largest plan has legs and fees.
pub const MOVEMENTS_MAX: usize = 10_100;

/// The longest key or reference, in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 255;

/// How often a batch starts again because another process opened one of its accounts at the same moment.
const RACES_MAX: u32 = 8;

/// Moves money between accounts that are not held ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// Unique among all commands; the same key with the same content is the same command.
    pub key: String,
    /// Why.
    pub kind: EntryKind,
    /// What for, 1 to 255 bytes.
    pub reference: String,
    /// What moves; the sum per asset is zero. Applied in this order, and no user's account may be below zero after any
    /// of them.
    pub movements: Vec<Movement>,
}

/// Something to book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Move money.
    Post(Posting),
    /// Set money aside.
    Place(HoldPlace),
    /// Pay from what is set aside.
    Capture(HoldCapture),
    /// Send back what is set aside.
    Release(HoldRelease),
}

impl Command {
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Post(posting) => &posting.key,
            Self::Place(place) => &place.key,
            Self::Capture(capture) => &capture.key,
            Self::Release(release) => &release.key,
        }
    }
}

/// What a command did, now or the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The entry.
    pub entry: Posted,
    /// Its legs, in the order of the movements.
    pub legs: Vec<Leg>,
    /// The hold that it was about, as it stands now.
    pub hold: Option<Hold>,
}

/// Books commands. One per writer: the chain is its own.
#[derive(Clone)]
pub struct Ledger {
    pub(crate) chain: String,
    pub(crate) sealer: Sealer,
    pub(crate) env: Env,
}

impl Ledger {
    /// A ledger that appends to `chain`, the name of this writer.
    pub fn new(chain: impl Into<String>, sealer: Sealer, env: Env) -> Self {
        Self {
            chain: chain.into(),
            sealer,
            env,
        }
    }

    /// The name of this writer's chain.
    pub fn chain(&self) -> &str {
        &self.chain
    }

    /// The time of what is booked now.
    pub(crate) fn now(&self) -> Timestamp {
        self.env.now()
    }

    /// Books commands in their order, in the caller's transaction. The answers are in the same order; a refused command
    /// wrote nothing.
    ///
    /// # Errors
    /// [`LedgerError`] when nothing could be booked: let the transaction fail.
    pub fn execute(&self, conn: &mut Conn, commands: &[Command]) -> Result<Vec<Result<Outcome, Refusal>>, LedgerError> {
        let all: Vec<&Command> = commands.iter().collect();
        self.booked(conn, &all, |book| {
            commands.iter().map(|command| book.evaluate(command)).collect()
        })
    }

    /// Books groups of commands in their order, each group all or none: when one command of it is refused, the whole
    /// group wrote nothing, and the refusal is its answer. The other groups are not affected.
    ///
    /// # Errors
    /// As [`Ledger::execute`].
    pub fn execute_linked(
        &self,
        conn: &mut Conn,
        groups: &[Vec<Command>],
    ) -> Result<Vec<Result<Vec<Outcome>, Refusal>>, LedgerError> {
        let all: Vec<&Command> = groups.iter().flatten().collect();
        self.booked(conn, &all, |book| {
            groups.iter().map(|group| book.evaluate_linked(group)).collect()
        })
    }

    fn booked<T>(
        &self,
        conn: &mut Conn,
        commands: &[&Command],
        evaluate: impl Fn(&mut Book<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        for _race in 0..RACES_MAX {
            let mut book = Book::load(self, conn, commands)?;
            let answers = evaluate(&mut book)?;
            if book.flush(conn)? {
                return Ok(answers);
            }
        }
        Err(imajin_store::StoreError::Busy.into())
    }

    /// Books one command.
    ///
    /// # Errors
    /// As [`Ledger::execute`].
    pub fn execute_one(&self, conn: &mut Conn, command: &Command) -> Result<Result<Outcome, Refusal>, LedgerError> {
        let mut answers = self.execute(conn, std::slice::from_ref(command))?;
        answers.pop().ok_or_else(|| imajin_store::StoreError::Busy.into())
    }
}
