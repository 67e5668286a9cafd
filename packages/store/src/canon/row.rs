use serde::ser::{self, Impossible, Serialize};

use super::value::ValueSerializer;
use super::{CanonError, unsupported};

/// The member that holds the seal.
const SEAL_FIELD: &str = "row_seal";

/// The columns' values, and where each of them is.
pub(super) struct Columns {
    pub(super) values: Vec<u8>,
    pub(super) places: Vec<(&'static str, usize, usize)>,
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
pub(super) struct RowSerializer;

macro_rules! refuse {
    ($($method:ident($Type:ty);)*) => {$(
        fn $method(self, _: $Type) -> Result<Columns, CanonError> {
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
