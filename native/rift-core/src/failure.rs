//! Engine errors as JavaScript sees them: an Error whose message is JSON `{code, message, field, value, rule}`.

use rift_engine::error::EngineError;

/// The JavaScript error of an engine error.
pub fn to_napi(error: &EngineError) -> napi::Error {
    let mut failure = serde_json::json!({ "code": error.code(), "message": error.to_string() });
    if let EngineError::InvalidArgument { field, value, rule } = error {
        failure["field"] = field.as_str().into();
        failure["value"] = value.as_str().into();
        failure["rule"] = rule.as_str().into();
    }
    napi::Error::from_reason(failure.to_string())
}
