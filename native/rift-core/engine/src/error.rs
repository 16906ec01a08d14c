//! The one error type of the engine. Every variant says what is wrong and what to do; the addon and the services turn
//! the variant into a JavaScript class, a gRPC status and an exit code, so the mapping is written beside each variant.

use std::path::{Path, PathBuf};

/// Result of every fallible engine function.
pub type Result<T> = std::result::Result<T, EngineError>;

/// What can go wrong in the engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    // --- the caller's input -------------------------------------------------------------------------------------
    /// A field of a request breaks its rule. `InvalidArgument` / INVALID_ARGUMENT / exit code 3.
    #[error("{field} is {value}: {rule}")]
    InvalidArgument {
        /// Path of the field in the request, in the wire's camelCase (`attack.epsilon`).
        field: String,
        /// The offending value as the user would recognise it.
        value: String,
        /// The rule that was broken and what to do instead.
        rule: String,
    },
    /// A file or its content is not what it should be. `InvalidFile` / INVALID_ARGUMENT / exit code 3.
    #[error("{}: {reason}", .path.display())]
    InvalidFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// A named thing does not exist. `NotFound` / NOT_FOUND / exit code 4.
    #[error("{what} not found: {name}{hint}")]
    NotFound {
        /// Kind of thing ("module", "file").
        what: String,
        /// The name asked for.
        name: String,
        /// Empty, or "; did you mean …?".
        hint: String,
    },
    // --- the machine --------------------------------------------------------------------------------------------
    /// Disk, memory or device is exhausted. `ResourceExhausted` / RESOURCE_EXHAUSTED / exit code 1.
    #[error("{what} exhausted: {detail}")]
    ResourceExhausted {
        /// What ran out ("disk", "memory").
        what: String,
        /// Where, how much, and what to do.
        detail: String,
    },
    /// A device that was asked for is not there. `FailedPrecondition` / FAILED_PRECONDITION / exit code 5.
    #[error("device {device} is not available: {detail}")]
    DeviceUnavailable {
        /// The device asked for.
        device: String,
        /// What was found instead.
        detail: String,
    },
    /// Something that this process was not set to do. `FailedPrecondition` / FAILED_PRECONDITION / exit code 5.
    #[error("{what} is not allowed: {rule}")]
    NotAllowed {
        /// What was to be done.
        what: String,
        /// Why not, and what to set.
        rule: String,
    },
    /// Reading or writing a file failed. `Io` / INTERNAL / exit code 1.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    // --- the computation ----------------------------------------------------------------------------------------
    /// The job was cancelled. `Cancelled` / CANCELLED / exit code 130.
    #[error("cancelled")]
    Cancelled,
    /// A computation produced NaN or infinity where a number is needed. `Numeric` / INTERNAL / exit code 1.
    #[error("not a finite number in {place}: {detail}")]
    Numeric {
        /// The step ("training loss, epoch 3, batch 17").
        place: String,
        /// What to try.
        detail: String,
    },
    /// libtorch refused an operation. `Torch` / INTERNAL / exit code 1.
    #[error("libtorch: {0}")]
    Torch(String),
    /// A broken promise of our own code. `Internal` / INTERNAL / exit code 1.
    #[error("internal error: {0}; please report it")]
    Internal(String),
}

impl EngineError {
    /// An [`EngineError::InvalidArgument`].
    pub fn invalid(field: impl Into<String>, value: impl ToString, rule: impl Into<String>) -> Self {
        Self::InvalidArgument { field: field.into(), value: value.to_string(), rule: rule.into() }
    }

    /// An [`EngineError::InvalidFile`].
    pub fn file(path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::InvalidFile { path: path.as_ref().to_path_buf(), reason: reason.into() }
    }

    /// An I/O error on `path`: a missing file and a full disk become their own variants.
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        match source.kind() {
            std::io::ErrorKind::NotFound => {
                Self::NotFound { what: "file".into(), name: path.display().to_string(), hint: String::new() }
            }
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::ResourceExhausted {
                what: "disk".into(),
                detail: format!("cannot write {}: {source}; free some space and try again", path.display()),
            },
            _ => Self::Io { path, source },
        }
    }

    /// A [`EngineError::NotFound`] that suggests the nearest of `known` names.
    pub fn unknown(what: impl Into<String>, name: impl Into<String>, known: &[String]) -> Self {
        let name = name.into();
        let hint = crate::suggest::nearest(&name, known)
            .map(|near| format!("; did you mean {near}? (one of {})", known.join(", ")))
            .unwrap_or_default();
        Self::NotFound { what: what.into(), name, hint }
    }

    /// Prefixes the field of an [`EngineError::InvalidArgument`], so that a path grows on the way up.
    #[must_use]
    pub fn under(self, prefix: &str) -> Self {
        match self {
            Self::InvalidArgument { field, value, rule } => {
                Self::InvalidArgument { field: format!("{prefix}.{field}"), value, rule }
            }
            other => other,
        }
    }

    /// Stable name of the variant's class; the addon sends it beside the message.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidArgument { .. } => "InvalidArgument",
            Self::InvalidFile { .. } => "InvalidFile",
            Self::NotFound { .. } => "NotFound",
            Self::ResourceExhausted { .. } => "ResourceExhausted",
            Self::DeviceUnavailable { .. } | Self::NotAllowed { .. } => "FailedPrecondition",
            Self::Io { .. } => "Io",
            Self::Cancelled => "Cancelled",
            Self::Numeric { .. } => "Numeric",
            Self::Torch(_) => "Torch",
            Self::Internal(_) => "Internal",
        }
    }

    /// The field an [`EngineError::InvalidArgument`] names.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::InvalidArgument { field, .. } => Some(field),
            _ => None,
        }
    }
}

impl From<tch::TchError> for EngineError {
    fn from(error: tch::TchError) -> Self {
        let text = error.to_string();
        // libtorch appends a C++ backtrace; only its first line speaks to a person.
        let first = text.lines().next().unwrap_or_default().to_string();
        if first.contains("not enough memory") || first.contains("out of memory") {
            return Self::ResourceExhausted { what: "memory".into(), detail: format!("{first}; lower batchSize") };
        }
        Self::Torch(first)
    }
}
