use imajin_kernel::Code;
use imajin_key_log::KeyLogError;

/// Why auth refused something about keys and devices.
#[derive(Debug, thiserror::Error)]
pub enum KeyRefusal {
    /// An entry or a log of keys does not count.
    #[error("The key log does not accept this: {0}.")]
    Log(#[from] KeyLogError),
    /// Two histories of its keys contradict each other.
    #[error(
        "Two histories of this identity's keys contradict each other; until that is settled it can change nothing."
    )]
    Contested,
    /// The entry is another kind of change than the route is for.
    #[error("The entry is another kind of change ({0}) than this address is for.")]
    ChangeElsewhere(&'static str),
    /// The first entry names another recovery key than the registration.
    #[error("The identity was registered with a recovery key, and its first entry must name the same.")]
    RecoveryKeyDiffers,
    /// Another entry was accepted in the meantime.
    #[error("The key log has changed in the meantime.")]
    Moved,
    /// The node holds the key.
    #[error("This identity belongs to a mailbox: the node holds its key, and there is no log of it.")]
    Soft,
    /// Another node keeps the log of the identity, so its first key alone proves nothing here.
    #[error("This identity is at home at another node, which keeps its key log.")]
    HomeElsewhere,
    /// The key is not the one that the DID is, and nobody has shown why it should count.
    #[error("This key is not the one that the DID is, and no log of the identity's keys was shown here.")]
    LogUnknown,
    /// The log says other keys.
    #[error("This key does not count any more: it was replaced.")]
    KeyReplaced,
    /// So many logs of strangers were taken in lately.
    #[error("This node has taken in enough new key logs for now.")]
    MirrorsFull {
        /// When the next one may come.
        retry_after_seconds: u32,
    },
    /// There is no such request of a device.
    #[error("There is no such request of a device, or it has expired.")]
    RequestUnknown,
    /// The request is not signed by a key that could be added.
    #[error("The request must be signed by the new device's own key, as the DID that this key is.")]
    DeviceKeyForm,
    /// The identity has no such key.
    #[error("This identity has no such key.")]
    DeviceUnknown,
}

impl KeyRefusal {
    /// The closed code for the wire.
    pub fn code(&self) -> Code {
        match self {
            Self::Log(error) => error.code(),
            Self::Contested | Self::Moved | Self::HomeElsewhere | Self::LogUnknown | Self::KeyReplaced => {
                Code::Conflict
            }
            Self::ChangeElsewhere(_) | Self::DeviceKeyForm => Code::InvalidRequest,
            Self::RecoveryKeyDiffers | Self::Soft => Code::Forbidden,
            Self::RequestUnknown | Self::DeviceUnknown => Code::NotFound,
            Self::MirrorsFull { .. } => Code::RateLimited,
        }
    }

    /// What to do about it.
    pub(crate) const fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Contested => "Take it back at its home node with the recovery key: `imajin key recover`.",
            Self::HomeElsewhere => "Ask its home node; from there sign in here at /auth/federation/login.",
            Self::LogUnknown => "Show it first: `imajin key mirror`, or POST /auth/api/mirror.",
            Self::KeyReplaced => "Register with a key that counts now.",
            Self::MirrorsFull { .. } => "Try again later, or at another node.",
            Self::Log(KeyLogError::Forked) | Self::Moved => "Read the log again and sign what follows its head.",
            Self::Log(KeyLogError::WrongTime) => "Set the clock of the signing machine.",
            Self::ChangeElsewhere(_) => {
                "A first entry goes to …/log, additions and rotations to …/rotate, others to …/recover or …/deactivate."
            }
            _ => return None,
        })
    }
}
