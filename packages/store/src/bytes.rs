use serde::Serializer;

/// For columns with long contents: `#[serde(serialize_with = "imajin_store::as_bytes")]` on a `Vec<u8>` hands the
/// bytes to the seal in one piece instead of one by one. The seal is the same.
pub fn as_bytes<T: AsRef<[u8]>, S: Serializer>(bytes: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes.as_ref())
}

/// [`as_bytes`] for a column that may be empty.
pub fn as_optional_bytes<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
    match bytes {
        Some(bytes) => serializer.serialize_bytes(bytes),
        None => serializer.serialize_none(),
    }
}
