use serde::ser::{self, Impossible, Serialize};

use super::{CanonError, unsupported};

/// Takes one column's value: a tag, then the value's bytes. Writes nothing for a missing value.
pub(super) struct ValueSerializer<'a>(pub(super) &'a mut Vec<u8>);

impl ValueSerializer<'_> {
    fn push(self, tag: u8, value: &[u8]) {
        self.0.push(tag);
        self.0.extend_from_slice(value);
    }
}

macro_rules! integers {
    ($($method:ident($Type:ty);)*) => {$(
        fn $method(self, value: $Type) -> Result<(), CanonError> {
            self.push(b'i', &i128::from(value).to_be_bytes());
            Ok(())
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
        self.push(b'b', &[u8::from(value)]);
        Ok(())
    }

    fn serialize_f32(self, _: f32) -> Result<(), CanonError> {
        Err(unsupported("a floating-point number"))
    }

    fn serialize_f64(self, _: f64) -> Result<(), CanonError> {
        Err(unsupported("a floating-point number"))
    }

    fn serialize_char(self, value: char) -> Result<(), CanonError> {
        self.push(b's', value.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), CanonError> {
        self.push(b's', value.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), CanonError> {
        self.push(b'x', value);
        Ok(())
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
        self.push(b's', variant.as_bytes());
        Ok(())
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
pub(super) struct ByteList<'a>(&'a mut Vec<u8>);

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
        self.0
            .push(byte.ok_or_else(|| unsupported("a list of anything but bytes"))?);
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
