use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use crate::score::Collection;
use crate::terms::terms;
use crate::{Document, DocumentId, IndexFull, Passage, passages};

/// The most different terms of a question that are looked up.
const QUESTION_TERMS_MAX: usize = 32;
/// How often a term occurs in a passage is counted up to here.
const TIMES_MAX: u32 = (1 << TIMES_BITS) - 1;
const TIMES_BITS: u32 = 6;
/// The most passages that ever get a number before the index is written anew.
const NUMBERS_MAX: usize = 1 << (32 - TIMES_BITS);
/// What an entry, a passage and a term need at most, besides the letters of a term: what is kept of them, and what a
/// vector and a map have too many.
const ENTRY_BYTES: usize = 8;
const PASSAGE_BYTES: usize = 160;
const TERM_BYTES: usize = 128;
/// From so many dead entries on, an index of which half is dead is written anew.
const DEAD_LEAST: usize = 4_096;

/// What an index may hold, see [`Index::bytes`] for what that needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexLimits {
    /// Documents.
    pub documents_max: usize,
    /// Passages of all documents.
    pub passages_max: usize,
    /// Entries: one for each different term of each passage.
    pub entries_max: usize,
    /// Different terms of all passages.
    pub terms_max: usize,
}

impl Default for IndexLimits {
    /// For a board of 512 MB: some 60 MB of text, in at most 60 MB of memory.
    fn default() -> Self {
        Self {
            documents_max: 10_000,
            passages_max: 100_000,
            entries_max: 8_000_000,
            terms_max: 200_000,
        }
    }
}

/// A passage that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// In which document.
    pub document: DocumentId,
    /// SHA-256 of the document's bytes as they were read.
    pub digest: [u8; 32],
    /// Which of its passages, counted from 0.
    pub ordinal: usize,
    /// These bytes of the document.
    pub source: Range<usize>,
    /// How well it fits: only for comparing hits of one search.
    pub score: u64,
}

struct Indexed {
    digest: [u8; 32],
    /// The numbers of its passages.
    numbers: Range<usize>,
}

struct Place {
    document: DocumentId,
    source: Range<usize>,
    /// How many terms it has.
    length: u64,
}

/// Where which term occurs. It holds no text: who quotes a passage reads it from the document.
///
/// Kept in memory and built from the documents at the start, because it is small beside them and the same on every
/// database. A change costs what its document has, not what the index has.
pub struct Index {
    limits: IndexLimits,
    documents: BTreeMap<DocumentId, Indexed>,
    /// By their numbers; of documents that were removed nothing is left.
    places: Vec<Option<Place>>,
    /// For each term the passages by rising numbers: a number, and in the lowest bits how often.
    entries: HashMap<Box<str>, Vec<u32>>,
    /// The letters of all terms.
    letters_all: usize,
    entries_all: usize,
    entries_dead: usize,
    alive: Collection,
}

impl Index {
    /// An empty one.
    pub fn new(limits: IndexLimits) -> Self {
        Self {
            limits,
            documents: BTreeMap::new(),
            places: Vec::new(),
            entries: HashMap::new(),
            letters_all: 0,
            entries_all: 0,
            entries_dead: 0,
            alive: Collection { passages: 0, terms: 0 },
        }
    }

    /// How many documents it has.
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// About how much memory it needs.
    pub fn bytes(&self) -> usize {
        let all = [
            (self.entries_all, ENTRY_BYTES),
            (self.places.len(), PASSAGE_BYTES),
            (self.entries.len(), TERM_BYTES),
            (self.letters_all, 1),
        ];
        let each = all.iter().map(|(count, bytes)| count.saturating_mul(*bytes));
        each.fold(0, usize::saturating_add)
    }

    /// The documents and the SHA-256 of their bytes as they were read: for finding out what has changed.
    pub fn documents(&self) -> impl Iterator<Item = (&DocumentId, &[u8; 32])> {
        self.documents.iter().map(|(id, indexed)| (id, &indexed.digest))
    }

    /// Reads a document, in place of an earlier one of this name.
    ///
    /// # Errors
    /// [`IndexFull`]; the index is then as it was.
    pub fn insert(&mut self, id: &DocumentId, document: &Document<'_>) -> Result<(), IndexFull> {
        let digest = document.digest();
        let before = self.documents.get(id);
        if before.is_some_and(|before| before.digest == digest) {
            return Ok(());
        }
        let found = passages(document);
        let counted: Vec<Counted> = found.iter().map(|passage| count(&passage.text)).collect();
        // What is dead is memory too, until it is written anew.
        if self.entries_dead > 0 && self.is_full_with(id, &counted) {
            self.compact();
        }
        if self.is_full_with(id, &counted) {
            return Err(IndexFull);
        }
        self.remove(id);
        self.passages_add(id, digest, found, counted);
        Ok(())
    }

    /// Whether these passages are too many in place of those that a document has.
    fn is_full_with(&self, id: &DocumentId, counted: &[Counted]) -> bool {
        let before = self.documents.get(id);
        let replaced = before.map_or(0, |before| before.numbers.len());
        let passages = usize::try_from(self.alive.passages).unwrap_or(usize::MAX);
        let passages = passages.saturating_sub(replaced).saturating_add(counted.len());
        let documents = self.documents.len().saturating_add(usize::from(before.is_none()));
        let terms = counted.iter().flat_map(|(terms, _)| terms.keys());
        let terms: BTreeSet<&String> = terms.filter(|term| !self.entries.contains_key(term.as_str())).collect();
        documents > self.limits.documents_max
            || passages > self.limits.passages_max
            || self.entries_all.saturating_add(entries_of(counted)) > self.limits.entries_max
            || self.entries.len().saturating_add(terms.len()) > self.limits.terms_max
            || self.places.len().saturating_add(counted.len()) > NUMBERS_MAX
    }

    fn passages_add(&mut self, id: &DocumentId, digest: [u8; 32], found: Vec<Passage>, counted: Vec<Counted>) {
        self.entries_all = self.entries_all.saturating_add(entries_of(&counted));
        let first = self.places.len();
        for (passage, (terms, length)) in found.into_iter().zip(counted) {
            let number = self.places.len();
            self.places.push(Some(Place {
                document: id.clone(),
                source: passage.source,
                length,
            }));
            self.alive.passages = self.alive.passages.saturating_add(1);
            self.alive.terms = self.alive.terms.saturating_add(length);
            for (term, times) in terms {
                let entry = entry(number, times);
                if !self.entries.contains_key(term.as_str()) {
                    self.letters_all = self.letters_all.saturating_add(term.len());
                }
                self.entries.entry(term.into()).or_default().push(entry);
            }
        }
        let numbers = first..self.places.len();
        self.documents.insert(id.clone(), Indexed { digest, numbers });
    }

    /// Forgets a document; says whether there was one.
    pub fn remove(&mut self, id: &DocumentId) -> bool {
        let Some(indexed) = self.documents.remove(id) else {
            return false;
        };
        for place in self.places.get_mut(indexed.numbers).unwrap_or_default() {
            if let Some(place) = place.take() {
                self.alive.passages = self.alive.passages.saturating_sub(1);
                self.alive.terms = self.alive.terms.saturating_sub(place.length);
                // A passage has at most as many entries as terms; the exact number is known when it is written anew.
                self.entries_dead = self
                    .entries_dead
                    .saturating_add(usize::try_from(place.length).unwrap_or(0));
            }
        }
        if self.entries_dead > DEAD_LEAST.max(self.entries_all / 2) {
            self.compact();
        }
        true
    }

    /// Writes the index anew without what is dead.
    fn compact(&mut self) {
        let mut renumbered: Vec<Option<usize>> = Vec::with_capacity(self.places.len());
        let mut kept = 0_usize;
        for place in &self.places {
            renumbered.push(place.as_ref().map(|_place| kept));
            kept = kept.saturating_add(usize::from(place.is_some()));
        }
        (self.entries_all, self.letters_all) = (0, 0);
        self.entries.retain(|term, entries| {
            entries.retain_mut(|one| {
                let (number, times) = parts(*one);
                match renumbered.get(number).copied().flatten() {
                    Some(number) => {
                        *one = entry(number, times);
                        true
                    }
                    None => false,
                }
            });
            entries.shrink_to_fit();
            self.entries_all = self.entries_all.saturating_add(entries.len());
            if !entries.is_empty() {
                self.letters_all = self.letters_all.saturating_add(term.len());
            }
            !entries.is_empty()
        });
        self.entries.shrink_to_fit();
        for indexed in self.documents.values_mut() {
            let first = renumbered.get(indexed.numbers.start).copied().flatten().unwrap_or(0);
            indexed.numbers = first..first.saturating_add(indexed.numbers.len());
        }
        self.places.retain(Option::is_some);
        self.places.shrink_to_fit();
        self.entries_dead = 0;
    }

    /// The passages that fit a question best, at most `count` of them, the best first; equally good ones by document
    /// and place.
    pub fn search(&self, question: &str, count: usize) -> Vec<Hit> {
        let mut wanted = BTreeSet::new();
        for term in terms(question) {
            if wanted.len() >= QUESTION_TERMS_MAX {
                break;
            }
            wanted.insert(term);
        }
        let mut scores: HashMap<usize, u64> = HashMap::new();
        for term in &wanted {
            let Some(entries) = self.entries.get(term.as_str()) else {
                continue;
            };
            let alive = |one: &u32| {
                let (number, times) = parts(*one);
                let place = self.places.get(number)?.as_ref()?;
                Some((number, u64::from(times), place.length))
            };
            let found = u64::try_from(entries.iter().filter_map(alive).count()).unwrap_or(u64::MAX);
            let rarity = self.alive.rarity(found);
            for (number, times, length) in entries.iter().filter_map(alive) {
                let score = scores.entry(number).or_default();
                *score = score.saturating_add(self.alive.weight(rarity, times, length));
            }
        }
        self.best(&scores, count)
    }

    fn best(&self, scores: &HashMap<usize, u64>, count: usize) -> Vec<Hit> {
        let hits = scores.iter().filter_map(|(number, score)| {
            let place = self.places.get(*number)?.as_ref()?;
            let indexed = self.documents.get(&place.document)?;
            Some((std::cmp::Reverse(*score), &place.document, *number, place, indexed))
        });
        let mut hits: Vec<_> = hits.collect();
        hits.sort_unstable_by_key(|(score, document, number, _, _)| (*score, *document, *number));
        hits.truncate(count);
        let hit = |(score, document, number, place, indexed): (
            std::cmp::Reverse<u64>,
            &DocumentId,
            usize,
            &Place,
            &Indexed,
        )| Hit {
            document: document.clone(),
            digest: indexed.digest,
            ordinal: number.saturating_sub(indexed.numbers.start),
            source: place.source.clone(),
            score: score.0,
        };
        hits.into_iter().map(hit).collect()
    }
}

/// How often each term of a passage occurs, and how many there are.
type Counted = (BTreeMap<String, u32>, u64);

fn entries_of(counted: &[Counted]) -> usize {
    counted.iter().map(|(terms, _)| terms.len()).sum()
}

fn count(text: &str) -> Counted {
    let (mut counted, mut length) = (BTreeMap::new(), 0_u64);
    for term in terms(text) {
        let times: &mut u32 = counted.entry(term).or_default();
        *times = times.saturating_add(1).min(TIMES_MAX);
        length = length.saturating_add(1);
    }
    (counted, length)
}

fn entry(number: usize, times: u32) -> u32 {
    let number = u32::try_from(number).unwrap_or(0);
    (number << TIMES_BITS) | times
}

fn parts(entry: u32) -> (usize, u32) {
    let number = usize::try_from(entry >> TIMES_BITS).unwrap_or(usize::MAX);
    (number, entry & TIMES_MAX)
}
