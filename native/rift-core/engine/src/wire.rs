//! How bytes travel in JSON.

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use serde::Serializer;

/// Serializes bytes as base64.
pub fn base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}
