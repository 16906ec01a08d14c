//! A process runs TorchScript programs only after it was told to; this test binary never is.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

use rift_engine::checkpoint::NetworkManifest;
use rift_engine::net::Network;

#[test]
fn a_program_is_refused_unread_unless_the_process_allows_programs() {
    let manifest = NetworkManifest::plain("torchscript", 1, 6, 32);
    let refused = Network::from_program(manifest, b"not even an archive".to_vec(), Path::new("model.pt")).unwrap_err();
    assert_eq!(refused.code(), "FailedPrecondition");
    let text = refused.to_string();
    assert!(text.contains("model.pt is not allowed") && text.contains("RIFT_ALLOW_TORCHSCRIPT=true"), "{text}");
}
