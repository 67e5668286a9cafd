//! What is asked of a server, and what it says.

use hickory_proto::ProtoError;
use hickory_proto::op::{DnsResponse, Message, MessageType, OpCode, Query, UpdateMessage};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, TXT};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use crate::{Change, DnsError, RecordKind, RecordSet, Records, Zone, ZoneName};

/// The longest piece of a text (RFC 1035, section 3.3).
const TEXT_PIECE: usize = 255;

impl From<ProtoError> for DnsError {
    fn from(error: ProtoError) -> Self {
        Self::Refused(error.to_string())
    }
}

/// One update for all changes: the server makes all of them or none.
pub(super) fn changes_message(id: u16, zone: &Zone, changes: &[Change]) -> Result<Message, DnsError> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Update);
    let mut about = Query::new();
    about
        .set_name(zone.apex().to_wire()?)
        .set_query_class(DNSClass::IN)
        .set_query_type(RecordType::SOA);
    message.add_zone(about);
    for change in changes {
        let name = change.name().to_wire()?;
        match change {
            Change::Delete(_, kind) => message.add_update(all_deleted(&name, *kind)),
            Change::Put(set) => {
                let kind = set.records().kind();
                let gone = |other: &RecordKind| *other == kind || excludes(kind, *other);
                for other in RecordKind::ALL.into_iter().filter(gone) {
                    message.add_update(all_deleted(&name, other));
                }
                message.add_updates(set_records(&name, set)?);
            }
        }
    }
    Ok(message)
}

/// What is published of one kind.
pub(super) fn question(id: u16, name: &ZoneName, kind: RecordKind) -> Result<Message, DnsError> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(name.to_wire()?, type_of(kind)));
    Ok(message)
}

/// The records of a kind in an answer; those of another name, as where a CNAME led, are not counted.
pub(super) fn records_of(response: &DnsResponse, name: &ZoneName, kind: RecordKind) -> Option<RecordSet> {
    let wanted = name.to_wire().ok()?;
    let found: Vec<&Record> = response
        .answers
        .iter()
        .filter(|record| record.name == wanted && record.record_type() == type_of(kind))
        .collect();
    let ttl_seconds = found.first()?.ttl;
    let mut data = found.iter().map(|record| &record.data);
    let records = match kind {
        RecordKind::A => Records::A(data.filter_map(address).collect()),
        RecordKind::Aaaa => Records::Aaaa(data.filter_map(long_address).collect()),
        RecordKind::Txt => Records::Txt(data.filter_map(text).collect()),
        RecordKind::Cname => Records::Cname(data.find_map(target)?),
    };
    RecordSet::new(name.clone(), ttl_seconds, records)
}

const fn type_of(kind: RecordKind) -> RecordType {
    match kind {
        RecordKind::A => RecordType::A,
        RecordKind::Aaaa => RecordType::AAAA,
        RecordKind::Cname => RecordType::CNAME,
        RecordKind::Txt => RecordType::TXT,
    }
}

fn excludes(kind: RecordKind, other: RecordKind) -> bool {
    kind != other && (kind == RecordKind::Cname || other == RecordKind::Cname)
}

/// "Delete an `RRset`" (RFC 2136, section 2.5.2).
fn all_deleted(name: &Name, kind: RecordKind) -> Record {
    let mut record = Record::update0(name.clone(), 0, type_of(kind));
    record.dns_class = DNSClass::ANY;
    record
}

fn set_records(name: &Name, set: &RecordSet) -> Result<Vec<Record>, DnsError> {
    let data: Vec<RData> = match set.records() {
        Records::A(addresses) => addresses.iter().map(|address| RData::A(A(*address))).collect(),
        Records::Aaaa(addresses) => addresses.iter().map(|address| RData::AAAA(AAAA(*address))).collect(),
        Records::Cname(target) => vec![RData::CNAME(CNAME(target.to_wire()?))],
        Records::Txt(texts) => {
            let pieces = texts.iter().map(|text| text.as_bytes().chunks(TEXT_PIECE).collect());
            pieces.map(|pieces| RData::TXT(TXT::from_bytes(pieces))).collect()
        }
    };
    let record = |data| Record::from_rdata(name.clone(), set.ttl_seconds(), data);
    Ok(data.into_iter().map(record).collect())
}

const fn address(data: &RData) -> Option<std::net::Ipv4Addr> {
    match data {
        RData::A(address) => Some(address.0),
        _ => None,
    }
}

const fn long_address(data: &RData) -> Option<std::net::Ipv6Addr> {
    match data {
        RData::AAAA(address) => Some(address.0),
        _ => None,
    }
}

fn text(data: &RData) -> Option<String> {
    let RData::TXT(text) = data else { return None };
    let bytes: Vec<u8> = text.txt_data.iter().flat_map(|piece| piece.iter().copied()).collect();
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn target(data: &RData) -> Option<ZoneName> {
    let RData::CNAME(target) = data else { return None };
    target.0.to_ascii().parse().ok()
}
