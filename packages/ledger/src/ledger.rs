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

/// Books that something happened that moves nothing: what costs nothing was handed over, say. Its entry has no legs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Unique among all commands; the same key with the same content is the same command.
    pub key: String,
    /// Why.
    pub kind: EntryKind,
    /// What for, 1 to 255 bytes.
    pub reference: String,
}

/// Something to book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Move money.
    Post(Posting),
    /// Move nothing, and have it in the chain.
    Note(Note),
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
            Self::Note(note) => &note.key,
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

/// What became of a group of commands.
pub type GroupAnswer = Result<Vec<Outcome>, Refusal>;

/// A thread of its own costs as much as a few documents.
const BESIDE_MIN: usize = 4;

/// Makes something on another thread while this one writes; a panic there is one here.
fn beside<T: Send, F>(
    make: &(impl Fn() -> T + Sync),
    write: impl FnOnce() -> Result<F, LedgerError>,
) -> Result<(F, T), LedgerError> {
    std::thread::scope(|scope| {
        // A system that has no thread to give makes it wait.
        let making = std::thread::Builder::new().spawn_scoped(scope, make);
        let written = write();
        let product = making.map_or_else(
            |_no_thread| make(),
            |making| making.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        );
        Ok((written?, product))
    })
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
        let evaluate = |book: &mut Book<'_>| commands.iter().map(|command| book.evaluate(command)).collect();
        let (answers, ()) = self.booked(conn, &all, &evaluate, &|_answers: &_| ())?;
        Ok(answers)
    }

    /// Books groups of commands in their order, each group all or none: when one command of it is refused, the whole
    /// group wrote nothing, and the refusal is its answer. The other groups are not affected.
    ///
    /// # Errors
    /// As [`Ledger::execute`].
    pub fn execute_linked(&self, conn: &mut Conn, groups: &[Vec<Command>]) -> Result<Vec<GroupAnswer>, LedgerError> {
        let (answers, ()) = self.execute_linked_beside(conn, groups, |_answers| ())?;
        Ok(answers)
    }

    /// As [`Ledger::execute_linked`], and makes something of the answers while the rows are written: documents that
    /// name the entries' hashes, say. It is made on a thread of its own when there are many groups, and again when
    /// another process was in between and the answers are others.
    ///
    /// # Errors
    /// As [`Ledger::execute`]; then nothing that was made counts.
    pub fn execute_linked_beside<T: Send>(
        &self,
        conn: &mut Conn,
        groups: &[Vec<Command>],
        make: impl Fn(&[GroupAnswer]) -> T + Sync,
    ) -> Result<(Vec<GroupAnswer>, T), LedgerError> {
        let all: Vec<&Command> = groups.iter().flatten().collect();
        let evaluate = |book: &mut Book<'_>| groups.iter().map(|group| book.evaluate_linked(group)).collect();
        self.booked(conn, &all, &evaluate, &|answers: &Vec<GroupAnswer>| make(answers))
    }

    fn booked<A: Sync, T: Send>(
        &self,
        conn: &mut Conn,
        commands: &[&Command],
        evaluate: &impl Fn(&mut Book<'_>) -> Result<A, LedgerError>,
        make: &(impl Fn(&A) -> T + Sync),
    ) -> Result<(A, T), LedgerError> {
        for _race in 0..RACES_MAX {
            let mut book = Book::load(self, conn, commands)?;
            let answers = evaluate(&mut book)?;
            let (flushed, product) = if commands.len() < BESIDE_MIN {
                (book.flush(conn)?, make(&answers))
            } else {
                beside(&|| make(&answers), || book.flush(conn))?
            };
            if flushed {
                return Ok((answers, product));
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
