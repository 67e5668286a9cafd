use hickory_proto::rr::rdata::tsig::TsigAlgorithm as WireAlgorithm;
use hickory_proto::rr::{Name, TSigner};

/// How far the clocks of both may be apart, in seconds (RFC 8945, section 10).
const FUDGE: u16 = 300;

/// The hash of a key's signatures (RFC 8945, section 6): those that are long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TsigAlgorithm {
    /// `hmac-sha256`, which every server has.
    #[default]
    HmacSha256,
    /// `hmac-sha384`.
    HmacSha384,
    /// `hmac-sha512`.
    HmacSha512,
}

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TsigKeyError {
    /// No algorithm of that name.
    #[error("the TSIG algorithm is none of hmac-sha256, hmac-sha384 and hmac-sha512")]
    Algorithm,
    /// No name.
    #[error("the TSIG key's name is no domain name")]
    Name,
    /// Too short: RFC 8945 asks for as many bytes as the hash has.
    #[error("the TSIG key's secret is shorter than its hash: make one with `keymgr -t NAME` or `tsig-keygen NAME`")]
    Short,
}

impl std::str::FromStr for TsigAlgorithm {
    type Err = TsigKeyError;

    fn from_str(text: &str) -> Result<Self, TsigKeyError> {
        match text {
            "hmac-sha256" => Ok(Self::HmacSha256),
            "hmac-sha384" => Ok(Self::HmacSha384),
            "hmac-sha512" => Ok(Self::HmacSha512),
            _ => Err(TsigKeyError::Algorithm),
        }
    }
}

impl TsigAlgorithm {
    const fn bytes(self) -> usize {
        match self {
            Self::HmacSha256 => 32,
            Self::HmacSha384 => 48,
            Self::HmacSha512 => 64,
        }
    }

    const fn on_the_wire(self) -> WireAlgorithm {
        match self {
            Self::HmacSha256 => WireAlgorithm::HmacSha256,
            Self::HmacSha384 => WireAlgorithm::HmacSha384,
            Self::HmacSha512 => WireAlgorithm::HmacSha512,
        }
    }
}

/// A key that the server knows, too. Shows no secret.
#[derive(Clone)]
pub struct TsigKey(TSigner);

impl TsigKey {
    /// A key of a name, with the bytes of its secret.
    ///
    /// # Errors
    /// [`TsigKeyError`].
    pub fn new(name: &str, algorithm: TsigAlgorithm, secret: &[u8]) -> Result<Self, TsigKeyError> {
        if secret.len() < algorithm.bytes() {
            return Err(TsigKeyError::Short);
        }
        let name = Name::from_ascii(name).map_err(|_unreadable| TsigKeyError::Name)?;
        let signer = TSigner::new(secret.to_vec(), algorithm.on_the_wire(), name, FUDGE);
        signer.map(Self).map_err(|_unsupported| TsigKeyError::Algorithm)
    }

    pub(super) const fn signer(&self) -> &TSigner {
        &self.0
    }
}

impl std::fmt::Debug for TsigKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TsigKey({})", self.0.signer_name())
    }
}
