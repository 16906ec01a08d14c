//! Networks as files: what PyTorch saved comes in, is the same network, and goes back out.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

use rift_engine::checkpoint::{read_pth, read_safetensors, write_pth, StateDict};
use rift_engine::control::Control;
use rift_engine::jobs;
use rift_engine::net::{Classifier, Network, PlanOptions};
use serde_json::{json, Value};
use tch::Device;

fn golden(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../test/golden/networks").join(file)
}

/// Imports `file` as `arch` into `folder` and returns what the job says.
fn import(file: &Path, arch: &str, classes: i64, output: &Path) -> Value {
    let request = json!({
        "path": file, "fileName": file.file_name().unwrap().to_str().unwrap(), "arch": arch, "width": 1, "classes": classes,
        "inputSize": 32, "preprocess": { "name": "cifar10", "mean": [], "standardDeviation": [] }, "classNames": [],
        "output": output,
    });
    serde_json::from_str(&jobs::run("importNetwork", &request.to_string(), &silent()).unwrap()).unwrap()
}

fn silent() -> Control {
    Control::new(std::sync::Arc::new(|_| {}))
}

fn export(network: &Path, output: &Path) {
    let request = json!({ "path": network, "format": "EXPORT_FORMAT_PTH", "output": output });
    jobs::run("exportNetwork", &request.to_string(), &silent()).unwrap();
}

fn assert_logits(network: &Path, case: &str) {
    let (tensors, _) = read_safetensors(&golden(case)).unwrap();
    let plan = Network::read(network).unwrap().plan(PlanOptions::plain(Device::Cpu)).unwrap();
    let logits = tch::no_grad(|| plan.logits(tensors.get("images").unwrap())).unwrap();
    assert!((logits - tensors.get("logits").unwrap()).abs().max().double_value(&[]) < 1e-4, "{case}");
}

#[test]
fn a_published_wrn_is_imported_without_its_dead_group_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let network = folder.path().join("network.safetensors");
    let info = import(&golden("wrn-34-10.pth"), "wrn-34-10", 10, &network);
    let notes: Vec<&str> = info["notes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(notes.iter().any(|note| note.contains("sub_block1") && note.contains("dropped")), "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("prefix module.")), "{notes:?}");
    assert_eq!(info["modules"].as_array().unwrap().len(), 35);
    assert_logits(&network, "wrn-34-10.safetensors");
}

/// The layouts in which RobustBench and training scripts keep a network: wrapped, prefixed, behind a normalisation layer.
#[test]
fn every_form_of_a_wrn_comes_in_and_goes_out_as_pytorch_names_and_orders_it() {
    let folder = tempfile::tempdir().unwrap();
    for (arch, classes) in [("wrn-28-10", 3), ("wrn-28-10-silu", 10)] {
        let case = format!("{arch}.safetensors");
        let (tensors, _) = read_safetensors(&golden(&case)).unwrap();
        let state = |prefix: &str| -> StateDict {
            let named = |(key, tensor): (&str, &tch::Tensor)| {
                Some((format!("{prefix}{}", key.strip_prefix("state/")?), tensor.shallow_clone()))
            };
            tensors.iter().filter_map(named).collect()
        };
        for (layout, prefix) in ["", "module.", "module.1.", "model."].into_iter().enumerate() {
            let mut saved = state(prefix);
            if prefix == "module.1." {
                saved.insert("module.0.mean", tch::Tensor::from_slice(&[0.4914f32, 0.4822, 0.4465]));
                saved.insert("module.0.std", tch::Tensor::from_slice(&[0.2471f32, 0.2435, 0.2616]));
            }
            let file = folder.path().join(format!("{arch}-{layout}.pth"));
            write_pth(&file, &saved).unwrap();
            let network = folder.path().join(format!("{arch}-{layout}.safetensors"));
            let info = import(&file, arch, classes, &network);
            assert_eq!(info["modules"].as_array().unwrap().len(), 29, "{prefix}");
            assert_logits(&network, &case);
            let exported = folder.path().join(format!("{arch}-{layout}.out.pth"));
            export(&network, &exported);
            let exported = read_pth(&exported).unwrap().tensors;
            let published: Value = serde_json::from_slice(&std::fs::read(golden("published.json")).unwrap()).unwrap();
            assert_eq!(json!(exported.names().collect::<Vec<_>>()), published[arch]["tensors"], "{prefix}");
            for (name, tensor) in state("").iter() {
                assert_eq!(exported.get(name).unwrap(), tensor, "{prefix}{name}");
            }
        }
    }
}
