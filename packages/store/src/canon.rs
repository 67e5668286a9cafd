//! The bytes of a row that its seal covers.
//!
//! Each column is written as its name and a tagged value, both with their length, sorted by name. A column without a
//! value is left out: a column that a later migration adds, and that old rows do not have, leaves their seals as they
//! are, while filling or emptying a column changes the bytes. `row_seal` itself is left out, too.

use serde::ser::{self, Impossible, Serialize};

/// The member that holds the seal.
const SEAL_FIELD: &str = "row_seal";

/// A row type that cannot be sealed: a fault in its declaration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("this row cannot be sealed: {0}")]
pub(crate) struct CanonError(String);

impl ser::Error for CanonError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

fn unsupported(what: &str) -> CanonError {
    CanonError(format!("a column cannot hold {what}; store text, an integer, bytes or a truth value"))
}

/// Hands the canonical bytes of a row to `sink`, piece by piece.
pub(crate) fn feed<T: Serialize>(row: &T, mut sink: impl FnMut(&[u8])) -> Result<(), CanonError> {
    let mut columns = row.serialize(RowSerializer)?;
    columns.places.sort_unstable_by_key(|(name, _, _)| *name);
    for (name, start, end) in columns.places {
        let value = columns.values.get(start..end).unwrap_or_default();
        sink(&length(name.len()));
        sink(name.as_bytes());
        sink(&length(value.len()));
        sink(value);
    }
    Ok(())
}

fn length(bytes: usize) -> [u8; 8] {
    u64::try_from(bytes).unwrap_or(u64::MAX).to_be_bytes()
}

#[derive(Default)]
struct Columns {
    values: Vec<u8>,
    places: Vec<(&'static str, usize, usize)>,
}

impl ser::SerializeStruct for Columns {
    type Ok = Self;
    type Error = CanonError;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, name: &'static str, value: &T) -> Result<(), CanonError> {
        if name == SEAL_FIELD {
            return Ok(());
        }
        let start = self.values.len();
        value.serialize(ValueSerializer(&mut self.values))?;
        let end = self.values.len();
        if end > start {
            self.places.push((name, start, end));
        }
        Ok(())
    }

    fn end(self) -> Result<Self, CanonError> {
        Ok(self)
    }
}

/// Takes the row: a struct, and nothing else.
struct RowSerializer;

macro_rules! refuse {
    ($($method:ident($Type:ty);)*) => {$(
        fn $method(self, _value: $Type) -> Result<Self::Ok, CanonError> {
            Err(unsupported("a bare value where a struct is expected"))
        }
    )*};
}

impl ser::Serializer for RowSerializer {
    type Ok = Columns;
    type Error = CanonError;
    type SerializeSeq = Impossible<Columns, CanonError>;
    type SerializeTuple = Impossible<Columns, CanonError>;
    type SerializeTupleStruct = Impossible<Columns, CanonError>;
    type SerializeTupleVariant = Impossible<Columns, CanonError>;
    type SerializeMap = Impossible<Columns, CanonError>;
    type SerializeStruct = Columns;
    type SerializeStructVariant = Impossible<Columns, CanonError>;

    refuse! {
        serialize_bool(bool); serialize_i8(i8); serialize_i16(i16); serialize_i32(i32); serialize_i64(i64);
        serialize_u8(u8); serialize_u16(u16); serialize_u32(u32); serialize_u64(u64); serialize_f32(f32);
        serialize_f64(f64); serialize_char(char); serialize_str(&str); serialize_bytes(&[u8]);
        serialize_unit_struct(&'static str);
    }

    fn serialize_struct(self, _name: &'static str, fields: usize) -> Result<Columns, CanonError> {
        Ok(Columns {
            values: Vec::with_capacity(fields.saturating_mul(32)),
            places: Vec::with_capacity(fields),
        })
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _: &'static str, row: &T) -> Result<Columns, CanonError> {
        row.serialize(self)
    }

    fn serialize_none(self) -> Result<Columns, CanonError> {
        Err(unsupported("nothing where a struct is expected"))
    }

    fn serialize_some<T: ?Sized + Serialize>(self, row: &T) -> Result<Columns, CanonError> {
        row.serialize(self)
    }

    fn serialize_unit(self) -> Result<Columns, CanonError> {
        Err(unsupported("nothing where a struct is expected"))
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<Columns, CanonError> {
        Err(unsupported("a variant where a struct is expected"))
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Columns, CanonError> {
        Err(unsupported("a variant where a struct is expected"))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, CanonError> {
        Err(unsupported("a list where a struct is expected"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, CanonError> {
        Err(unsupported("a tuple where a struct is expected"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, CanonError> {
        Err(unsupported("a tuple where a struct is expected"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, CanonError> {
        Err(unsupported("a variant where a struct is expected"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, CanonError> {
        Err(unsupported("a map where a struct is expected"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, CanonError> {
        Err(unsupported("a variant where a struct is expected"))
    }
}

/// Takes one column's value: a tag, then the value's bytes. Writes nothing for a missing value.
struct ValueSerializer<'a>(&'a mut Vec<u8>);

impl ValueSerializer<'_> {
    fn integer(self, value: i128) -> Result<(), CanonError> {
        self.0.push(b'i');
        self.0.extend_from_slice(&value.to_be_bytes());
        Ok(())
    }

    fn bytes(self, tag: u8, value: &[u8]) -> Result<(), CanonError> {
        self.0.push(tag);
        self.0.extend_from_slice(value);
        Ok(())
    }
}

macro_rules! integers {
    ($($method:ident($Type:ty);)*) => {$(
        fn $method(self, value: $Type) -> Result<(), CanonError> {
            self.integer(i128::from(value))
        }
    )*};
}

impl<'a> ser::Serializer for ValueSerializer<'a> {
    type Ok = ();
    type Error = CanonError;
    type SerializeSeq = ByteList<'a>;
    type SerializeTuple = ByteList<'a>;
    type SerializeTupleStruct = Impossible<(), CanonError>;
    type SerializeTupleVariant = Impossible<(), CanonError>;
    type SerializeMap = Impossible<(), CanonError>;
    type SerializeStruct = Impossible<(), CanonError>;
    type SerializeStructVariant = Impossible<(), CanonError>;

    integers! {
        serialize_i8(i8); serialize_i16(i16); serialize_i32(i32); serialize_i64(i64);
        serialize_u8(u8); serialize_u16(u16); serialize_u32(u32); serialize_u64(u64);
    }

    fn serialize_bool(self, value: bool) -> Result<(), CanonError> {
        self.bytes(b'b', &[u8::from(value)])
    }

    fn serialize_f32(self, _: f32) -> Result<(), CanonError> {
        Err(unsupported("a floating-point number"))
    }

    fn serialize_f64(self, _: f64) -> Result<(), CanonError> {
        Err(unsupported("a floating-point number"))
    }

    fn serialize_char(self, value: char) -> Result<(), CanonError> {
        self.bytes(b's', value.encode_utf8(&mut [0; 4]).as_bytes())
    }

    fn serialize_str(self, value: &str) -> Result<(), CanonError> {
        self.bytes(b's', value.as_bytes())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), CanonError> {
        self.bytes(b'x', value)
    }

    fn serialize_none(self) -> Result<(), CanonError> {
        Ok(())
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<(), CanonError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), CanonError> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), CanonError> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), CanonError> {
        self.bytes(b's', variant.as_bytes())
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _: &'static str, value: &T) -> Result<(), CanonError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), CanonError> {
        Err(unsupported("a variant with content"))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<ByteList<'a>, CanonError> {
        self.0.push(b'x');
        Ok(ByteList(self.0))
    }

    fn serialize_tuple(self, _: usize) -> Result<ByteList<'a>, CanonError> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, CanonError> {
        Err(unsupported("a tuple"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, CanonError> {
        Err(unsupported("a variant with content"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, CanonError> {
        Err(unsupported("a map"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, CanonError> {
        Err(unsupported("a struct"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, CanonError> {
        Err(unsupported("a variant with content"))
    }
}

/// `Vec<u8>` and `[u8; N]` come as a list of numbers; any other list is refused.
struct ByteList<'a>(&'a mut Vec<u8>);

impl ByteList<'_> {
    fn push<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), CanonError> {
        let start = self.0.len();
        value.serialize(ValueSerializer(self.0))?;
        let byte = match self.0.get(start..) {
            Some([b'i', value @ ..]) => <[u8; 16]>::try_from(value)
                .ok()
                .and_then(|value| u8::try_from(i128::from_be_bytes(value)).ok()),
            _ => None,
        };
        self.0.truncate(start);
        self.0.push(byte.ok_or_else(|| unsupported("a list of anything but bytes"))?);
        Ok(())
    }
}

impl ser::SerializeSeq for ByteList<'_> {
    type Ok = ();
    type Error = CanonError;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), CanonError> {
        self.push(value)
    }

    fn end(self) -> Result<(), CanonError> {
        Ok(())
    }
}

impl ser::SerializeTuple for ByteList<'_> {
    type Ok = ();
    type Error = CanonError;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), CanonError> {
        self.push(value)
    }

    fn end(self) -> Result<(), CanonError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Default)]
    struct Row {
        b: Option<i64>,
        a: String,
        c: Vec<u8>,
        row_seal: Vec<u8>,
    }

    fn bytes<T: Serialize>(row: &T) -> Vec<u8> {
        let mut bytes = Vec::new();
        feed(row, |piece| bytes.extend_from_slice(piece)).unwrap();
        bytes
    }

    #[test]
    fn the_order_of_fields_a_new_empty_column_and_the_seal_do_not_matter() {
        #[derive(Serialize)]
        struct Later {
            added: Option<String>,
            row_seal: Vec<u8>,
            c: Vec<u8>,
            a: String,
            b: Option<i64>,
        }
        let row = Row {
            a: "x".to_owned(),
            c: vec![0, 255],
            ..Row::default()
        };
        let later = Later {
            added: None,
            row_seal: vec![1],
            c: vec![0, 255],
            a: "x".to_owned(),
            b: None,
        };
        assert_eq!(bytes(&row), bytes(&later));
    }

    #[test]
    fn every_other_difference_matters() {
        let rows = [
            Row::default(),
            Row { b: Some(0), ..Row::default() },
            Row { b: Some(1), ..Row::default() },
            Row { a: "x".to_owned(), ..Row::default() },
            Row { c: b"x".to_vec(), ..Row::default() },
            Row { a: "x".to_owned(), c: b"x".to_vec(), ..Row::default() },
        ];
        let distinct: std::collections::BTreeSet<Vec<u8>> = rows.iter().map(bytes).collect();
        assert_eq!(distinct.len(), rows.len());
    }

    #[test]
    fn what_no_column_holds_is_refused() {
        #[derive(Serialize)]
        struct Bad<T> {
            a: T,
        }
        let nothing = |_: &[u8]| {};
        assert!(feed(&Bad { a: 0.5_f64 }, nothing).is_err());
        assert!(feed(&Bad { a: vec!["x"] }, nothing).is_err());
        assert!(feed(&Bad { a: vec![256_i32] }, nothing).is_err());
        assert!(feed(&Bad { a: Row::default() }, nothing).is_err());
        assert!(feed(&7, nothing).is_err());
    }
}
