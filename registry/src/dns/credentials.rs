use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imajin_kernel::Env;
use imajin_proof::digest::sha256;

/// What a program may change a name's records with. The password is shown once; the database has its digest.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) username: String,
    pub(crate) password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({})", self.username)
    }
}

impl Credentials {
    /// New ones: 240 random bits.
    pub(crate) fn generate(env: &Env) -> Self {
        Self {
            username: uuid_text(&env.random_bytes::<16>()),
            password: URL_SAFE_NO_PAD.encode(env.random_bytes::<30>()),
        }
    }

    /// What the database keeps of the password.
    pub(crate) fn digest(&self) -> Vec<u8> {
        digest_of(&self.password)
    }
}

/// A password is random and long, so a plain hash gives nothing away and takes nobody's time.
pub(crate) fn digest_of(password: &str) -> Vec<u8> {
    sha256(password.as_bytes()).to_vec()
}

/// Sixteen bytes in the form of a UUID, which programs for acme-dns expect.
pub(crate) fn uuid_text(bytes: &[u8; 16]) -> String {
    let digits = hex::encode(bytes);
    let mut text = String::with_capacity(36);
    for (index, digit) in digits.chars().enumerate() {
        if matches!(index, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}
