//! The ways in which people wrap a state dict: under a key of a larger dictionary, in DataParallel, behind a
//! normalisation layer, compiled.

use std::collections::BTreeMap;

use tch::Kind;

use super::pickle::{Node, Parsed, Pickle, Value};
use super::pth_tensors::is_tensor;
use super::state_dict::StateDict;
use crate::error::Result;

/// Keys under which training scripts keep the state dict, in the order in which they are tried.
const WRAPPERS: [&str; 4] = ["net", "state_dict", "model", "model_state_dict"];
/// Prefixes that wrappers put before every name; none is the name of a part of a known architecture.
const PREFIXES: [&str; 4] = ["module.", "_orig_mod.", "model.", "net."];
/// Names of the buffers of a normalisation layer.
const NORMALIZERS: [(&str, &str); 2] = [("mean", "std"), ("mu", "sigma")];
/// Wrappers in wrappers; real files have at most three.
const MAX_UNWRAPS: usize = 8;

/// Mean and standard deviation per channel that a checkpoint carries.
pub type Normalize = (Vec<f64>, Vec<f64>);

/// Where the state dict was found, and what else was there.
pub struct Layout {
    /// Key of the wrapper, or `raw`.
    pub name: String,
    /// Names and tensors of the state dict, in order.
    pub tensors: Vec<(String, Value)>,
    /// Numbers and texts beside the tensors (`epoch`, `acc`).
    pub notes: BTreeMap<String, String>,
    /// What was left out.
    pub notices: Vec<String>,
}

/// Finds the state dict in the pickled value.
pub fn find(pickle: &Pickle) -> Parsed<Layout> {
    let Some(pairs) = pickle.pairs(pickle.root) else {
        let what = match pickle.node(pickle.root) {
            _ if is_tensor(pickle, pickle.root) => "one tensor",
            Some(Node::List(_) | Node::Tuple(_)) => "a list",
            _ => "a single value",
        };
        return Err(format!("holds {what} and no state dict; save model.state_dict()"));
    };
    let mut layout = Layout { name: "raw".into(), tensors: vec![], notes: BTreeMap::new(), notices: vec![] };
    let has_tensors =
        |dict| pickle.pairs(dict).is_some_and(|pairs| pairs.iter().any(|(_, value)| is_tensor(pickle, *value)));
    let wrapper = WRAPPERS.iter().find(|key| pickle.lookup(pickle.root, key).is_some_and(has_tensors));
    let mut dict = pickle.root;
    if let Some(key) = wrapper {
        dict = pickle.lookup(pickle.root, key).unwrap_or(dict);
        layout.name = (*key).to_string();
        for (name, value) in pairs.iter().filter(|(name, _)| pickle.text(*name) != Some(key)) {
            layout.note(pickle, *name, *value);
        }
    }
    let mut seen = std::collections::HashSet::new();
    for (key, value) in pickle.pairs(dict).unwrap_or_default() {
        if !is_tensor(pickle, *value) {
            layout.note(pickle, *key, *value);
            continue;
        }
        let name = pickle.text(*key).ok_or("a tensor's name is no text")?;
        if !seen.insert(name) {
            return Err(format!("the name {name} occurs twice"));
        }
        layout.tensors.push((name.to_string(), *value));
    }
    if layout.tensors.is_empty() {
        let keys: Vec<&str> = pairs.iter().filter_map(|(key, _)| pickle.text(*key)).take(10).collect();
        return Err(format!(
            "holds no state dict, neither by itself nor under {}; its keys are {}",
            WRAPPERS.join(", "),
            if keys.is_empty() { "none".into() } else { keys.join(", ") }
        ));
    }
    Ok(layout)
}

impl Layout {
    fn note(&mut self, pickle: &Pickle, key: Value, value: Value) {
        let Some(key) = pickle.text(key) else { return };
        let text = match value {
            Value::Int(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            Value::Text(_) => pickle.text(value).unwrap_or_default().to_string(),
            _ => return self.notices.push(format!("{key} was left out: it is not part of the network")),
        };
        self.notes.insert(key.to_string(), text);
    }
}

/// Takes wrappers' prefixes off all names and normalisation buffers out, until nothing changes. Returns the tensors under
/// the network's own names, and the normalisation.
pub fn unwrap(mut tensors: StateDict, notices: &mut Vec<String>) -> Result<(StateDict, Option<Normalize>)> {
    let mut normalize = None;
    for _ in 0..MAX_UNWRAPS {
        if normalize.is_none() {
            normalize = take_normalize(&mut tensors, "")?;
        }
        let sequential = tensors.names().any(|name| name.starts_with("1."))
            && tensors.names().all(|name| name.starts_with("1.") || is_normalize_buffer(name));
        if sequential {
            normalize = take_normalize(&mut tensors, "0.")?.or(normalize);
        }
        let mut prefixes = PREFIXES.iter().chain(sequential.then_some(&"1."));
        let Some(prefix) = prefixes.find(|prefix| {
            tensors.names().all(|name| name.strip_prefix(**prefix).is_some_and(|rest| !rest.is_empty()))
        }) else {
            break;
        };
        notices.push(format!("the prefix {prefix} was taken off all names"));
        tensors = tensors.into_iter().map(|(name, tensor)| (name[prefix.len()..].to_string(), tensor)).collect();
    }
    Ok((tensors, normalize))
}

fn is_normalize_buffer(name: &str) -> bool {
    name.strip_prefix("0.").is_some_and(|rest| NORMALIZERS.iter().any(|(mean, std)| rest == *mean || rest == *std))
}

/// Takes out `{prefix}mean` and `{prefix}std` where both are there with three values each.
fn take_normalize(tensors: &mut StateDict, prefix: &str) -> Result<Option<Normalize>> {
    for (mean, std) in NORMALIZERS {
        let (mean, std) = (format!("{prefix}{mean}"), format!("{prefix}{std}"));
        let three = |name: &str| tensors.get(name).is_some_and(|tensor| tensor.numel() == 3);
        if three(&mean) && three(&std) && tensors.len() > 2 {
            if let (Some(mean), Some(std)) = (tensors.remove(&mean), tensors.remove(&std)) {
                let values = |tensor: tch::Tensor| -> Result<Vec<f64>> {
                    Ok(Vec::<f64>::try_from(tensor.f_to_kind(Kind::Double)?.f_reshape([3])?)?)
                };
                return Ok(Some((values(mean)?, values(std)?)));
            }
        }
    }
    Ok(None)
}
