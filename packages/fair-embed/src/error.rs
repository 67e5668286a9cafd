use std::io;

use imajin_fair::ManifestError;

use crate::Format;

/// Why a manifest cannot be put into a file, found in it or taken out of it.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// The file cannot be read, or the result not written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file is not what its beginning says.
    #[error("this is no {format} that can be read: {reason}")]
    Malformed {
        /// What it seemed to be.
        format: Format,
        /// What is wrong.
        reason: String,
    },
    /// The file is in order, and a manifest in it could not be taken out again byte for byte.
    #[error("{reason}: a manifest goes beside this file, not into it")]
    NeedsSidecar {
        /// Why.
        reason: String,
    },
    /// There is a manifest in the file, or a part of one, and not in the form in which it was put there.
    #[error("the manifest in this file was damaged: {reason}")]
    Damaged {
        /// What is wrong.
        reason: String,
    },
    /// What is in the file is no manifest.
    #[error("what this file carries cannot be read as a manifest: {0}")]
    Manifest(#[from] ManifestError),
    /// The manifest is about other bytes, or does not say about which.
    #[error("{0}")]
    OtherContent(String),
}

/// The same, seen from a container, which does not know what it is called.
#[derive(Debug)]
pub(crate) enum Fault {
    Io(io::Error),
    Malformed(String),
    Unsuitable(String),
    Damaged(String),
}

impl Fault {
    pub(crate) fn malformed(reason: impl Into<String>) -> Self {
        Self::Malformed(reason.into())
    }

    pub(crate) fn unsuitable(reason: impl Into<String>) -> Self {
        Self::Unsuitable(reason.into())
    }

    pub(crate) fn damaged(reason: impl Into<String>) -> Self {
        Self::Damaged(reason.into())
    }

    pub(crate) fn of(self, format: Format) -> EmbedError {
        match self {
            Self::Io(error) => EmbedError::Io(error),
            Self::Malformed(reason) => EmbedError::Malformed { format, reason },
            Self::Unsuitable(reason) => EmbedError::NeedsSidecar { reason },
            Self::Damaged(reason) => EmbedError::Damaged { reason },
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
