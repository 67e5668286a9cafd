use imajin_did::Did;
use indexmap::IndexSet;

/// Numbers for DIDs, in the order in which they came. A number is never given twice.
#[derive(Debug, Default, Clone)]
pub(crate) struct People(IndexSet<Did>);

impl People {
    pub(crate) fn with_capacity(people: usize) -> Self {
        Self(IndexSet::with_capacity(people))
    }

    pub(crate) fn number(&self, did: &Did) -> Option<u32> {
        self.0.get_index_of(did).and_then(|index| u32::try_from(index).ok())
    }

    /// The number of a DID, a new one if need be; `None` when there are no more.
    pub(crate) fn number_or_new(&mut self, did: &Did) -> Option<u32> {
        if let Some(number) = self.number(did) {
            return Some(number);
        }
        let number = u32::try_from(self.0.len()).ok().filter(|number| *number < u32::MAX)?;
        self.0.insert(did.clone());
        Some(number)
    }

    pub(crate) fn did(&self, number: u32) -> Option<&Did> {
        self.0.get_index(usize::try_from(number).ok()?)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }

    /// An estimate of the memory, in bytes: the set's own and the text of each DID.
    pub(crate) fn bytes(&self) -> usize {
        const ENTRY: usize = size_of::<Did>() + size_of::<u64>() + size_of::<usize>();
        // Two counters before the text of each.
        let texts: usize = self.0.iter().map(|did| did.as_str().len().saturating_add(16)).sum();
        self.0.capacity().saturating_mul(ENTRY).saturating_add(texts)
    }
}
