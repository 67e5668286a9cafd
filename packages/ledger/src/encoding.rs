//! The bytes that the ledger hashes.

/// Writes fields one after another, each with its length in front, so that no two different lists of fields give the
/// same bytes. Numbers are eight bytes, big endian; an absent field is one zero byte, a present one starts with a one.
pub(crate) struct Encoder(Vec<u8>);

impl Encoder {
    /// Starts with a name and version of what is encoded: bytes of one kind are never bytes of another.
    pub(crate) fn new(kind: &str) -> Self {
        let mut encoder = Self(Vec::with_capacity(512));
        encoder.text(kind);
        encoder
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    pub(crate) fn optional_text(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            None => {
                self.0.push(0);
                self
            }
            Some(text) => {
                self.0.push(1);
                self.text(text)
            }
        }
    }

    pub(crate) fn number(&mut self, number: i64) -> &mut Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(crate) fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_run_into_each_other() {
        let encode = |fields: &[&str]| {
            let mut encoder = Encoder::new("test");
            for field in fields {
                encoder.text(field);
            }
            encoder.finish()
        };
        assert_ne!(encode(&["ab", "c"]), encode(&["a", "bc"]));
        assert_ne!(encode(&["a"]), encode(&["a", ""]));
        assert_ne!(
            Encoder::new("test").optional_text(None).finish(),
            Encoder::new("test").optional_text(Some("")).finish()
        );
    }
}
