use std::net::{Ipv4Addr, Ipv6Addr};

use crate::ZoneName;

/// The kinds of records that nodes need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// An IPv4 address.
    A,
    /// An IPv6 address.
    Aaaa,
    /// Another name for the same.
    Cname,
    /// A text.
    Txt,
}

impl RecordKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::A, Self::Aaaa, Self::Cname, Self::Txt];
}

/// What a name says of one kind. Use [`RecordSet::new`], which takes none that is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Records {
    /// IPv4 addresses.
    A(Vec<Ipv4Addr>),
    /// IPv6 addresses.
    Aaaa(Vec<Ipv6Addr>),
    /// The one name that this is another name for.
    Cname(ZoneName),
    /// Texts.
    Txt(Vec<String>),
}

impl Records {
    /// Their kind.
    pub const fn kind(&self) -> RecordKind {
        match self {
            Self::A(_) => RecordKind::A,
            Self::Aaaa(_) => RecordKind::Aaaa,
            Self::Cname(_) => RecordKind::Cname,
            Self::Txt(_) => RecordKind::Txt,
        }
    }

    const fn is_empty(&self) -> bool {
        match self {
            Self::A(addresses) => addresses.is_empty(),
            Self::Aaaa(addresses) => addresses.is_empty(),
            Self::Cname(_) => false,
            Self::Txt(texts) => texts.is_empty(),
        }
    }
}

/// All records of one kind that a name has; never none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSet {
    name: ZoneName,
    ttl_seconds: u32,
    records: Records,
}

impl RecordSet {
    /// `None` when there is no record in it: nothing is published by mistake.
    pub fn new(name: ZoneName, ttl_seconds: u32, records: Records) -> Option<Self> {
        let is_some = !records.is_empty();
        is_some.then_some(Self {
            name,
            ttl_seconds,
            records,
        })
    }

    /// Whose they are.
    pub const fn name(&self) -> &ZoneName {
        &self.name
    }

    /// For how long others may remember them.
    pub const fn ttl_seconds(&self) -> u32 {
        self.ttl_seconds
    }

    /// The records.
    pub const fn records(&self) -> &Records {
        &self.records
    }
}

/// What is to be different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The name has these records of their kind and no others. A CNAME takes the place of addresses and texts, and they
    /// take its place: a name cannot have both (RFC 1034, section 3.6.2).
    Put(RecordSet),
    /// The name has no records of a kind.
    Delete(ZoneName, RecordKind),
}

impl Change {
    /// The name that it is about.
    pub const fn name(&self) -> &ZoneName {
        match self {
            Self::Put(set) => &set.name,
            Self::Delete(name, _) => name,
        }
    }
}
